"""How good is it? Metrics as functions of values; nothing here loads or trains a network.

`motion.py` measures one clip, `sets.py` compares sets of features, `styles.py` tells styles apart,
`stickers.py` puts these together for a model that makes stickers.
"""
