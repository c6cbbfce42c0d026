"""Folders of recordings, one for each speaker: who says what, and rows mixed from them.

Mixtures are never taken for people. A folder is refused, with the reason, where a folder or a file has a name of a part
of a mixture (`names.py`), where a name mentions two speakers, or where one of the files of a folder, or of the files of
one name in all folders, consists of the others by 30 % or more (the first few of these are examined).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tasnet.mixture import Mixture
from tasnet.sound_files import SUFFIXES, printable

from .mixture_sets import (
    LIBRISPEECH_UTTERANCE,
    BadRow,
    Clip,
    CorpusError,
    is_file,
    speakers_of,
    without_second_microphones,
)
from .names import MIXTURE, NOISE, part_of, split_part
from .sums import find_sum

LOOKED_INTO = 3  # folders, and names


def speaker_files(folder: Path) -> list[tuple[str, Path]]:
    """[(speaker, file)] below a folder that has a folder for each speaker; LibriSpeech's utterances
    carry the speaker's number in their names. Raises CorpusError where mixtures lie there."""
    found: list[tuple[str, Path]] = []
    others: list[Path] = []
    known: dict[Path, Path] = {}
    for file in without_second_microphones(sorted(folder.rglob("*"))):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if hidden or file.suffix.lower() not in SUFFIXES or not is_file(file):
            continue
        other = known.setdefault(file.with_suffix(""), file)
        if other != file:
            raise CorpusError(f"{file.parent} holds {other.name} and {file.name}: leave one of them.")
        number = LIBRISPEECH_UTTERANCE.fullmatch(file.stem)
        if number:
            found.append((f"librispeech:{number[1]}", file))
        elif file.parent != folder:
            found.append((f"{folder.name}:{file.relative_to(folder).parts[0]}", file))
        if not number:
            others.append(file)
    if problem := next(_mixtures_among(folder, others), ""):
        raise CorpusError(
            f"{folder} is no folder of recordings for each speaker: {problem}. For sets of mixtures, give the mixtures "
            "and voices names that are known (folders mix, s1, s2; or mixture.wav, s1.wav, s2.wav in a folder each)."
        )
    return found


def _mixtures_among(folder: Path, files: Sequence[Path]) -> Iterator[str]:
    """Signs that files below `folder` are mixtures or their parts, as ends of a sentence."""
    by_folder: dict[Path, list[Path]] = {}
    by_name: dict[str, dict[str, Path]] = {}
    for file in files:
        within = file.relative_to(folder).parts
        for name in within[:-1]:
            if (part := part_of(name)) and part.role == MIXTURE:
                yield f"{name} is a name for mixtures"
        last = split_part(file.stem)
        if last and last[1].role != NOISE and (not last[0] or last[1].role == MIXTURE):
            yield f"{file.name} in {file.parent.name} is a name for a part of a mixture"
        if speakers_of(file.stem, 2) or speakers_of(file.stem, 3):
            yield f"{file.name} tells of several speakers"
        by_folder.setdefault(file.parent, []).append(file)
        by_name.setdefault("/".join(within[1:]), {})[within[0]] = file
    tops = {file.relative_to(folder).parts[0] for file in files}
    in_all = [list(found.values()) for name, found in by_name.items() if name and found.keys() == tops]
    several = [found for found in by_folder.values() if len(found) > 2]
    for found in several[:LOOKED_INTO] + in_all[:LOOKED_INTO]:
        if whole := find_sum(found):
            others = ", ".join(str(file.relative_to(folder)) for file in found if file != whole)
            yield f"{whole.relative_to(folder)} is made up of {others}"


@dataclass(frozen=True)
class MixedRow:
    """Utterances of different speakers mixed when read: cut to the shortest, levels by RMS."""

    name: str
    speakers: tuple[str, ...]
    clips: tuple[Clip, ...]
    levels: tuple[float, ...]  # dB

    @cached_property
    def header(self) -> tuple[int, int]:
        headers = [clip.header for clip in self.clips]
        if len({rate for _, rate in headers}) > 1:
            raise BadRow(f"The files of {self.name} have different sampling rates.")
        return min(length for length, _ in headers), headers[0][1]

    def read(self, start: int = 0, length: int | None = None) -> Mixture:
        total, rate = self.header
        sources = np.stack([clip.read(0, total) for clip in self.clips])
        rms = np.sqrt(np.mean(np.square(sources, dtype=np.float64), axis=-1, keepdims=True))
        if not rms.all():
            raise BadRow(f"One of the recordings of {self.name} is silent.")
        sources *= 0.05 / rms * 10 ** (np.array(self.levels)[:, None] / 20)
        sources /= max(1.0, np.abs(sources.sum(0)).max() / 0.9, np.abs(sources).max() / 0.9)
        sources = sources[:, start : None if length is None else start + length]
        return Mixture(sources.sum(0), sources, rate, name=self.name, speakers=self.speakers)


def mixed_rows(folder: Path, speakers: int = 2, seed: int = 0) -> list[MixedRow]:
    """Rows that use every recording at most once, each with `speakers` different people; two
    people's levels differ by up to 5 dB either way, as in the paper. The same rows each time."""
    by_speaker: dict[str, list[Path]] = {}
    for speaker, file in speaker_files(folder):
        by_speaker.setdefault(speaker, []).append(file)
    rng = np.random.default_rng(seed)
    for files in by_speaker.values():
        rng.shuffle(files)
    drawn: list[tuple[list[str], list[Path], np.ndarray]] = []
    while len(by_speaker) >= speakers:
        # Those with most recordings left are drawn first, so that few recordings are left over.
        names = sorted(by_speaker, key=lambda name: (-len(by_speaker[name]), rng.random()))
        few = rng.permutation(min(len(names), 2 * speakers))[:speakers]
        chosen = [names[i] for i in few]
        files = [by_speaker[name].pop() for name in chosen]
        by_speaker = {name: left for name, left in by_speaker.items() if left}
        level = rng.uniform(-2.5, 2.5, speakers)
        drawn.append((chosen, files, level if speakers > 2 else np.array([level[0], -level[0]])))
    return [
        MixedRow(name, tuple(one.split(":", 1)[1] for one in chosen), tuple(map(Clip, files)), tuple(levels))
        for name, (chosen, files, levels) in zip(_names([files for _, files, _ in drawn], folder), drawn, strict=True)
    ]


def _names(mixtures: Sequence[Sequence[Path]], folder: Path) -> list[str]:
    """A name for each mixture of files, none twice: the files' names, or their paths where files share names."""

    def name(file: Path, path: bool) -> str:
        return "-".join(file.relative_to(folder).with_suffix("").parts) if path else file.stem

    for path in (False, True):
        names = [printable("_".join(name(file, path) for file in files)) for files in mixtures]
        if len(set(names)) == len(names):
            return names
    return [f"{name}_{number}" for number, name in enumerate(names)]
