"""Make worker processes end when the process that started them is gone, however it ended."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import lru_cache

LOOK_SECONDS = 0.5  # between two checks that the parent is still there


def end_with_parent(parent: int) -> None:
    """Called in a worker that the process `parent` started: end the worker as soon as `parent` is gone.

    Nothing tells a worker that its parent was killed (`kill -9`): it would wait for work forever. So it checks, at its
    start and from then on. Linux could send a signal instead (PR_SET_PDEATHSIG), but would do so as soon as the thread
    that started the worker ends, and a pool of workers outlives such threads.
    """
    parent_watcher(parent)()


@lru_cache(maxsize=1)
def parent_watcher(parent: int) -> Callable[[], None]:
    """`end_with_parent(parent)` as a function that cloudpickle carries by value.

    A loky worker runs it, and so checks, even before it has loaded this package and PyTorch.
    """
    getppid, leave, sleep, thread, seconds = os.getppid, os._exit, time.sleep, threading.Thread, LOOK_SECONDS

    def initialize() -> None:
        def look() -> None:
            while getppid() == parent:
                sleep(seconds)
            leave(1)

        if getppid() != parent:  # the parent was gone before this worker was ready
            leave(1)
        thread(target=look, daemon=True).start()

    return initialize
