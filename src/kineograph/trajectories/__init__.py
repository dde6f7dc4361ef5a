"""From words to how a thing moves: places over one loop, and cut-outs laid at them."""
