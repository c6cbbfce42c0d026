"""Files that appear whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; at the end of the block the file is on the disk and takes its place.

    Where the block fails, `path` is as it was and nothing is left beside it. Raises OSError.
    """
    path = Path(path)
    unfinished = path.with_name(f".{uuid.uuid4().hex}.unfinished")  # short, however long the name of `path` is
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
