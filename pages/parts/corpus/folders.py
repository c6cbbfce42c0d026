"""Which folders of the server the page reads: those below one root, and no more of them than a page needs."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

SETTING = "TASNET_LENS_ROOT"  # environment variable with the root; the working folder by default
MOST_ENTRIES = 20_000  # files and folders that are looked at
DEEPEST = 8  # folders below the one that is named


class FolderError(ValueError):
    """A folder that the page does not read; the message is one sentence for the user."""


def reading_root() -> Path:
    """The folder below which everything lies that the page reads."""
    return Path(os.environ.get(SETTING) or ".").resolve()


def below_root(name: str) -> Path:
    """The file or folder `name`, relative names from the root on. Raises FolderError where it lies elsewhere.

    Whether there is such a one elsewhere is not told.
    """
    try:
        path = (reading_root() / name.strip()).resolve()
        inside = path.is_relative_to(reading_root())
    except (OSError, ValueError, RuntimeError):  # a zero byte, a loop of links
        inside = False
    if not inside:
        raise FolderError(
            f"{name} does not lie below the folder that this page may read: the one in which the app was started, "
            f"or the one in the environment variable {SETTING}."
        )
    return path


def name_below_root(path: Path) -> str:
    """The inverse of `below_root`: what stands in links, which need not tell where the root is."""
    return str(path.relative_to(reading_root()))


def find_files(folder: Path, suffix: str) -> tuple[list[Path], bool]:
    """The files below `folder` whose names end in `suffix`, the newest first, and whether all of it was looked at.

    What is hidden is left out.
    """
    entries = list(islice(_entries(folder, DEEPEST), MOST_ENTRIES + 1))
    found = [entry for entry in entries[:MOST_ENTRIES] if entry.name.endswith(suffix) and entry.is_file()]
    return [Path(entry.path) for entry in sorted(found, key=_age)], len(entries) <= MOST_ENTRIES


def _entries(folder: Path | str, depth: int) -> Iterator[os.DirEntry]:
    """Everything below a folder, level by level as far as `depth` goes; links to folders are not followed."""
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


def _age(entry: os.DirEntry) -> float:
    try:
        return -entry.stat().st_mtime
    except OSError:
        return 0.0
