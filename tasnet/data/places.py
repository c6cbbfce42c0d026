"""Where the files of a list are, row by row, whatever machine wrote it: by the rules at the head of `lists.py`."""

import re
from collections.abc import Iterable
from pathlib import Path

from .mixture_sets import BadRow, is_file

PLACEHOLDER = re.compile(r"^(\$\w+|\$?\{\w+\})[/\\]+")
MOST_FOLDERS = 12  # above the list's


class Finder:
    """Finds the files that the list at `path` names.

    within: files that lie elsewhere count as missing. moved: {folder that is written: folder that is read}, of what the
    second rule has found.
    """

    def __init__(self, path: Path, within: Path | None = None):
        self.folder = path.resolve().parent
        self.within = within.resolve() if within else None
        self.roots = [self.folder, *list(self.folder.parents)[:MOST_FOLDERS]]
        self.moved: dict[str, Path] = {}
        self._known: dict[tuple[str, ...], list[tuple[int, Path, Path]]] = {}

    def row(self, written: Iterable[str]) -> list[Path]:
        """The files of one row. Raises BadRow where one of them is missing."""
        written = list(written)
        names = {_parts(path)[-1:] for path in written}
        return [self._file(path, len(names) == len(written)) for path in written]

    def _file(self, written: str, alone: bool) -> Path:
        as_written = self.folder / written  # an absolute path stays what it is
        if self._is_there(as_written):
            return as_written
        *folders, name = _parts(written) or ("",)
        for depth, root, folder in self._ends(tuple(folders)):
            if self._is_there(path := folder / name):
                self.moved["/".join(folders[:depth])] = root
                return path
        if alone and name and self._is_there(path := self.folder / name):
            return path
        raise BadRow(f"The file {written} is missing.")

    def _ends(self, folders: tuple[str, ...]) -> list[tuple[int, Path, Path]]:
        """(folders left away, root, folder that is there), the longest end first."""
        if folders not in self._known:
            ends = [(depth, root) for depth in range(len(folders)) for root in self.roots]
            found = [(depth, root, root.joinpath(*folders[depth:])) for depth, root in ends]
            self._known[folders] = [end for end in found if _is_folder(end[2])]
        return self._known[folders]

    def _is_there(self, path: Path) -> bool:
        if not is_file(path):
            return False
        return self.within is None or path.resolve().is_relative_to(self.within)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # longer than names can be
        return False


def _parts(written: str) -> tuple[str, ...]:
    """The folders and the name of a path of any system, without its root."""
    bare = PLACEHOLDER.sub("", written).replace("\\", "/")
    bare = re.sub(r"^[A-Za-z]:", "", bare)
    return tuple(part for part in bare.split("/") if part not in ("", ".", ".."))
