"""Test and training sets of mixtures, whatever their layout on the disk.

`open_mixtures(path)` recognises the layout by itself:

    folders        {mix,s1,s2[,s3]}/NAME.wav, NAME/{mixture,s1,s2}.wav or NAME_{mix,s1,s2}.wav (`layouts.py`), named in
                   any of the ways of public recipes (`names.py`), at most five levels below the path: wsj0-mix
                   (2speakers/wav8k/min/tt), LibriMix, WHAM!, WHAMR!
    lists          .csv, .json and .scp of asteroid's, SpeechBrain's, kaituoxu's and ESPnet's recipes (`lists.py`, which
                   says how files are found that were moved), or a folder in which one list is that of the split
    a pack         NAME.json with {"rate", "lengths"} and NAME.flac: one channel a source
    speakers       one folder of recordings a speaker: mixed on the fly, the same way each time

Without a mixture file a mixture is the sum of its sources; where there is one, `explain_mixtures` says whether it is
(`sums.py`). Anything else is refused, and mixtures are never taken for people.

Every row is read when it is asked for. A row that cannot be read (missing file, other sampling rate, unequal lengths)
raises `BadRow`; iterating over a set skips such rows and keeps the reasons in `set.bad`. Files may be of any kind that
is read elsewhere, WSJ0's SPHERE with shorten among them, and of several channels one is made by the same rule
(`tasnet/channels.py`), for all files of a mixture alike.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from tasnet.sound_files import printable

from .layouts import LISTS, Entries, Place, find_places
from .lists import (
    TABLES,
    ListedMixtures,
    checked_path,
    list_part,
    read_json,
    read_part_lists,
    read_records,
    read_table,
)
from .mixture_sets import BadRow, Clip, CorpusError, FileRow, MixtureSet, RefusedRow, Row
from .names import KINDS, MIXTURE, PLAIN, MixturePart, Roles, choose_parts
from .packs import holds_lengths, pack_rows, packs_in
from .people import mixed_rows
from .places import Finder
from .sums import sample_rows, sum_notes
from .utterances import UtteranceSet, open_utterances

__all__ = [
    "BadRow",
    "CorpusError",
    "MixtureSet",
    "UtteranceSet",
    "open_mixtures",
    "open_utterances",
]

SPLITS = {
    "train": ("tr", "train", "train-100", "train-360"),
    "valid": ("cv", "dev", "valid", "val", "validation"),
    "test": ("tt", "test", "eval"),
}
READ = (
    "folders s1, s2 (or spk1, source1 ...) with or without mix, a folder or a row of files for each mixture "
    "(mixture.wav, s1.wav, s2.wav), lists (.csv, .json, .scp), a pack, or a folder of recordings for each speaker"
)


def open_mixtures(
    path: str | Path,
    *,
    split: str = "test",
    mixture: str | None = None,
    rate: int | None = None,
    speakers: int = 2,
    within: Path | None = None,
) -> MixtureSet:
    """The mixtures at `path`, whose layout (see the module's head) is recognised.

    split: "train", "valid" or "test", where the folder holds several. Where none is to test with, those to validate
        with are taken, and it is said.
    mixture: the kind of the mixtures ("mix_both") where there are several; the first of `names.KINDS` by default.
        With mix_single the sources are s1, noise.
    rate: rows of another sampling rate in Hz are bad rows; the first row's rate by default.
    speakers: how many people to mix where the folder holds single speakers' recordings.
    within: files named in lists are read only below this folder.
    Raises CorpusError.
    """
    path = Path(path)
    if _exists(path) and not (path.is_dir() or path.is_file()):
        raise CorpusError(f"{path} is a pipe or a device, neither a folder nor a list of mixtures (.csv, .json, .scp).")
    if _exists(path) and not path.is_dir():
        return _open_list(path, mixture, rate, within)
    if not _exists(path):
        raise CorpusError(f"There is nothing at {path}.")
    places = find_places(path)
    if places:
        chosen, notes = _of_split(places, path, split)
        return _open_places(path, chosen, mixture, rate, within, notes)
    if found := _list_in(path, split, mixture):
        return _open_list(found, None, rate, within)
    if mixture is not None:
        raise CorpusError(f"There are no mixtures {mixture} in {path}: {_what_lies(path)}.")
    if packs := packs_in(path):
        return MixtureSet(path.name, [row for file in packs for row in pack_rows(file)], rate, path)
    rows = mixed_rows(path, speakers)
    if not rows:
        raise CorpusError(f"{path} holds none of the known layouts: {_what_lies(path)}; {READ} would be read.")
    people = len({speaker for row in rows for speaker in row.speakers})
    note = f"No mixtures lie here: recordings of {people} speakers, a folder each, were mixed."
    return MixtureSet(path.name, rows, rate, path, [note])


def explain_mixtures(mixtures: MixtureSet) -> list[str]:
    """How a set was understood, what was made of channels, and whether its mixtures are sums of their sources.

    Reads a few rows. Raises CorpusError where their mixtures are not made of their sources.
    """
    rows = sample_rows([row for row in mixtures.rows if isinstance(row, FileRow)])
    channels = {row.relation.only: row.relation.sentence for row in rows}
    return [*mixtures.notes, *filter(None, channels.values()), *sum_notes(mixtures)]


def holds_mixtures(path: str | Path) -> bool:
    """Whether `path` holds mixtures made beforehand; otherwise it may hold utterances. Raises CorpusError."""
    path = Path(path)
    if path.is_dir():
        return bool(find_places(path) or _lists_in(path)) or any(holds_lengths(file) for file in packs_in(path))
    if path.suffix.lower() == ".json" and path.is_file() and not list_part(path):
        found = read_json(path)
        return not (isinstance(found, dict) and "utterances" in found)
    return path.suffix.lower() in (*TABLES, ".json", ".scp")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name longer than names can be
        return False


def _open_list(path: Path, kind: str | None, rate: int | None, within: Path | None) -> MixtureSet:
    """The mixtures of a list, or of the lists of parts to which it belongs."""
    if listed := list_part(path):
        prefix, part = listed
        if part.role == MIXTURE and part.word in KINDS:
            kind = kind or part.word
        for place in find_places(path.parent):
            if place.folder == path.parent and place.layout == LISTS and place.prefix == prefix:
                return _open_places(path, [place], kind, rate, within)
        raise CorpusError(
            f"{path} lists one part of mixtures, and beside it the lists of the others are missing: mix.json, s1.json "
            "and s2.json, or wav.scp, spk1.scp and spk2.scp, would be read."
        )
    if path.suffix.lower() in TABLES:
        return _table_set(read_table(path), path, path.stem, kind, rate, within)
    if path.suffix.lower() == ".json":
        if holds_lengths(path):
            return MixtureSet(path.stem, pack_rows(path), rate, path)
        return _table_set(read_records(path), path, path.stem, kind, rate, within)
    if path.suffix.lower() == ".scp":
        raise CorpusError(
            f"The name of {path} does not say which part of mixtures it lists: wav.scp (or mix.scp), spk1.scp and "
            "spk2.scp would be read."
        )
    raise CorpusError(f"{path} is neither a folder nor a list of mixtures ({', '.join(TABLES)}, .json, .scp).")


def _lists_in(folder: Path) -> list[Path]:
    """The tables and records in a folder that list mixtures."""
    found = []
    for file in Entries(folder).files:
        if file.suffix.lower() in (".csv", ".tsv", ".json"):
            with contextlib.suppress(CorpusError):
                table = read_records(file) if file.suffix.lower() == ".json" else read_table(file)
                found += [file] if table.rows else []
    return found


def _list_in(folder: Path, split: str, kind: str | None) -> Path | None:
    """The one list in a folder that by its name is of the split and of the kind, as mixture_test_mix_clean.csv.

    Raises CorpusError where there are several.
    """
    lists = _lists_in(folder)
    words = {file: set(re.split(r"[_\-.]", file.stem.lower())) for file in lists}
    of_split = [file for file in lists if words[file] & set(SPLITS[split])] or lists
    kinds = [kind] if kind else [name for name in KINDS if name not in PLAIN]
    of_kind = next(filter(None, ([f for f in of_split if f.stem.lower().endswith(k)] for k in kinds)), None)
    left = of_kind or ([] if kind else of_split)
    if len(left) > 1:
        names = ", ".join(file.name for file in left[:6])
        raise CorpusError(f"{folder} holds several lists of mixtures ({names}): name one of them.")
    return left[0] if left else None


def _open_places(
    path: Path, places: list[Place], kind: str | None, rate: int | None, within: Path | None, before: Iterable[str] = ()
) -> MixtureSet:
    """The mixtures of folders at `path` that belong together. before: sentences on how they were chosen."""
    rows: dict[str, Row] = {}
    notes = list(before)
    for place in places:
        roles = choose_parts(place.parts, kind, str(place.folder))
        if place.layout == LISTS:
            lists = {part: place.holders[part] for part in roles.parts}
            found = _table_set(read_part_lists(lists), lists[roles.parts[0]], place.split, kind, rate, within)
            new, said = found.rows, found.notes
        else:
            new, said = _folder_rows(place, roles), (f"{_what(roles)} ({place.layout}).",)
        twice = next((row.name for row in new if row.name in rows), None)
        if twice is not None:
            raise CorpusError(
                f"{twice} lies in {place.folder} and in another of {', '.join(p.folder.name for p in places)}: "
                "name one of these folders."
            )
        rows |= {row.name: row for row in new}
        notes += [note for note in said if note not in notes]
    root = path if len(places) > 1 or path.is_file() else places[0].folder
    return MixtureSet(places[0].split, list(rows.values()), rate, root, notes)


def _folder_rows(place: Place, roles: Roles) -> list[Row]:
    columns = place.columns(roles.parts)
    needed = [part for part in roles.parts if part != roles.noise]
    names = sorted(set().union(*(columns[part] for part in needed)))

    def clip(part: MixturePart, name: str) -> Clip:
        # A file that is not there stays in the row, which then reports it as missing.
        return Clip(columns[part].get(name) or place.missing(part, name))

    rows: list[Row] = [
        FileRow(
            name,
            tuple(clip(part, name) for part in roles.sources),
            clip(roles.mixture, name) if roles.mixture else None,
            clip(roles.noise, name) if roles.noise else None,
        )
        for name in names
    ]
    rows += [RefusedRow(name, f"The folder {place.folder / name} holds no mixture and voices.") for name in place.left]
    return rows


def _table_set(
    table: ListedMixtures, path: Path, name: str, kind: str | None, rate: int | None, within: Path | None
) -> MixtureSet:
    """The mixtures of a list at `path`; rows that cannot be used stay in the set and say why."""
    if not table.rows:
        reason = next(iter(table.problems.values()), "")
        raise CorpusError(f"There is no mixture in {path}. {reason}".strip())
    roles = choose_parts(table.filled, kind, str(path))
    finder = Finder(path, within)
    needed = [part.name for part in (roles.mixture, *roles.sources) if part]
    rows: list[Row] = []
    for identity, paths in table.rows.items():
        try:
            clips = [Clip(file) for file in finder.row([checked_path(paths.get(part), part) for part in needed])]
            if len({clip.path for clip in clips}) < len(clips):
                raise BadRow("The same file stands for two parts.")
            mixture = clips.pop(0) if roles.mixture else None
            rows.append(FileRow(identity, tuple(clips), mixture, _noise(roles, paths, finder)))
        except BadRow as error:
            rows.append(RefusedRow(identity, str(error)))
    rows += [RefusedRow(printable(place), reason) for place, reason in table.problems.items()]
    notes = [f"{_what(roles)} (list {path.name})."]
    for old, new in finder.moved.items():
        notes.append(f"What the list {f'has below {old}' if old else 'names'} was found below {new}.")
    return MixtureSet(name, rows, rate, path, notes)


def _noise(roles: Roles, paths: dict[str, object], finder: Finder) -> Clip | None:
    if roles.noise is None:
        return None
    try:
        return Clip(finder.row([checked_path(paths.get(roles.noise.name), "noise")])[0])
    except BadRow:
        return None


def _what(roles: Roles) -> str:
    """Which parts were taken for what."""
    sources = ", ".join(part.name for part in roles.sources)
    if roles.mixture is None:
        return f"The mixtures are the sums of {sources}"
    where = "in the mixtures" if KINDS[roles.mixture.word].noisy else "beside them"
    noise = f", with {roles.noise.name} {where}" if roles.noise else ""
    return f"The mixtures are {roles.mixture.name}, their sources {sources}{noise}"


def _of_split(places: list[Place], root: Path, split: str) -> tuple[list[Place], list[str]]:
    """Those of `split` that belong together, 8 kHz and min preferred, and what is to be said. Raises CorpusError."""

    def is_of(place: Place, names: Iterable[str]) -> bool:
        return place.split.lower() in names or place.split.lower().split("_")[0] in names

    places = sorted(places, key=lambda p: ("wav16k" in p.folder.parts, "max" in p.folder.parts, str(p.folder)))
    chosen = [place for place in places if is_of(place, SPLITS[split])]
    notes = []
    if not chosen and split == "test" and (chosen := [place for place in places if is_of(place, SPLITS["valid"])]):
        notes = [f"There are no mixtures to test with: those of {chosen[0].split} were taken."]
    if not chosen and len(places) > 1:
        names = ", ".join(sorted({place.split for place in places})[:8])
        raise CorpusError(f"{root} has no mixtures to {split} with, only the folders {names}: name one of them.")
    first = (chosen or places)[0]
    if first.layout == LISTS and first.prefix:
        return [place for place in chosen or places if place.folder == first.folder], notes
    return [place for place in chosen or places if place.folder.parent == first.folder.parent], notes


def _what_lies(path: Path) -> str:
    """The first of what is in a folder."""
    if not os.access(path, os.R_OK | os.X_OK):
        return "it may not be read"
    entries = Entries(path)
    names = [f"{folder.name}/" for folder in entries.folders] + [file.name for file in entries.files]
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"it holds {', '.join(names[:6])}{more}" if names else "it is empty"
