"""Who may compute when there is not room for all: owners share it fairly, and short work does not wait for long work.

with turns.taken("ana", long=False, wanted=still_there): ...
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.05  # between two checks of whether it is still wanted


class Turn:
    """One owner's place, or wish for one. Work that turns out to be long can give its place to what is short."""

    def __init__(self, turns: Turns, owner: str, long: bool) -> None:
        self.owner, self.long = owner, long
        self._turns = turns

    def must_pause(self) -> bool:
        """The work takes long after all: whether short work waits for this place, which is lost then until `resume`."""
        return self._turns.lengthened(self)

    def resume(self, wanted: Callable[[], None]) -> None:
        """Wait for a place again; as `Turns.taken`."""
        self._turns.enter(self, wanted)


class Turns:
    """Room for `most` at a time; where there is more than one place, long work never has all of them.

    Next is the waiting owner with the fewest places; among equals, whoever came first.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._queue: list[Turn] = []
        self._inside: list[Turn] = []
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, owner: str, *, long: bool, wanted: Callable[[], None]) -> Iterator[Turn]:
        """A place for the duration of the block. `wanted` is called meanwhile; an exception from it ends the wait."""
        mine = Turn(self, owner, long)
        try:
            self.enter(mine, wanted)
            yield mine
        finally:
            with self._changed:
                self._leave(mine)

    def enter(self, mine: Turn, wanted: Callable[[], None]) -> None:
        """Wait at the end of the queue until there is a place."""
        with self._changed:
            self._queue.append(mine)
        while not self._entered(mine):
            wanted()

    def lengthened(self, mine: Turn) -> bool:
        """`mine` has become long: whether it has lost its place to something short that waits."""
        with self._changed:
            mine.long = True
            alone = self.most > 1 and sum(one.long for one in self._inside) == 1
            if alone or len(self._inside) < self.most or all(one.long for one in self._queue):
                return False
            self._leave(mine)
            return True

    def _leave(self, mine: Turn) -> None:
        for place in (self._queue, self._inside):
            if mine in place:
                place.remove(mine)
        self._changed.notify_all()

    def _entered(self, mine: Turn) -> bool:
        with self._changed:
            if self._next() is not mine:
                self._changed.wait(LOOK_SECONDS)
            if self._next() is not mine:
                return False
            self._queue.remove(mine)
            self._inside.append(mine)
            self._changed.notify_all()
            return True

    def _next(self) -> Turn | None:
        if len(self._inside) >= self.most:
            return None
        places = Counter(one.owner for one in self._inside)
        room = self.most == 1 or sum(one.long for one in self._inside) < self.most - 1
        fitting = [one for one in self._queue if room or not one.long]
        return min(fitting, key=lambda one: places[one.owner], default=None)
