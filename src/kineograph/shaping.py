"""A Model whose files meet what is asked of them: size, rate, bytes, what a chat takes.

It wraps the Model of any family whose settings are an `Output`; the work is `media.shaping`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from kineograph import media
from kineograph.products import ClipProduct, EitherProduct, FilmProduct
from kineograph.values.errors import InputError
from kineograph.values.output import Output, Shape
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Model, Request
from kineograph.values.result import Result


@dataclass(frozen=True)
class Shaped:
    """What a model makes, brought into the shape that the request's settings ask for."""

    model: Model[Any, Any]

    @property
    def about(self) -> About:
        return self.model.about

    def forecast(self, request: Request[Output]) -> Forecast:
        """The model's, with no more bytes than are allowed."""
        shape = _shape(request)
        plan = self.model.forecast(request)
        if not shape.most_bytes or request.form == ".html":
            return plan
        told = f"{plan.plan}, in at most {shape.most_bytes:,} bytes"
        return plan._replace(file=min(plan.file, shape.most_bytes), plan=told)

    def make(self, request: Request[Output], seed: int) -> Iterator[Progress[Any]]:
        """The model's steps; the last one's product is shaped, and what that changes is told."""
        shape = _shape(request)
        for step in self.model.make(request, seed):
            yield step if step.result is None else step._replace(result=_shaped(step.result, shape))

    def __getattr__(self, name: str) -> Any:
        """Whatever else the model has."""
        return getattr(self.model, name)


def _shape(request: Request[Output]) -> Shape:
    """The shape that is asked for, once the output can have it."""
    shape = request.settings.shape
    if shape.suffix and request.form not in ("", shape.suffix):
        problem = f"'{request.settings.for_}' takes a {shape.suffix}"
        raise InputError("for_", f"{problem}, not '{request.form}'", "name the output so")
    return shape


def _shaped(result: Result[Any], shape: Shape) -> Result[Any]:
    form = media.format_for(str(result.record.get("form", "")))
    film = result.product.film if isinstance(result.product, EitherProduct) else result.product
    if not isinstance(film, ClipProduct | FilmProduct):
        return result
    notes: list[str] = []
    if form is not None:
        from kineograph.media.shaping import shaped

        notes = shaped(film.film, shape, form)[1]
    film, product = replace(film, shape=shape), result.product
    whole: Any = product
    made: Any = replace(whole, film=film) if isinstance(product, EitherProduct) else film
    return replace(result, product=made, notes=(*result.notes, *notes))
