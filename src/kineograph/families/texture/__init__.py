"""Textures by example: grow, fill, extend (Efros and Leung 1999)."""
