"""Generative Powers of Ten: one world at every scale (Wang et al. 2024), from words or examples.

`stack.py` the operators, `joint.py` the sampler, `photo.py` grounding, `maker.py` from a ladder to
a stack, `flight.py` from a stack to frames, `viewer.py` to a page, `baselines.py` the other ways.
"""
