"""Plotly figures of what goes on inside for one mixture (Fig. 2): arrays in, `go.Figure` out.

Rows of an image are filters in the order of its `Picture`, from the bottom up.
"""

import base64
import io

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.colors import hex_to_rgb
from plotly.subplots import make_subplots

from analysis.network.learned_masks import MaskStatistics
from analysis.network.pooling import column_starts, outline
from analysis.network.receptive_field import ReceptiveField
from analysis.network.representation import Picture

from .palette import LEVEL_SCALE, MIXTURE_COLOUR, speaker_colour, style

WAVE_HEIGHT, IMAGE_HEIGHT = 70, 150
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


def inside(
    seen: Picture,
    mixture: np.ndarray,
    sources: np.ndarray,
    rate: int,
    cursor: float | None = None,
) -> go.Figure:
    """The mixture, w, and each speaker's mask m_i, d_i and waveform on one time axis (Fig. 2).

    `mixture` (T,) and `sources` (C, T) are whole signals; what `seen` shows of them is drawn. A
    stretch of time can be selected by dragging; `cursor` marks a time in seconds.
    """
    C = len(sources)
    heights = [WAVE_HEIGHT, IMAGE_HEIGHT] + [IMAGE_HEIGHT, IMAGE_HEIGHT, WAVE_HEIGHT] * C
    titles = ["Mixture", "Encoder representation w, coloured by speaker"]
    for speaker in range(1, C + 1):
        titles += [f"Speaker {speaker}: {what}" for what in ("mask m", "masked d = m w", "estimate")]
    figure = make_subplots(
        rows=len(heights),
        shared_xaxes=True,
        vertical_spacing=22 / (sum(heights) + 22 * len(heights)),
        row_heights=heights,
        subplot_titles=titles,
    )
    start, stop = seen.edges[0], seen.edges[-1]
    _wave(figure, 1, mixture, rate, start, stop, MIXTURE_COLOUR)
    _image(figure, 2, seen, Image.fromarray(owner_colours(seen.w, seen.power)))
    for speaker in range(C):
        row, colour = 3 + 3 * speaker, speaker_colour(speaker)
        _image(figure, row, seen, _tinted(seen.masks[speaker].clip(0, 1), colour))
        _image(figure, row + 1, seen, _tinted(brightness(seen.d[speaker]), colour))
        _wave(figure, row + 2, sources[speaker], rate, start, stop, colour)
    for row in [2] + [3 + 3 * s + image for s in range(C) for image in (0, 1)]:
        figure.update_yaxes(title_text="Filters", row=row)
        figure.update_yaxes(range=[-0.5, len(seen.w) - 0.5], showgrid=False, row=row)
    figure.update_xaxes(range=[start, stop], showgrid=False)
    figure.update_xaxes(title_text="Time (s)", row=len(heights))
    figure.update_layout(dragmode="select", selectdirection="h")
    if cursor is not None:
        figure.add_vline(cursor, line=CURSOR)
    return style(figure, 80 + sum(heights) + 22 * len(heights))


def _tinted(values: np.ndarray, colour: str) -> Image.Image:
    """Values from 0 to 1 as black, over `colour` at 3/4, to its light tone."""
    stops = np.array([(0, 0, 0), hex_to_rgb(colour), hex_to_rgb(colour)], dtype=float)
    stops[2] = (stops[2] + 255) / 2
    ramp = [np.interp(np.linspace(0, 1, 256), (0, 0.75, 1), channel) for channel in stops.T]
    picture = Image.fromarray((values * 255).round().astype(np.uint8), mode="P")
    picture.putpalette(np.stack(ramp, axis=1).round().astype(np.uint8).tobytes())
    return picture


def _image(figure: go.Figure, row: int, seen: Picture, picture: Image.Image) -> None:
    """As PNG, which a browser draws at once; a heat map of so many cells takes it seconds."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    columns = len(seen.edges) - 1
    width = (seen.edges[-1] - seen.edges[0]) / columns
    figure.add_trace(
        go.Image(
            source="data:image/png;base64," + base64.b64encode(file.getvalue()).decode(),
            x0=seen.edges[0] + width / 2,
            dx=width,
            hovertemplate="%{x:.3f} s, row %{y}<extra></extra>",
        ),
        row=row,
        col=1,
    )
    # An image trace would make its pixels square.
    figure.update_xaxes(scaleanchor=False, row=row)
    figure.update_yaxes(scaleanchor=False, row=row)


def _wave(
    figure: go.Figure,
    row: int,
    samples: np.ndarray,
    rate: int,
    start: float,
    stop: float,
    colour: str,
) -> None:
    first = max(0, int(start * rate))
    index, value = outline(samples[first : int(np.ceil(stop * rate)) + 1], WAVE_COLUMNS)
    line = go.Scatter(
        x=((first + index) / rate).astype(np.float32),
        y=value.astype(np.float32),
        mode="lines",
        line={"color": colour, "width": 1},
        hoverinfo="skip",
    )
    figure.add_trace(line, row=row, col=1)
    figure.update_yaxes(showticklabels=False, showgrid=False, row=row)


def frame(
    order: np.ndarray,
    w: np.ndarray,
    masks: np.ndarray,
    d: np.ndarray,
    clean: np.ndarray | None = None,
) -> go.Figure:
    """One frame over the filters: w (N,), masks (C, N), d (C, N) and, where known, clean (S, N)."""
    names = ["w", "Masks m", "Masked d = m w"] + (["Clean speakers alone"] if clean is not None else [])
    figure = make_subplots(rows=len(names), shared_xaxes=True, vertical_spacing=0.08, subplot_titles=names)
    rows = np.arange(len(order))

    def step(values: np.ndarray, row: int, name: str, colour: str) -> None:
        trace = go.Scatter(
            x=rows,
            y=values[order],
            name=name,
            mode="lines",
            line={"color": colour, "shape": "hvh", "width": 1.5},
            customdata=order,
            hovertemplate="filter %{customdata}: %{y:.3g}",
            showlegend=row == 2,
        )
        figure.add_trace(trace, row=row, col=1)

    step(w, 1, "mixture", MIXTURE_COLOUR)
    for row, values in ((2, masks), (3, d), (4, clean)):
        for speaker, line in enumerate(values if values is not None else ()):
            step(line, row, f"Speaker {speaker + 1}", speaker_colour(speaker))
    figure.update_xaxes(title_text="Filters, in order", row=len(names))
    figure.update_yaxes(rangemode="tozero", row=2)
    return style(figure, 60 + 130 * len(names)).update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.1, "x": 1, "xanchor": "right"}
    )


def mask_sums(statistics: dict[str, MaskStatistics]) -> go.Figure:
    """How often the speakers' masks sum to what, for each way of counting (name -> statistics)."""
    figure = go.Figure()
    for (name, found), colour in zip(statistics.items(), SUM_COLOURS, strict=True):
        centres = (found.sum_edges[1:] + found.sum_edges[:-1]) / 2
        shares = found.sum_shares * 100
        figure.add_trace(go.Bar(x=centres, y=shares, name=name, marker={"color": colour}))
    figure.add_vline(1, line={"color": "#7d8492", "dash": "dot", "width": 1})
    figure.update_xaxes(title_text="Sum of the masks over the speakers")
    figure.update_yaxes(title_text="Cells (%)")
    return style(figure, 280).update_layout(showlegend=True, legend={"orientation": "h", "y": 1.15})


def skips(levels: np.ndarray, seconds: np.ndarray, dilations: tuple[int, ...]) -> go.Figure:
    """How much each 1-D conv block adds to the skip sum over time: levels (blocks, K), in dB.

    `seconds` (K,) are the frames' times. Pooled by the maximum to `WAVE_COLUMNS` columns; decibels
    are relative to the largest.
    """
    starts = column_starts(levels.shape[1], WAVE_COLUMNS)
    pooled = np.maximum.reduceat(levels, starts, axis=1)
    floor = 10 ** (-SKIP_RANGE_DB / 20)
    db = 20 * np.log10(np.maximum(pooled / (pooled.max() or 1), floor))
    repeats = len(dilations) // len(set(dilations))
    blocks = len(dilations) // repeats
    figure = go.Figure(
        go.Heatmap(
            z=db.round().astype(np.int8),
            x0=float(seconds[0]),
            dx=float(seconds[-1] - seconds[0]) / max(len(starts) - 1, 1),
            zmin=-SKIP_RANGE_DB,
            zmax=0,
            colorscale=LEVEL_SCALE,
            colorbar={"title": {"text": "dB"}, "thickness": 12, "outlinewidth": 0},
            customdata=np.broadcast_to(np.array(dilations)[:, None], db.shape),
            hovertemplate="%{x:.2f} s, block %{y}, dilation %{customdata}: %{z} dB<extra></extra>",
        )
    )
    ticks = np.arange(len(dilations))
    figure.update_yaxes(
        title_text="Block (repeat · dilation)",
        tickvals=ticks,
        ticktext=[f"{i // blocks + 1} · {dilation}" for i, dilation in enumerate(dilations)],
        tickfont={"size": 9},
        autorange="reversed",
    )
    figure.update_xaxes(title_text="Time (s)")
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
        name="sensitivity (dB)",
        line={"color": speaker_colour(0), "width": 1.5},
    )
    figure.add_trace(wave)
    figure.add_trace(sensitivity, secondary_y=True)
    figure.add_vrect(found.begin / rate, found.end / rate, fillcolor=speaker_colour(0), opacity=0.1, line_width=0)
    figure.add_vline(moment, line=CURSOR)
    figure.update_xaxes(title_text="Time (s)")
    figure.update_yaxes(title_text="dB", range=[-125, 5], dtick=20, secondary_y=True, showgrid=False)
    return style(figure, 260).update_layout(showlegend=True, legend={"orientation": "h", "y": 1.2})
