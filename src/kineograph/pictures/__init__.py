"""From words to cut-outs: the maker, and the words that it knows."""

from kineograph.pictures.maker import Knobs, PictureMaker

__all__ = ["Knobs", "PictureMaker"]
