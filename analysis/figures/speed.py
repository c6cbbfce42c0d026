"""Plotly figure of the time per frame: takes measurements, returns a `go.Figure`."""

from collections.abc import Sequence

import plotly.graph_objects as go

from analysis.network.speed import TimePerFrame
from analysis.paper import TABLE_VIII

from .palette import (
    GRID,
    MIXTURE_COLOUR,
    SPEAKER_COLOURS,
    SYSTEM_COLOURS,
    legend_below,
    paper_marker,
    style,
)

PAPER_CPU, PAPER_GPU = "Intel i7-5820K, one processor", "Nvidia Titan Xp"  # section IV-E
HOVER = "%{x:.3g} ms<extra>%{fullData.name}</extra>"


def speed_chart(times: Sequence[TimePerFrame]) -> go.Figure:
    """Median and 99th percentile of each of `times`, with its hop and frame as marks, above the paper's Table VIII."""
    colour, budget = SYSTEM_COLOURS["Conv-TasNet"], MIXTURE_COLOUR
    rows = [f"{one.network}<br>{one.way}, {one.device}" for one in times]
    figure = go.Figure()
    for name, values, mark, size in (
        ("hop: must be kept to stay in time", [one.hop for one in times], "line-ns-open", 22),
        ("frame", [one.frame for one in times], "line-ns-open", 12),
    ):
        line = {"width": 3 if size > 12 else 2}
        marker = {"symbol": mark, "size": size, "color": budget, "line": line}
        figure.add_trace(go.Scatter(x=values, y=rows, name=name, mode="markers", marker=marker, hovertemplate=HOVER))
    for one, row in zip(times, rows, strict=True):
        ends = {"x": [one.median, max(one.p99, one.median)], "y": [row, row]}
        figure.add_trace(go.Scatter(**ends, mode="lines", line={"color": colour, "width": 3}, showlegend=False))
    kept = [colour if one.p99 <= one.hop else SPEAKER_COLOURS[0] for one in times]
    for name, values, symbol in (
        ("median", [one.median for one in times], "circle"),
        ("99th percentile (red: longer than the hop)", [one.p99 for one in times], "line-ns-open"),
    ):
        marker = {"symbol": symbol, "size": 11, "color": colour if symbol == "circle" else kept, "line": {"width": 3}}
        if symbol == "circle":
            marker.pop("line")
        figure.add_trace(go.Scatter(x=values, y=rows, name=name, mode="markers", marker=marker, hovertemplate=HOVER))
    printed = [
        (value, f"{row.method}, the paper<br>{device}")
        for row in TABLE_VIII.rows
        for value, device in ((row.cpu_ms, PAPER_CPU), (row.gpu_ms, PAPER_GPU))
    ]
    figure.add_trace(
        go.Scatter(
            x=[value for value, _ in printed],
            y=[row for _, row in printed],
            name="the paper, on its hardware",
            mode="markers",
            marker=paper_marker(),
            hovertemplate=HOVER,
        )
    )
    figure.update_xaxes(type="log", title_text="Time per frame (ms)", gridcolor=GRID, dtick=1)
    figure.update_yaxes(autorange="reversed", automargin=True, gridcolor=GRID)
    return legend_below(style(figure, 150 + 44 * (len(rows) + len(printed))))
