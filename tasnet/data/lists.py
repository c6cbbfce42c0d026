"""Lists of mixtures, as public recipes write them: their text, their tables and their paths.

    .csv, .tsv, .txt   a table with a header: LibriMix's and asteroid's (mixture_ID, mixture_path, source_1_path, ...),
                       SpeechBrain's (ID, mix_wav, s1_wav, ...); separated by commas, semicolons, tabs or |
    .json              SpeechBrain's {id: {"mix_wav": path, "s1_wav": path, ...}}, or a list of such objects with an id;
                       kaituoxu/Conv-TasNet's and asteroid's mix.json, s1.json, s2.json, each a list of [path, samples]
    .scp               Kaldi's and ESPnet's wav.scp (or mix.scp), spk1.scp, spk2.scp, each of lines "id path"; files
                       that belong together may begin alike: tr_mix.scp, tr_s1.scp, tr_s2.scp

Text is UTF-8, with or without a byte order mark, or UTF-16, with any line endings. What a column or a file holds is
shown by its name (`names.py`), to which _path, _wav, _file or _filepath may be added. A row that cannot be used,
because it is cut, because its id is there twice or could not be a file's name (it holds / or \\, or is . or ..), is
named and left out, and so are those that name no file, or a command.

A row's files are found by the first of these rules that finds one:

    1. the path as it is written; a relative one begins in the folder of the list
    2. where the list was moved with its set: the longest end of the path (folder/name at least) that is there below the
       list's folder or one of those above it, the nearest first; \\ counts as /, and drives, roots and a beginning such
       as $data_folder or {data_root} are left away
    3. a name alone, beside the list, where all names of the row are different

A file that none of them finds is reported as missing under its written name.
"""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasnet.sound_files import printable

from .mixture_sets import BadRow, CorpusError
from .names import MIXTURE, MixturePart, part_of, split_part, strip_part

TABLES = (".csv", ".tsv", ".txt")
PART_LISTS = (".json", ".scp")
LARGEST = 1 << 28  # bytes
LONGEST_NAME = 240  # bytes; with a suffix and the ending of an unfinished file it still is a file's name
# Control characters, and halves of characters that no text has (those by which bytes are kept, \udc80 on, are left).
_UNPATHABLE = re.compile("[\0-\x1f\x7f\x85\u2028\u2029\ud800-\udc7f\udd00-\udfff]")
_UNNAMEABLE = re.compile(rf"[/\\]|{_UNPATHABLE.pattern}")
ID_COLUMNS = ("mixture_id", "id", "utt_id", "utt", "key", "name", "uid")
ENDINGS = re.compile(r"[_\- ]?(path|wav|wav_path|file|filename|filepath|file_path|audio|audio_path)$", re.IGNORECASE)


@dataclass
class ListedMixtures:
    """What a list says: rows in their order, and of each the paths as they are written."""

    parts: list[MixturePart] = field(default_factory=list)
    rows: dict[str, dict[str, object]] = field(default_factory=dict)  # {id: {part's name: path}}
    problems: dict[str, str] = field(default_factory=dict)  # {"line 7 of x.csv": why it is refused}

    def add(self, name: object, place: str, paths: dict[str, object]) -> None:
        """A row that stands at `place`, as "line 7 of x.csv"; one that cannot be named goes to the problems."""
        problem, shown = problem_of_name(name), printable(str(name))
        if not problem and shown in self.rows:
            problem = f"The id {shown} is there twice."
        if problem:
            self.problems[place] = f"{problem[:-1]} ({place})."
        else:
            self.rows[shown] = paths

    @property
    def filled(self) -> list[MixturePart]:
        """The parts for which at least one row has something."""
        return [part for part in self.parts if any(paths.get(part.name) for paths in self.rows.values())]


def read_text(path: Path) -> str:
    """A list's text, whatever its encoding (see the module's head); bytes that are not text are kept as they are.

    Raises CorpusError.
    """
    try:
        if not path.is_file():
            raise CorpusError(f"There is no list at {path}.")
        if path.stat().st_size > LARGEST:
            raise CorpusError(f"{path} is larger than a list can be ({LARGEST >> 20} MB).")
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\0" in data[:2]:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    else:
        encoding = "utf-8-sig"
    text = data.decode(encoding, errors="replace" if encoding.startswith("utf-16") else "surrogateescape")
    if "\0" in text:
        raise CorpusError(f"{path} is not text, so it is not a list.")
    return text


def read_columns(path: Path) -> tuple[list[str], list[tuple[str, dict[str, str] | None]]]:
    """The header's columns of a table, and [("line 2", {column: value})]; None for a line of another number of fields.

    Raises CorpusError.
    """
    text = read_text(path)
    first, _, rest = text.partition("\n")
    if re.fullmatch(r"sep=[,;\t|]\s*", first):  # written by spreadsheets
        text, first = rest, rest.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = [column.strip() for column in next(reader, [])]
        lines = [(f"line {reader.line_num}", line) for line in reader if any(field.strip() for field in line)]
    except csv.Error as error:
        raise CorpusError(f"{path} is not a table of comma-separated values: {error}.") from None
    doubled = sorted({column for column in header if column and header.count(column) > 1})
    if doubled:
        raise CorpusError(f"{path} has several columns {doubled[0]}.")
    return header, [
        (place, dict(zip(header, line, strict=True)) if len(line) == len(header) else None) for place, line in lines
    ]


def read_table(path: Path) -> ListedMixtures:
    """The mixtures of a table with a header. Raises CorpusError."""
    header, lines = read_columns(path)
    if any(re.fullmatch(r"(source|noise)_?\d*_gain", column) for column in header):
        raise CorpusError(
            f"{path} does not list finished mixtures, it lists gains: build the mixtures first "
            "with `python -m tasnet.corpora`."
        )
    columns = {column: part for column in header if (part := _column_part(column))}
    _check_parts(path, list(columns.values()), "columns", header)
    identity = next((column for column in header if column.lower() in ID_COLUMNS), None)
    table = ListedMixtures(list(columns.values()))
    for number, line in lines:
        place = f"{number} of {path.name}"
        if line is None:
            table.problems[place] = f"A field is missing, or there is one too many, in {place}."
            continue
        paths: dict[str, object] = {part.name: line[column].strip() for column, part in columns.items()}
        name = line[identity].strip() if identity else _name_of_paths(table.parts, paths)
        table.add(name, place, paths)
    return table


def read_json(path: Path) -> object:
    """What a JSON file holds. Raises CorpusError for one that is none, or has a name twice in an object."""

    def once(pairs: Sequence[tuple[str, object]]) -> dict:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            raise CorpusError(f"{path} has {next(n for n in names if names.count(n) > 1)} twice in one object.")
        return found

    text = read_text(path)
    try:
        return json.loads(text, object_pairs_hook=once)
    except CorpusError:
        raise
    except (ValueError, RecursionError):
        raise CorpusError(f"{path} is not JSON, or it is cut.") from None


def read_object(path: Path) -> dict:
    """What a JSON file holds where that is an object, else {}. Raises CorpusError as `read_json` does."""
    found = read_json(path)
    return found if isinstance(found, dict) else {}


def read_records(path: Path) -> ListedMixtures:
    """The mixtures of a JSON file with an object for each. Raises CorpusError."""
    found = read_json(path)
    if isinstance(found, dict):
        records = [(name, name, record) for name, record in found.items()]
    elif isinstance(found, list):
        records = [(None, number, record) for number, record in enumerate(found, 1)]
    else:
        records = []
    keys = {key: part for _, _, r in records if isinstance(r, dict) for key in r if (part := _column_part(key))}
    seen = sorted({key for _, _, r in records[:20] if isinstance(r, dict) for key in r})
    _check_parts(path, list(keys.values()), "names", seen or list(found if isinstance(found, dict) else []))
    table = ListedMixtures(list(keys.values()))
    for name, which, record in records:
        place = printable(f"object {which} of {path.name}")
        if not isinstance(record, dict):
            table.problems[place] = f"There are no paths in {place}."
            continue
        paths = {part.name: record.get(key) for key, part in keys.items()}
        if name is None:
            key = next((key for key in record if key.lower() in ID_COLUMNS), None)
            name = str(record[key]) if key else _name_of_paths(table.parts, paths)
        table.add(name, place, paths)
    return table


def list_part(path: Path) -> tuple[str, MixturePart] | None:
    """("tr", the part s1) of tr_s1.scp, which lists one part of all mixtures; None for a file of another name.

    wav.scp is Kaldi's name for the mixtures.
    """
    if path.suffix.lower() not in PART_LISTS:
        return None
    prefix, _, last = path.stem.rpartition("_")
    if path.suffix.lower() == ".scp" and last.lower() == "wav":
        return prefix, MixturePart("wav", MIXTURE, "mix")
    return split_part(path.stem)


def read_part_lists(files: Mapping[MixturePart, Path]) -> ListedMixtures:
    """The mixtures that lists of one part each tell of together, by their ids or the names of the files.

    files: {part: its list}, in one folder. Raises CorpusError.
    """
    table, entries, folder = ListedMixtures(list(files)), {}, next(iter(files.values())).parent
    for part, path in files.items():
        entries[part.name] = (
            _scp_lines(path, table) if path.suffix.lower() == ".scp" else _json_paths(path, part, table)
        )
    names = [path.name for path in files.values()]
    _check_parts(folder, table.parts, "lists", names)
    shared = set.intersection(*(set(paths) for paths in entries.values()))
    if not shared:
        raise CorpusError(
            f"The lists {', '.join(names)} in {folder} have no mixture in common, by ids or files' names."
        )
    for name in dict.fromkeys(name for paths in entries.values() for name in paths):
        table.add(name, f"{name} in {names[0]}", {part: paths.get(name, "") for part, paths in entries.items()})
    return table


def _scp_lines(path: Path, table: ListedMixtures) -> dict[str, str]:
    """{id: path} of lines "id path"."""
    found: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        name, _, written = line.strip().partition(" ") if "\t" not in line else line.strip().partition("\t")
        if not name:
            continue
        place = f"line {number} of {path.name}"
        if name in found:
            table.problems[place] = f"The id {name} is there twice ({place})."
        elif not written.strip():
            table.problems[place] = f"There is not an id and a path in {place}."
        else:
            found[name] = written.strip()
    return found


def _json_paths(path: Path, part: MixturePart, table: ListedMixtures) -> dict[str, str]:
    """{mixture: path} of a list of paths or of [path, samples]."""
    found = read_json(path)
    if not isinstance(found, list):
        raise CorpusError(f"{path} is no list of [path, samples].")
    paths: dict[str, str] = {}
    for number, entry in enumerate(found, 1):
        place = f"entry {number} of {path.name}"
        written = entry[0] if isinstance(entry, list) and entry else entry
        if not isinstance(written, str):
            table.problems[place] = f"There is no path in {place}."
            continue
        name = strip_part(_stem(written), part)
        if name in paths:
            table.problems[place] = f"The file {name} is there twice ({place})."
        else:
            paths[name] = written
    return paths


def problem_of_name(name: object) -> str:
    """Why an id cannot name a mixture's files; "" where it can."""
    if not isinstance(name, str) or not name.strip():
        return "A mixture has no id."
    if _UNNAMEABLE.search(name) or name in (".", "..") or re.match(r"[A-Za-z]:", name):
        return f"The id {name[:40]!a} cannot be the name of a file."
    size = len(name.encode(errors="replace"))
    return "" if size <= LONGEST_NAME else f"The id {name[:40]}... is too long for the name of a file."


def checked_path(path: object, part: str) -> str:
    """A list's entry for a part, where it can be a path. Raises BadRow where it cannot."""
    if not isinstance(path, str) or not path.strip():
        raise BadRow(f"There is no file for {part}.")
    if _UNPATHABLE.search(path):
        raise BadRow(f"The file for {part} has a line break or the like in its name.")
    if path.endswith("|") or path.startswith("|"):
        raise BadRow(f"What stands for {part} is a command, which is not run.")
    if re.search(r"\.ark:\d+$", path):
        raise BadRow(f"What stands for {part} is a place in an archive of Kaldi's, which is not read.")
    return path


def finite(text: str, low: float, high: float) -> float | None:
    """The number written in a list; None where it is not a number from `low` to `high`."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and low <= value <= high else None


def path_below(folder: Path, written: str) -> Path:
    """The file below `folder` that a list names. Raises BadRow for one that would lie elsewhere."""
    parts = written.strip().replace("\\", "/").split("/")
    if not parts[0] or ".." in parts or re.match(r"[A-Za-z]:", parts[0]) or _UNPATHABLE.search(written):
        raise BadRow(f"The path {written[:60]!a} does not lie below {folder}.")
    return folder.joinpath(*parts)


def _column_part(column: object) -> MixturePart | None:
    """The part whose files a column of a table names."""
    if not isinstance(column, str):
        return None
    bare = ENDINGS.sub("", column)
    return part_of(bare) if bare else None


def _check_parts(path: Path, parts: list[MixturePart], what: str, found: list[str]) -> None:
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise CorpusError(f"{path} has several {what} for {max(names, key=names.count)}.")
    if len(parts) < 2:
        there = ", ".join(str(name)[:30] for name in found[:8]) or "none"
        raise CorpusError(
            f"{path} does not tell where mixtures and their voices lie: its {what} are {there}; "
            "mixture_path, source_1_path ..., or mix_wav, s1_wav ..., would be read."
        )


def _name_of_paths(parts: list[MixturePart], paths: dict[str, object]) -> str:
    """A row's name where it has no id: that of its mixture's file, or else of its first."""
    part = next((part for part in parts if part.role == MIXTURE), parts[0])
    written = paths.get(part.name)
    return strip_part(_stem(written), part) if isinstance(written, str) else ""


def _stem(written: str) -> str:
    return Path(written.replace("\\", "/")).stem
