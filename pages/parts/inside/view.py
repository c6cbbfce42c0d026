"""What the pictures of the page show: the player's marked stretch, else a short one that holds its cursor."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from analysis.network.representation import Representation
from pages.parts import internals
from pages.parts.player import PlayerState

# What the pictures show where nothing is marked: short enough to see frames; while playing, long enough to look at.
REST_SECONDS, PLAY_SECONDS = 0.5, 6.0


@dataclass(frozen=True)
class View:
    """The stretch from `start` to `stop` (s) and the `moment` (s) of the cursor.

    The stretch is `marked` in the player, or else a short one that holds the moment, or a `wide` one while it plays.
    """

    start: float
    stop: float
    moment: float
    marked: bool = False
    wide: bool = False

    @property
    def words(self) -> str:
        """The stretch, for a reader."""
        return f"{self.start:.3f} to {self.stop:.3f} s"


def view_of(inside: Representation, state: PlayerState, played: float | None = None) -> View:
    """What the pictures show where the player says `state`, and has `played` on to a time (s) since, or not."""
    duration = len(inside.mixture) / inside.model.config.sample_rate
    moment = min(state.time if played is None else played, duration)
    if state.region:
        start, stop = state.region
        return View(start, min(stop, duration), moment, marked=True)
    turns = inside.turns(REST_SECONDS if played is None else PLAY_SECONDS)
    turn = min(int(np.searchsorted(turns, moment, side="right")), len(turns) - 1)
    return View(float(turns[turn - 1]), float(turns[turn]), moment, wide=played is not None)


def view_now(inside: Representation, state: PlayerState, key: str) -> View:
    """`view_of` the player's `state`, or of where it has played on to, as the bar with this `key` told."""
    told = _told(key)
    return view_of(inside, state, told["time"] if told.get("rest") == _rest(state) else None)


def show_bar(
    inside: Representation,
    state: PlayerState,
    view: View,
    figures: dict[str, go.Figure],
    *,
    key: str,
    filters: dict[str, list] | None = None,
    turning: bool = False,
) -> None:
    """The bar over the pictures `figures`, {key: figure}, which show `view`.

    In the browser the player's cursor and marked stretch are drawn over everything that has a time axis (see
    `analysis.figures.inside`), and a click or a drag there goes to the player. With `turning` the enclosing fragment
    reruns where it plays beyond what is shown, and `view_now` then holds the cursor; else the pictures are drawn again
    when the sound rests. `filters` are the order and the peaks (Hz) of their rows.
    """
    first, second = inside.seconds(0), inside.seconds(1)
    data = {
        "rest": _rest(state),
        "answered": _told(key).get("number", 0),
        "shown": [view.start, view.stop],
        "region": state.region,
        "wide": view.wide,
        "turning": turning,
        "loudest": inside.seconds(inside.loudest()),
        "frames": {"first": first, "step": second - first, "count": inside.frames},
        "pictures": [{"key": name, **figure.layout.meta} for name, figure in figures.items()],
        "filters": filters,
    }
    show = internals.web_component("view", "inside/view.js", "inside/view")
    show(key=key, data=data, on_state_change=lambda: None)


def _rest(state: PlayerState) -> str:
    """What the player last reported, as the bar repeats it: the bar's moment holds until the player's next report."""
    return f"{state.time} {state.region}"


def _told(key: str) -> dict[str, Any]:
    return (st.session_state.get(key) or {}).get("state") or {}
