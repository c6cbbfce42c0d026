"""Temporary files of this server: in one folder, which goes when it ends, or at the next start if it was killed."""

import functools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tasnet.errors import PathError, UserError, opening
from tasnet.locks import WriterLock

PREFIX = "tasnet-lens-"
HERE = "The folder for temporary files"
YOUNG_SECONDS = 60  # a folder this new may not have been locked yet


def scratch_folder() -> TemporaryDirectory:
    """A new folder that only this process may read. Raises PathError."""
    with opening(HERE, "be written"):
        return TemporaryDirectory(dir=_room()[0].name, ignore_cleanup_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around what writes `path` in such a folder: no half file stays. Raises PathError, which does not tell where."""
    try:
        with opening(HERE, "be written"):
            yield
    except PathError as problem:
        path.unlink(missing_ok=True)
        reason = os.strerror(problem.errno) if problem.errno else "it is not there"
        raise PathError(f"{HERE} cannot be written: {reason}.") from problem


def remove_leftovers() -> None:
    """Remove the folders of servers that were killed. Nobody holds their locks any more."""
    for room in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if not any(room.glob(".*.lock")) or time.time() - room.stat().st_mtime < YOUNG_SECONDS:
                continue
            with _lock(room):
                shutil.rmtree(room)
        except (UserError, OSError):  # it is in use, or somebody else's
            continue


@functools.cache
def _room() -> tuple[TemporaryDirectory, WriterLock]:
    """This server's folder, and the right to it, which is lost with the process."""
    folder = TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
    return folder, _lock(Path(folder.name))


def _lock(room: Path) -> WriterLock:
    return WriterLock(room / "server")
