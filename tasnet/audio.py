"""The one way in for sound: decoding, mixing down, checking, rate conversion and writing.

Several channels become one by the same rule, whether they come from a file or from memory: see `channels`. Whatever is
changed on the way in is reported in `Audio.notes`; whatever cannot be used is refused with an `AudioError` of one
sentence.
"""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from .atomic import replacing
from .channels import Channels
from .config import HIGHEST_RATE, LOWEST_RATE
from .disk import DiskArray
from .sound_files import BLOCK, AudioError, Guarded, NotForSoundfile, Stream, ffmpeg_stream, printable, soundfile_stream

Source = str | os.PathLike | bytes | BinaryIO

COMMON_RATE = 48_000  # Hz: what is sampled faster is not given more room
LONGEST = 4 * 3600 * COMMON_RATE  # samples: four hours at 48 kHz, 2.8 GB as float32
SILENCE = 1e-7  # of full scale (-140 dB): below the last bit of a 24-bit file
QUIET = 0.02  # s: longer than soxr's filter for any rate of speech
LOUDEST = 2.0**31  # times full scale: 32-bit whole numbers written as floats; float32 powers stay finite


@dataclass(frozen=True)
class Audio:
    """One channel of sound: float32 samples (T,), full scale 1.0, at `rate` Hz.

    `notes` are whole sentences that say what was changed while reading. channels: how many the recording has; people:
    whether its two are two different sounds, as in a call; cut: whether there is more of it than was asked for.
    """

    samples: np.ndarray
    rate: int
    label: str
    notes: tuple[str, ...] = ()
    channels: int = 1
    people: bool = False
    cut: bool = False

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def read(
    source: Source, label: str | None = None, *, seconds: float | None = None, channel: int | None = None
) -> Audio:
    """Decode a path, bytes or an open binary file to one checked channel at its own rate.

    With `seconds`, decoding stops there, or after that many seconds' worth of samples at 48 kHz, and a note says so.
    `channel`, counted from 1, takes that channel alone; without it `channels` says what is done with several.

    WAV, FLAC, MP3, Ogg, Opus and AIFF are decoded here; other kinds (m4a, aac, webm, video, SPHERE with shorten) by the
    program `ffmpeg` where it is installed. Raises `AudioError` if there is nothing to work with.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        label = printable(label or path.name or str(path))
        _try_opening(path, label)
        file: Path | bytes = path
    else:
        label = label or Path(str(getattr(source, "name", "") or "the sound")).name
        file = source if isinstance(source, bytes) else _all_bytes(source, label)
        if not file:
            raise AudioError(f"{label} is empty (0 bytes).")
    try:
        decoded = _mix_down(lambda: soundfile_stream(file, label), label, seconds, channel)
    except NotForSoundfile:
        decoded = _mix_down(lambda: ffmpeg_stream(file, label), label, seconds, channel)
    samples, known = decoded
    checked = check_samples(samples, known.rate, label)
    notes = (*known.notes, *checked.notes)
    return replace(checked, notes=notes, channels=known.channels, people=known.people, cut=known.cut)


def decode_into(
    sink: BinaryIO, path: str | os.PathLike, label: str, channel: int | None = None
) -> tuple[int, list[str]]:
    """Write the one channel that `read` would return, of any length, to `sink` as float32; return its rate and notes.

    Raises AudioError where it cannot be decoded; what the samples hold is not checked.
    """
    path = Path(path)
    _try_opening(path, label)
    try:
        known = _mix_into(sink, lambda: soundfile_stream(path, label), label, channel=channel)
    except NotForSoundfile:
        known = _mix_into(sink, lambda: ffmpeg_stream(path, label), label, channel=channel)
    return known.rate, known.notes


def count_channels(path: str | os.PathLike) -> int:
    """The number of channels of a recording. Raises AudioError where it cannot be read."""
    path = Path(path)
    label = printable(path.name or str(path))
    _try_opening(path, label)
    try:
        with soundfile_stream(path, label) as stream:
            return stream.channels
    except NotForSoundfile:
        with ffmpeg_stream(path, label) as stream:
            return stream.channels


def check_samples(samples: np.ndarray, rate: float, label: str) -> Audio:
    """The same checks and conversions for samples in memory, shape (T,) or with a channel axis.

    Integer PCM is scaled to full scale 1.0; of two axes the shorter one is the channels. Raises `AudioError` for no
    samples, NaN, infinity or absurd levels, silence or an unusable rate.
    """
    notes = []
    try:
        samples = np.asarray(samples)
    except ValueError:  # rows of unequal length
        samples = np.array(None)
    if samples.dtype.kind not in "iuf":
        raise AudioError(f"{label} does not hold real numbers, so it is not a sound.")
    if samples.dtype.kind in "iu" and samples.itemsize <= 4:
        full_scale = 2.0 ** (8 * samples.itemsize - 1)
        offset = full_scale if samples.dtype.kind == "u" else 0.0
        samples = ((samples - offset) / full_scale).astype(np.float32)
    if samples.ndim not in (1, 2):
        raise AudioError(f"{label} must be one row of samples, but has {samples.ndim} dimensions.")
    rate = _checked_rate(rate, label)
    channels, people = 1, False
    if samples.ndim == 2:
        rows = np.moveaxis(samples, int(np.argmin(samples.shape)), 1)  # (T, channels)
        channels = rows.shape[1]
        heard = Channels(channels, rate, BLOCK)
        samples = np.concatenate([heard.add(rows[k : k + BLOCK]) for k in range(0, len(rows), BLOCK)] or [rows[:, :0]])
        relation = heard.relation(label)
        samples, people = samples if relation.only is None else rows[:, relation.only], relation.people
        notes += [relation.sentence] if relation.sentence else []
    if len(samples) > LONGEST:
        hours = LONGEST / rate / 3600
        raise AudioError(f"{label} is longer than {hours:.0f} hours; please cut it into parts.")
    with np.errstate(over="ignore"):
        samples = np.ascontiguousarray(samples, dtype=np.float32)
    low, high = (float(samples.min()), float(samples.max())) if len(samples) else (0.0, 0.0)
    notes += check_range(len(samples), rate, low, high, bool(np.isfinite([low, high]).all()), label)
    return Audio(samples, rate, label, tuple(notes), channels, people)


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """(..., T) at `from_rate` to (..., round(T to_rate / from_rate)) at `to_rate`, at least one.

    Band-limited (soxr, high quality), float32, without delay. Raises AudioError for rates below 1 Hz.
    """
    samples = np.asarray(samples, dtype=np.float32)
    if min(from_rate, to_rate) < 1:
        raise AudioError(f"A sound cannot be converted from {from_rate} Hz to {to_rate} Hz.")
    if from_rate == to_rate:
        return samples
    length = max(1, round(samples.shape[-1] * to_rate / from_rate))
    resampled = np.zeros((*samples.shape[:-1], length), np.float32)
    tail = np.zeros(-(-from_rate // to_rate), np.float32)  # so that the last sample comes out too
    lead, cut = quiet_before(from_rate, to_rate)
    for index in np.ndindex(samples.shape[:-1]):
        row = np.concatenate([np.zeros(lead, np.float32), samples[index], tail])
        row = soxr.resample(row, from_rate, to_rate, quality="HQ")[cut:][:length]
        resampled[index][: len(row)] = row
    return resampled


def quiet_before(from_rate: int, to_rate: int) -> tuple[int, int]:
    """Samples of silence to put before a sound, and those to cut off after soxr, which else rings at a sudden start.

    Both last equally long: the sound stays in its place.
    """
    shared = math.gcd(from_rate, to_rate)
    pieces = math.ceil(QUIET * shared)
    return from_rate // shared * pieces, to_rate // shared * pieces


def write(
    target: str | os.PathLike | BinaryIO, samples: np.ndarray | DiskArray, rate: int, subtype: str | None = None
) -> None:
    """Write (T,) float samples as WAV without clipping and, for a path, all at once or not at all.

    16-bit PCM, which every player opens, where the peak lies between 1/100 and full scale; else
    32-bit float, so that neither loud nor very quiet sound is changed; or in the format `subtype`.
    """
    if not isinstance(samples, DiskArray):
        samples = np.asarray(samples, dtype=np.float32)
    peak = max((float(np.abs(samples[..., k : k + BLOCK]).max()) for k in range(0, len(samples), BLOCK)), default=0.0)
    subtype = subtype or ("PCM_16" if peak == 0 or 0.01 <= peak <= 32767 / 32768 else "FLOAT")
    if not isinstance(target, str | os.PathLike):
        _write_wav(target, samples, rate, subtype)
        return
    with replacing(Path(target)) as unfinished, unfinished.open("wb") as file:
        _write_wav(file, samples, rate, subtype)


def wav(samples: np.ndarray, rate: int, subtype: str | None = None) -> bytes:
    """(T,) float samples as a WAV file in memory, in the format of `write` or in `subtype` ("FLOAT", "PCM_16")."""
    file = io.BytesIO()
    write(file, samples, rate, subtype)
    return file.getvalue()


def _write_wav(file: BinaryIO, samples: np.ndarray | DiskArray, rate: int, subtype: str) -> None:
    target = Guarded(file)
    try:
        _write_blocks(target, samples, rate, subtype)
    except (soundfile.LibsndfileError, AssertionError):  # both say only that not everything was written
        if target.error is None:
            raise
    if target.error is not None:
        raise target.error


def _write_blocks(target: Guarded, samples: np.ndarray | DiskArray, rate: int, subtype: str) -> None:
    with soundfile.SoundFile(target, "w", rate, 1, subtype, format="WAV") as wav:
        for begin in range(0, len(samples), BLOCK):
            block = samples[..., begin : begin + BLOCK]
            # Rounded here: libsndfile scales by 32767 on the way out but by 32768 on the way in.
            wav.write(np.rint(block * 32768).astype(np.int16) if subtype == "PCM_16" else block)


def check_range(length: int, rate: int, low: float, high: float, finite: bool, label: str) -> list[str]:
    """Notes on sound of so many samples between `low` and `high`. Raises AudioError where it is of no use."""
    if length == 0:
        raise AudioError(f"{label} holds no samples.")
    if not finite:
        raise AudioError(f"{label} holds samples that are not numbers (NaN or infinity).")
    peak = max(-low, high)
    if peak < SILENCE:
        raise AudioError(f"{label} is silent, so there is nothing to separate.")
    if peak > LOUDEST:
        raise AudioError(f"{label} has samples of {peak:.3g} times full scale: that is no sound.")
    if low == high and length > 1:
        raise AudioError(f"{label} is silent: every sample has the same value.")
    return [f"The loudest sample of {label} is {peak:.3g} times full scale."] if peak > 1.01 else []


def _checked_rate(rate: float, label: str) -> int:
    try:
        whole = int(rate)
    except (TypeError, ValueError, OverflowError):
        whole = 0
    if whole != rate or not LOWEST_RATE <= whole <= HIGHEST_RATE:
        raise AudioError(
            f"{label} has a sample rate of {rate} Hz; "
            f"whole numbers from {LOWEST_RATE} to {HIGHEST_RATE} Hz can be used."
        )
    return whole


def _try_opening(path: Path, label: str) -> None:
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise AudioError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise AudioError(f"{path} is a folder, not a sound file.") from None
    except PermissionError:
        raise AudioError(f"You have no permission to read {path}.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"{path} could not be opened: {reason}.") from None
    if empty:
        raise AudioError(f"{label} is empty (0 bytes).")


def _all_bytes(file: BinaryIO, label: str) -> bytes:
    if file.seekable():
        file.seek(0)
    data = file.read()
    if not isinstance(data, bytes):
        raise AudioError(f"{label} was opened as text, not as a sound file.")
    return data


@dataclass(frozen=True)
class _Decoded:
    """What is known about a recording once its one channel has been written."""

    rate: int
    notes: list[str]
    channels: int
    people: bool
    cut: bool


def _mix_down(
    open_stream: Callable[[], AbstractContextManager[Stream]], label: str, seconds: float | None, channel: int | None
) -> tuple[np.ndarray, _Decoded]:
    """The one channel (T,) float32."""
    mono = io.BytesIO()
    known = _mix_into(mono, open_stream, label, seconds, LONGEST, channel)
    return np.frombuffer(mono.getbuffer(), np.float32), known


def _mix_into(
    mono: BinaryIO,
    open_stream: Callable[[], AbstractContextManager[Stream]],
    label: str,
    seconds: float | None = None,
    longest: int = sys.maxsize - 1,
    channel: int | None = None,
) -> _Decoded:
    """Writes the one channel to `mono` as float32, hardly more than `longest` samples."""
    with open_stream() as stream:
        rate, channels = _checked_rate(stream.rate, label), stream.channels
        if channel is not None and not 1 <= channel <= channels:
            has = "one channel" if channels == 1 else f"{channels} channels"
            raise AudioError(f"{label} has {has}, so there is no channel {channel}.")
        limit = longest if seconds is None else round(seconds * min(rate, COMMON_RATE))
        heard = Channels(channels, rate, BLOCK)
        for block in _first(stream.blocks, limit + 1):  # one sample more shows that there is more
            mono.write((heard.add(block) if channel is None else block[:, channel - 1]).tobytes())
        damaged, hidden, unfinished = stream.damaged, stream.hidden, stream.unfinished
    if damaged and not mono.tell():
        raise AudioError(f"{label} is damaged or cut off: no sound could be read from it.")
    notes, people = [], False
    if channel is not None and channels > 1:
        notes.append(f"Of the {channels} channels of {label} channel {channel} was used.")
    elif channels > 1 and mono.tell():
        relation = heard.relation(label)
        people = relation.people
        if relation.only is not None:
            mono.seek(0)
            with open_stream() as stream:
                for block in _first(stream.blocks, limit + 1):
                    mono.write(block[:, relation.only].tobytes())
        notes.append(relation.sentence)
    if damaged:
        notes.append(f"{label} is damaged or cut off: the first {mono.tell() / 4 / rate:.1f} s were read.")
    elif hidden:
        read = mono.tell() / 4 / rate
        notes.append(f"{label} holds more than its header says: the first {read:.1f} s were read.")
    elif unfinished:
        read = mono.tell() / 4 / rate
        notes.append(f"The header of {label} says there are no samples, so it was read to its end: {read:.1f} s.")
    cut = seconds is not None and mono.tell() > 4 * limit
    if cut:
        mono.truncate(4 * limit)
        mono.seek(4 * limit)
        notes.append(
            f"{label} is long: only its first {_duration(limit / rate)} are used here; "
            "python -m tasnet.separate takes the whole file."
        )
    return _Decoded(rate, notes, channels, people, cut)


def _first(blocks: Iterator[np.ndarray], frames: int) -> Iterator[np.ndarray]:
    """The first `frames` frames of a stream; what comes after them is not decoded."""
    for block in blocks:
        yield block[:frames]
        frames -= len(block)
        if frames <= 0:
            return


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 60 and seconds % 60 == 0 else f"{seconds:.0f} s"
