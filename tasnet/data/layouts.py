"""Folders of mixtures: what lies in them, and which files make up a mixture.

    a folder a part      s1/NAME.wav, s2/NAME.wav, with or without mix/NAME.wav and noise/NAME.wav
    a folder a mixture   NAME/mixture.wav, NAME/s1.wav, NAME/s2.wav
    side by side         NAME_mix.wav, NAME_s1.wav, NAME_s2.wav
    lists                mix.json, s1.json, s2.json; wav.scp, spk1.scp, spk2.scp (`lists.py`)

`names.py` says how the parts may be named. A folder of several sets, such as tr, cv and tt, holds one of these in
each. In the second and third layout a file of the mixture must be there: otherwise the files might be just anybody's
recordings.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tasnet.sound_files import SUFFIXES, printable

from .lists import list_part
from .mixture_sets import BadRow, Clip, CorpusError, speakers_of, without_second_microphones
from .names import MIXTURE, MixturePart, holds_voices, part_of, split_part, strip_part

FOLDERS, FOLDER_EACH, BESIDE, LISTS = "a folder a part", "a folder a mixture", "side by side", "lists"
LOOKED_INTO = 3  # names
DEPTH = 6  # levels of folders that are looked at, that of the set's own among them


@dataclass(frozen=True)
class Place:
    """A set of mixtures in `folder`, whose names may begin alike, with `prefix`."""

    folder: Path
    layout: str
    files: dict[MixturePart, dict[str, Path]] = field(default_factory=dict)  # of a part: {mixture: file}
    holders: dict[MixturePart, Path] = field(default_factory=dict)  # or the folder, or the list, of a part
    prefix: str = ""
    left: tuple[str, ...] = field(default=())  # folders beside those of mixtures in which none was found

    @property
    def split(self) -> str:
        """The parts of its path that may show whether it is for training or for testing."""
        return self.prefix or self.folder.name

    @property
    def parts(self) -> list[MixturePart]:
        """Those that lie here."""
        return [*self.files, *self.holders]

    def missing(self, part: MixturePart, name: str) -> Path:
        """Where a part of a mixture would lie that is not there."""
        names = {FOLDERS: f"{part.name}/{name}.wav", FOLDER_EACH: f"{name}/{part.name}.wav"}
        return self.folder / names.get(self.layout, f"{name}_{part.name}.wav")

    def columns(self, parts: Iterable[MixturePart]) -> dict[MixturePart, dict[str, Path]]:
        """{part: {mixture's name: file}}. Raises CorpusError where the names of the parts' files do not fit."""
        if self.layout != FOLDERS:
            return {part: self.files[part] for part in parts}
        stems = {part: _sounds(self.holders[part]) for part in parts}
        for columns in (stems, {part: _stripped(files, part) for part, files in stems.items()}):
            if set.intersection(*(set(files) for files in columns.values())):
                return columns
        empty = next((part for part, files in stems.items() if not files), None)
        if empty:
            raise CorpusError(f"There is no sound in {self.holders[empty]}.")
        examples = ", ".join(f"{part.name}/{next(iter(files.values())).name}" for part, files in stems.items())
        raise CorpusError(f"No file in {self.folder} has the same name in each of its folders: it holds {examples}.")


@dataclass(frozen=True)
class Entries:
    """What lies in a folder: what is hidden is left out, and all of a folder that may not be read."""

    folder: Path

    @cached_property
    def _listed(self) -> tuple[list[Path], list[Path]]:
        folders: list[Path] = []
        files: list[Path] = []
        try:
            with os.scandir(self.folder) as entries:  # does not stat the files, of which there may be many
                for entry in entries:
                    if not entry.name.startswith("."):
                        (folders if entry.is_dir() else files).append(Path(entry.path))
        except PermissionError:  # as lost+found on a disk of data
            return [], []
        except OSError as error:
            raise CorpusError(f"The folder {self.folder} cannot be read: {error.strerror}.") from None
        return sorted(folders), sorted(files)

    @property
    def folders(self) -> list[Path]:
        return self._listed[0]

    @property
    def files(self) -> list[Path]:
        return self._listed[1]

    @property
    def sounds(self) -> list[Path]:
        return without_second_microphones(file for file in self.files if file.suffix.lower() in SUFFIXES)


def find_places(root: Path) -> list[Place]:
    """Every set of mixtures at most five levels below `root`, or at `root` itself. Raises CorpusError."""
    found: list[Place] = []
    level = [root]
    for _ in range(DEPTH):
        below: list[Path] = []
        for folder in level:
            entries = Entries(folder)
            places = list(_places(entries))
            found += places
            below += [] if places else entries.folders
        level = below
    return found


def _places(entries: Entries) -> Iterator[Place]:
    """The sets that lie in a folder itself."""
    folders = {part: folder for folder in entries.folders if (part := part_of(folder.name))}
    if holds_voices(folders) and _are_parts(folders):
        yield Place(entries.folder, FOLDERS, holders=folders)
        return
    lists: dict[str, dict[MixturePart, Path]] = {}
    for file in entries.files:
        if listed := list_part(file):
            prefix, part = listed
            lists.setdefault(prefix, {})[part] = file
    found = [
        Place(entries.folder, LISTS, holders=parts, prefix=prefix)
        for prefix, parts in lists.items()
        if _is_whole(parts)
    ]
    if found:
        yield from found
        return
    if beside := _beside(entries):
        yield beside
        return
    mixtures = {folder.name: one for folder in entries.folders if (one := _one_mixture(Entries(folder)))}
    if mixtures:
        files: dict[MixturePart, dict[str, Path]] = {}
        for name, one in mixtures.items():
            for part, file in one.items():
                files.setdefault(part, {})[printable(name)] = file
        others = [folder for folder in entries.folders if folder.name not in mixtures and Entries(folder).sounds]
        left = tuple(printable(folder.name) for folder in others)
        yield Place(entries.folder, FOLDER_EACH, files, left=left)


def _are_parts(folders: dict[MixturePart, Path]) -> bool:
    """Whether folders hold parts of mixtures, rather than recordings of speakers with such names.

    Without mixtures beside them, folders spk1, speaker1 or voice1 may be those of speakers. They are voices of mixtures
    where the files' names say who speaks, and speakers where no files have the same names or lengths in all of them,
    or where there are more than three. Raises CorpusError where both are possible.
    """
    sources = [part for part in folders if part.role != MIXTURE]
    if len(sources) < len(folders) or {part.word for part in sources} & {"s", "source", "src", "noise"}:
        return True
    files = [_sounds(folders[part]) for part in sources]
    shared = sorted(set.intersection(*(set(found) for found in files)))[:LOOKED_INTO]
    if shared and speakers_of(shared[0], len(sources)):
        return True
    if len(sources) > 3 or not any(_are_alike([found[name] for found in files]) for name in shared):
        return False
    names = ", ".join(folder.name for folder in folders.values())
    where = next(iter(folders.values())).parent
    raise CorpusError(
        f"The folders {names} in {where} may be voices of mixtures or recordings of people: "
        "call them s1, s2 ... or put a folder mix beside them if they are voices of mixtures."
    )


def _are_alike(files: list[Path]) -> bool:
    """Whether recordings have one length and rate."""
    try:
        return len({Clip(file).header for file in files}) == 1
    except BadRow:
        return False


def _beside(entries: Entries) -> Place | None:
    """Mixtures whose parts lie in one folder: NAME_mix.wav, NAME_s1.wav ..."""
    by_name: dict[str, dict[MixturePart, Path]] = {}
    for file in entries.sounds:
        if (found := split_part(file.stem)) and found[0]:
            by_name.setdefault(found[0], {})[found[1]] = file
    files: dict[MixturePart, dict[str, Path]] = {}
    if any(_is_whole(parts) for parts in by_name.values()):
        for name, parts in by_name.items():
            for part, file in parts.items():
                files.setdefault(part, {})[printable(name)] = file
    elif one := _one_mixture(entries):
        files = {part: {printable(entries.folder.resolve().name): file} for part, file in one.items()}
    return Place(entries.folder, BESIDE, files) if files else None


def _one_mixture(entries: Entries) -> dict[MixturePart, Path] | None:
    """The parts of the mixture that a folder is, with its mixture."""
    parts = {part: file for file in entries.sounds if (part := part_of(file.stem))}
    return parts if _is_whole(parts) else None


def _is_whole(parts: Iterable[MixturePart]) -> bool:
    """Whether there are a mixture and its voices."""
    return any(part.role == MIXTURE for part in parts) and holds_voices(parts)


def _sounds(folder: Path) -> dict[str, Path]:
    """{name without suffix: file}. Raises CorpusError for two files of one name."""
    found: dict[str, Path] = {}
    for file in Entries(folder).sounds:
        name = printable(file.stem)
        if name in found:
            raise CorpusError(f"{folder} holds {found[name].name} and {file.name}: leave one of them.")
        found[name] = file
    return found


def _stripped(files: dict[str, Path], part: MixturePart) -> dict[str, Path]:
    return {strip_part(name, part): file for name, file in files.items()}
