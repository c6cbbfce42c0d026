"""Plotly figures of the basis functions (Fig. 5): take arrays, return a `go.Figure`.

Rows of a map are filters in the order given, from the bottom up. A figure that can be clicked puts
the filter's number first in `customdata`; where it shows several models, a trace's `meta` is its
model's name.
"""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.network.basis import Tree, Tuning, magnitudes
from analysis.network.basis_set import SCALES, PhaseBand, histogram
from analysis.text import in_plot
from analysis.words.say import short

from .palette import LEVEL_SCALE, legend_below, style

ENCODER_COLOUR, DECODER_COLOUR = "#8a4fd3", "#e08a1e"
MODEL_COLOURS = (ENCODER_COLOUR, DECODER_COLOUR)  # no picture shows both kinds
SCALE_COLOURS = {"mel": "#2e9e5b", "ERB": "#2f6fde", "linear": "#b0b4bd"}
WAVE_SCALE = "RdBu_r"
MAP_POINTS = 256
MAP_HEIGHT = 680
FLOOR_DB = -60.0
LOUDEST = 99.5  # percentile at which colour scales end: one strong filter must not darken the rest


def filter_maps(
    U: np.ndarray,
    V: np.ndarray,
    rate: int,
    order: np.ndarray,
    tuning: Tuning,
    tree: Tree | None = None,
    *,
    decibels: bool = False,
    each_row: bool = False,
) -> go.Figure:
    """Encoder and decoder rows (N, L) and their FFT magnitudes as four aligned maps, as in Fig. 5.

    All rows follow `order` (N,) and zoom together, waveforms in ms and spectra in Hz; `tree`, where
    given, stands beside them. Every row of every map can be clicked. Each map is shown relative to
    its own `full_scale`, so that one colour bar serves both waveforms and one both spectra; with
    `each_row` each row is relative to its own largest value. `decibels`: spectra in dB down to
    `FLOOR_DB`; waveforms have a sign and stay linear.
    """
    N, L = U.shape
    milliseconds = (np.arange(L) + 0.5) / rate * 1000
    maps = {"Encoder<br>U": (milliseconds, U), "Decoder<br>V": (milliseconds, V)}
    for name, vectors in (("|FFT|<br>of U", U), ("|FFT|<br>of V", V)):
        size, frequencies = magnitudes(vectors, rate, MAP_POINTS)
        maps[name] = (frequencies, size)

    figure = make_subplots(
        cols=5 if tree else 4,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        column_widths=[0.1, 0.2, 0.2, 0.25, 0.25] if tree else [0.22, 0.22, 0.28, 0.28],
        subplot_titles=(["UPGMA"] if tree else []) + list(maps),
    )
    first = 2 if tree else 1
    for column, (x, values) in enumerate(maps.values(), start=first):
        signed = x is milliseconds
        figure.add_trace(
            go.Heatmap(
                z=map_values(values, decibels=decibels and not signed, each_row=each_row)[order].astype(np.float32),
                x=x.astype(np.float32),
                coloraxis="coloraxis" if signed else "coloraxis2",
                hoverinfo="skip",
            ),
            row=1,
            col=column,
        )
        _click_targets(figure, column, x, order, tuning)
        figure.update_xaxes(
            title={"text": "ms" if signed else "Hz", "standoff": 4},
            range=[0, L / rate * 1000] if signed else [0, rate / 2],
            nticks=4 if signed else 3,
            tickformat="" if signed else "~s",
            tickangle=0,
            col=column,
        )
    # Encoder and decoder share their axis of time and that of frequency.
    figure.update_xaxes(matches=f"x{first}".removesuffix("1"), col=first + 1)
    figure.update_xaxes(matches=f"x{first + 2}", col=first + 3)
    if tree:
        _dendrogram(figure, tree)
    figure.update_yaxes(range=[-0.5, N - 0.5], showgrid=False, zeroline=False)
    figure.update_yaxes(title_text="Rank in the order", title_standoff=4, col=1)
    quantity = (
        ("magnitude (dB)", LEVEL_SCALE, [FLOOR_DB, FLOOR_DB / 2, 0])
        if decibels
        else ("magnitude", LEVEL_SCALE, [0, 0.5, 1])
    )
    figure.update_layout(
        barmode="overlay",
        bargap=0,
        dragmode="zoom",
        coloraxis=_colour_bar(figure, first, "amplitude", WAVE_SCALE, [-1, 0, 1]),
        coloraxis2=_colour_bar(figure, first + 2, *quantity),
    )
    return style(figure, MAP_HEIGHT).update_layout(margin={"t": 66, "b": 104})


def full_scale(rows: np.ndarray) -> float:
    """What is 1 on the colour scale of a map of `rows` (N, F): its `LOUDEST` percentile of magnitude, never 0."""
    size = np.abs(rows)
    return float(np.percentile(size, LOUDEST)) or float(size.max()) or 1.0


def map_values(rows: np.ndarray, *, decibels: bool = False, each_row: bool = False) -> np.ndarray:
    """`rows` (N, F) on the scale of a map: relative to `full_scale`, or each to its largest magnitude; or that in dB.

    A row of zeros stays zero, or at `FLOOR_DB`.
    """
    if each_row:
        largest = np.abs(rows).max(1, keepdims=True)
        relative = np.divide(rows, largest, out=np.zeros_like(rows, dtype=float), where=largest > 0)
    else:
        relative = rows / full_scale(rows)
    if not decibels:
        return relative
    return 20 * np.log10(np.maximum(np.abs(relative), 10 ** (FLOOR_DB / 20)))


def _colour_bar(figure: go.Figure, column: int, quantity: str, colours: str | list[str], ticks: list[float]) -> dict:
    """A colour axis with its bar below the two maps that begin at `column`."""
    left, right = (figure.layout[f"xaxis{c}".removesuffix("1")].domain for c in (column, column + 1))
    return {
        "colorscale": colours,
        "cmin": ticks[0],
        "cmax": ticks[-1],
        "colorbar": {
            "orientation": "h",
            "thickness": 9,
            "lenmode": "fraction",
            "len": 0.94 * (right[1] - left[0]),
            "xpad": 0,
            "ypad": 0,
            "x": (left[0] + right[1]) / 2,
            "xanchor": "center",
            "yref": "container",
            "y": 0.005,
            "yanchor": "bottom",
            "tickvals": ticks,
            "ticktext": [short(tick) for tick in ticks],
            "title": {"text": f"relative {quantity}", "side": "bottom"},
        },
    }


def _click_targets(figure: go.Figure, column: int, x: np.ndarray, order: np.ndarray, tuning: Tuning) -> None:
    """An invisible bar over each row: a heat map itself does not report where it was clicked."""
    left, right = (1.5 * x[0] - 0.5 * x[1], x[-1] + 0.5 * (x[1] - x[0])) if len(x) > 1 else (0, 1)
    facts = [values[order] for values in (tuning.number, tuning.peak_hz, tuning.phase_deg)]
    figure.add_trace(
        go.Bar(
            orientation="h",
            base=left,
            x=np.full(len(order), right - left, dtype=np.float32),
            y=np.arange(len(order)),
            width=1,
            customdata=np.stack(facts, axis=1).tolist(),
            marker={"color": ENCODER_COLOUR, "opacity": 0, "line": {"width": 0}},
            hovertemplate="Filter %{customdata[0]:.0f}, row %{y}<br>peak %{customdata[1]:.0f} Hz, "
            "phase %{customdata[2]:.0f}°<extra></extra>",
        ),
        row=1,
        col=column,
    )


def _dendrogram(figure: go.Figure, tree: Tree) -> None:
    distances, rows = tree.branches()
    gap = np.full((len(rows), 1), np.nan)
    figure.add_trace(
        go.Scatter(
            x=np.hstack([distances, gap]).ravel().astype(np.float32),
            y=np.hstack([rows, gap]).ravel().astype(np.float32),
            mode="lines",
            line={"width": 0.8, "color": "#7d8492"},
            hoverinfo="skip",
        ),
        row=1,
        col=1,
    )
    figure.update_xaxes(
        autorange="reversed", title_text="distance", showgrid=False, nticks=2, tickangle=0, row=1, col=1
    )


def one_filter(u: np.ndarray, v: np.ndarray, rate: int) -> go.Figure:
    """An encoder basis function u (L,) and its decoder partner v (L,): waveforms above spectra."""
    figure = make_subplots(rows=2, vertical_spacing=0.26)
    milliseconds = np.arange(len(u)) / rate * 1000
    for name, x, colour in (("encoder", u, ENCODER_COLOUR), ("decoder", v, DECODER_COLOUR)):
        size, frequencies = magnitudes(x[None], rate)
        line = {"color": colour, "width": 2}
        wave = go.Scatter(x=milliseconds, y=x, name=name, line=line, marker={"size": 4}, mode="lines+markers")
        spectrum = go.Scatter(x=frequencies, y=size[0], name=name, line=line, showlegend=False)
        figure.add_trace(wave, row=1, col=1)
        figure.add_trace(spectrum, row=2, col=1)
    figure.update_xaxes(title={"text": "Time (ms)", "standoff": 4}, row=1)
    figure.update_xaxes(title={"text": "Frequency (Hz)", "standoff": 4}, row=2)
    figure.update_yaxes(nticks=4, title_standoff=4)
    figure.update_yaxes(title_text="Amplitude", row=1)
    figure.update_yaxes(title_text="|FFT|", row=2)
    return legend_below(style(figure, 290))


def neighbour_waves(U: np.ndarray, numbers: np.ndarray, distances: np.ndarray, rate: int) -> go.Figure:
    """Filters `numbers` of U (N, L) side by side on one scale, each with its distance; each can be clicked."""
    figure = make_subplots(
        cols=len(numbers),
        shared_yaxes=True,
        horizontal_spacing=0.02,
        subplot_titles=[str(number) for number in numbers],
    )
    milliseconds = np.arange(U.shape[1]) / rate * 1000
    for column, (number, distance) in enumerate(zip(numbers, distances, strict=True), start=1):
        line = go.Scatter(
            x=milliseconds,
            y=U[number],
            mode="lines",
            line={"color": ENCODER_COLOUR, "width": 1.5},
            customdata=[[int(number)]] * U.shape[1],
            hovertemplate="Filter %{customdata[0]}<extra></extra>",
        )
        figure.add_trace(line, row=1, col=column)
        figure.update_xaxes(title={"text": f"{distance:.2g}", "standoff": 2}, row=1, col=column)
    figure.update_xaxes(showticklabels=False, ticks="")
    figure.update_yaxes(showticklabels=False)
    # Too small for the tools, which would cover the numbers.
    tools = ["toImage", "zoom", "pan", "zoomIn", "zoomOut", "autoScale", "resetScale"]
    unseen = {"remove": tools, "color": "rgba(0,0,0,0)", "activecolor": "rgba(0,0,0,0)"}
    margin = {"l": 4, "r": 4, "t": 20, "b": 20}
    return style(figure, 110).update_layout(margin=margin, modebar=unseen, dragmode=False)


def tuning_map(tunings: dict[str, Tuning], rate: int) -> go.Figure:
    """Where the filters of each model are tuned, against evenly spaced ones; below, each filter's bandwidth."""
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.6, 0.4])
    for (name, tuned), colour in zip(tunings.items(), MODEL_COLOURS, strict=False):
        edges, shares, even = histogram(tuned.peak_hz, rate)
        centres = (edges[1:] + edges[:-1]) / 2
        bars = go.Bar(x=centres, y=shares * 100, name=in_plot(name), marker={"color": colour, "opacity": 0.75})
        figure.add_trace(bars, row=1, col=1)
        points = _points(name, tuned, tuned.peak_hz, tuned.bandwidth_hz, colour, "peak %{x:.0f} Hz, width %{y:.0f} Hz")
        figure.add_trace(points.update(showlegend=False), row=2, col=1)
    for scale in SCALES:
        line = {"color": SCALE_COLOURS[scale], "shape": "hvh", "width": 2}
        even_ones = go.Scatter(x=centres, y=even[scale] * 100, name=f"even on {scale}", mode="lines", line=line)
        figure.add_trace(even_ones, row=1, col=1)
    figure.update_xaxes(range=[-rate / 100, rate / 2 * 1.02])
    figure.update_xaxes(title_text="Peak frequency (Hz)", row=2)
    figure.update_yaxes(title_text="Filters (%)", row=1)
    figure.update_yaxes(title_text="Bandwidth (Hz)", rangemode="tozero", row=2)
    figure.update_layout(bargap=0.05)
    return legend_below(style(figure, 440))


def phase_map(tunings: dict[str, Tuning], bands: list[PhaseBand], rate: int) -> go.Figure:
    """Phase against peak frequency, a point a filter, for each model; `bands` gives the grid.

    Filters of one frequency and many phases stand in columns: the paper's circular shift.
    """
    figure = go.Figure()
    for (name, tuned), colour in zip(tunings.items(), MODEL_COLOURS, strict=False):
        figure.add_trace(_points(name, tuned, tuned.peak_hz, tuned.phase_deg, colour, "%{x:.0f} Hz, %{y:.0f}°"))
    for band in bands[1:]:
        figure.add_vline(band.low_hz, line={"color": "#7d8492", "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="Peak frequency (Hz)", range=[-rate / 100, rate / 2 * 1.02])
    figure.update_yaxes(title_text="Phase (°)", range=[-190, 190], dtick=90)
    return legend_below(style(figure, 290))


def pair_map(encoders: dict[str, Tuning], decoders: dict[str, Tuning], rate: int) -> go.Figure:
    """Where each decoder filter is tuned against its encoder filter, for each model: on the diagonal, alike."""
    figure = go.Figure()
    for (name, encoder), colour in zip(encoders.items(), MODEL_COLOURS, strict=False):
        x, y = encoder.peak_hz, decoders[name].peak_hz
        figure.add_trace(_points(name, encoder, x, y, colour, "encoder %{x:.0f} Hz, decoder %{y:.0f} Hz"))
    ends = [-rate / 100, rate / 2 * 1.02]
    line = {"color": "#7d8492", "width": 1, "dash": "dot"}
    figure.add_shape(type="line", x0=0, y0=0, x1=rate / 2, y1=rate / 2, line=line, layer="below")
    figure.update_xaxes(title_text="Encoder's peak frequency (Hz)", range=ends)
    figure.update_yaxes(title_text="Decoder's peak frequency (Hz)", range=ends)
    return legend_below(style(figure, 320))


def _points(name: str, tuned: Tuning, x: np.ndarray, y: np.ndarray, colour: str, facts: str) -> go.Scatter:
    """A clickable point for each filter; `facts` is shown when the pointer is over it."""
    return go.Scatter(
        x=x,
        y=y,
        name=in_plot(name),
        meta=name,
        mode="markers",
        marker={"color": colour, "size": 6, "opacity": 0.75},
        customdata=tuned.number[:, None].tolist(),
        hovertemplate=f"Filter %{{customdata[0]}}: {facts}<extra></extra>",
    )
