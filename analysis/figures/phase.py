"""Plotly figure of what an ideal mask's phase costs: SI-SNRi over the iterations of MISI, beside the clean phase."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from analysis.scores.phase import PhaseCost

from .palette import GRID, SYSTEM_COLOURS, legend_below, style


def phase_cost_bars(found: Sequence[PhaseCost], network: float | None) -> go.Figure:
    """A line a mask, dotted where it would be with the clean phase; `network`: its SI-SNRi (dB), where it has one."""
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
    if network is not None:
        line = {"color": SYSTEM_COLOURS["Conv-TasNet"], "width": 2, "dash": "dash"}
        figure.add_scatter(
            x=[0, len(found[0].iterated) - 1], y=[network] * 2, mode="lines", name="Conv-TasNet", line=line
        )
    figure.update_xaxes(title_text="Iterations of MISI", dtick=1, gridcolor=GRID, zeroline=False)
    figure.update_yaxes(title_text="SI-SNRi (dB)", gridcolor=GRID, zeroline=False)
    return legend_below(style(figure, 360))
