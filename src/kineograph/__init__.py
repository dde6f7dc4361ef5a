"""kineograph: moving pictures from words, a picture, a ladder of prompts, or an example."""
