"""Plotly figures of what goes on inside for one mixture (Fig. 2): arrays in, `go.Figure` out.

Rows of an image are filters in the order of its `Picture`, from the bottom up.
"""

import base64
import io
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.colors import hex_to_rgb, sample_colorscale
from plotly.subplots import make_subplots

from analysis.network.learned_masks import MaskStatistics
from analysis.network.pooling import column_starts, outline, pooled_means
from analysis.network.receptive_field import ReceptiveField
from analysis.network.representation import Picture

from .filters import WAVE_SCALE
from .palette import LEVEL_SCALE, MIXTURE_COLOUR, legend_below, speaker_colour, style, titles_below_tools

WAVE_HEIGHT, IMAGE_HEIGHT, GAP = 60, 120, 22
BASIS_SHARE = 0.075  # of the width, for the basis functions at either side
WAVE_COLUMNS = 1500
SKIP_RANGE_DB = 30
LOUDEST = 99.8  # percentile of magnitude that is drawn fully bright
SUM_COLOURS = ("#b0b4bd", "#8a4fd3")
CURSOR = {"color": "#f2b41c", "width": 1.5}


def brightness(values: np.ndarray) -> np.ndarray:
    """Magnitudes as brightness from 0 to 1: their square root, which lifts what is faint."""
    size = np.abs(values)
    top = np.percentile(size, LOUDEST) or size.max() or 1
    return np.sqrt(np.minimum(size / top, 1))


def owner_colours(w: np.ndarray, power: np.ndarray) -> np.ndarray:
    """The encoder representation in colour, uint8 (N, columns, 3), as in Fig. 2.

    Brightness is the magnitude of w (N, columns). The hue is the colour of the speaker with the
    largest `power` (S, N, columns) there, fading to white as the second comes up to the first.
    """
    ranked = np.sort(power, axis=0)[::-1]
    first, second = ranked[0], ranked[1] if len(ranked) > 1 else np.zeros_like(ranked[0])
    total = first + second
    lead = np.divide(first - second, total, out=np.zeros_like(total), where=total > 0)[..., None]
    palette = np.array([hex_to_rgb(speaker_colour(s)) for s in range(len(power))], dtype=np.float32)
    colour = (1 - lead) * 255 + lead * palette[power.argmax(0)]
    return (colour * brightness(w)[..., None]).round().astype(np.uint8)


def time_axis(start: float, stop: float) -> dict:
    """An axis of time from `start` to `stop` (s), for `update_xaxes`: in ms where it is shorter than a second."""
    axis = {"range": [start, stop], "title_text": "Time (s)", "showgrid": False}
    if stop - start >= 1:
        return axis
    least = (stop - start) / 6 * 1000
    decade = 10.0 ** np.floor(np.log10(least))
    step = decade * next(nice for nice in (1, 2, 5, 10) if nice * decade >= least)
    ticks = np.arange(np.ceil(start * 1000 / step), np.floor(stop * 1000 / step) + 1) * step
    return axis | {"title_text": "Time (ms)", "tickvals": ticks / 1000, "ticktext": [f"{tick:.10g}" for tick in ticks]}


RANK_AXIS = "Rank in the order · peak (kHz)"


def rank_ticks(peaks_hz: np.ndarray, count: int) -> dict:
    """Ticks of an axis of filters in order: the rank of about `count` of them, and where each is tuned, in kHz.

    An order is not a scale: filters between two ranks need not have their peaks between those of the two.
    """
    rows = np.unique(np.linspace(0, len(peaks_hz) - 1, count).round().astype(int))
    tuned = ["–" if np.isnan(hz) else f"{hz / 1000:.2g}" for hz in peaks_hz[rows]]
    return {"tickvals": rows, "ticktext": [f"{row} · {peak}" for row, peak in zip(rows, tuned, strict=True)]}


def inside(
    seen: Picture,
    mixture: np.ndarray,
    sources: np.ndarray,
    rate: int,
    U: np.ndarray,
    V: np.ndarray,
    peaks_hz: np.ndarray,
    names: Sequence[str],
) -> go.Figure:
    """The mixture, w, and the masks m_i, masked d_i and waveforms, stage by stage, on one time axis (Fig. 2).

    `mixture` (T,) and `sources` (C, T) are whole signals; the stretch of `seen` is drawn, on one scale. Each
    row of filters stands between its encoder and its decoder basis function, of U and V (N, L); `peaks_hz` (N,) says
    where the encoder's are tuned. All three are in the order of `seen`. `names` are those of the sources. The axes are
    fixed.
    """
    C = len(sources)
    stages = [f"Mask m<sub>{s}</sub>" for s in range(1, C + 1)]
    stages += [f"Masked d<sub>{s}</sub> = m<sub>{s}</sub> w" for s in range(1, C + 1)]
    images = [Image.fromarray(owner_colours(seen.w, seen.power))]
    images += [_tinted(mask.clip(0, 1), speaker_colour(s)) for s, mask in enumerate(seen.masks)]
    images += [_tinted(brightness(d), speaker_colour(s)) for s, d in enumerate(seen.d)]
    heights = [WAVE_HEIGHT, *(IMAGE_HEIGHT,) * len(images), *(WAVE_HEIGHT,) * C]
    length = U.shape[1] / rate * 1000  # ms
    titles = ["Mixture", f"U, {length:.3g} ms", "Encoder representation w", f"V, {length:.3g} ms"]
    for name in stages:
        titles += ["", name, ""]
    titles += [f"{name}, separated" for name in names]
    alone: list[dict | None] = [None, {}, None]
    between: list[dict] = [{}, {}, {}]
    figure = make_subplots(
        rows=len(heights),
        cols=3,
        specs=[alone, *(between,) * len(images), *(alone,) * C],
        shared_xaxes="columns",
        shared_yaxes="rows",
        vertical_spacing=GAP / (sum(heights) + GAP * len(heights)),
        horizontal_spacing=0.012,
        row_heights=heights,
        column_widths=[BASIS_SHARE, 1 - 2 * BASIS_SHARE, BASIS_SHARE],
        subplot_titles=titles,
    )
    start, stop = seen.edges[0], seen.edges[-1]
    here = slice(max(0, int(start * rate)), int(np.ceil(stop * rate)) + 1)
    top = max(float(np.abs(signals[..., here]).max(initial=0)) for signals in (mixture, sources)) or 1.0
    for row, samples, colour in [
        (1, mixture, MIXTURE_COLOUR),
        *((len(heights) - C + 1 + s, sources[s], speaker_colour(s)) for s in range(C)),
    ]:
        _wave(figure, row, samples[here], here.start, rate, top, colour)
    encoder, decoder = _signed(U), _signed(V)
    for row, image in enumerate(images, start=2):
        _image(figure, row, 1, encoder, (0, length))
        _image(figure, row, 2, image, (start, stop))
        _image(figure, row, 3, decoder, (0, length))
        figure.update_yaxes(range=[-0.5, len(seen.w) - 0.5], row=row)
        figure.update_yaxes(title_text="Rank · kHz", **rank_ticks(peaks_hz, 5), row=row, col=1)
    for column in (1, 3):
        figure.update_xaxes(range=[0, length], showticklabels=False, ticks="", col=column)
    mark_time(figure, range(1, len(heights) + 1), 2, start, stop)
    figure.layout.meta = figure.layout.meta | {"filters": figure.layout.meta["time"][1 : len(images) + 1]}
    figure.update_yaxes(showgrid=False, zeroline=False)
    return style(figure, 72 + sum(heights) + GAP * len(heights))


def mark_time(figure: go.Figure, rows: Sequence[int], column: int, start: float, stop: float) -> None:
    """Give these subplots an axis of time, and say in the figure's `meta` which they are and what they show.

    `meta["time"]` names them as Plotly does ("xy", "x2y2", ...), `meta["stretch"]` is [start, stop] in s. In
    `inside`, `meta["filters"]` names those of them whose rows are filters.
    """
    axis = time_axis(start, stop)
    for row in rows:
        figure.update_xaxes(axis, row=row, col=column)
        if row != rows[-1]:
            figure.update_xaxes(title_text="", ticks="", row=row, col=column)
    axes = [figure.get_subplot(row, column) for row in rows]
    names = [(one.xaxis.plotly_name + one.yaxis.plotly_name).replace("axis", "") for one in axes]
    figure.update_layout(meta={"time": names, "stretch": [float(start), float(stop)]}, dragmode=False)
    figure.update_xaxes(fixedrange=True, tickangle=0)
    figure.update_yaxes(fixedrange=True)


def _tinted(values: np.ndarray, colour: str) -> Image.Image:
    """Values from 0 to 1 as black, over `colour` at 3/4, to its light tone."""
    stops = np.array([(0, 0, 0), hex_to_rgb(colour), hex_to_rgb(colour)], dtype=float)
    stops[2] = (stops[2] + 255) / 2
    ramp = [np.interp(np.linspace(0, 1, 256), (0, 0.75, 1), channel) for channel in stops.T]
    picture = Image.fromarray((values * 255).round().astype(np.uint8), mode="P")
    picture.putpalette(np.stack(ramp, axis=1).round().astype(np.uint8).tobytes())
    return picture


def _signed(rows: np.ndarray) -> Image.Image:
    """Basis functions (N, L) from blue over white to red, strong ones at full colour."""
    top = np.percentile(np.abs(rows), LOUDEST) or np.abs(rows).max() or 1
    ramp = np.array(sample_colorscale(WAVE_SCALE, np.linspace(0, 1, 256), colortype="tuple")) * 255
    picture = Image.fromarray(((rows / top).clip(-1, 1) * 127.5 + 127.5).round().astype(np.uint8), mode="P")
    picture.putpalette(ramp.round().astype(np.uint8).tobytes())
    return picture


def _image(figure: go.Figure, row: int, column: int, picture: Image.Image, ends: tuple[float, float]) -> None:
    """`picture` between the `ends` of the axis, as PNG, which a browser draws at once; a heat map takes it seconds."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    width = (ends[1] - ends[0]) / picture.width
    figure.add_trace(
        go.Image(
            source="data:image/png;base64," + base64.b64encode(file.getvalue()).decode(),
            x0=ends[0] + width / 2,
            dx=width,
            hoverinfo="skip",
        ),
        row=row,
        col=column,
    )
    # An image trace would make its pixels square.
    figure.update_xaxes(scaleanchor=False, row=row, col=column)
    figure.update_yaxes(scaleanchor=False, row=row, col=column)


def _wave(figure: go.Figure, row: int, samples: np.ndarray, first: int, rate: int, top: float, colour: str) -> None:
    """`samples`, of which the first is sample `first` of the sound, between -`top` and `top`."""
    index, value = outline(samples, WAVE_COLUMNS)
    line = go.Scatter(
        x=((first + index) / rate).astype(np.float32),
        y=value.astype(np.float32),
        mode="lines",
        line={"color": colour, "width": 1},
        hoverinfo="skip",
    )
    figure.add_trace(line, row=row, col=2)
    tick = float(f"{top:.0e}")
    figure.update_yaxes(range=[-1.1 * top, 1.1 * top], tickvals=[-tick, 0, tick], tickformat=".2~g", row=row)


def frame(
    order: np.ndarray,
    w: np.ndarray,
    masks: np.ndarray,
    d: np.ndarray,
    clean: np.ndarray | None,
    peaks_hz: np.ndarray,
    outputs: Sequence[str],
) -> go.Figure:
    """One frame over the filters: w (N,), masks (C, N), d (C, N) and, where known, clean (S, N).

    All but the masks are drawn relative to the largest |w|. `peaks_hz` (N,), as the rest in the trained order, says
    where the filters are tuned; `outputs` are their names, and those of the clean signals.
    """
    names = ["w", "Masks m", "Masked d = m w"] + (["Clean signals alone"] if clean is not None else [])
    figure = make_subplots(rows=len(names), shared_xaxes=True, vertical_spacing=0.08, subplot_titles=names)
    rows = np.arange(len(order))
    scale = float(np.abs(w).max()) or 1.0

    def step(values: np.ndarray, row: int, name: str, colour: str) -> None:
        trace = go.Scatter(
            x=rows,
            y=values[order],
            name=name,
            mode="lines",
            line={"color": colour, "shape": "hvh", "width": 1.5},
            customdata=np.stack([order, peaks_hz[order]], axis=1).tolist(),
            hovertemplate="filter %{customdata[0]:.0f}, peak %{customdata[1]:.0f} Hz: %{y:.3g}",
            showlegend=row == 2,
        )
        figure.add_trace(trace, row=row, col=1)

    step(w / scale, 1, "mixture", MIXTURE_COLOUR)
    for row, values in ((2, masks), (3, d / scale), (4, None if clean is None else clean / scale)):
        for speaker, line in enumerate(values if values is not None else ()):
            step(line, row, outputs[speaker], speaker_colour(speaker))
    figure.update_xaxes(**rank_ticks(peaks_hz[order], 9))
    figure.update_xaxes(title_text=RANK_AXIS, row=len(names))
    figure.update_yaxes(title_text="of max |w|")
    figure.update_yaxes(title_text="0 to 1", rangemode="tozero", row=2)
    return legend_below(titles_below_tools(style(figure, 90 + 130 * len(names))))


def mask_sums(statistics: dict[str, MaskStatistics]) -> go.Figure:
    """How often the speakers' masks sum to what, for each way of counting (name -> statistics)."""
    figure = go.Figure()
    for (name, found), colour in zip(statistics.items(), SUM_COLOURS, strict=True):
        centres = (found.sum_edges[1:] + found.sum_edges[:-1]) / 2
        shares = found.sum_shares * 100
        figure.add_trace(go.Bar(x=centres, y=shares, name=name, marker={"color": colour}))
    figure.add_vline(1, line={"color": "#7d8492", "dash": "dot", "width": 1})
    figure.update_xaxes(title_text="Sum of the masks over the outputs")
    figure.update_yaxes(title_text="Cells (%)")
    return legend_below(style(figure, 280))


def skips(levels: np.ndarray, start: float, stop: float, dilations: tuple[int, ...]) -> go.Figure:
    """How much each 1-D conv block adds to the skip sum over time: levels (blocks, K), in dB.

    The K frames are drawn from `start` to `stop` (s). Pooled by the root mean square to `WAVE_COLUMNS`
    columns; decibels are relative to the largest.
    """
    starts = column_starts(levels.shape[1], WAVE_COLUMNS)
    pooled = np.sqrt(pooled_means(np.square(levels), starts))
    floor = 10 ** (-SKIP_RANGE_DB / 20)
    db = 20 * np.log10(np.maximum(pooled / (pooled.max() or 1), floor))
    repeats = len(dilations) // len(set(dilations))
    blocks = len(dilations) // repeats
    width = (stop - start) / len(starts)
    figure = make_subplots()
    figure.add_trace(
        go.Heatmap(
            z=db.round().astype(np.int8),
            x0=start + width / 2,
            dx=width,
            zmin=-SKIP_RANGE_DB,
            zmax=0,
            colorscale=LEVEL_SCALE,
            colorbar={"title": {"text": "dB re largest", "side": "right"}, "thickness": 12, "outlinewidth": 0},
            customdata=np.broadcast_to(np.array(dilations)[:, None], db.shape),
            hovertemplate="%{x:.3f} s, block %{y}, dilation %{customdata}: %{z} dB<extra></extra>",
        )
    )
    ticks = np.arange(len(dilations))
    figure.update_yaxes(
        title_text="Block (repeat · dilation)",
        tickvals=ticks,
        ticktext=[f"{i // blocks + 1} · {dilation}" for i, dilation in enumerate(dilations)],
        tickfont={"size": 9},
        range=[len(dilations) - 0.5, -0.5],
    )
    mark_time(figure, [1], 1, start, stop)
    return style(figure, 110 + 16 * len(dilations))


def receptive_field_map(found: ReceptiveField, mixture: np.ndarray, rate: int, moment: float) -> go.Figure:
    """The receptive field of the frame at `moment` (s) on the waveform: measured and by formula."""
    figure = make_subplots(specs=[[{"secondary_y": True}]])
    first, last = found.first, found.first + len(found.sensitivity)
    index, value = outline(mixture[first:last], WAVE_COLUMNS)
    wave = go.Scatter(x=(first + index) / rate, y=value, name="mixture", line={"color": MIXTURE_COLOUR, "width": 1})
    starts = column_starts(len(found.sensitivity), WAVE_COLUMNS)
    peaks = np.maximum.reduceat(found.sensitivity, starts)
    db = 20 * np.log10(np.maximum(peaks / (peaks.max() or 1), 1e-6))
    sensitivity = go.Scatter(
        x=(first + starts) / rate,
        y=np.where(peaks > 0, db, np.nan),
        name="sensitivity",
        line={"color": speaker_colour(0), "width": 1.5},
    )
    figure.add_trace(wave)
    figure.add_trace(sensitivity, secondary_y=True)
    figure.add_vrect(found.begin / rate, found.end / rate, fillcolor=speaker_colour(0), opacity=0.1, line_width=0)
    figure.add_vline(moment, line=CURSOR)
    figure.update_xaxes(**time_axis(first / rate, last / rate))
    figure.update_yaxes(title_text="Amplitude (full scale 1)", secondary_y=False)
    figure.update_yaxes(title_text="dB re strongest", range=[-125, 5], dtick=20, secondary_y=True, showgrid=False)
    return legend_below(style(figure, 260))
