"""Text that reads like a corpus: by counting (Shannon 1948), by a transformer."""
