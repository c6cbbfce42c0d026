"""Plotly figures of deep clustering: the cloud of cells in three or two dimensions, and the cells on the mixture."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.network.embeddings import EmbeddedCells

from .palette import GRID, LEVEL_SCALE, MARKED_COLOUR, legend_below, speaker_colour, style
from .sound import DYNAMIC_RANGE_DB, level_image

CLUSTER, OWNER, ENERGY = "Cluster", "Ideal assignment", "Energy"
AXES = ("PC 1", "PC 2", "PC 3")
HOVER = "%{customdata[1]:.2f} s, %{customdata[2]:.0f} Hz<br>%{customdata[3]:.0f} dB<extra>%{customdata[4]}</extra>"
MARKED = {"size": 15, "symbol": "circle-open", "color": MARKED_COLOUR, "line": {"width": 3, "color": MARKED_COLOUR}}


def _groups(
    cells: EmbeddedCells, shown: np.ndarray, by: str, names: Sequence[str]
) -> list[tuple[str, np.ndarray, dict]]:
    """(name, which of the cells, marker) of every trace."""
    if by == ENERGY:
        marker = {
            "color": cells.level[shown].round().astype(np.int8),
            "colorscale": LEVEL_SCALE,
            "cmin": -40,
            "cmax": 0,
            "colorbar": {"title": {"text": "dB"}, "thickness": 10, "outlinewidth": 0, "len": 0.7},
        }
        return [("all", shown, marker)]
    labels = cells.clusters if by == CLUSTER else cells.owners
    assert labels is not None
    return [(name, shown[labels[shown] == k], {"color": speaker_colour(k)}) for k, name in enumerate(names)]


def _about(cells: EmbeddedCells, chosen: np.ndarray, name: str) -> list[list]:
    return [
        [int(k), float(cells.seconds[k]), float(cells.hertz[k]), float(cells.level[k]), name] for k in chosen.tolist()
    ]


def cloud(cells: EmbeddedCells, shown: np.ndarray, by: str, names: Sequence[str], marked: int | None) -> go.Figure:
    """The cells number `shown` along three principal axes; by: CLUSTER, OWNER or ENERGY; names: of the clusters."""
    figure = go.Figure()
    for name, chosen, marker in _groups(cells, shown, by, names):
        x, y, z = cells.points[chosen].T.astype(np.float32)
        figure.add_scatter3d(
            x=x,
            y=y,
            z=z,
            mode="markers",
            name=name,
            marker={"size": 2.5, "opacity": 0.75, **marker},
            customdata=_about(cells, chosen, name),
            hovertemplate=HOVER,
        )
    if marked is not None:
        x, y, z = cells.points[[marked]].T
        line = {"width": 2, "color": MARKED_COLOUR}
        figure.add_scatter3d(
            x=x,
            y=y,
            z=z,
            mode="markers",
            marker={"size": 9, "symbol": "circle-open", "color": MARKED_COLOUR, "line": line},
            showlegend=False,
            hoverinfo="skip",
        )
    grid = "#8b919d"  # WebGL mixes no half-transparent lines with the page
    axis = {"gridcolor": grid, "gridwidth": 0.5, "showbackground": False, "zeroline": False, "tickfont": {"size": 10}}
    titles = [f"{name}: {share:.0%}" for name, share in zip(AXES, cells.explained, strict=True)]
    figure.update_layout(
        scene={
            **{f"{which}axis": {**axis, "title": {"text": title}} for which, title in zip("xyz", titles, strict=True)},
            "aspectmode": "data",
            # Farther away and farther right than usual, or the third axis loses its title at the picture's left edge.
            "camera": {"eye": {"x": 1.55, "y": 1.55, "z": 0.9}, "center": {"x": 0.1, "y": -0.1, "z": -0.12}},
        },
        uirevision="cloud",  # a turn of the cloud outlives a choice of colours
    )
    style(figure, 480)
    figure.update_layout(margin={"l": 0, "r": 0})
    figure.update_layout(legend={"itemsizing": "constant"})
    return legend_below(figure) if by != ENERGY else figure


def flat_cloud(cells: EmbeddedCells, shown: np.ndarray, by: str, names: Sequence[str], marked: int | None) -> go.Figure:
    """The same seen along the third axis and along the second; points that can be clicked."""
    figure = make_subplots(rows=1, cols=2, shared_xaxes="all", horizontal_spacing=0.12)
    for name, chosen, marker in _groups(cells, shown, by, names):
        for column, other in enumerate((1, 2), start=1):
            about = _about(cells, chosen, name)
            _points(figure, cells.points[chosen, 0], cells.points[chosen, other], about, name, marker, column)
    for column, other in enumerate((1, 2), start=1):
        if marked is not None:
            _mark(figure, cells.points[marked, 0], cells.points[marked, other], column)
        figure.update_xaxes(title_text=f"{AXES[0]}: {cells.explained[0]:.0%}", gridcolor=GRID, row=1, col=column)
        title = f"{AXES[other]}: {cells.explained[other]:.0%}"
        figure.update_yaxes(title_text=title, gridcolor=GRID, row=1, col=column)
    style(figure, 460)
    return legend_below(figure) if by != ENERGY else figure


def on_mixture(
    mixture: np.ndarray,
    rate: int,
    cells: EmbeddedCells,
    shown: np.ndarray,
    by: str,
    names: Sequence[str],
    marked: int | None,
) -> go.Figure:
    """The same cells on the spectrogram of the `mixture` (T,), whose levels are dB re its loudest cell."""
    figure = make_subplots(rows=1, cols=1)
    figure.add_trace(level_image(mixture, rate))
    for name, chosen, marker in _groups(cells, shown, by, names):
        about = _about(cells, chosen, name)
        marker = {**marker, "colorbar": None} if by == ENERGY else marker
        _points(figure, cells.seconds[chosen], cells.hertz[chosen] / 1000, about, name, marker, 1)
    if marked is not None:
        _mark(figure, cells.seconds[marked], cells.hertz[marked] / 1000, 1)
    figure.update_xaxes(title_text="Time (s)", range=[0, len(mixture) / rate])
    figure.update_yaxes(title_text="kHz", range=[0, rate / 2000])
    style(figure, 440)
    figure.update_layout(coloraxis={"colorscale": "gray", "cmin": -DYNAMIC_RANGE_DB, "cmax": 0, "showscale": False})
    return figure


def _points(
    figure: go.Figure, x: np.ndarray, y: np.ndarray, about: list[list], name: str, marker: dict, column: int
) -> None:
    figure.add_trace(
        go.Scattergl(
            x=x.astype(np.float32),
            y=y.astype(np.float32),
            mode="markers",
            name=name,
            legendgroup=name,
            showlegend=column == 1,
            marker={"size": 3.5, "opacity": 0.7, **marker},
            selected={"marker": {"opacity": 0.7}},
            unselected={"marker": {"opacity": 0.7}},
            customdata=about,
            hovertemplate=HOVER,
        ),
        row=1,
        col=column,
    )


def _mark(figure: go.Figure, x: float, y: float, column: int) -> None:
    mark = go.Scatter(x=[x], y=[y], mode="markers", marker=MARKED, showlegend=False, hoverinfo="skip")
    figure.add_trace(mark, row=1, col=column)
