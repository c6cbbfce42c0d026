"""PyTorch has one number of threads for the whole process; this module alone sets it.

Tiled computation (see `kernels.tiled`) hands its tiles to a team of Python threads and needs PyTorch to use one thread
inside each. Several teams may run at once, and begin and end in any order: the first to begin saves the process's own
number, the last to end restores it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_guests = 0  # how many currently want PyTorch on one thread
_own = 1  # the process' number while there are any
_here = threading.local()  # .alone: whether this Python thread should compute on one thread


@contextmanager
def one_torch_thread() -> Iterator[int]:
    """In the block PyTorch computes on one thread; yields how many threads a team may have here."""
    global _guests, _own
    with _lock:
        if _guests == 0:
            _own = torch.get_num_threads()
            torch.set_num_threads(1)
        _guests += 1
        size = 1 if getattr(_here, "alone", False) else _own
    try:
        yield size
    finally:
        with _lock:
            _guests -= 1
            if _guests == 0:
                torch.set_num_threads(_own)


@contextmanager
def single_threaded() -> Iterator[None]:
    """In the block everything this Python thread computes, teams included, runs on one thread."""
    before = getattr(_here, "alone", False)
    _here.alone = True
    try:
        with one_torch_thread():
            yield
    finally:
        _here.alone = before
