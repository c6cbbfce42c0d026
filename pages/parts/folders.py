"""Which files of the server the pages read and write: only those below one root, and only what a page needs.

Every name that comes from a text field, a link, a list or a file goes through here. Symbolic links are followed, and
must end below the root too. No name leads to what is hidden, and no link to what visitors have left in `PRIVATE`, each
under a key of its own.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tasnet.atomic import make_folder
from tasnet.data.corpora import CorpusError, MixtureSet, open_mixtures
from tasnet.data.mixture_sets import Clip
from tasnet.errors import UserError

SETTING = "TASNET_LENS_ROOT"  # environment variable with the root; the working folder by default
PRIVATE = Path("runs") / ".jobs"
MOST_ENTRIES = 20_000  # files and folders that are looked at
DEEPEST = 8  # folders below the one that is named
DEEPEST_SET = 16  # in a set of mixtures, all of which is examined
ELSEWHERE = "has files that do not lie below the folder that this page may read."


class FolderError(UserError):
    """A folder that the page does not read; the message is one sentence for the user."""


def reading_root() -> Path:
    """The folder below which everything lies that the page reads."""
    return Path(os.environ.get(SETTING) or ".").resolve()


def below_root(name: str) -> Path:
    """The file or folder `name`, relative names from the root on. Raises FolderError where it lies elsewhere.

    Whether one exists elsewhere is not revealed.
    """
    path = reading_root() / name.strip()
    if not lies_below_root(path) or _is_hidden(path):
        raise FolderError(
            f"{name} does not lie below the folder that this page may read: the one in which the app was started, "
            f"or the one in the environment variable {SETTING}."
        )
    try:
        path.exists()
    except OSError:  # too long, or behind a folder that may not be entered
        raise FolderError(f"{name:.60} cannot be looked at.") from None
    return path.resolve()


def private_folder(name: str = "") -> Path:
    """The folder `name` in `PRIVATE`, made where it is missing. Raises FolderError and PathError."""
    path = (reading_root() / PRIVATE / name).resolve()
    if not path.is_relative_to(reading_root()):
        raise FolderError(f"{PRIVATE} must lie below the folder that the pages may read.")
    return make_folder(path)


def file_below_root(name: str) -> Path:
    """The regular file `name`. Raises FolderError where it lies elsewhere, or is a folder, pipe or device."""
    path = below_root(name)
    if not path.is_file():
        raise FolderError(f"{name} is not a file.")
    return path


def folder_for(name: str | Path) -> Path:
    """The folder `name` below the root, created where it is missing. Raises FolderError and PathError."""
    return make_folder(below_root(str(name)))


def mixtures_below_root(name: str, *, split: str = "test", kind: str = "", speakers: int = 2) -> MixtureSet:
    """The mixtures in the folder `name`, of which no file lies elsewhere, whoever lists or links it.

    kind: the folder of the mixtures within, as a mere name. Raises FolderError and CorpusError, whose messages do not
    reveal where the root is.
    """
    path = below_root(name)
    if kind and (kind in (".", "..") or Path(kind).name != kind):
        raise FolderError(f"{kind} is not the name of a folder of mixtures, such as mix_both.")
    _refuse_what_leads_elsewhere(name, path)
    try:
        mixtures = open_mixtures(path, split=split, mixture=kind or None, speakers=speakers, within=reading_root())
    except UserError as problem:
        raise CorpusError(without_root(problem)) from None
    clips = [clip for row in mixtures.rows for clip in (*getattr(row, "sources", ()), getattr(row, "mixture", None))]
    listed = {clip.path for clip in clips if isinstance(clip, Clip)}
    if any(not lies_below_root(one) for one in listed if path.is_file() or not one.is_relative_to(path)):
        raise FolderError(f"{name} {ELSEWHERE}")
    return mixtures


def tree_below_root(name: str) -> Path:
    """The folder `name`, of which no file lies elsewhere. Raises FolderError."""
    path = below_root(name)
    _refuse_what_leads_elsewhere(name, path)
    if not path.is_dir():
        raise FolderError(f"{name} is not a folder.")
    return path


def _refuse_what_leads_elsewhere(name: str, path: Path) -> None:
    if not path.exists():
        raise FolderError(f"There is nothing at {name}.")
    if not (path.is_dir() or path.is_file()):
        raise FolderError(f"{name} is neither a folder nor a file.")
    if _leads_elsewhere(path, set()):
        raise FolderError(f"{name} {ELSEWHERE}")


def _leads_elsewhere(path: Path, seen: set[Path]) -> bool:
    """Whether any link in a folder ends above the root, or in a folder of which that is so."""
    seen.add(path)
    for entry in _entries(path, DEEPEST_SET):
        if entry.is_symlink():
            if not lies_below_root(entry.path):
                return True
            target = Path(entry.path).resolve()
            if entry.is_dir() and target not in seen and _leads_elsewhere(target, seen):
                return True
    return False


def without_root(problem: object) -> str:
    """A message about files below the root, fit to be shown: with their names, but not where the root is."""
    return str(problem).replace(f"{reading_root()}{os.sep}", "").replace(str(reading_root()), "the folder")


def lies_below_root(path: str | Path) -> bool:
    """Whether a path ends below the root, wherever its links lead, and not in what is private there."""
    try:
        end = Path(path).resolve()
    except (OSError, ValueError, RuntimeError):  # a zero byte, a loop of links
        return False
    root = reading_root()
    return end.is_relative_to(root) and not end.is_relative_to(root / PRIVATE)


def _is_hidden(path: Path) -> bool:
    """Whether a name below the root, as it is written, has a hidden part."""
    parts = path.parts[len(reading_root().parts) :]
    return any(part.startswith(".") and part not in (".", "..") for part in parts)


def name_below_root(path: Path) -> str:
    """The inverse of `below_root`, for links, which need not reveal where the root is."""
    return str(path.relative_to(reading_root()))


def find_files(folder: Path, suffix: str) -> tuple[list[Path], bool]:
    """The files below `folder` whose names end in `suffix`, the newest first, and whether all of them were examined.

    Hidden files are left out.
    """
    entries = list(islice(_entries(folder, DEEPEST), MOST_ENTRIES + 1))
    found = [entry for entry in entries[:MOST_ENTRIES] if _is_here(entry, suffix)]
    return [Path(entry.path) for entry in sorted(found, key=_age)], len(entries) <= MOST_ENTRIES


def _entries(folder: Path | str, depth: int) -> Iterator[os.DirEntry]:
    """Everything below a folder, level by level down to `depth`; links to folders are not followed."""
    folders = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
    except OSError:
        return
    if depth:
        for path in folders:
            yield from _entries(path, depth - 1)


def _is_here(entry: os.DirEntry, suffix: str) -> bool:
    """Whether it is a file of this suffix and, if it is a link, of one below the root."""
    good = entry.name.endswith(suffix) and entry.is_file()
    return good and (not entry.is_symlink() or lies_below_root(entry.path))


def _age(entry: os.DirEntry) -> float:
    try:
        return -entry.stat().st_mtime
    except OSError:
        return 0.0
