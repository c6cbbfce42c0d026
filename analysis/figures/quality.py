"""Plotly figure of the guesses without clean voices: what was expected of an output, and what it had."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from analysis.conditions.quality_results import KINDS, QualityRow
from tasnet.views import HIGHEST, LOWEST

from .palette import GRID, MIXTURE_COLOUR, legend_below, style
from .training import RUN_COLOURS

BINS = 8  # of outputs, equally many in each, whose means make the calibration curve


def guesses(rows: Sequence[QualityRow]) -> go.Figure:
    """The measured SI-SNR (dB) over the guessed one, a point an output, and the means of groups of equally many."""
    figure = go.Figure()
    for kind, colour in zip(KINDS, RUN_COLOURS, strict=False):
        of_kind = [row for row in rows if row.kind == kind]
        figure.add_trace(
            go.Scattergl(
                x=[row.median for row in of_kind],
                y=[row.si_snr for row in of_kind],
                customdata=[(row.low, row.high) for row in of_kind],
                mode="markers",
                name=kind,
                marker={"color": colour, "size": 5, "opacity": 0.55},
                hovertemplate="guessed %{x:.1f} dB (%{customdata[0]:.1f} to %{customdata[1]:.1f}), measured %{y:.1f} dB"
                f"<extra>{kind}</extra>",
            )
        )
    x, y = calibration_curve(rows)
    figure.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name="means",
            line={"color": MIXTURE_COLOUR, "width": 2},
            hovertemplate="guessed %{x:.1f} dB, measured %{y:.1f} dB<extra>means</extra>",
        )
    )
    ends = [LOWEST, HIGHEST]
    line = {"color": MIXTURE_COLOUR, "width": 1, "dash": "dot"}
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", name="as guessed", line=line, hoverinfo="skip"))
    figure.update_xaxes(title_text="SI-SNR as guessed (dB)", gridcolor=GRID, zeroline=False)
    figure.update_yaxes(title_text="SI-SNR measured (dB)", gridcolor=GRID, zeroline=False)
    return legend_below(style(figure, 420))


def calibration_curve(rows: Sequence[QualityRow]) -> tuple[np.ndarray, np.ndarray]:
    """The means (BINS,) of the guessed and of the measured SI-SNR in groups of equally many, by what was guessed."""
    pairs = np.array(sorted((row.median, row.si_snr) for row in rows))
    groups = np.array_split(pairs, min(BINS, len(pairs)))
    return tuple(np.array([group.mean(0) for group in groups]).T)
