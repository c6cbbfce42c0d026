"""Who may compute when there is not room for all: owners share it fairly, and short work does not wait for long work.

with turns.taken("ana", long=False, wanted=still_there): ...
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LOOK_SECONDS = 0.05  # between two checks of whether it is still wanted


@dataclass(eq=False)
class _Waiting:
    owner: str
    long: bool


class Turns:
    """Room for `most` at a time; where there is more than one place, long work never has all of them.

    Next is the waiting owner with the fewest places; among equals, whoever came first.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._queue: list[_Waiting] = []
        self._inside: list[_Waiting] = []
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, owner: str, *, long: bool, wanted: Callable[[], None]) -> Iterator[None]:
        """A place for the duration of the block. `wanted` is called meanwhile; an exception from it ends the wait."""
        mine = _Waiting(owner, long)
        with self._changed:
            self._queue.append(mine)
        try:
            while not self._entered(mine):
                wanted()
            yield
        finally:
            with self._changed:
                for place in (self._queue, self._inside):
                    if mine in place:
                        place.remove(mine)
                self._changed.notify_all()

    def _entered(self, mine: _Waiting) -> bool:
        with self._changed:
            if self._next() is not mine:
                self._changed.wait(LOOK_SECONDS)
            if self._next() is not mine:
                return False
            self._queue.remove(mine)
            self._inside.append(mine)
            self._changed.notify_all()
            return True

    def _next(self) -> _Waiting | None:
        if len(self._inside) >= self.most:
            return None
        places = Counter(one.owner for one in self._inside)
        room = self.most == 1 or sum(one.long for one in self._inside) < self.most - 1
        fitting = [one for one in self._queue if room or not one.long]
        return min(fitting, key=lambda one: places[one.owner], default=None)
