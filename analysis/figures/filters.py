"""Plotly figures of the basis functions (Fig. 5): take arrays, return a `go.Figure`.

Rows of a map are filters in the order given, from the bottom up. A figure that can be clicked puts
the filter's number first in `customdata`, as lists: arrays do not come back from the browser.
"""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.network.basis import Tree, Tuning, magnitudes
from analysis.network.basis_set import SCALES, PhaseBand, histogram

from .palette import LEVEL_SCALE, style

ENCODER_COLOUR, DECODER_COLOUR = "#8a4fd3", "#e08a1e"
MODEL_COLOURS = (ENCODER_COLOUR, "#7d8492")
SCALE_COLOURS = {"mel": "#2e9e5b", "ERB": "#2f6fde", "linear": "#b0b4bd"}
WAVE_SCALE = "RdBu_r"
MAP_POINTS = 256
MAP_HEIGHT = 640
LOUDEST = 99.5  # percentile where colour scales end: one strong filter must not darken the rest


def filter_maps(
    U: np.ndarray,
    V: np.ndarray,
    rate: int,
    order: np.ndarray,
    tuning: Tuning,
    tree: Tree | None = None,
) -> go.Figure:
    """Encoder and decoder rows (N, L) and their FFT magnitudes as four aligned maps, as in Fig. 5.

    All rows follow `order` (N,) and zoom together, waveforms in ms and spectra in Hz; `tree`, where
    given, stands beside them. Every row of every map can be clicked.
    """
    N, L = U.shape
    milliseconds = (np.arange(L) + 0.5) / rate * 1000
    maps = {"Encoder U": (milliseconds, U), "Decoder V": (milliseconds, V)}
    for name, vectors in (("|FFT| of U", U), ("|FFT| of V", V)):
        size, frequencies = magnitudes(vectors, rate, MAP_POINTS)
        maps[name] = (frequencies, size)

    figure = make_subplots(
        cols=5 if tree else 4,
        shared_yaxes=True,
        horizontal_spacing=0.025,
        column_widths=[0.1, 0.2, 0.2, 0.25, 0.25] if tree else [0.22, 0.22, 0.28, 0.28],
        subplot_titles=(["UPGMA"] if tree else []) + list(maps),
    )
    first = 2 if tree else 1
    for column, (x, values) in enumerate(maps.values(), start=first):
        signed = x is milliseconds
        _map(figure, column, x, values[order], signed)
        _click_targets(figure, column, x, order, tuning)
        figure.update_xaxes(
            title_text="ms" if signed else "Hz",
            range=[0, L / rate * 1000] if signed else [0, rate / 2],
            nticks=4 if signed else 3,
            tickangle=0,
            col=column,
        )
    # Encoder and decoder share their axis of time and that of frequency.
    figure.update_xaxes(matches=f"x{first}".removesuffix("1"), col=first + 1)
    figure.update_xaxes(matches=f"x{first + 2}", col=first + 3)
    if tree:
        _dendrogram(figure, tree)
    figure.update_yaxes(range=[-0.5, N - 0.5], showgrid=False, zeroline=False)
    figure.update_yaxes(title_text="Filters, in order", col=1)
    figure.update_layout(barmode="overlay", bargap=0, dragmode="zoom")
    return style(figure, MAP_HEIGHT)


def _map(figure: go.Figure, column: int, x: np.ndarray, rows: np.ndarray, signed: bool) -> None:
    top = float(np.percentile(np.abs(rows), LOUDEST)) or float(np.abs(rows).max()) or 1.0
    figure.add_trace(
        go.Heatmap(
            z=rows.astype(np.float32),
            x=x.astype(np.float32),
            zmin=-top if signed else 0,
            zmax=top,
            colorscale=WAVE_SCALE if signed else LEVEL_SCALE,
            showscale=False,
            hoverinfo="skip",
        ),
        row=1,
        col=column,
    )


def _click_targets(figure: go.Figure, column: int, x: np.ndarray, order: np.ndarray, tuning: Tuning) -> None:
    """An invisible bar over each row: a heat map itself tells nobody where it was clicked."""
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
            selected={"marker": {"opacity": 0.45}},
            unselected={"marker": {"opacity": 0}},
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
    """An encoder basis function u (L,) and its decoder partner v (L,): waveforms and spectra."""
    figure = make_subplots(cols=2, horizontal_spacing=0.1, subplot_titles=["Waveform", "FFT magnitude"])
    milliseconds = np.arange(len(u)) / rate * 1000
    for name, x, colour in (("encoder", u, ENCODER_COLOUR), ("decoder", v, DECODER_COLOUR)):
        size, frequencies = magnitudes(x[None], rate)
        line = {"color": colour, "width": 2}
        wave = go.Scatter(x=milliseconds, y=x, name=name, line=line, mode="lines+markers")
        spectrum = go.Scatter(x=frequencies, y=size[0], name=name, line=line, showlegend=False)
        figure.add_trace(wave, row=1, col=1)
        figure.add_trace(spectrum, row=1, col=2)
    figure.update_xaxes(title_text="Time (ms)", col=1)
    figure.update_xaxes(title_text="Frequency (Hz)", col=2)
    return style(figure, 300).update_layout(showlegend=True, legend={"orientation": "h", "y": 1.2})


def neighbour_waves(U: np.ndarray, numbers: np.ndarray, distances: np.ndarray, rate: int) -> go.Figure:
    """Filters `numbers` of U (N, L) side by side on one scale, each with its distance."""
    figure = make_subplots(
        cols=len(numbers),
        shared_yaxes=True,
        horizontal_spacing=0.02,
        subplot_titles=[f"Filter {number}" for number in numbers],
    )
    milliseconds = np.arange(U.shape[1]) / rate * 1000
    for column, (number, distance) in enumerate(zip(numbers, distances, strict=True), start=1):
        line = go.Scatter(x=milliseconds, y=U[number], mode="lines", line={"color": ENCODER_COLOUR})
        figure.add_trace(line, row=1, col=column)
        figure.update_xaxes(title_text=f"d = {distance:.2g}", nticks=4, row=1, col=column)
    return style(figure, 190)


def tuning_histogram(peaks_hz: dict[str, np.ndarray], rate: int) -> go.Figure:
    """Where the filters of each model (name -> peaks (N,)) are tuned, against evenly spaced ones."""
    figure = go.Figure()
    for (name, peaks), colour in zip(peaks_hz.items(), MODEL_COLOURS, strict=False):
        edges, shares, even = histogram(peaks, rate)
        centres = (edges[1:] + edges[:-1]) / 2
        figure.add_trace(go.Bar(x=centres, y=shares * 100, name=name, marker={"color": colour, "opacity": 0.75}))
    for scale in SCALES:
        line = {"color": SCALE_COLOURS[scale], "shape": "hvh", "width": 2}
        figure.add_trace(go.Scatter(x=centres, y=even[scale] * 100, name=f"even on {scale}", mode="lines", line=line))
    figure.update_xaxes(title_text="Peak frequency (Hz)", range=[0, rate / 2])
    figure.update_yaxes(title_text="Filters (%)")
    figure.update_layout(bargap=0.05)
    return style(figure, 320).update_layout(showlegend=True, legend={"orientation": "h", "y": 1.15})


def phase_map(tunings: dict[str, Tuning], bands: list[PhaseBand], rate: int) -> go.Figure:
    """Phase against peak frequency, a point a filter, for each model; `bands` gives the grid.

    Filters of one frequency and many phases stand in columns: the paper's circular shift.
    """
    figure = go.Figure()
    for (name, tuned), colour in zip(tunings.items(), MODEL_COLOURS, strict=False):
        figure.add_trace(
            go.Scatter(
                x=tuned.peak_hz,
                y=tuned.phase_deg,
                name=name,
                mode="markers",
                marker={"color": colour, "size": 6, "opacity": 0.75},
                customdata=tuned.number[:, None].tolist(),
                hovertemplate="Filter %{customdata[0]}: %{x:.0f} Hz, %{y:.0f}°<extra></extra>",
            )
        )
    for band in bands[1:]:
        figure.add_vline(band.low_hz, line={"color": "#7d8492", "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="Peak frequency (Hz)", range=[-rate / 100, rate / 2 * 1.02])
    figure.update_yaxes(title_text="Phase (°)", range=[-190, 190], dtick=90)
    return style(figure, 320).update_layout(showlegend=True, legend={"orientation": "h", "y": 1.15})
