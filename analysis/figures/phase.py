"""Plotly figure of what an ideal mask's phase costs: SI-SNRi over the iterations of MISI, beside the clean phase."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from analysis.scores.phase import PhaseCost
from analysis.scores.systems import ScoredSystem

from .palette import GRID, SYSTEM_COLOURS, legend_below, style, system_colour


def phase_cost_bars(found: Sequence[PhaseCost], network: ScoredSystem) -> go.Figure:
    """A line a mask, dotted where it would be with the clean phase; dashed the `network`, where it has a score."""
    figure = go.Figure()
    for cost in found:
        colour, steps = SYSTEM_COLOURS[cost.mask], np.arange(len(cost.iterated))
        about = "%{x} iterations: %{y:.2f} dB"
        figure.add_scatter(
            x=steps,
            y=cost.iterated,
            mode="lines+markers",
            name=cost.mask,
            legendgroup=cost.mask,
            line={"color": colour, "width": 2},
            hovertemplate=f"{cost.mask}, {about}<extra></extra>",
        )
        figure.add_scatter(
            x=steps[[0, -1]],
            y=[cost.clean] * 2,
            mode="lines",
            legendgroup=cost.mask,
            showlegend=False,
            line={"color": colour, "width": 1.5, "dash": "dot"},
            hovertemplate=f"{cost.mask}, clean phase: %{{y:.2f}} dB<extra></extra>",
        )
    if (own := network.score("si_snri")) is not None:
        line = {"color": system_colour(network.name), "width": 2, "dash": "dash"}
        figure.add_scatter(x=[0, len(found[0].iterated) - 1], y=[own] * 2, mode="lines", name=network.name, line=line)
    figure.update_xaxes(title_text="Iterations of MISI", dtick=1, gridcolor=GRID, zeroline=False)
    figure.update_yaxes(title_text="SI-SNRi (dB)", gridcolor=GRID, zeroline=False)
    return legend_below(style(figure, 360))
