"""One writer of a file at a time, among threads, processes and machines."""

import contextlib
import hashlib
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import PathError, opening


class Locked(PathError):
    """Another process, or another part of this one, is writing the file."""


class WriterLock:
    """The right to write a file, which the system takes back when the process dies, however it dies.

    The lock is a hidden file beside it, which is never removed: otherwise two writers could hold different locks.
    """

    def __init__(self, path: Path) -> None:
        """Take the right at once. Raises Locked where another writer has it, and PathError."""
        name = hashlib.blake2b(path.name.encode(errors="surrogateescape"), digest_size=8).hexdigest()
        self._lock = FileLock(path.with_name(f".{name}.lock"), blocking=False, thread_local=False)
        with contextlib.suppress(NotImplementedError), opening(path, "be written"):  # a file system may have no locks
            try:
                self._lock.acquire()
            except Timeout:
                raise Locked(
                    f"Something else is writing {path.name}: wait for its end, or give this one a file of its own."
                ) from None

    def __enter__(self) -> "WriterLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Gives the right back, if it is held."""
        self._lock.release(force=True)
