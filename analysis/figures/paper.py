"""Figs. 2 and 5 of the paper from any weights and any example, as PDF and PNG (needs matplotlib).

python -m analysis.figures.paper --model NAME --example ID --seconds 1 --out figures
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib

from tasnet.atomic import make_folder, replacing
from tasnet.errors import UserError

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

from analysis.network import basis
from analysis.network.representation import Representation, pooled_picture, represent
from analysis.sounds import examples
from tasnet import ConvTasNet, checkpoint
from tasnet.audio import resample
from tasnet.command_line import command_line, command_parser

from .inside import owner_colours
from .palette import speaker_colour

COLUMNS = 1200
MAP_POINTS = 256
LOUDEST = 99.5  # percentile that is drawn fully bright
STYLE: dict = {
    "font.family": "sans-serif",
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "pdf.fonttype": 42,
}


def basis_map(axes: Axes, rows: np.ndarray, rate: int) -> None:
    """Basis functions (N, L), one a row from the bottom up, over milliseconds."""
    N, L = rows.shape
    top = np.percentile(np.abs(rows), LOUDEST) or 1
    axes.imshow(
        rows,
        aspect="auto",
        origin="lower",
        cmap="RdBu_r",
        vmin=-top,
        vmax=top,
        extent=(0, L / rate * 1000, 0, N),
        interpolation="nearest",
    )
    axes.set_xlabel("Time (ms)")
    axes.set_yticks([])


def spectrum_map(axes: Axes, rows: np.ndarray, rate: int) -> None:
    """Magnitudes of the rows' Fourier transforms, over kHz."""
    size, frequencies = basis.magnitudes(rows, rate, MAP_POINTS)
    axes.imshow(
        size,
        aspect="auto",
        origin="lower",
        cmap="magma",
        vmin=0,
        vmax=np.percentile(size, LOUDEST) or 1,
        extent=(0, frequencies[-1] / 1000, 0, len(rows)),
        interpolation="nearest",
    )
    axes.set_xlabel("Frequency (kHz)")
    axes.set_yticks([])


def figure5(U: np.ndarray, V: np.ndarray, rate: int) -> Figure:
    """Encoder and decoder basis functions and the magnitudes of their FFTs, sorted by UPGMA."""
    order = basis.order(U, rate)
    figure, axes = plt.subplots(1, 4, figsize=(7.16, 3.2), width_ratios=(1, 1, 1.3, 1.3))
    basis_map(axes[0], U[order], rate)
    basis_map(axes[1], V[order], rate)
    spectrum_map(axes[2], U[order], rate)
    spectrum_map(axes[3], V[order], rate)
    titles = ("Encoder basis functions", "Decoder basis functions", "Encoder FFT magnitude", "Decoder FFT magnitude")
    for panel, title in zip(axes, titles, strict=True):
        panel.set_title(title)
    axes[0].set_ylabel("Basis function")
    axes[0].set_yticks([0, len(U)])
    figure.tight_layout(w_pad=0.8)
    return figure


def speaker_map(speaker: int) -> LinearSegmentedColormap:
    """From black over the speaker's colour to its light tone."""
    red, green, blue = matplotlib.colors.to_rgb(speaker_colour(speaker))
    light = (1 + red) / 2, (1 + green) / 2, (1 + blue) / 2
    return LinearSegmentedColormap.from_list(
        "speaker", [(0.0, (0.0, 0.0, 0.0)), (0.75, (red, green, blue)), (1.0, light)]
    )


def wave(axes: Axes, samples: np.ndarray, rate: int, colour: str, top: float, alpha: float = 1) -> None:
    """A waveform (T,) on a common scale, without a frame."""
    axes.plot(np.arange(len(samples)) / rate, samples, color=colour, linewidth=0.35, alpha=alpha)
    axes.set_ylim(-top, top)
    axes.set_xlim(0, len(samples) / rate)
    axes.axis("off")


def arrow(figure: Figure, left: Axes, right: Axes) -> None:
    """From the middle of the right side of one panel to the left side of another."""
    figure.add_artist(
        ConnectionPatch(
            (1.03, 0.5),
            (-0.03, 0.5),
            coordsA=left.transAxes,
            coordsB=right.transAxes,
            arrowstyle="-|>",
            linewidth=0.7,
            color="0.35",
        )
    )


def figure2(inside: Representation, start: float, seconds: float) -> Figure:
    """Basis functions, representation, masks and waveforms of one mixture, in the paper's layout."""
    config = inside.model.config
    rate, C = config.sample_rate, config.C
    U, V = (basis_.detach().cpu().numpy() for basis_ in (inside.model.U, inside.model.V))
    order = basis.order(U, rate)
    first, last = inside.frame_at(start), inside.frame_at(start + seconds)
    seen = pooled_picture(inside, order, first, last + 1, COLUMNS)
    a, b = (int(edge * rate) for edge in seen.edges[[0, -1]])
    extent = (0, seen.edges[-1] - seen.edges[0], 0, len(order))

    def image(axes: Axes, values: np.ndarray, colours: LinearSegmentedColormap | None = None) -> None:
        axes.imshow(
            values, colours, aspect="auto", interpolation="nearest", vmin=0, vmax=1, origin="lower", extent=extent
        )

    figure = plt.figure(figsize=(7.16, 1.3 + 0.95 * C))
    columns = (1.25, 0.5, 1.7, 1.7, 0.5, 1.25)
    grid = figure.add_gridspec(
        4 * C, 6, width_ratios=columns, wspace=0.32, hspace=0.35, left=0.02, right=0.97, top=0.86, bottom=0.15
    )
    middle = slice(C, 3 * C)
    mixture, encoder = (figure.add_subplot(grid[middle, column]) for column in (0, 1))
    w = figure.add_subplot(grid[middle, 2])
    decoder = figure.add_subplot(grid[middle, 4])
    masks = [figure.add_subplot(grid[4 * i : 4 * i + 4, 3]) for i in range(C)]
    outputs = [figure.add_subplot(grid[4 * i : 4 * i + 4, 5]) for i in range(C)]

    top = 1.05 * np.abs(inside.mixture[a:b]).max() or 1
    if inside.references is None:
        wave(mixture, inside.mixture[a:b], rate, "0.4", top)
    else:
        for speaker, samples in enumerate(inside.references):
            wave(mixture, samples[a:b], rate, speaker_colour(speaker), top, alpha=0.7)
    basis_map(encoder, U[order], rate)
    image(w, owner_colours(seen.w, seen.power))
    basis_map(decoder, V[order], rate)
    loudest = 1.05 * np.abs(inside.sources[:, a:b]).max() or 1
    for speaker in range(C):
        image(masks[speaker], seen.masks[speaker], speaker_map(speaker))
        wave(outputs[speaker], inside.sources[speaker, a:b], rate, speaker_colour(speaker), loudest)
        for left, right in ((w, masks[speaker]), (masks[speaker], decoder), (decoder, outputs[speaker])):
            arrow(figure, left, right)
    arrow(figure, mixture, encoder)
    arrow(figure, encoder, w)
    for panel in (encoder, w, *masks, decoder):
        panel.set_yticks([])
    for panel in masks[:-1]:
        panel.set_xticklabels([])
    for panel in (w, masks[-1]):
        panel.set_xlabel("Time (s)")
    for panel, title in (
        (mixture, "Mixture\nwaveform"),
        (encoder, "Encoder basis\nfunctions"),
        (w, "Encoder representation"),
        (masks[0], "Source masks"),
        (decoder, "Decoder basis\nfunctions"),
        (outputs[0], "Separated\nwaveforms"),
    ):
        panel.set_title(title)
    return figure


def busiest(references: np.ndarray, rate: int, seconds: float) -> float:
    """Start, in seconds, of the stretch in which the least active of the speakers (S, T) is most active."""
    length = min(round(seconds * rate), references.shape[1])
    power = np.cumsum(references.astype(np.float64) ** 2, axis=1)
    active = (power[:, length - 1 :] - power[:, : power.shape[1] - length + 1]) / power[:, -1:]
    return int(active.min(0).argmax()) / rate


@command_line()
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    models, sounds = list(checkpoint.bundled()), [example.id for example in examples.available_examples()]
    parser = command_parser("analysis.figures.paper", __doc__.splitlines()[0])
    parser.add_argument("--model", default=models[0], help="bundled weights or a .safetensors file")
    parser.add_argument("--example", choices=sounds, default=sounds[0])
    parser.add_argument("--start", type=float, help="seconds; by default where all speak")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of what Fig. 2 shows")
    parser.add_argument("--out", type=Path, default=Path("figures"))
    chosen = parser.parse_args(arguments)

    model, _ = checkpoint.load(checkpoint.bundled().get(chosen.model, chosen.model))
    if not isinstance(model, ConvTasNet):
        raise UserError(f"{chosen.model} is no Conv-TasNet, of which these figures are.")
    sound = examples.mix_example(chosen.example)
    rate = model.config.sample_rate
    mixture, voices = (resample(x, sound.rate, rate) for x in (sound.mixture, sound.sources))
    inside = represent(model, mixture, voices)
    start = chosen.start
    if start is None:
        start = busiest(voices, rate, chosen.seconds)
    make_folder(chosen.out)
    with plt.rc_context(STYLE):
        U, V = (basis_.detach().numpy() for basis_ in (model.U, model.V))
        for name, figure in (
            ("fig2", figure2(inside, start, chosen.seconds)),
            ("fig5", figure5(U, V, rate)),
        ):
            for kind in ("pdf", "png"):
                path = chosen.out / f"{name}.{kind}"
                with replacing(path) as unfinished:
                    figure.savefig(unfinished, format=kind, dpi=300)
                print(path)


if __name__ == "__main__":
    sys.exit(main())
