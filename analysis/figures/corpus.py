"""Plotly figures of a whole test set: take arrays, return a `go.Figure`.

A figure that can be clicked puts the mixture's position first in `customdata`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.corpus.intervals import Estimate
from analysis.corpus.report import Group
from analysis.scores.systems import NETWORK, SYSTEMS
from analysis.text import in_plot
from analysis.words.say import signed

from .palette import (
    GRID,
    MARKED_COLOUR,
    SYSTEM_COLOURS,
    legend_below,
    paper_marker,
    style,
    system_colour,
    titles_below_tools,
)

HALF_TRANSPARENT = 0.55
MAX_SVG_POINTS = 1000  # more are drawn by WebGL: fast, but not as vector graphics


def distributions(values: dict[str, np.ndarray], title: str, printed: dict[str, float], source: str) -> go.Figure:
    """How the scores of the mixtures spread, a violin with a box for each system.

    values: system -> (M,), nan and inf are left out. printed: the paper's mean of a system on its
    own data set `source`, drawn as a diamond.
    """
    figure = go.Figure()
    for system, scores in values.items():
        figure.add_trace(
            go.Violin(
                y=scores[np.isfinite(scores)].astype(np.float32),
                name=system,
                line={"color": system_colour(system), "width": 1.5},
                box={"visible": True, "width": 0.22},
                meanline={"visible": True},
                points=False,
                spanmode="hard",
                hoveron="violins",
            )
        )
    marked = [system for system in values if system in printed]
    if marked:
        figure.add_trace(
            go.Scatter(
                x=marked,
                y=[printed[system] for system in marked],
                mode="markers",
                marker=paper_marker(),
                name=f"the paper's mean on {source}",
                hovertemplate=f"%{{x}}: %{{y}} in the paper, on {source}<extra></extra>",
                showlegend=True,
            )
        )
    figure.update_yaxes(title_text=title, gridcolor=GRID, zeroline=False)
    style(figure, 420)
    figure.update_traces(showlegend=False, selector={"type": "violin"})
    return legend_below(figure)


def against_masks(
    network: np.ndarray, masks: dict[str, np.ndarray], names: Sequence[str], title: str, chosen: int | None, system: str
) -> go.Figure:
    """The network (M,), a `system`, over each ideal mask (M,), a point a mixture; above the diagonal it is better.

    names: of the mixtures. chosen: the position of the mixture to mark.
    """
    figure = make_subplots(
        rows=2,
        cols=2,
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.04,
        vertical_spacing=0.13,
        subplot_titles=[_heading(network, mask, values) for mask, values in masks.items()],
    )
    everything = np.concatenate([network, *masks.values()])
    everything = everything[np.isfinite(everything)]
    ends = [float(everything.min()), float(everything.max())] if len(everything) else [0.0, 1.0]
    scatter = go.Scatter if len(names) <= MAX_SVG_POINTS else go.Scattergl
    for number, (mask, values) in enumerate(masks.items()):
        row, column = divmod(number, 2)
        place = {"row": row + 1, "col": column + 1}
        figure.add_trace(
            go.Scatter(x=ends, y=ends, mode="lines", line={"color": GRID, "width": 2}, hoverinfo="skip"), **place
        )
        defined = np.flatnonzero(np.isfinite(values) & np.isfinite(network))
        figure.add_trace(
            scatter(
                x=values[defined].astype(np.float32),
                y=network[defined].astype(np.float32),
                mode="markers",
                marker={"size": 6, "color": SYSTEM_COLOURS[mask], "opacity": HALF_TRANSPARENT},
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": HALF_TRANSPARENT}},
                customdata=[[k, in_plot(names[k])] for k in defined.tolist()],
                hovertemplate=f"%{{customdata[1]}}<br>{mask} %{{x:.2f}}, {system} %{{y:.2f}}<extra></extra>",
            ),
            **place,
        )
        if chosen is not None:
            figure.add_trace(
                go.Scatter(
                    x=[values[chosen]],
                    y=[network[chosen]],
                    mode="markers",
                    marker={"symbol": "circle-open", "size": 15, "color": MARKED_COLOUR, "line": {"width": 2.5}},
                    hoverinfo="skip",
                ),
                **place,
            )
        if row == 1 or len(masks) - number <= 2:
            figure.update_xaxes(title_text=f"Ideal mask: {title}", **place)
        if column == 0:
            figure.update_yaxes(title_text=system, **place)
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    return titles_below_tools(style(figure, 660), lines=2)


def against_each_other(
    first: np.ndarray, second: np.ndarray, models: tuple[str, str], names: Sequence[str], title: str, chosen: int | None
) -> go.Figure:
    """The `first` model's scores (M,) over the `second`'s, a point a mixture; above the diagonal the first is better.

    names: of the mixtures. chosen: the position of the mixture to mark.
    """
    defined = np.flatnonzero(np.isfinite(first) & np.isfinite(second))
    both = np.concatenate([first[defined], second[defined]])
    ends = [float(both.min()), float(both.max())] if len(both) else [0.0, 1.0]
    scatter = go.Scatter if len(names) <= MAX_SVG_POINTS else go.Scattergl
    figure = go.Figure(go.Scatter(x=ends, y=ends, mode="lines", line={"color": GRID, "width": 2}, hoverinfo="skip"))
    figure.add_trace(
        scatter(
            x=second[defined].astype(np.float32),
            y=first[defined].astype(np.float32),
            mode="markers",
            marker={"size": 7, "color": SYSTEM_COLOURS[NETWORK], "opacity": HALF_TRANSPARENT},
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": HALF_TRANSPARENT}},
            customdata=[[k, in_plot(names[k])] for k in defined.tolist()],
            hovertemplate="%{customdata[1]}<br>%{y:.2f} against %{x:.2f}<extra></extra>",
        )
    )
    if chosen is not None:
        figure.add_trace(
            go.Scatter(
                x=[second[chosen]],
                y=[first[chosen]],
                mode="markers",
                marker={"symbol": "circle-open", "size": 15, "color": MARKED_COLOUR, "line": {"width": 2.5}},
                hoverinfo="skip",
            )
        )
    figure.update_xaxes(title_text=f"{in_plot(models[1])}: {title}", gridcolor=GRID, zeroline=False)
    figure.update_yaxes(title_text=f"{in_plot(models[0])}: {title}", gridcolor=GRID, zeroline=False)
    return style(figure, 460)


def by_group(groups: Sequence[Group], title: str, axis: str, network: str) -> go.Figure:
    """Each system's mean with its 95 % interval over groups of mixtures or voices; `network`: which system it is."""
    names = [f"{group.name}<br>n = {group.count}" for group in groups]
    figure = go.Figure()
    for system in SYSTEMS:
        name = network if system == NETWORK else system
        colour = system_colour(name)
        found = [group.estimates.get(system) for group in groups]
        figure.add_trace(
            go.Scatter(
                x=names,
                y=[one and one.mean for one in found],
                error_y=_bars(found),
                mode="markers+lines" if len(groups) > 3 else "markers",
                name=name,
                marker={"color": colour, "size": 9 if system == NETWORK else 7},
                line={"color": colour, "width": 3 if system == NETWORK else 1.5},
                hovertemplate=f"{name}: %{{y:.2f}}<extra></extra>",
            )
        )
    figure.update_xaxes(title_text=axis, type="category", tickangle=0)
    figure.update_yaxes(title_text=title, gridcolor=GRID, zeroline=False)
    figure.update_layout(scattermode="group", scattergap=0.6)
    return legend_below(style(figure, 400))


def _bars(found: Sequence[Estimate | None]) -> dict:
    return {
        "array": [one.high - one.mean if one and one.high == one.high else 0.0 for one in found],
        "arrayminus": [one.mean - one.low if one and one.low == one.low else 0.0 for one in found],
        "thickness": 1.5,
        "width": 4,
    }


def _heading(network: np.ndarray, mask: str, values: np.ndarray) -> str:
    """How often and by how much the network is above the mask."""
    gain = network - values
    gain = gain[np.isfinite(gain)]
    if not len(gain):
        return mask
    level = np.mean(gain == 0)
    ties = f", level on {level:.0%}" if level else ""
    return f"{mask} · above on {np.mean(gain > 0):.0%}{ties}<br>mean difference {signed(gain.mean(), 2)}"
