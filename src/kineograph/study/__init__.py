"""The papers' studies at a size of ours: three ways to make pictures, taught and judged alike.

`figures.py` draws the pictures and knows the truth of each, `ways.py` teaches, `compared.py`
judges.
"""
