"""Stretches of sound files, for corpora: decoded by the same readers as whole recordings, mixed down by the same rule.

Formats that libsndfile reads are read from where the excerpt begins; others, such as WSJ0's SPHERE with shorten, are
decoded by ffmpeg from the beginning of the file each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from .channels import Channels, Relation
from .sound_files import (
    BLOCK,
    UNKNOWN_LENGTH,
    AudioError,
    NotForSoundfile,
    Stream,
    ffmpeg_stream,
    printable,
    soundfile_stream,
)


@dataclass(frozen=True)
class SoundHeader:
    frames: int
    rate: int  # Hz
    channels: int


def read_sound_header(path: Path) -> SoundHeader:
    """What a file's header says, or what the file is found to hold where the header says nothing. Raises AudioError."""
    if (header := _header_of_libsndfile(path)) is not None:
        return header
    with open_stream(path) as stream:
        frames = stream.promised or sum(map(len, stream.blocks))
        return SoundHeader(frames, stream.rate, stream.channels)


def read_excerpt(path: Path, start: int, stop: int) -> np.ndarray:
    """(stop - start, channels) float32, or as many as there are. Raises AudioError."""
    if _header_of_libsndfile(path) is not None:
        name = os.fsencode(path)  # whatever bytes are in the name
        try:
            return soundfile.read(name, start=start, stop=stop, dtype="float32", always_2d=True)[0]
        except soundfile.SoundFileError:
            raise AudioError(f"{_label(path)} is damaged or cut off: it cannot be read.") from None
    with open_stream(path) as stream:
        parts, place = [np.zeros((0, stream.channels), np.float32)], 0
        for block in stream.blocks:
            parts.append(block[max(0, start - place) : max(0, stop - place)])
            place += len(block)
            if place >= stop:
                break
    return np.concatenate(parts)


def read_relation(path: Path) -> Relation:
    """How the channels of the whole file relate, and which is to be used. Raises AudioError."""
    with open_stream(path) as stream:
        heard = Channels(stream.channels, stream.rate, BLOCK)
        for block in stream.blocks:
            heard.add(block)
    return heard.relation(_label(path))


@contextmanager
def open_stream(path: Path) -> Iterator[Stream]:
    """The blocks of a file of any kind. Raises AudioError."""
    label = _label(path)
    try:
        with soundfile_stream(path, label) as stream:
            yield stream
    except NotForSoundfile:
        with ffmpeg_stream(path, label) as stream:
            yield stream


def _header_of_libsndfile(path: Path) -> SoundHeader | None:
    """None where libsndfile cannot read the file, or its header declares no sound."""
    try:
        info = soundfile.info(os.fsencode(path))
    except (soundfile.SoundFileError, TypeError):  # TypeError: a name that ends in .raw
        return None
    return SoundHeader(info.frames, info.samplerate, info.channels) if 0 < info.frames < UNKNOWN_LENGTH else None


def _label(path: Path) -> str:
    return printable(str(path))
