"""The results of a test set as one CSV file that grows row by row and survives a kill.

Line 1 is "# " and a JSON object, the `Header`: which model on which set. Line 2 names the columns,
then comes one line a mixture: index, mixture, seconds, speakers, genders, problem, and a column
"<system>.<measure>.<speaker>" for every score, speakers counted from 1 in the references' order; the
network's system is the header's, and `NETWORK` once it is read. An empty cell is an undefined score. A
mixture that could not be used has its reason in `problem`.
"""

import csv
import dataclasses
import io
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta

from analysis.scores.systems import NETWORK
from analysis.text import csv_line, from_csv_cell
from tasnet.atomic import make_folder, replacing
from tasnet.config import HIGHEST_RATE
from tasnet.errors import UserError, opening
from tasnet.locks import WriterLock
from tasnet.typed import check_types, from_plain

FACTS = ("index", "mixture", "seconds", "speakers", "genders", "problem")
# No set of mixtures reaches this; a file that claims more is not one of ours.
LARGEST_FILE = 1 << 26  # bytes
MOST_MIXTURES = 200_000
MOST_SPEAKERS = 9
MOST_BROUGHT = 10_000  # mixtures, and speakers, of a file that a page shows at once
LONGEST_TEXT = 4096  # characters
LARGEST_FIGURE = 10**12
LARGEST_SCORE = 1000.0  # dB, beside infinity
Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
SystemName = Annotated[str, Meta(max_length=60, pattern=r"^[\w+ -]+$")]  # which pages show as it is
FORMULA_AFTER_COMMA = re.compile(r"(?<=[,;])[=+\-@]")
SCORE = re.compile(r"(?P<system>[^.]+)\.(?P<measure>[^.]+)\.(?P<speaker>\d+)")
# What must be the same for rows to share a file, and what a user would call it.
IDENTITY = {
    "model": "model",
    "weights": "version of the weights",
    "names": "set of mixtures",
    "kind": "kind of mixture",
    "rate": "sampling rate",
    "speakers": "number of speakers",
    "pesq": "choice of scores",
    "precision": "precision",
}


class ResultsError(UserError):
    """A file of results that cannot be used, said in one sentence."""


@dataclass(frozen=True)
class Header:
    """Which model was measured on which set of mixtures."""

    model: Text
    weights: Text  # their name by `checkpoint.weights_hash`
    file: Text  # where the weights were, as an absolute path
    parameters: Annotated[int, Meta(ge=0, le=LARGEST_FIGURE)]
    training_data: Text
    precision: Text
    set: Text  # the set's name
    folder: Text  # where it was, as an absolute path
    split: Text
    kind: Text  # the folder of the mixtures ("mix_both"), empty for the usual one
    names: Text  # the beginning of the SHA-256 of all mixtures' names
    mixtures: Annotated[int, Meta(ge=0, le=MOST_MIXTURES)]  # in the whole set
    rate: Annotated[int, Meta(ge=1, le=HIGHEST_RATE)]  # Hz
    speakers: Annotated[int, Meta(ge=1, le=MOST_SPEAKERS)]
    pesq: bool
    system: SystemName = NETWORK  # what the literature calls the network

    def __post_init__(self) -> None:
        """Raise ValueError for a wrong type or a figure that no measurement can give."""
        check_types(self)


@dataclass(frozen=True)
class ScoredMixture:
    """One mixture: what is known of it, and its scores by column or the problem with it."""

    index: int  # in the set
    mixture: str
    seconds: float
    speakers: tuple[str, ...]  # empty where unknown
    genders: str  # "FM": one letter a speaker; empty where unknown
    scores: dict[str, float]  # "<system>.<measure>.<speaker>"; an undefined score is not in it
    problem: str = ""


@dataclass(frozen=True)
class Results:
    """All rows of a file in the order of the set."""

    header: Header
    rows: tuple[ScoredMixture, ...]

    @cached_property
    def good(self) -> tuple[ScoredMixture, ...]:
        """The rows with scores."""
        return tuple(row for row in self.rows if not row.problem)

    @property
    def problems(self) -> dict[str, str]:
        """{mixture: reason} of the mixtures that could not be used."""
        return {row.mixture: row.problem for row in self.rows if row.problem}

    def name_of(self, system: str) -> str:
        """What a system of `values` is called."""
        return self.header.system if system == NETWORK else system

    def values(self, system: str, measure: str) -> np.ndarray:
        """(M, C) scores of the M good rows; nan where undefined."""
        columns = [f"{system}.{measure}.{speaker}" for speaker in range(1, self.header.speakers + 1)]
        scores = [[row.scores.get(column, np.nan) for column in columns] for row in self.good]
        return np.array(scores).reshape(-1, self.header.speakers)

    @cached_property
    def _columns(self) -> dict[str, set[str]]:
        """{system: its measures}, in the order of the columns."""
        found: dict[str, set[str]] = {}
        for column in dict.fromkeys(column for row in self.good for column in row.scores):
            match = SCORE.fullmatch(column)
            if match:
                found.setdefault(match["system"], set()).add(match["measure"])
        return found

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems with scores, as they stand in the file."""
        return tuple(self._columns)

    def has(self, measure: str) -> bool:
        """Whether any system has scores of this measure."""
        return any(measure in measures for measures in self._columns.values())


class ResultsFile:
    """A results file that is being written; opening one that exists goes on with it.

    `done` are the rows it already holds. What a killed run left half-written is cut off. Nobody else can write the file
    until it is closed. Raises Locked where somebody is writing it, and ResultsError where it belongs to another model
    or set, or is not a results file at all.
    """

    def __init__(self, path: str | Path, header: Header, columns: Sequence[str]) -> None:
        self.path, self.header, self.columns = Path(path), header, list(columns)
        make_folder(self.path.parent)
        if self.path.exists() and not self.path.is_file():
            raise ResultsError(_foreign(str(self.path)))
        self._lock = WriterLock(self.path)
        try:
            with opening(self.path):
                self.done = self._repaired()
            with opening(self.path, "be written"):
                self._file = self.path.open("ab")
            if self._file.tell() == 0:
                self._write(self._head())
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> "ResultsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._lock.release()

    def append(self, rows: Iterable[ScoredMixture]) -> None:
        """Add rows; they are on the disk when this returns."""
        self._write("".join(self._line(row) for row in rows))

    def finish(self) -> Results:
        """Close the file with its rows in the order of the set, each once; and read it."""
        self._file.close()
        results = read_results(self.path)
        ordered = self._head() + "".join(self._line(row) for row in results.rows)
        if ordered.encode() != self.path.read_bytes():
            with replacing(self.path) as unfinished:
                unfinished.write_bytes(ordered.encode())
        self._lock.release()
        return results

    def _write(self, text: str) -> None:
        with opening(self.path, "be written"):
            self._file.write(text.encode(errors="backslashreplace"))
            self._file.flush()
            os.fsync(self._file.fileno())

    def _repaired(self) -> tuple[ScoredMixture, ...]:
        """The rows of the file, after its unfinished last line is cut off."""
        if not self.path.exists():
            return ()
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if data.count(b"\n", 0, whole) < 2:  # killed before the column names were on disk
            if not b"# {".startswith(data[:3]):
                raise ResultsError(_foreign(self.path.name))
            whole = 0
        if whole < len(data):
            os.truncate(self.path, whole)
        if whole == 0:
            return ()
        found = read_results(self.path)
        for field, called in IDENTITY.items():
            old, new = getattr(found.header, field), getattr(self.header, field)
            if old != new:
                raise ResultsError(
                    f"{self.path} holds results of another {called} ({old}, not {new}): "
                    "give this evaluation a file of its own."
                )
        if data.split(b"\n", 2)[1].decode() + "\n" != self._heads():
            # Begun by a version that measured other scores: those it did not measure stay empty.
            with replacing(self.path) as unfinished:
                unfinished.write_text(self._head() + "".join(self._line(row) for row in found.rows), newline="")
        return found.good

    def _head(self) -> str:
        return _header_line(self.header) + self._heads()

    def _heads(self) -> str:
        return csv_line([*FACTS, *(_renamed(column, NETWORK, self.header.system) for column in self.columns)])

    def _line(self, row: ScoredMixture) -> str:
        facts = [row.index, row.mixture, row.seconds, ";".join(row.speakers), row.genders, row.problem]
        return csv_line([*facts, *(_cell(row.scores.get(column)) for column in self.columns)])


def _held(path: Path, name: str) -> bytes:
    """The content of a file, no more than is known to be too much."""
    if not path.is_file():  # reading from a pipe or a device would block, or never end
        raise ResultsError(_foreign(name))
    with path.open("rb") as file:
        return file.read(LARGEST_FILE + 1)


def read_results(source: str | Path | bytes, name: str = "") -> Results:
    """The results in a file or in a file's content; of two rows of one mixture the later counts.

    A last line that is still being written is left out, and so are the paths in a mere content, which are those of
    another machine. Raises ResultsError.
    """
    name = name or (str(source) if not isinstance(source, bytes) else "The file")
    try:
        content = source if isinstance(source, bytes) else _held(Path(source), name)
        if len(content) > LARGEST_FILE:
            raise ResultsError(f"{name} is too large for a file of results (more than {LARGEST_FILE >> 20} MB).")
        text = content.decode()
    except (OSError, UnicodeDecodeError):
        raise ResultsError(_foreign(name)) from None
    head, _, body = text[: text.rfind("\n") + 1].partition("\n")
    header = _parsed_header(head)
    lines = csv.reader(io.StringIO(body))
    try:
        columns = next(lines, None)
        if header is None or columns is None or tuple(columns[: len(FACTS)]) != FACTS:
            raise ResultsError(_foreign(name))
        columns = [_renamed(column, header.system, NETWORK) for column in columns]
        rows = {row.index: row for line in lines if (row := _parsed_row(columns, line, header))}
    except csv.Error:
        raise ResultsError(_foreign(name)) from None
    if isinstance(source, bytes):
        header = _without_paths(header)
    return Results(header, tuple(rows[index] for index in sorted(rows)))


def read_brought(content: bytes, name: str) -> Results:
    """`read_results` of a file that a visitor brought, which is to be shown at once and so has no endless list.

    Raises ResultsError.
    """
    results = read_results(content, name)
    known = {speaker for row in results.rows for speaker in row.speakers or (row.index,)}
    if len(results.rows) > MOST_BROUGHT or len(known) > MOST_BROUGHT:
        raise ResultsError(
            f"{name} has {len(results.rows)} mixtures of {len(known)} speakers; up to {MOST_BROUGHT} of each can be "
            "shown here. `python -m analysis.corpus.summary` takes the whole file."
        )
    return results


def read_header(path: str | Path) -> Header | None:
    """The header of a results file; None where the file is something else."""
    if not Path(path).is_file():
        return None
    try:
        with Path(path).open(encoding="utf-8") as file:
            return _parsed_header(file.readline(len(FACTS) * LONGEST_TEXT))
    except (OSError, UnicodeDecodeError):
        return None


def shareable(path: str | Path, genders: Mapping[str, str] | None = None) -> bytes:
    """The content of a results file as it can be passed on: it does not say where set and weights lie.

    genders: of the speakers, for rows that do not tell them. Raises ResultsError.
    """
    try:
        head, _, rows = Path(path).read_bytes().partition(b"\n") if Path(path).is_file() else (b"", b"", b"")
        header = _parsed_header(head.decode())
    except (OSError, UnicodeDecodeError):
        header = None
    if header is None:
        raise ResultsError(_foreign(str(path)))
    lines = csv.reader(io.StringIO(rows.decode(errors="replace")))
    told = [csv_line(_with_genders([*map(from_csv_cell, cells)], genders or {})) for cells in lines]
    return (_header_line(_without_paths(header)) + "".join(told)).encode()


def _with_genders(cells: list[str], genders: Mapping[str, str]) -> list[str]:
    """The cells of a line, its genders filled in where it does not tell them and all its speakers' are known."""
    speakers, told = FACTS.index("speakers"), FACTS.index("genders")
    letters = [genders.get(one, "") for one in cells[speakers].split(";")]
    filled = cells[told] or "".join(letters) * all(letters)
    return [*cells[:told], filled, *cells[told + 1 :]]


def _without_paths(header: Header) -> Header:
    return dataclasses.replace(header, file="", folder="")


def _header_line(header: Header) -> str:
    fields = dataclasses.asdict(header)
    if header.system == NETWORK:  # as files had it when there was no other
        del fields["system"]
    line = json.dumps(fields, ensure_ascii=False)
    # A spreadsheet splits it at its commas: no piece may begin like a formula.
    safe = FORMULA_AFTER_COMMA.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
    return f"# {safe}\n"


def _parsed_header(line: str) -> Header | None:
    try:
        return from_plain(Header, json.loads(line.removeprefix("# ")))
    except (ValueError, RecursionError):
        return None


def _parsed_row(columns: list[str], cells: list[str], header: Header) -> ScoredMixture | None:
    """A row; None for a damaged line, whose mixture counts as not measured."""
    if len(cells) != len(columns):
        return None
    index, mixture, seconds, speakers, genders, problem = map(from_csv_cell, cells[: len(FACTS)])
    try:
        scores = {
            column: float(cell) for column, cell in zip(columns[len(FACTS) :], cells[len(FACTS) :], strict=True) if cell
        }
        names = tuple(speakers.split(";")) if speakers else ()
        row = ScoredMixture(int(index), mixture, float(seconds), names, genders, scores, problem)
        return row if _possible(row, header) else None
    except ValueError:
        return None


def _possible(row: ScoredMixture, header: Header) -> bool:
    """Whether everything in a row can have been measured."""
    return (
        0 <= row.index < header.mixtures
        and 0 <= row.seconds < LARGEST_FIGURE
        and len(row.speakers) in (0, header.speakers)
        and max(map(len, (row.mixture, row.genders, row.problem, *row.speakers))) <= LONGEST_TEXT
        and all(abs(score) <= LARGEST_SCORE or math.isinf(score) for score in row.scores.values())
    )


def _renamed(column: str, old: str, new: str) -> str:
    """The name of a column, that of a system's scores with the system's `new` name."""
    return f"{new}.{column.removeprefix(f'{old}.')}" if column.startswith(f"{old}.") else column


def _cell(score: float | None) -> str:
    return "" if score is None else f"{score:.6g}"


def _foreign(name: str) -> str:
    return f"{name} is not a file of results of `python -m analysis.corpus`."
