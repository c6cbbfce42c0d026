"""Files that appear whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import opening


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; at the end of the block the file is on the disk and takes its place.

    Where the block fails, `path` is as it was and nothing is left beside it. Raises PathError.
    """
    path = Path(path)
    unfinished = path.with_name(f".{uuid.uuid4().hex}.unfinished")  # short, however long the name of `path` is
    with opening(path, "be written"):
        try:
            yield unfinished
            with unfinished.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)


def make_folder(path: str | Path) -> Path:
    """The folder at `path`, created with its parents where it is missing. Raises PathError."""
    path = Path(path)
    with opening(path, "be a folder"):
        path.mkdir(parents=True, exist_ok=True)
    return path
