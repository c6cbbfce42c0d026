"""Plotly figures of the page Explain: phase and magnitude, the error by band and over time, what parts are worth."""

import itertools
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.explain.errors import Swap
from analysis.explain.swaps import PARTS
from analysis.network.filter_use import FilterUse
from analysis.words.say import number
from tasnet import ConvTasNetConfig

from .inside import RANK_AXIS, mark_time, rank_ticks
from .palette import (
    GRID,
    LEVEL_SCALE,
    MARKED_COLOUR,
    MIXTURE_COLOUR,
    SYSTEM_COLOURS,
    legend_below,
    speaker_colour,
    style,
)

SHARED_COLOUR, SHUT_COLOUR = SYSTEM_COLOURS["IBM"], MIXTURE_COLOUR
SNR_RANGE = (-10.0, 40.0)  # dB, of the scale of the swaps


def swaps(scores: dict[tuple[str, str], float]) -> go.Figure:
    """{(magnitude, phase): SI-SNR (dB)} as a table of colours, each cell with its figure."""
    values = np.array([[scores[one, other] for other in PARTS] for one in PARTS])
    texts = [[number(v, 1) for v in row] for row in values]
    figure = go.Figure(
        go.Heatmap(
            z=np.clip(values, *SNR_RANGE),
            x=[f"phase: {name}" for name in PARTS],
            y=[f"magnitude: {name}" for name in PARTS],
            zmin=SNR_RANGE[0],
            zmax=SNR_RANGE[1],
            colorscale=LEVEL_SCALE,
            text=texts,
            texttemplate="%{text} dB",
            hovertemplate="%{y}, %{x}: %{text} dB<extra></extra>",
            colorbar={"title": {"text": "SI-SNR (dB)", "side": "right"}, "thickness": 12, "outlinewidth": 0},
        )
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    return style(figure, 260)


def by_band(snr: np.ndarray, edges: Sequence[float], names: Sequence[str]) -> go.Figure:
    """SNR (C, bands) in dB of each of the outputs, which have `names`, over the bands between `edges` (Hz)."""
    bands = [f"{low:.0f}–{high:.0f}" for low, high in itertools.pairwise(edges)]
    figure = go.Figure()
    for speaker, (name, row) in enumerate(zip(names, snr, strict=True)):
        bar = go.Bar(x=bands, y=row, name=name, marker={"color": speaker_colour(speaker)})
        figure.add_trace(bar)
    figure.update_xaxes(title_text="Band (Hz)", type="category")
    figure.update_yaxes(title_text="SNR (dB)", gridcolor=GRID)
    return legend_below(style(figure, 300))


def over_time(
    middles: np.ndarray, snr: np.ndarray, names: Sequence[str], found: Sequence[Swap], seconds: float
) -> go.Figure:
    """SNR (C, K) in dB over time (s); stretches in which outputs change places are shaded."""
    figure = make_subplots()
    for speaker, (name, row) in enumerate(zip(names, snr, strict=True)):
        line = {"color": speaker_colour(speaker), "width": 1.5}
        figure.add_trace(go.Scatter(x=middles, y=row, name=name, mode="lines", line=line))
    for swap in found:
        figure.add_vrect(swap.start, swap.stop, fillcolor=MARKED_COLOUR, opacity=0.3, line_width=0)
    figure.update_yaxes(title_text="SNR (dB)", gridcolor=GRID)
    mark_time(figure, [1], 1, 0.0, seconds)
    return legend_below(style(figure, 280))


def filter_use_map(
    use: FilterUse,
    order: np.ndarray,
    peaks_hz: np.ndarray,
    lost: np.ndarray,
    names: Sequence[str],
    chosen: Sequence[int] = (),
    against_clean: bool = True,
) -> go.Figure:
    """What is let through of each filter in order, to whom, how much of the energy it holds and what is `lost` without.

    lost: (N,) dB, or the level of what changes; names: of the outputs; `chosen` are marked.
    """
    figure = make_subplots(rows=3, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.5, 0.25, 0.25])
    ranks, what = np.arange(len(order)), "lost" if against_clean else "change"
    parts = [(f"{name} alone", use.exclusive[c], speaker_colour(c)) for c, name in enumerate(names)]
    parts.append(("several at once", use.shared, SHARED_COLOUR))
    for title, values, colour in parts:
        bar = go.Bar(
            x=ranks,
            y=100 * values[order],
            name=title,
            marker={"color": colour, "line": {"width": 0}},
            customdata=np.stack([order, peaks_hz[order]], 1).tolist(),
            hovertemplate="filter %{customdata[0]:.0f}, peak %{customdata[1]:.0f} Hz: %{y:.0f} %",
        )
        figure.add_trace(bar, row=1, col=1)
    energy = go.Bar(
        x=ranks,
        y=100 * use.energy[order],
        name="energy it holds",
        marker={"color": SHUT_COLOUR, "line": {"width": 0}},
        customdata=order[:, None].tolist(),
        hovertemplate="filter %{customdata[0]}: %{y:.2f} % of the energy",
    )
    figure.add_trace(energy, row=2, col=1)
    cost = go.Bar(
        x=ranks,
        y=lost[order],
        name=f"{what} without it",
        marker={"color": SYSTEM_COLOURS["Conv-TasNet"], "line": {"width": 0}},
        customdata=order[:, None].tolist(),
        hovertemplate=f"without filter %{{customdata[0]}}: %{{y:.2f}} dB {what}",
    )
    figure.add_trace(cost, row=3, col=1)
    marked = np.flatnonzero(np.isin(order, list(chosen)))
    if len(marked):
        cross = go.Scatter(
            x=marked,
            y=np.full(len(marked), 104),
            mode="markers",
            name="chosen",
            marker={"symbol": "x", "size": 5, "color": MARKED_COLOUR},
            hoverinfo="skip",
        )
        figure.add_trace(cross, row=1, col=1)
    figure.update_xaxes(**rank_ticks(peaks_hz[order], 9))
    figure.update_xaxes(title_text=RANK_AXIS, row=3)
    figure.update_yaxes(title_text="Let through (%)", range=[0, 108], row=1)
    figure.update_yaxes(title_text="Energy (%)", row=2)
    figure.update_yaxes(title_text=f"{what.capitalize()} (dB)", row=3)
    figure.update_layout(barmode="relative", bargap=0)
    return legend_below(style(figure, 540))


def losses(names: Sequence[str], lost: np.ndarray, axis: str, against_clean: bool = True) -> go.Figure:
    """dB lost without each of the named parts, or the level of what changes, a bar each."""
    what = "lost" if against_clean else "change"
    figure = go.Figure(
        go.Bar(
            x=list(names),
            y=lost,
            marker={"color": SYSTEM_COLOURS["Conv-TasNet"]},
            hovertemplate=f"without %{{x}}: %{{y:.2f}} dB {what}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text=axis, type="category")
    figure.update_yaxes(title_text=f"{what.capitalize()} without it (dB)", gridcolor=GRID)
    return style(figure, 300)


def block_losses(lost: np.ndarray, config: ConvTasNetConfig, against_clean: bool = True) -> go.Figure:
    """dB lost without each of the X R blocks (or the level of what changes), a curve; repeats begin at dotted lines."""
    what = "lost" if against_clean else "change"
    numbers = np.arange(1, len(lost) + 1)
    places = [f"{b // config.X + 1} · {d}" for b, d in enumerate(config.dilations)]
    figure = go.Figure(
        go.Scatter(
            x=numbers.tolist(),
            y=lost.tolist(),
            mode="lines+markers",
            line={"color": SYSTEM_COLOURS["Conv-TasNet"]},
            customdata=[place.split(" · ") for place in places],
            hovertemplate="without block %{x} (repeat %{customdata[0]}, dilation %{customdata[1]}): "
            f"%{{y:.2f}} dB {what}<extra></extra>",
        )
    )
    for begin in numbers[config.X :: config.X]:
        figure.add_vline(begin - 0.5, line={"color": GRID, "dash": "dot"})
    figure.update_xaxes(
        title_text="Block left out (repeat · dilation)",
        tickvals=numbers,
        ticktext=places,
        tickangle=-90,
        tickfont={"size": 10},
        showgrid=False,
        range=[0.5, len(lost) + 0.5],
    )
    figure.update_yaxes(title_text=f"{what.capitalize()} without it (dB)", gridcolor=GRID)
    return style(figure, 320)
