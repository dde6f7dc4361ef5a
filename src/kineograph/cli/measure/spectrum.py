"""kineograph measure spectrum: which frequencies two clips hold."""

from __future__ import annotations

from pathlib import Path

from kineograph import media
from kineograph.cli.door import plain, report
from kineograph.cli.options import Door
from kineograph.files import placed
from kineograph.measure.settings import Spectra
from kineograph.measure.spectrum import Spectrum, bands, enlarged
from kineograph.measure.spectrum import spectrum as spectrum_of
from kineograph.products import pyplot

MOST_FRAMES = 512  # of a clip whose spectrum is taken


def tell(settings: Spectra, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    assert asked.out is not None
    pair = ((settings.first, "first"), (settings.second, "second"))
    before, after = (media.clip_of(one, field)[:MOST_FRAMES] for one, field in pair)
    found = [spectrum_of(enlarged(before, after)), spectrum_of(after)]
    _plot(found, [settings.first.name, settings.second.name], asked.out)
    powers = [bands(one) for one in found]
    ratio = {name: powers[1][name] / max(powers[0][name], 1e-30) for name in powers[0]}
    if not asked.as_json:
        for name, value in ratio.items():
            print(f"{name:8} power, after / before: {value:.3f}")
    told = {"bands": [plain(one) for one in powers], "ratio": plain(ratio)}
    report(asked.as_json, started, [asked.out], notes=(), **told)


def _plot(found: list[Spectrum], names: list[str], out: Path) -> None:
    draw = pyplot()
    figure = draw.figure(figsize=(10, 6), layout="constrained")
    space, time_, *slices = figure.subplots(2, 2).flatten()
    for one, name in zip(found, names, strict=True):
        space.plot(one.radius[1:].numpy(), one.space[1:].clamp(min=1e-12).numpy(), label=name)
        time_.plot(one.rate[1:].numpy(), one.time[1:].clamp(min=1e-12).numpy(), label=name)
    space.set(xlabel="cycles a pixel", ylabel="power", yscale="log", title="in space")
    time_.set(xlabel="cycles a frame", ylabel="power", yscale="log", title="over time")
    space.legend()
    time_.legend()
    for axes, one, name in zip(slices, found, names, strict=True):
        row = one.slice.permute(0, 2, 1).clamp(0, 1).numpy()
        axes.imshow(row, aspect="auto", interpolation="nearest")
        axes.set(xlabel="x, pixels", ylabel="frame", title=f"{name}: the middle row")
    with placed(out) as part:
        figure.savefig(part, dpi=110)
