"""Separate a recording in a file, of any length: what is long is on disk, and memory does not grow."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soxr

from . import audio
from .disk import DiskArray
from .errors import opening
from .level import CausalLevel
from .sound_files import printable

if TYPE_CHECKING:
    from .inference import Separator


@dataclass(frozen=True)
class AudioOnDisk:
    """One channel of sound, as `Audio` has it, with `samples` (T,) on the disk."""

    samples: DiskArray
    rate: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SeparatedRecording:
    """The speakers of a recording, as `Separation` has them, with `sources` (C, T) on the disk."""

    sources: DiskArray
    rate: int
    seconds: float  # what the work took
    real_time_factor: float
    peak: float
    notes: tuple[str, ...]


def separate_recording(
    separator: Separator,
    path: str | Path,
    folder: str | Path,
    *,
    causal_level: bool = False,
    channel: int | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> SeparatedRecording:
    """What `separator.separate` makes of the recording at `path`, working on the disk of `folder`.

    On the disk it takes 4 bytes a sample for the mixture, up to twice more without what lies below speech, and for each
    voice, each at both rates. Raises AudioError, or PathError where the disk is full.
    """
    sound = read_to_disk(path, folder, channel)
    began = time.perf_counter()
    own = separator.config.sample_rate
    resampled = resample_on_disk(sound.samples, sound.rate, own, folder)
    mixture, below = separator.without_what_lies_below(resampled)
    sources = DiskArray((separator.config.C, mixture.shape[-1]), folder)
    notes = separator.separate_into(sources, mixture, progress)
    level = CausalLevel(len(sources), own) if causal_level and not separator.facts.keeps_level else None
    gains = None if level else separator.gains(sources, mixture)[:, None]
    for stretch in sources.blocks():
        voices = sources[..., stretch]
        voices = level.apply(voices, mixture[..., stretch]) if level else gains * voices
        separator.give_rumble_to_noise(voices, resampled[..., stretch], mixture[..., stretch])
        sources[..., stretch] = voices
    found, length = resample_on_disk(sources, own, sound.rate, folder), sound.samples.shape[-1]
    if found.shape[-1] != length:  # rounding at two rates may cost a sample or two
        fitted = DiskArray((len(found), length), folder)
        for stretch in fitted.blocks():
            voices = found[..., stretch]
            fitted[..., stretch.start : stretch.start + voices.shape[1]] = voices
        found = fitted
    peak = max(float(np.abs(found[..., stretch]).max()) for stretch in found.blocks())
    seconds = time.perf_counter() - began
    notes = (*sound.notes, *separator.rate_notes(sound.rate), *below, *notes)
    return SeparatedRecording(found, sound.rate, seconds, seconds * sound.rate / length, peak, notes)


def read_to_disk(path: str | Path, folder: str | Path, channel: int | None = None) -> AudioOnDisk:
    """Decode as `audio.read` does, with the same checks, notes and choice of channels, to the disk of `folder`.

    Raises AudioError, or PathError where the disk is full.
    """
    label = printable(Path(path).name or str(path))
    with opening(folder, "be written to"), tempfile.TemporaryFile(dir=folder) as sink:
        rate, notes = audio.decode_into(sink, path, label, channel)
        samples = DiskArray((sink.tell() // 4,), folder)
        sink.seek(0)
        low, high, finite = np.inf, -np.inf, True
        for stretch in samples.blocks():
            block = np.frombuffer(sink.read(4 * (stretch.stop - stretch.start)), np.float32)
            low, high = min(low, float(block.min())), max(high, float(block.max()))
            finite = finite and bool(np.isfinite(block).all())
            samples[..., stretch] = block
    notes += audio.check_range(samples.shape[-1], rate, low, high, finite, label)
    return AudioOnDisk(samples, rate, tuple(notes))


def resample_on_disk(sound: DiskArray, from_rate: int, to_rate: int, folder: str | Path) -> DiskArray:
    """`audio.resample` for an array (T,) or (C, T) on the disk, to another one in `folder`."""
    if from_rate == to_rate:
        return sound
    length = max(1, round(sound.shape[-1] * to_rate / from_rate))
    resampled = DiskArray((*sound.shape[:-1], length), folder)
    rows = len(sound) if len(sound.shape) == 2 else 1
    streams = [soxr.ResampleStream(from_rate, to_rate, 1, "float32", "HQ") for _ in range(rows)]
    before, cut = audio.quiet_before(from_rate, to_rate)
    lead = np.zeros((rows, before), np.float32)
    tail = np.zeros((rows, -(-from_rate // to_rate)), np.float32)  # so that the last sample comes out too
    done = -cut
    for block in itertools.chain([lead], (sound[..., one].reshape(rows, -1) for one in sound.blocks()), [tail]):
        last = block is tail
        made = np.stack([stream.resample_chunk(row, last=last) for stream, row in zip(streams, block, strict=True)])
        begin, done = done, done + made.shape[1]
        made = made[:, max(0, -begin) : max(0, length - begin)]
        resampled[..., max(0, begin) : max(0, begin) + made.shape[1]] = made.reshape(*sound.shape[:-1], -1)
    return resampled
