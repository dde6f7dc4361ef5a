"""A picture comes alive; a clip is painted anew (I2VGen-XL), by our weights or public ones."""
