"""Where the files of a list are, row by row, whatever machine wrote it: by the rules at the head of `lists.py`."""

import re
from collections.abc import Iterable
from pathlib import Path

from .rows import BadRow, is_file

PLACEHOLDER = re.compile(r"^(\$\w+|\$?\{\w+\})[/\\]+")
MOST_FOLDERS = 12  # above the list's


class Finder:
    """Finds the files that the list at `path` names.

    within: files that lie elsewhere count as missing. moved: {folder that is written: folder that is read}, of what the
    second rule has found; tried first for the rows that follow.
    """

    def __init__(self, path: Path, within: Path | None = None):
        self.folder = path.resolve().parent
        self.within = within.resolve() if within else None
        self.roots = [self.folder, *list(self.folder.parents)[:MOST_FOLDERS]]
        self.moved: dict[str, Path] = {}

    def row(self, written: Iterable[str]) -> list[Path]:
        """The files of one row. Raises BadRow where one of them is missing."""
        written = list(written)
        names = {_parts(path)[-1:] for path in written}
        return [self._file(path, len(names) == len(written)) for path in written]

    def _file(self, written: str, alone: bool) -> Path:
        as_written = self.folder / written  # an absolute path stays what it is
        if self._is_there(as_written):
            return as_written
        parts = _parts(written)
        for before, now in self.moved.items():
            depth = before.count("/") + 1 if before else 0
            if "/".join(parts[:depth]) == before and self._is_there(path := now.joinpath(*parts[depth:])):
                return path
        for depth in range(len(parts) - 1):
            for root in self.roots:
                if self._is_there(path := root.joinpath(*parts[depth:])):
                    self.moved["/".join(parts[:depth])] = root
                    return path
        if alone and parts and self._is_there(path := self.folder / parts[-1]):
            return path
        raise BadRow(f"The file {written} is missing.")

    def _is_there(self, path: Path) -> bool:
        if not is_file(path):
            return False
        return self.within is None or path.resolve().is_relative_to(self.within)


def _parts(written: str) -> tuple[str, ...]:
    """The folders and the name of a path of any system, without its root."""
    bare = PLACEHOLDER.sub("", written).replace("\\", "/")
    bare = re.sub(r"^[A-Za-z]:", "", bare)
    return tuple(part for part in bare.split("/") if part not in ("", ".", ".."))
