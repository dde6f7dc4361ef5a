"""Markov chains over any states: the weather forecaster (Markov 1913)."""
