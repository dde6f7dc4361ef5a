"""kineograph measure tokens: pictures in codes beside a cascade's and real ones."""

from __future__ import annotations

from dataclasses import asdict, fields

from kineograph import recipe
from kineograph.cli.door import plain, report, watch
from kineograph.cli.measure import grounds, tables
from kineograph.cli.options import Door
from kineograph.data.stickers import read_index, sticker_folder
from kineograph.diffusion.cascade import Sampling
from kineograph.evaluation import tokens as study
from kineograph.evaluation.settings import Written
from kineograph.families.image_tokens.maker import TokenSampling, TokensMaker
from kineograph.values.errors import InputError


def tell(settings: Written, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    read_index(sticker_folder())
    maker = recipe.load(settings.model)
    if not isinstance(maker, TokensMaker):
        problem = f"'{settings.model}' writes no pictures in codes"
        raise InputError("model", problem, "use tokens")
    sampling, size = TokenSampling(settings.candidates, settings.guidance), maker.spelling.size
    makers: dict[str, study.Make] = {settings.model: lambda p, s: maker.make_all(p, s, sampling)}
    if settings.beside:
        count = grounds.stages_to(settings.beside, size, "beside")
        still = recipe.load(settings.beside, stages=count).still()
        still_sampling = Sampling(size=size, chunk=settings.batch)
        makers[settings.beside] = lambda p, s: still.make_all(p, s, still_sampling)
    ground = grounds.ground_at(grounds.seen_at(size))
    how = {"count": settings.concepts, "seed": settings.seed, "batch": settings.batch}
    found = watch(study.tokens(maker.spelling, makers, ground, **how), "tokens")
    made = {name: plain({k: asdict(v) for k, v in f.items()}) for name, f in found.made.items()}
    codec = plain(asdict(found.codec))
    if not asked.as_json:
        tables.facts("codec on held-out pictures", codec)
        for name, parts in made.items():
            print(f"{name}:")
            tables.table([f.name for f in fields(study.Pictures)], parts)
    saved = tables.sheet([found.sheet], asked.extras.get("sheet"))
    facts = {"judge": maker.judge, "codec": codec, "made": made}
    report(
        asked.as_json, started, saved, seed=settings.seed, model=settings.model, notes=(), **facts
    )
