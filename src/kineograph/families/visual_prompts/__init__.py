"""A task shown by a pair of pictures: a grid whose fourth cell is filled."""
