"""Honest labels: what made a file, as metadata and as a mark in its pixels; and what is refused."""
