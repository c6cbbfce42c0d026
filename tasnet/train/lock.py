"""Only one training run in a folder at a time."""

import contextlib
from pathlib import Path

from filelock import FileLock, Timeout

from tasnet.atomic import make_folder
from tasnet.errors import opening

from .recipe import RecipeError

NAME = ".lock"


class FolderLock:
    """A lock on a run's folder that the system releases when its process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder. Raises PathError."""
        make_folder(folder)
        self.folder = folder
        self._lock = FileLock(folder / NAME, blocking=False, thread_local=False)

    def acquire(self) -> None:
        """Takes the lock, which may be held by this object already. Raises RecipeError where another has it."""
        if self._lock.is_locked:
            return
        with contextlib.suppress(NotImplementedError), opening(self.folder, "be written to"):  # or without locks
            try:
                self._lock.acquire()
            except Timeout:
                raise RecipeError(
                    f"Another training is at work in {self.folder}: wait for it, or choose another folder with --out."
                ) from None

    def release(self) -> None:
        """Gives the lock back, if it is held."""
        self._lock.release(force=True)
