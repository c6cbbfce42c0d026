"""Plotly figures of the probes: SI-SNR over the value of a probe, one colour a model."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from analysis.corpus.intervals import Estimate
from analysis.start_point.probe_set import ProbeCurve
from analysis.start_point.probes import Probe
from analysis.text import in_plot
from analysis.words.say import short

from .palette import GRID, MARKED_COLOUR, MIXTURE_COLOUR, legend_below, style
from .training import RUN_COLOURS


def probe_curves(
    curves: Mapping[str, ProbeCurve],
    probe: Probe,
    value: float,
    here: Mapping[str, Mapping[float, float]],
    colours: Sequence[str],
) -> go.Figure:
    """The mean SI-SNR of models over a set with 95 % intervals, and `here` {model: {value: dB}} of one sound.

    The `value` that is chosen is marked. colours: the models in the order of their colours.
    """
    figure = go.Figure()
    ticks = [short(one) for one in probe.values]
    for name, curve in curves.items():
        colour = _colour(name, colours)
        mean, low, high = _ends(curve.network)
        band = f"rgba{(*hex_to_rgb(colour), 0.15)}"
        figure.add_trace(
            go.Scatter(
                x=[*ticks, *ticks[::-1]],
                y=np.concatenate([high, low[::-1]]),
                mode="lines",
                fill="toself",
                fillcolor=band,
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        )
        figure.add_trace(_line(ticks, mean, f"{in_plot(name)}, the set", colour))
    if curves:
        plain = _ends(next(iter(curves.values())).unprocessed)[0]
        figure.add_trace(_line(ticks, plain, "unprocessed, the set", MIXTURE_COLOUR))
    for name, scores in here.items():
        x = [short(one) for one in scores]
        figure.add_trace(_line(x, list(scores.values()), f"{in_plot(name)}, this sound", _colour(name, colours), True))
    figure.add_vline(
        x=probe.values.index(value), line={"color": MARKED_COLOUR, "width": 2, "dash": "dot"}, layer="below"
    )
    figure.update_xaxes(title_text=probe.axis, type="category", gridcolor=GRID, categoryarray=ticks)
    figure.update_yaxes(title_text="SI-SNR (dB)", gridcolor=GRID, zeroline=False)
    return legend_below(style(figure, 400))


def _line(x: Sequence[str], y: Sequence[float], name: str, colour: str, one_sound: bool = False) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 2, "dash": "dot" if one_sound else "solid"},
        marker={"size": 8 if one_sound else 7, "symbol": "diamond-open" if one_sound else "circle"},
        hovertemplate=f"{name}: %{{y:.1f}} dB<extra></extra>",
    )


def _ends(estimates: Sequence[Estimate | None]) -> np.ndarray:
    """(3, values): means and the ends of their intervals, nan where there is none."""
    return np.array([(one.mean, one.low, one.high) if one else (np.nan,) * 3 for one in estimates]).T


def _colour(name: str, colours: Sequence[str]) -> str:
    place = list(colours).index(name) if name in colours else len(colours)
    return RUN_COLOURS[place % len(RUN_COLOURS)]
