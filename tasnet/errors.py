"""What the user can put right, apart from our own faults."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(ValueError):
    """Something that the user provided cannot be used; the message says so in one sentence.

    Every exception of ours that is meant for the user derives from it. Pages and command lines catch it alone: anything
    else that is raised is a fault of the program and must leave a traceback. It is also a ValueError, which is what
    callers of the library expect for a value that cannot be used.
    """


class PathError(UserError, OSError):
    """A file or folder that is missing, forbidden or full, said in one sentence; `errno` is the system's number."""

    # Who asks for it by name, as some do who bring errors from one process to another, would find ValueError's, which
    # knows of no number.
    __new__ = OSError.__new__  # type: ignore[assignment]  # typeshed knows no class variable of this name


@contextmanager
def opening(path: str | Path, what: str = "be read") -> Iterator[None]:
    """Around what opens `path` for the user: an OSError becomes a PathError, "PATH cannot WHAT: the system's reason."

    Examples
    --------
    >>> with opening("nowhere.txt"):
    ...     open("nowhere.txt")
    Traceback (most recent call last):
    ...
    tasnet.errors.PathError: nowhere.txt cannot be read: No such file or directory.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        problem = PathError(f"{path} cannot {what}: {error.strerror or error}.")
        problem.errno = error.errno
        raise problem from error
