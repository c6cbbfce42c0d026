"""Plotly figures of a listening test (Fig. 3): opinions against PESQ."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.listening.opinion import CrossedMean, Mean
from analysis.text import in_plot

from .palette import GRID, MIXTURE_COLOUR, legend_below, paper_marker, style, system_colours


def bars(
    panels: Mapping[str, Mapping[str, Mean | CrossedMean]], printed: Mapping[str, Mapping[str, float]]
) -> go.Figure:
    """Means with their standard errors, one panel for each title of `panels`, a bar for each system (Fig. 3A, B).

    `printed` has the paper's values under the same titles and systems, drawn as open diamonds.
    """
    figure = make_subplots(cols=len(panels), subplot_titles=list(panels), horizontal_spacing=0.1)
    for column, (title, means) in enumerate(panels.items(), start=1):
        figure.add_bar(
            x=[in_plot(system) for system in means],
            y=[mean.mean for mean in means.values()],
            error_y={"array": [mean.standard_error or 0 for mean in means.values()], "thickness": 1.5, "width": 6},
            marker_color=list(system_colours(means).values()),
            hovertemplate="%{x}: %{y:.2f} ± %{error_y.array:.2f}<extra></extra>",
            width=0.55,
            row=1,
            col=column,
        )
        paper = {system: value for system, value in printed.get(title, {}).items() if system in means}
        figure.add_scatter(
            x=[in_plot(system) for system in paper],
            y=list(paper.values()),
            mode="markers",
            marker=paper_marker(),
            hovertemplate="%{x} in the paper: %{y:.2f}<extra></extra>",
            row=1,
            col=column,
        )
        figure.update_yaxes(range=[0, 5.1], dtick=1, row=1, col=column)
    return style(figure, 340)


def opinion_against_pesq(points: Mapping[str, Sequence[tuple[float, float, str]]], scale: str) -> go.Figure:
    """A dot for each utterance and system: (PESQ, MOS, label) of `points`; above the line, MOS is higher (Fig. 3C)."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 5],
        y=[0, 5],
        mode="lines",
        line={"color": MIXTURE_COLOUR, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    colours = system_colours(points)
    for system, dots in points.items():
        figure.add_scatter(
            x=[pesq for pesq, _, _ in dots],
            y=[mos for _, mos, _ in dots],
            customdata=[in_plot(label) for _, _, label in dots],
            mode="markers",
            name=in_plot(system),
            marker={"color": colours[system], "size": 10, "opacity": 0.8},
            hovertemplate="%{customdata}<br>PESQ %{x:.2f}, MOS %{y:.2f}<extra>" + in_plot(system) + "</extra>",
            showlegend=True,
        )
    figure.update_xaxes(title_text=f"PESQ ({scale})", range=[0.8, 5.1], dtick=1)
    figure.update_yaxes(title_text="Mean opinion score", range=[0.8, 5.1], dtick=1)
    return legend_below(style(figure, 420))


def boxes(scores: Mapping[str, Sequence[float]], means: Mapping[str, CrossedMean]) -> go.Figure:
    """MUSHRA's scores, 0 to 100: a box (median and quartiles) for each system, its mean with the 95 % interval."""
    figure = go.Figure()
    colours = system_colours(scores)
    for system, values in scores.items():
        figure.add_box(
            y=list(values),
            name=in_plot(system),
            marker={"color": colours[system], "size": 4},
            line={"width": 1.5},
            boxpoints="outliers",
            showlegend=False,
        )
    known = {
        in_plot(system): (mean.mean, mean.high - mean.mean) for system, mean in means.items() if mean.high is not None
    }
    figure.add_scatter(
        x=list(known),
        y=[mean for mean, _ in known.values()],
        error_y={"array": [half for _, half in known.values()], "thickness": 2, "width": 7},
        mode="markers",
        marker={"symbol": "diamond", "size": 9, "color": MIXTURE_COLOUR},
        name="mean, 95 % interval",
        hovertemplate="%{x}: %{y:.1f} ± %{error_y.array:.1f}<extra></extra>",
    )
    figure.update_yaxes(title_text="Score", range=[-2, 102], dtick=20, gridcolor=GRID, zeroline=False)
    return legend_below(style(figure, 400))
