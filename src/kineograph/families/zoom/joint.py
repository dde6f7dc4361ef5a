"""Joint sampling: a Denoiser whose batch is the levels of one zoom stack.

Wang et al. 2024, section 4.4: denoise every level, fold the estimates into one stack, let every
level see the stack. `Joint` around any Denoiser and `shared_noise` for `diffusion.integrate` are
the whole method; `BlankStart` turns the order of the calls into the paper's. There is no second
loop.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kineograph.diffusion.denoiser import Denoiser
from kineograph.diffusion.sampling import Noise, noise_from
from kineograph.families.zoom.stack import Ratio, blended, bordered, rendered, rendered_noise
from kineograph.values.prompt import Cond


class Joint:
    """A Denoiser of K levels (rows of the batch, widest first) that agree where they overlap.

    denoise: any Denoiser; `Chunked` around it bounds the memory. ratio: of the stack. trust: see
    `blended`. rim: see `bordered`. With one level it answers what `denoise` answers, bit for bit.
    """

    def __init__(
        self, denoise: Denoiser, ratio: Ratio, *, trust: float = 1.0, rim: float = 0.0
    ) -> None:
        self.denoise, self.ratio = denoise, ratio
        self.trust, self.rim = trust, rim

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        clean = self.denoise(x, sigma, cond)
        layers = blended(clean, self.ratio, self.trust)
        return rendered(bordered(layers, self.ratio, self.rim), self.ratio)


class BlankStart:
    """The paper's order of calls: the first update uses an empty stack, the network comes after.

    Algorithm 1 of the paper updates z with the stack of the *previous* call, which is zero at the
    start, and calls the network at the new noise level. That is the plain order (estimate, then
    update) with one blank estimate put before it, at `top`, the highest level of the walk.
    """

    def __init__(self, denoise: Denoiser, top: float) -> None:
        self.denoise, self.top = denoise, top

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        if float(sigma[0]) >= self.top:
            return torch.zeros_like(x)
        return self.denoise(x, sigma, cond)


def shared_noise(rngs: Sequence[torch.Generator], ratio: Ratio) -> Noise:
    """Noise for `integrate`: row i from level i's generator, its centre from the finer levels.

    Every row is N(0, I) and all rows are views of one field, so adding it to levels that agree
    leaves levels that agree. Independent noise per level blurs the result (paper, section 5.3).
    """
    draw = noise_from(rngs)

    def shared(x: Tensor) -> Tensor:
        return rendered_noise(draw(x), ratio)

    return shared
