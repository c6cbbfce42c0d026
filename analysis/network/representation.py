"""What the network sees of one mixture: representation w, masks m_i, masked d_i, sources (Fig. 2).

Time runs over frames k, each of L samples and `hop` after the last. Nothing of size frames x
filters is kept but the masks; the rest is computed where it is looked at.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from analysis.scores.metrics import best_permutation
from tasnet import ConvTasNet
from tasnet.coders import cover
from tasnet.errors import UserError
from tasnet.level import level_gains

from .pooling import column_starts, pooled_extremes, pooled_means

PIECE_FRAMES = 4096
Frames = TypeVar("Frames", float, np.ndarray)  # the number of a frame, or of many


@dataclass(frozen=True)
class Representation:
    """The inner state of `model` while it separates `mixture`; arrays are float32.

    mixture:    (T,) at the model's sample rate.
    references: (S, T) clean speakers, or None.
    masks:      (C, K, N) m_i, in the references' order where there are as many.
    sources:    (C, T) decoder(m_i * w), the model's output as it is, in the order of the masks.
    skips:      (X R, K) root mean square of what each 1-D conv block adds to the skip sum (or to the
                residual path, where there are no skip paths), the mixture being at the level of `scale`.
    scale:      the mixture was divided by it on its way into the network, and what came out multiplied.
    fixed:      the outputs have an order of their own, such as speech and noise, and stay in it.
    """

    model: ConvTasNet
    mixture: np.ndarray
    references: np.ndarray | None
    masks: np.ndarray
    sources: np.ndarray
    skips: np.ndarray
    scale: float = 1.0
    fixed: bool = False

    @property
    def frames(self) -> int:
        """Number of frames K."""
        return self.masks.shape[1]

    @property
    def known(self) -> bool:
        """Whether there is a reference for each of the outputs."""
        return self.references is not None and len(self.references) == len(self.masks)

    @property
    def speakers(self) -> int:
        """How many speakers may own a part of w: the references, or the estimates where there are none."""
        return len(self.masks if self.references is None else self.references)

    def w(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Encoder output (k, N) of frames start to stop (eq. 2)."""
        return self._encode(self.mixture[None], start, stop)[0]

    @property
    def voices(self) -> np.ndarray:
        """The references (S, T) for what cannot do without them. Raises UserError where they are not known."""
        if self.references is None:
            raise UserError("The clean voices of this mixture are not known.")
        return self.references

    def clean(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Encoder output (S, k, N) of each reference alone. Raises UserError without references."""
        return self._encode(self.voices, start, stop)

    def d(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Masked representations (C, k, N) of frames start to stop (eq. 4)."""
        return self.masks[:, start:stop] * self.w(start, stop)

    def power(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Power (S, k, N) of each speaker in each cell: of the references, else of the d_i."""
        own = self.d(start, stop) if self.references is None else self.clean(start, stop)
        return own**2

    def audible(self) -> np.ndarray:
        """The sources (C, T) at the level at which their sum fits the mixture best."""
        return self.sources * level_gains(self.sources, self.mixture)[:, None]

    def seconds(self, frame: Frames) -> Frames:
        """Time of the middle of a frame."""
        config = self.model.config
        return (frame * config.hop - config.lead + config.L / 2) / config.sample_rate

    def edge(self, frame: Frames) -> Frames:
        """Where a frame begins in a picture: it is drawn where its middle hop is, and so lies over its waveform."""
        config = self.model.config
        return (frame * config.hop - config.lead + config.hop / 2) / config.sample_rate

    def frame_at(self, seconds: float) -> int:
        """The frame whose middle is nearest to a time."""
        config = self.model.config
        frame = round((seconds * config.sample_rate + config.lead - config.L / 2) / config.hop)
        return min(max(frame, 0), self.frames - 1)

    def loudest(self) -> int:
        """The frame in which the mixture has the most energy; of equal ones the first."""
        config = self.model.config
        covered = cover(torch.from_numpy(self.mixture)[None], config.L, config.edges)[0].numpy().astype(np.float64)
        energy = np.concatenate([[0.0], np.cumsum(covered**2)])
        starts = np.arange(self.frames) * config.hop
        return int(np.argmax(energy[starts + config.L] - energy[starts]))

    def turns(self, seconds: float) -> np.ndarray:
        """Times (s) that divide the mixture into stretches of about `seconds`, from its start to its end.

        The loudest frame is in the middle of its stretch, unless it is nearer to an end of the mixture.
        """
        duration = len(self.mixture) / self.model.config.sample_rate
        edges = np.arange((self.seconds(self.loudest()) + seconds / 2) % seconds, duration, seconds)
        edges = edges[(edges >= seconds / 2) & (edges <= duration - seconds / 2)]  # no short piece at either end
        return np.array([0.0, *edges, duration])

    def decode(self, masked: Callable[[int, int], np.ndarray]) -> np.ndarray:
        """Waveform (T,) of a representation given as `masked(start, stop)` -> (k, N) (eq. 5)."""
        d = np.concatenate([masked(start, stop) for start, stop in pieces(self.frames)])
        device = self.model.V.device
        with torch.inference_mode():
            signal = self.model.decode(torch.from_numpy(d / self.scale).to(device), len(self.mixture))
            return signal.cpu().numpy() * self.scale

    def _encode(self, signals: np.ndarray, start: int, stop: int | None) -> np.ndarray:
        config = self.model.config
        stop = self.frames if stop is None else stop
        last = (stop - 1) * config.hop + config.L
        with torch.inference_mode():
            covered = cover(torch.from_numpy(signals / np.float32(self.scale)), config.L, config.edges)
            frames = covered[:, start * config.hop : last].unfold(-1, config.L, config.hop)
            return self.model.encoder.filter(frames.to(self.model.U.device)).cpu().numpy() * np.float32(self.scale)


@dataclass(frozen=True)
class Picture:
    """A stretch of time of a `Representation` at screen resolution; rows are filters in an order.

    edges: (columns + 1,) times between the columns, in seconds.
    w:     (N, columns) of each column the value of largest magnitude, with its sign.
    power: (S, N, columns) of each column and speaker the largest power.
    masks: (C, N, columns) of each column the mean, or the largest value.
    d:     (C, N, columns) as w.
    """

    edges: np.ndarray
    w: np.ndarray
    power: np.ndarray
    masks: np.ndarray
    d: np.ndarray


def pieces(last: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """(start, stop) of successive runs of the frames `first` to `last` that fit comfortably into memory."""
    for start in range(first, last, PIECE_FRAMES):
        yield start, min(start + PIECE_FRAMES, last)


def root_mean_square(samples: np.ndarray) -> float:
    """The level that brings `samples` (T,) to unit power when they are divided by it."""
    return max(float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))), 1e-15)


def _masks_and_skips(model: ConvTasNet, w: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (C, K, N) of w (1, K, N) and the level (X R, K) of every block's skip output."""
    levels = []

    def record(block: nn.Module, before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor]) -> None:
        path = 1 if model.config.Sc else 0
        levels.append((after[path] - before[path])[0].square().mean(-1).sqrt())

    watched = copy.deepcopy(model)  # others may be using the model at the same time
    for block in watched.blocks():
        block.register_forward_hook(record)
    return watched.masks(w)[0], torch.stack(levels)


def represent(
    model: ConvTasNet,
    mixture: np.ndarray,
    references: np.ndarray | None = None,
    level: float = 1.0,
    *,
    fixed: bool = False,
) -> Representation:
    """Run `model` over `mixture` (T,), both `references` (S, T) and it at the model's sample rate.

    As in `tasnet.Separator` the masks are estimated at the RMS `level`. With as many references as the
    model separates speakers, masks and sources are put into the references' order, by SI-SNR, unless theirs is `fixed`.
    """
    mixture = np.ascontiguousarray(mixture, dtype=np.float32)
    if references is not None:
        references = np.ascontiguousarray(references, dtype=np.float32)
    scale = root_mean_square(mixture) / level
    with torch.inference_mode():
        w = model.encode(torch.from_numpy(mixture / np.float32(scale))[None].to(model.U.device))
        m, skips = _masks_and_skips(model, w)
        decoded = torch.stack([model.decode(one * w[0], len(mixture)) for one in m]) * scale
    masks, sources = m.cpu().numpy(), decoded.cpu().numpy()
    if references is not None and len(references) == len(sources) and not fixed:
        order = list(best_permutation(sources, references))
        masks, sources = masks[order], sources[order]
    return Representation(model, mixture, references, masks, sources, skips.cpu().numpy(), scale, fixed)


def pooled_picture(
    inside: Representation,
    order: np.ndarray,
    start: int = 0,
    stop: int | None = None,
    columns: int = 1000,
    extremes: bool = False,
) -> Picture:
    """Frames start to stop with the filters in `order` (N,), in at most `columns` columns.

    With `extremes` a mask's column shows its largest value, by which a mask looks more open than it is.
    """
    stop = inside.frames if stop is None else stop
    starts = start + column_starts(stop - start, columns)
    parts = []
    group = max(1, PIECE_FRAMES * len(starts) // (stop - start))
    for first in range(0, len(starts), group):
        here = starts[first : first + group]
        end = starts[first + group] if first + group < len(starts) else stop
        runs = here - here[0]
        w, masks = inside.w(here[0], end), inside.masks[:, here[0] : end]
        parts.append(
            (
                pooled_extremes(w, runs, axis=0),
                np.maximum.reduceat(inside.power(here[0], end), runs, axis=1),
                np.maximum.reduceat(masks, runs, axis=1) if extremes else pooled_means(masks, runs, axis=1),
                pooled_extremes(masks * w, runs, axis=1),
            )
        )
    w, power, masks, d = (
        np.concatenate(images, axis=-2).swapaxes(-1, -2)[..., order, :] for images in zip(*parts, strict=True)
    )
    return Picture(inside.edge(np.append(starts, stop)), w, power, masks, d)
