"""Mixtures that are read when they are asked for: clips of files, rows of clips, sets of rows."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from tasnet.channels import Relation
from tasnet.errors import UserError, opening
from tasnet.excerpts import SoundHeader, read_excerpt, read_relation, read_sound_header
from tasnet.mixture import Mixture
from tasnet.sound_files import AudioError, printable

# A speaker's number opens the name of each utterance: 1089-134686-0000 and 011a0101.
LIBRISPEECH_UTTERANCE = re.compile(r"(\d+)-\d+-\d+")
WSJ0_UTTERANCE = re.compile(r"([0-9a-z]{3})[0-9a-z]{5}")


class CorpusError(UserError):
    """A corpus that cannot be used, said in one sentence."""

    def __init__(self, message: str) -> None:
        said = printable(message)
        if not said.isprintable():
            said = "".join(letter if letter.isprintable() else " " for letter in said)
        super().__init__(said)


class BadRow(CorpusError):
    """One mixture that cannot be read; the rest of the set can."""


def is_file(path: Path) -> bool:
    """Whether there is such a file; False for a name that no file can have."""
    try:
        return path.is_file()
    except OSError:  # longer than names can be
        return False


def without_second_microphones(files: Iterable[Path]) -> list[Path]:
    """The files without WSJ0's second microphone: it is in a .wv2 beside each .wv1, and the recipes take the first."""
    files = list(files)
    there = set(files)
    return [
        file for file in files if file.suffix.lower() != ".wv2" or file.with_suffix(file.suffix[:-1] + "1") not in there
    ]


@dataclass(frozen=True)
class Clip:
    """A stretch of a sound file of any kind, by default the whole file; of one channel, by default by `channels`."""

    path: Path
    start: int = 0
    length: int | None = None
    channel: int | None = None

    @cached_property
    def header(self) -> tuple[int, int]:
        """(length in samples, sampling rate), in most cases without decoding; raises BadRow."""
        header = self._file
        return header.frames - self.start if self.length is None else self.length, header.rate

    @cached_property
    def relation(self) -> Relation:
        """How the channels of the whole file relate, which says what is made of them; raises BadRow."""
        if self.channel is not None or self._file.channels == 1:
            return Relation(self.channel, "")
        try:
            return read_relation(self.path)
        except AudioError as error:
            raise BadRow(str(error)) from None

    @cached_property
    def _file(self) -> SoundHeader:
        if not is_file(self.path):
            raise BadRow(f"The file {self.path} is missing.")
        try:
            return read_sound_header(self.path)
        except AudioError as error:
            raise BadRow(str(error)) from None

    def read(self, start: int = 0, length: int | None = None, channel: int | None = None) -> np.ndarray:
        """(length,) float32 from `start` on, or as many as there are; raises BadRow.

        channel: the one to take of a file with several, where it is not known already.
        """
        total, _ = self.header
        stop = total if length is None else min(start + length, total)
        try:
            samples = read_excerpt(self.path, self.start + start, self.start + stop)
        except AudioError as error:
            raise BadRow(str(error)) from None
        if len(samples) != stop - start:
            raise BadRow(f"The file {self.path} is shorter than its header says.")
        if not np.isfinite(samples).all():
            raise BadRow(f"The file {self.path} holds samples that are not numbers (NaN or infinity).")
        if samples.shape[1] == 1:
            return samples[:, 0]
        only = self.relation.only if self.channel is not None or channel is None else channel
        return samples.mean(axis=1) if only is None else samples[:, min(only, samples.shape[1] - 1)]


class Row(Protocol):
    """A mixture that can be read, wholly or in part."""

    @property
    def name(self) -> str: ...

    @property
    def speakers(self) -> tuple[str, ...]: ...

    @property
    def header(self) -> tuple[int, int]:
        """(length in samples, sampling rate); raises BadRow."""

    def read(self, start: int = 0, length: int | None = None) -> Mixture:
        """The mixture from sample `start` on; raises BadRow."""


@dataclass(frozen=True)
class FileRow:
    """A mixture made beforehand; without a mixture file it is the sum of its sources.

    All its files are mixed down alike: averaged, or, where one of them would lose something by that (see `channels`),
    by the one channel that is to be used of it.

    noise: what is in the mixture file beside the sources, where it is known; it is not read with the row.
    """

    name: str
    sources: tuple[Clip, ...]
    mixture: Clip | None = None
    noise: Clip | None = None

    @property
    def speakers(self) -> tuple[str, ...]:
        names = (self.name, self.mixture.path.stem) if self.mixture else (self.name,)
        return next(filter(None, (speakers_of(name, len(self.sources)) for name in names)), ())

    @cached_property
    def header(self) -> tuple[int, int]:
        clips = (*self.sources, self.mixture) if self.mixture else self.sources
        headers = [clip.header for clip in clips]
        if len({rate for _, rate in headers}) > 1:
            raise BadRow(f"The files of {self.name} have different sampling rates.")
        if len({length for length, _ in headers}) > 1:
            raise BadRow(f"The files of {self.name} have unequal lengths.")
        return headers[0]

    @cached_property
    def relation(self) -> Relation:
        """That of the first of the files that would lose something as an average, else of the first; raises BadRow."""
        clips = (self.mixture, *self.sources) if self.mixture else self.sources
        of_all = [clip.relation for clip in clips if clip.channel is None]
        return next((one for one in of_all if one.only is not None), of_all[0] if of_all else Relation(None, ""))

    def read(self, start: int = 0, length: int | None = None) -> Mixture:
        _, rate = self.header
        channel = self.relation.only
        sources = np.stack([clip.read(start, length, channel) for clip in self.sources])
        mixture = self.mixture.read(start, length, channel) if self.mixture else sources.sum(0)
        return Mixture(mixture, sources, rate, name=self.name, speakers=self.speakers)


@dataclass(frozen=True)
class RefusedRow:
    """A row of a list that cannot be read, whatever lies on the disk: `reason` is a sentence."""

    name: str
    reason: str
    speakers: tuple[str, ...] = ()

    @property
    def header(self) -> tuple[int, int]:
        raise BadRow(self.reason)

    def read(self, start: int = 0, length: int | None = None) -> Mixture:
        raise BadRow(self.reason)


class MixtureSet:
    """Mixtures of one sampling rate and one number of sources, read one by one.

    `mixtures[i]` raises BadRow where the row cannot be used. `for mixture in mixtures` skips such
    rows; `bad` then holds {row's name: reason} of those met so far. root: the folder or the list by
    which the set can be opened again. notes: sentences on how it was understood.
    """

    def __init__(
        self,
        name: str,
        rows: Sequence[Row],
        rate: int | None = None,
        root: Path = Path(),
        notes: Sequence[str] = (),
    ):
        if not rows:
            raise CorpusError(f"There is no mixture in {printable(name)}.")
        self.name, self.rows, self.root, self.notes = printable(name), list(rows), root, tuple(notes)
        self.bad: dict[str, str] = {}
        self._rate = rate

    @cached_property
    def rate(self) -> int:
        """The sampling rate asked for, or else that of the first readable row, in Hz."""
        if self._rate:
            return self._rate
        for row in self.rows:
            try:
                return row.header[1]
            except BadRow as error:
                self.bad[row.name] = str(error)
        raise self._nothing()

    @cached_property
    def voices(self) -> int:
        """The number of sources of the first mixture that can be read."""
        first = next(iter(self), None)
        if first is None:
            raise self._nothing()
        return len(first.sources)

    def _nothing(self) -> CorpusError:
        reason = next(iter(self.bad.values()), "")
        return CorpusError(f"None of the {len(self)} mixtures of {self.name} can be read. {reason}".strip())

    @property
    def genders(self) -> dict[str, str]:
        """{speaker: "F" or "M"} where a list of the corpus' speakers lies at or above the set."""
        return speaker_genders(self.root)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Mixture:
        return self.read(index)

    def read(self, index: int, start: int = 0, length: int | None = None) -> Mixture:
        """Row `index` from sample `start` on; raises BadRow."""
        self.length(index)
        return self.rows[index].read(start, length)

    def length(self, index: int) -> int:
        """Length of row `index` in samples, from the files' headers alone; raises BadRow."""
        row = self.rows[index]
        length, rate = row.header
        if rate != self.rate:
            raise BadRow(f"{row.name} is sampled at {rate} Hz, the set at {self.rate} Hz.")
        if length == 0:
            raise BadRow(f"{row.name} is empty.")
        return length

    def __iter__(self) -> Iterator[Mixture]:
        for index, row in enumerate(self.rows):
            try:
                mixture = self[index]
            except BadRow as error:
                self.bad[row.name] = str(error)
                continue
            yield mixture

    def checked(self) -> "MixtureSet":
        """The set of the rows whose headers are sound; its `bad` tells of the others."""
        good, bad = [], {}
        for index, row in enumerate(self.rows):
            try:
                self.length(index)
                good.append(row)
            except BadRow as error:
                bad[row.name] = str(error)
        if not good:
            self.bad |= bad
            raise self._nothing()
        checked = MixtureSet(self.name, good, self.rate, self.root, self.notes)
        checked.bad = bad
        return checked


def speakers_of(name: str, count: int) -> tuple[str, ...]:
    """The speakers told by a LibriMix or wsj0-mix mixture's name; () where it tells none."""
    fields = name.split("_")
    # wsj0-mix puts each utterance's level after it: 011a0101_1.7413_442c020t_-1.7413.
    for pattern, parts in ((LIBRISPEECH_UTTERANCE, fields), (WSJ0_UTTERANCE, fields[::2])):
        found = [match[1] for part in parts if (match := pattern.fullmatch(part))]
        if len(found) == len(parts) == count:
            return tuple(found)
    return ()


def speaker_genders(folder: Path) -> dict[str, str]:
    """{speaker: "F" or "M"} from a list of speakers (see `read_genders`) in `folder` or one of four above it."""
    for above in (folder.resolve(), *list(folder.resolve().parents)[:4]):
        lists = [above / "SPEAKERS.TXT", above / "LibriSpeech" / "SPEAKERS.TXT"]
        lists += [path for below in (".", "metadata") for path in sorted((above / below).glob("*_info.csv"))]
        found: dict[str, str] = {}
        for path in lists:
            if path.is_file():
                found |= read_genders(path)
        if found:
            return found
    return {}


def read_genders(path: Path) -> dict[str, str]:
    """{speaker: "F" or "M"} in LibriSpeech's SPEAKERS.TXT, or in the table of the speakers of LibriMix's mixtures.

    The table (libri2mix_test-clean_info.csv) has columns speaker_1_ID, speaker_1_sex, ..., its numbers written as
    1089.0. A file of another kind has none. Raises PathError.
    """
    with opening(path):
        text = path.read_text(errors="replace")
    if path.suffix.lower() != ".csv":
        return {match[1]: match[2] for match in re.finditer(r"^(\d+)\s*\|\s*([FM])\b", text, re.MULTILINE)}
    return {
        line[f"{name}_ID"].removesuffix(".0"): line[f"{name}_sex"]
        for line in csv.DictReader(text.splitlines())
        for name in (column.removesuffix("_sex") for column in line if str(column).endswith("_sex"))
        if line.get(f"{name}_ID") and line[f"{name}_sex"] in ("F", "M")
    }
