"""Has a part learned what it can? Its loss on what is held out, as it goes, decides.

Asked after every step; every so many samples the running mean of the weights is judged. The best
weights so far are kept in the part's folder, so that a part that begins to over-fit ends with them.
A function of the weights alone: a resumed run decides as an unbroken one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from kineograph import recipe as recipes
from kineograph.training.loop import State, checkpoints

BEST, HISTORY = "best.safetensors", "held.jsonl"
PATIENCE = 4  # looks in a row that are too much worse than the best: it over-fits


@dataclass
class Judge:
    """Judges one part of a run.

    folder: the part's. every: samples between two looks. loss: of the network with the running
    mean's weights; None where nothing is held out. shown: told of every look, (seen, loss, net).
    worse: times the best that is too much worse.
    """

    folder: Path
    every: int
    loss: Callable[[nn.Module], float | None]
    shown: Callable[[int, float | None, nn.Module], None] = lambda seen, loss, net: None
    worse: float = 1.05
    history: list[tuple[int, float]] = field(default_factory=list)
    over: bool = False

    def __post_init__(self) -> None:
        path = self.folder / HISTORY
        if not path.is_file():
            return
        known = checkpoints(self.folder)
        last = int(known[-1].name) if known else 0
        for line in path.read_text("utf-8").splitlines():
            try:
                told = json.loads(line)
                seen, loss, over = int(told["seen"]), float(told["loss"]), bool(told["over"])
            except (ValueError, KeyError, TypeError):
                continue  # half a line, of a kill
            if seen <= last:
                self.history = [one for one in self.history if one[0] < seen]
                self.history.append((seen, loss))
                self.over = over

    @property
    def best(self) -> float | None:
        """The lowest loss so far."""
        return min((loss for _, loss in self.history), default=None)

    def __call__(self, state: State) -> bool:
        """Whether the part has learned what it can."""
        step = max(1, round(state.seen / max(state.step, 1)))
        if state.seen % self.every >= step:
            return self.over
        with mean_of(state.net, state.ema) as net:
            loss = self.loss(net)
            self.shown(state.seen, loss, net)
        if loss is None:
            return False
        self.history = [one for one in self.history if one[0] < state.seen]
        if self.best is None or loss < self.best:
            half = {k: v.to(torch.bfloat16) for k, v in state.ema.items()}
            recipes.save_tensors(self.folder / BEST, half, {"samples": str(state.seen)})
        self.history.append((state.seen, loss))
        late = [one for _, one in self.history[-PATIENCE:]]
        best = self.best
        self.over = len(late) == PATIENCE and best is not None and min(late) > self.worse * best
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / HISTORY).open("a") as file:
            told = {"seen": state.seen, "loss": loss, "over": self.over}
            file.write(json.dumps(told) + "\n")
        return self.over

    def weights(self) -> Path | None:
        """The best weights, where the last ones are too much worse on what is held out."""
        if not self.past or not (self.folder / BEST).is_file():
            return None
        return self.folder / BEST

    @property
    def past(self) -> bool:
        """Whether the last look is too much worse than the best one."""
        return self.best is not None and self.history[-1][1] > self.worse * self.best


@contextmanager
def mean_of(net: nn.Module, mean: Mapping[str, Tensor]) -> Iterator[nn.Module]:
    """The network with its running mean's weights, while this lasts."""
    now = {k: v.detach().clone() for k, v in net.state_dict().items()}
    net.load_state_dict(dict(mean))
    try:
        yield net
    finally:
        net.load_state_dict(now)
