"""Turns: how many at a time, whose is next, and that short work never waits for long work alone."""

import threading

import pytest
from page_tools import wait_for

from analysis.turns import Turns


class Worker:
    """Takes a turn in a thread of its own and keeps it until it is told to go."""

    def __init__(self, turns: Turns, owner: str, order: list, *, long: bool = False, wanted=lambda: None) -> None:
        self.go, self.inside = threading.Event(), threading.Event()

        def work() -> None:
            with turns.taken(owner, long=long, wanted=wanted):
                order.append(owner)
                self.inside.set()
                self.go.wait(20)

        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def end(self) -> None:
        self.go.set()
        self.thread.join(20)


def waiting(turns: Turns, count: int) -> None:
    wait_for(lambda: len(turns._queue) == count, "those who wait")


def test_owners_share_the_places():
    turns, order = Turns(1), []
    first = Worker(turns, "ana", order)
    assert first.inside.wait(10)
    more = []
    for owner in ("ana", "ana", "ben"):
        more.append(Worker(turns, owner, order))
        waiting(turns, len(more))
    two = Turns(2)
    assert len(turns._inside) == 1 and order == ["ana"]
    for one in (first, *more):
        one.go.set()
    for one in more:
        one.thread.join(20)
    assert sorted(order) == ["ana", "ana", "ana", "ben"] and not turns._inside and not turns._queue
    order.clear()
    held = [Worker(two, "ana", order), Worker(two, "ana", order)]
    wait_for(lambda: len(order) == 2)
    queued = []
    for owner in ("ana", "ben"):
        queued.append(Worker(two, owner, order))
        waiting(two, len(queued))
    held[0].end()  # ana, who came first, has a place; ben has none
    assert queued[1].inside.wait(10) and order[2] == "ben"
    for one in (held[1], *queued):
        one.end()


def test_long_work_leaves_a_place():
    turns, order = Turns(2), []
    long = [Worker(turns, "ana", order, long=True)]
    assert long[0].inside.wait(10)
    long.append(Worker(turns, "ben", order, long=True))
    waiting(turns, 1)
    short = Worker(turns, "ana", order)
    assert short.inside.wait(10) and not long[1].inside.is_set()
    short.end()
    assert not long[1].inside.wait(0.2)
    long[0].end()
    assert long[1].inside.wait(10)
    long[1].end()


def test_whoever_is_gone_waits_no_more():
    turns, order = Turns(1), []
    first = Worker(turns, "ana", order)
    assert first.inside.wait(10)

    class Gone(Exception):
        pass

    def gone() -> None:
        raise Gone

    with pytest.raises(Gone), turns.taken("ben", long=False, wanted=gone):
        pass
    assert not turns._queue
    first.end()
    with turns.taken("ben", long=True, wanted=gone):  # the only place is anybody's
        pass


def test_work_that_turns_out_long_makes_room_for_short_work():
    turns, order = Turns(2), []
    with (
        turns.taken("ana", long=False, wanted=lambda: None) as one,
        turns.taken("ben", long=False, wanted=order.clear) as two,
    ):
        assert not one.must_pause() and not two.must_pause()  # nobody waits
        short = Worker(turns, "cleo", order)
        waiting(turns, 1)
        assert two.must_pause() and short.inside.wait(10)
        assert not one.must_pause()  # the only long one keeps its place
        short.end()

        class Gone(Exception):
            pass

        def gone() -> None:
            raise Gone

        with pytest.raises(Gone):
            two.resume(gone)  # long work never has all places
    assert not turns._inside and not turns._queue
