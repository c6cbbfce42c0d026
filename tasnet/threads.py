"""PyTorch has one number of threads for the whole process; this is its one owner.

What computes on tiles (see `kernels.tiled`) shares them out to a team of Python threads and wants PyTorch to use one
thread inside each. Several may do so at once, and begin and end in any order: the first to begin keeps the process' own
number, the last to end brings it back.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_guests = 0  # how many want PyTorch on one thread at present
_own = 1  # the process' number while there are any
_here = threading.local()  # .alone: whether this Python thread is to compute on one thread


@contextmanager
def one_torch_thread() -> Iterator[int]:
    """PyTorch computes on one thread; gives how many threads a team may have here."""
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
    """What this Python thread computes, teams included, is computed on one thread."""
    before = getattr(_here, "alone", False)
    _here.alone = True
    try:
        with one_torch_thread():
            yield
    finally:
        _here.alone = before
