"""One world at every scale: a zoom from texts, or from pictures (Generative Powers of Ten)."""
