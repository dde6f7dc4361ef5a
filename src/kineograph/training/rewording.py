"""Other words for the same are heard as the same: only how a network hears words is taught.

A picture network that knows "a dog" may not know "one single dog": each wording would have to be
met with many pictures. But what it should do at other words is known exactly, it is what it does at
the plain ones. So a teacher, the network as it was, is shown a noised picture with the plain
caption; what its positions ask of the words there is answered from the other words too, and the
answers are to be the same, with what the text adds to the state. Only layers that words go through
learn: a thing is drawn as before. Captions that are no other words for anything go on being heard
as they were.
Legend: B batch, S said a picture, H W, D width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from kineograph.data.worded_feed import KEPT, SAID, WordedFeed
from kineograph.diffusion.denoiser import Precond
from kineograph.nets.video_unet import VideoUNet
from kineograph.recipe import Phase, Stage
from kineograph.training.binding import watching
from kineograph.training.seeds import mixed
from kineograph.values.prompt import Cond

LENGTHS = 4  # lots of texts of like length
Answers = list[Tensor]
"What the words answer in each layer (N, H, W, D), then their part of the state (N, state)."


@dataclass(frozen=True)
class Rewording:
    """The lesson of a network that is to hear as its teacher does."""

    stage: Stage
    feed: WordedFeed
    teacher: Precond

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        rng = torch.Generator().manual_seed(mixed(seed, seen))
        told = self.feed(phase.batch, seed=seed, seen=seen)
        sigma = self.stage.schedule.draw(phase.batch, rng)
        noise = torch.randn(told.clean.shape, generator=rng)
        master, pupil = (cast(VideoUNet, one.net) for one in (self.teacher, cast(Precond, net)))
        with torch.no_grad():
            with watching(self.teacher) as asked:
                self.teacher(told.clean + sigma.view(-1, 1, 1, 1, 1) * noise, sigma, told.meant)
            questions = [one.queries for one in asked]
            meant = answered(master, told.meant, questions)
            kept = answered(master, told.kept, _each(questions, KEPT))
        yield unlike(answered(pupil, told.said, _each(questions, SAID)), _each(meant, SAID), meant)
        yield unlike(answered(pupil, told.kept, _each(questions, KEPT)), kept, meant)


def answered(net: VideoUNet, cond: Cond, questions: list[Tensor]) -> Answers:
    """What a network's layers answer to questions (N, H, W, D) from the words of cond (N).

    Texts of like length are heard together, so that little is heard of places where no word is.
    """
    assert cond.mask is not None
    order = cond.mask.sum(1).argsort(stable=True)
    made = [_heard(net, cond[rows], [q[rows] for q in questions]) for rows in order.chunk(LENGTHS)]
    back = order.argsort()
    return [torch.cat(parts)[back] for parts in zip(*made, strict=True)]


def _heard(net: VideoUNet, cond: Cond, questions: list[Tensor]) -> Answers:
    assert cond.words is not None and cond.mask is not None
    longest = max(1, int(cond.mask.sum(1).max()))
    short = replace(cond, words=cond.words[:, :longest], mask=cond.mask[:, :longest])
    heard, state = net.heard(short)
    layers = [level.space for level in net.levels() if level.space is not None]
    told = zip(layers, questions, heard, strict=True)
    return [*(layer.said(asked, one.keys, one.bias) for layer, asked, one in told), state]


def _each(parts: list[Tensor], times: int) -> list[Tensor]:
    return [part.repeat_interleave(times, dim=0) for part in parts]


def unlike(here: Answers, there: Answers, scale: Answers) -> Tensor:
    """Mean over layers of the squared difference, in shares of the mean square of `scale`."""
    shares = [
        (a.float() - b.float()).square().mean() / c.float().square().mean()
        for a, b, c in zip(here, there, scale, strict=True)
    ]
    return torch.stack(shares).mean()
