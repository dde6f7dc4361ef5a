"""Pictures drawn by our own painters, with captions: the data set `scenes`."""
