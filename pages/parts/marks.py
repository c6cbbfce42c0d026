"""Mark what was chosen among the points of several pictures in all of them (assets/web/marks/)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from analysis.figures.palette import MARKED_COLOUR

from . import internals


@dataclass(frozen=True)
class Mark:
    """Where the chosen one is in the picture of the key `picture`.

    `row` is its row in panels that share their rows; else `x`, `y` its point on `axes`. Where all are None (or
    not finite) it is not in the picture, which can still be clicked; so can one in three dimensions.
    """

    picture: str
    row: int | None = None
    x: float | None = None
    y: float | None = None
    axes: tuple[str, str] = ("xaxis", "yaxis")


def mark(marks: Sequence[Mark], *, model: str, key: str, on_choose: Callable[[int], None]) -> None:
    """Show `marks`; a click on a point of one of their pictures calls `on_choose` with its number, then reruns.

    The number is the first entry of the point's `customdata`. A trace that has a `meta` ignores clicks unless the
    `meta` equals `model`. Inside a fragment, a click reruns only that fragment; the pictures may be anywhere on the
    page.
    """

    def chosen() -> None:
        if (number := st.session_state[key].chosen) is not None:
            on_choose(int(number))

    shown = [{**vars(one), "x": _finite(one.x), "y": _finite(one.y)} for one in marks]
    data = {"name": key, "model": model, "marks": shown, "colour": MARKED_COLOUR}
    show = internals.web_component("marks", "marks/marks.js", "marks/marks")
    show(key=key, data=data, on_chosen_change=chosen)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
