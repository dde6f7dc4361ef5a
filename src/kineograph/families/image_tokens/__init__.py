"""A picture written in codes: the codec's book, what writes in it, and its training."""
