"""Video textures and sprites: a clip that never ends.

The question is *what comes next?* with frame numbers for symbols. `distance.py` compares frames,
`policy.py` prices jumps and `walk.py` takes them; `loops.py` finds loops of exact length;
`render.py` fades; `texture.py` puts these together for a clip, `sprites.py` for a cut-out that is
steered, `player.py` writes pages that play either for ever.
"""
