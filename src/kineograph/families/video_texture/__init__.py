"""Clips that never end: video textures (Schödl, Szeliski, Salesin and Essa 2000)."""
