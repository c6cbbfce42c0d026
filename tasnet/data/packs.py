"""Packs of mixtures: {"rate", "lengths"} in a .json, and beside it a .flac of them end to end, a channel a source."""

from pathlib import Path

import numpy as np
import soundfile

from .lists import read_json
from .rows import Clip, CorpusError, FileRow, is_file


def packs_in(folder: Path) -> list[Path]:
    """The lists of packs in a folder."""
    return [file for file in sorted(folder.glob("*.json")) if is_file(file.with_suffix(".flac"))]


def holds_lengths(path: Path) -> bool:
    """Whether a .json is the list of a pack of mixtures. Raises CorpusError where it cannot be read."""
    found = read_json(path)
    return isinstance(found, dict) and "lengths" in found


def pack_rows(path: Path) -> list[FileRow]:
    """The mixtures of the pack whose list is at `path`. Raises CorpusError."""
    found = read_json(path)
    lengths = found.get("lengths") if isinstance(found, dict) else None
    sound = path.with_suffix(".flac")
    if lengths is None or not is_file(sound):
        raise CorpusError(f"{path} is not the list of a pack of mixtures with a .flac beside it.")
    if not are_lengths(lengths):
        raise CorpusError(f"The lengths in {path} are not whole numbers of samples above zero.")
    try:
        header = soundfile.info(sound)
    except soundfile.SoundFileError:
        raise CorpusError(f"{sound} cannot be read as sound.") from None
    if header.frames != sum(lengths) or found.get("rate") not in (None, header.samplerate):
        raise CorpusError(f"{sound} is not what {path.name} says: another rate or length.")
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    return [
        FileRow(
            f"{path.stem}-{index:04d}",
            tuple(Clip(sound, start, length, channel) for channel in range(header.channels)),
        )
        for index, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]


def are_lengths(values: object) -> bool:
    """Whether these are whole numbers of samples, each above zero."""
    return isinstance(values, list) and all(type(value) is int and 0 < value < 1 << 48 for value in values)
