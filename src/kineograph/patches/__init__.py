"""Synthesis by patches: textures, fills and analogies, each pixel copied from a matching place in
an example.
"""
