"""A picture to a clip: base, longer clips, refinement (I2VGen-XL, Zhang et al. 2023).

`maker.py` moves a picture and makes clips finer; `picture.py` brings any picture to the network's
square and the clip back to the picture's shape and transparency.
"""
