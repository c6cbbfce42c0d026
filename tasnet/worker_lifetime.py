"""Worker processes that end when the process that started them is gone, however it went."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import lru_cache

LOOK_SECONDS = 0.5  # between two looks whether the parent is still there


def end_with_parent(parent: int) -> None:
    """In a worker that the process `parent` started: ends the worker now, or as soon as `parent` is gone.

    Nothing tells a worker that its parent was killed (`kill -9`): it would wait for work for ever. So it looks, at its
    start and from then on. Linux could send a signal instead (PR_SET_PDEATHSIG), but does so already at the end of the
    thread that started the worker, and a pool of workers outlives such threads.
    """
    parent_watcher(parent)()


@lru_cache(maxsize=1)
def parent_watcher(parent: int) -> Callable[[], None]:
    """`end_with_parent(parent)` as a function that cloudpickle carries by value.

    A worker of loky runs it, and looks, before it has loaded this package and PyTorch with it.
    """
    getppid, leave, sleep, thread, seconds = os.getppid, os._exit, time.sleep, threading.Thread, LOOK_SECONDS

    def initialize() -> None:
        def look() -> None:
            while getppid() == parent:
                sleep(seconds)
            leave(1)

        if getppid() != parent:  # gone before this worker was ready
            leave(1)
        thread(target=look, daemon=True).start()

    return initialize
