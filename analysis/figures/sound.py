"""Pictures of sound: spectrograms and masks in the STFT domain."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.network.pooling import pooled_means
from analysis.scores.ideal_masks import frequencies, stft, times
from analysis.text import in_plot

from .palette import LEVEL_SCALE, MASK_SCALE, style, titles_below_tools

DYNAMIC_RANGE_DB = 70
MAX_COLUMNS = 1500


def _columns(image: np.ndarray, mean: bool) -> tuple[np.ndarray, int]:
    """`image` (F, frames) pooled in time to at most `MAX_COLUMNS` columns by mean or maximum, and frames a column."""
    step = -(-image.shape[1] // MAX_COLUMNS)
    if step == 1:
        return image, 1
    starts = np.arange(0, image.shape[1], step)
    return pooled_means(image, starts) if mean else np.maximum.reduceat(image, starts, axis=1), step


def _image(image: np.ndarray, rate: int, *, mean: bool = False, **style: object) -> go.Heatmap:
    """A time-frequency `image` (F, frames) with axes in s and kHz; a long one pooled by its `mean` or its maximum."""
    pooled, step = _columns(image, mean)
    return go.Heatmap(
        z=pooled,
        x=times(image.shape[1], rate)[::step],
        y=frequencies(rate) / 1000,
        **style,
    )


def spectrograms(signals: dict[str, np.ndarray], rate: int) -> go.Figure:
    """Spectrograms of `signals` (name -> samples (T,)), one below the other on one time axis and one level scale.

    The levels are dB relative to the loudest bin of all of them, so that brightness can be compared between rows.
    """
    levels = {name: 20 * np.log10(np.abs(stft(x, rate)) + 1e-9) for name, x in signals.items()}
    top = max(level.max() for level in levels.values())
    figure = make_subplots(
        rows=len(levels),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.22 / len(levels),
        subplot_titles=[*map(in_plot, levels)],
    )
    for row, (name, level) in enumerate(levels.items(), start=1):
        # Whole decibels in one byte: a tenth of the data for the browser, and no visible difference.
        image = np.clip(level - top, -DYNAMIC_RANGE_DB, 0).round().astype(np.int8)
        figure.add_trace(
            _image(
                image,
                rate,
                coloraxis="coloraxis",
                hovertemplate="%{x:.2f} s, %{y:.2f} kHz: %{z} dB<extra>" + in_plot(name) + "</extra>",
            ),
            row=row,
            col=1,
        )
        figure.update_yaxes(title_text="kHz", row=row, col=1)
    figure.update_xaxes(title_text="Time (s)", row=len(levels), col=1)
    figure.update_layout(
        coloraxis={
            "colorscale": LEVEL_SCALE,
            "cmin": -DYNAMIC_RANGE_DB,
            "cmax": 0,
            "colorbar": {"title": {"text": "dB"}, "thickness": 12, "outlinewidth": 0},
        }
    )
    return style(figure, 90 + 140 * len(levels))


def level_image(x: np.ndarray, rate: int) -> go.Heatmap:
    """The spectrogram of `x` (T,) as a picture to draw on: dB re its loudest bin, without a text of its own."""
    level = 20 * np.log10(np.abs(stft(x, rate)) + 1e-9)
    image = np.clip(level - level.max(), -DYNAMIC_RANGE_DB, 0).round().astype(np.int8)
    return _image(image, rate, coloraxis="coloraxis", hoverinfo="skip")


def error_images(images: dict[str, np.ndarray], rate: int, speakers: list[str]) -> go.Figure:
    """As `masks`: where in time and frequency each system's voices are wrong, (C, F, frames) in dB."""
    levels = {name: np.clip(image, -DYNAMIC_RANGE_DB, 0).round().astype(np.int8) for name, image in images.items()}
    figure = masks(levels, rate, speakers, mean=False)
    figure.for_each_trace(lambda one: one.update(hovertemplate=one.hovertemplate.replace("%{z} %", "%{z} dB")))
    scale = {"title": {"text": "dB"}, "thickness": 12, "outlinewidth": 0}
    return figure.update_layout(
        coloraxis={"colorscale": LEVEL_SCALE, "cmin": -DYNAMIC_RANGE_DB, "cmax": 0, "colorbar": scale}
    )


def masks(images: dict[str, np.ndarray], rate: int, speakers: list[str], *, mean: bool = True) -> go.Figure:
    """Masks `images` (name -> (C, F, frames), whole per cents) as rows, one column a speaker, on a scale from 0 to 1.

    All panels zoom together. A system with masks for fewer speakers leaves the rest of its row empty.
    Long ones are pooled in time by their `mean`, else by the maximum.
    """
    names = list(images)
    figure = make_subplots(
        rows=len(names),
        cols=len(speakers),
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.03,
        vertical_spacing=0.12 / len(names),
        column_titles=speakers,
    )
    for row, name in enumerate(names, start=1):
        for column in range(1, min(len(speakers), len(images[name])) + 1):
            figure.add_trace(
                _image(
                    images[name][column - 1],
                    rate,
                    mean=mean,
                    coloraxis="coloraxis",
                    hovertemplate="%{x:.2f} s, %{y:.2f} kHz: %{z} %" + f"<extra>{name}</extra>",
                ),
                row=row,
                col=column,
            )
        figure.update_yaxes(title_text=f"<b>{name}</b><br>kHz", row=row, col=1)
    for column in range(1, len(speakers) + 1):
        figure.update_xaxes(title_text="Time (s)", row=len(names), col=column)
    figure.update_layout(
        coloraxis={
            "colorscale": MASK_SCALE,
            "cmin": 0,
            "cmax": 100,
            "colorbar": {
                "title": {"text": "mask"},
                "thickness": 12,
                "outlinewidth": 0,
                "tickvals": [0, 25, 50, 75, 100],
                "ticktext": ["0", "0.25", "0.5", "0.75", "1"],
            },
        }
    )
    return titles_below_tools(style(figure, 120 + 190 * len(names)))
