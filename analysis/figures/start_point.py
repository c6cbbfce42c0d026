"""Plotly figures of the start point (Fig. 4) and of pauses: one colour a model."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from analysis.start_point.pauses import AXIS, PauseCurve
from analysis.start_point.shifts import StartCurve
from analysis.text import in_plot

from .palette import GRID, MIXTURE_COLOUR, legend_below, style
from .training import RUN_COLOURS

LEAST_SPAN_DB = 2.0  # of the y axis: inaudibly small differences are not blown up


def start_curves(curves: dict[str, StartCurve]) -> go.Figure:
    """Fig. 4A: SDRi of one mixture over the shift of its start, a line a model."""
    figure = go.Figure()
    for number, (name, curve) in enumerate(_named(curves)):
        figure.add_trace(
            go.Scatter(
                x=curve.milliseconds,
                y=curve.sdri,
                mode="lines+markers",
                name=name,
                customdata=curve.shifts,
                hovertemplate=f"{name}<br>starts %{{customdata}} samples later: %{{y:.2f}} dB<extra></extra>",
                line={"color": _colour(number), "width": 2},
                marker={"size": 6},
            )
        )
    figure.update_xaxes(title_text="Shift of the start (ms)", gridcolor=GRID, zeroline=False)
    low, high = _span([curve.sdri for curve in curves.values()])
    figure.update_yaxes(title_text="SDRi (dB)", gridcolor=GRID, zeroline=False, range=[low, high])
    return legend_below(style(figure, 380))


def start_deviations(deviations: dict[str, np.ndarray]) -> go.Figure:
    """Fig. 4B: box plots of the standard deviation of each mixture's SDRi (mixtures,), one a model."""
    figure = go.Figure()
    for number, (name, values) in enumerate(_named(deviations)):
        figure.add_trace(
            go.Box(
                y=values,
                name=name.replace("_", " "),
                boxpoints="outliers",
                line={"color": _colour(number), "width": 1.5},
                marker={"size": 5},
            )
        )
    figure.update_xaxes(tickangle=0)
    title = "Standard deviation of SDRi (dB)"
    figure.update_yaxes(title_text=title, gridcolor=GRID, zeroline=False, rangemode="tozero")
    return style(figure, 380)


def pause_curves(curves: dict[str, PauseCurve]) -> go.Figure:
    """SDR over the length of a pause: the mean over the sounds and, as a band, their range.

    Grey: the unprocessed mixture. Dotted: where the voices were swapped, the SDR if they had been swapped back.
    """
    figure = go.Figure()
    for number, (name, curve) in enumerate(_named(curves)):
        ticks = _ticks(curve)
        colour = _colour(number)
        if len(curve.sdr) > 1:
            edges = np.concatenate([curve.sdr.min(0), curve.sdr.max(0)[::-1]])
            figure.add_trace(
                go.Scatter(
                    x=[*ticks, *ticks[::-1]],
                    y=edges,
                    mode="lines",
                    fill="toself",
                    fillcolor=f"rgba{(*hex_to_rgb(colour), 0.15)}",
                    line={"width": 0},
                    hoverinfo="skip",
                    showlegend=False,
                )
            )
        figure.add_trace(_line(ticks, curve.sdr.mean(0), name, colour))
        if curve.swapped.any():
            figure.add_trace(_line(ticks, curve.best.mean(0), f"{name}, swapped back", colour, dash="dot"))
    if curves:
        first = next(iter(curves.values()))
        figure.add_trace(_line(_ticks(first), first.unprocessed.mean(0), "unprocessed mixture", MIXTURE_COLOUR))
    figure.update_xaxes(title_text=AXIS, type="category", gridcolor=GRID)
    figure.update_yaxes(title_text="SDR (dB)", gridcolor=GRID, zeroline=False)
    return legend_below(style(figure, 400))


def _ticks(curve: PauseCurve) -> list[str]:
    return [f"{value:g}" for value in curve.values]


def _line(x: list[str], y: np.ndarray, name: str, colour: str, dash: str = "solid") -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 2, "dash": dash},
        marker={"size": 7},
        hovertemplate=f"{name}: %{{y:.2f}} dB<extra></extra>",
    )


def _named(found: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(in_plot(name), one) for name, one in found.items()]


def _colour(number: int) -> str:
    return RUN_COLOURS[number % len(RUN_COLOURS)]


def _span(values: list[np.ndarray]) -> tuple[float, float]:
    """The ends of an axis that holds all defined values and is not narrower than `LEAST_SPAN_DB`."""
    defined = np.concatenate(values) if values else np.zeros(0)
    defined = defined[np.isfinite(defined)]
    if not len(defined):
        return 0.0, LEAST_SPAN_DB
    middle, half = (defined.max() + defined.min()) / 2, 0.55 * max(np.ptp(defined), LEAST_SPAN_DB)
    return float(middle - half), float(middle + half)
