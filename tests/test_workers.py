"""Work in processes of its own: what it gives and raises comes back, and no budget is overspent."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from page_tools import wait_for

from analysis import workers
from analysis.workers import Budget, BudgetError, Nursery

MB = 1 << 20


def children(parent: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True).stdout
    return [int(one) for one in found.split()]


def lives(process: int) -> bool:
    """Not so one that is gone and only waits to be counted."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


# What children compute


def double(values, progress=None):
    if progress:
        progress(0.5)
    return 2 * values


def fail(kind, words):
    raise kind(words)


class Odd(ValueError):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def fail_oddly():
    raise Odd("cannot be", "pickled back")


def sleep(seconds):
    time.sleep(seconds)


def burn():
    while True:
        pass


def burn_until(path):
    path.with_suffix(".begun").touch()
    while not path.exists():
        pass


def take(megabytes):
    return len(np.ones(megabytes * MB, np.uint8).tobytes())


def take_slowly():
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1024)) * 1024)


def take_by_a_program(megabytes):
    subprocess.run([sys.executable, "-c", f"import time; x = b'x' * {megabytes * MB}; time.sleep(1000)"])


def take_until_another_is_gone(megabytes, folder):
    (folder / str(os.getpid())).touch()
    kept = b"x" * (megabytes * MB)
    while all(lives(int(one.name)) for one in folder.iterdir()):
        time.sleep(0.01)
    return len(kept)


def fill(path, megabytes):
    with open(path, "wb") as file:
        for _ in range(megabytes):
            file.write(bytes(MB))


def start_a_program(path):
    subprocess.Popen(["sh", "-c", f"echo $$ > {path}; sleep 1000"])
    time.sleep(1000)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.path.dirname(__file__))
        nursery = Nursery(["test_workers"])
    yield nursery
    nursery.close()


def test_answers_errors_and_progress_come_back(nursery):
    told = []
    np.testing.assert_array_equal(nursery.call(double, np.arange(1 << 18)), 2 * np.arange(1 << 18))
    assert nursery.call(double, 2, progress=told.append) == 4 and told == [0.5]
    with pytest.raises(KeyError, match="one"):
        nursery.call(fail, KeyError, "one")
    with pytest.raises(RuntimeError, match="cannot be pickled back"):
        nursery.call(fail_oddly)


@pytest.mark.parametrize(
    ("work", "budget", "said"),
    [
        ((burn,), Budget(seconds=0.5), "longer than the 0.5 s"),
        ((sleep, 1000), Budget(seconds=0.5), "longer than the 0.5 s"),
        ((take, 300), Budget(memory=100 * MB), "more than the 100 MB of memory"),
        ((take_slowly,), Budget(memory=100 * MB), "more than the 100 MB of memory"),
        ((take_by_a_program, 150), Budget(memory=100 * MB, seconds=60), "more than the 100 MB of memory"),
        ((die,), Budget(), "its process died"),
    ],
    ids=["burn", "sleep", "take", "take slowly", "take by a program", "die"],
)
def test_what_is_too_much_ends_in_a_sentence(nursery, work, budget, said):
    with pytest.raises(BudgetError, match=said):
        nursery.call(*work, budget=budget)
    wait_for(lambda: not children(nursery._process.pid), "the child's end")
    assert nursery.call(double, 1) == 2


def test_a_file_does_not_fill_the_disk(nursery, tmp_path):
    with pytest.raises(OSError, match="large"):
        nursery.call(fill, tmp_path / "big", 30, budget=Budget(disk=5 * MB))
    assert (tmp_path / "big").stat().st_size <= 5 * MB


def test_what_is_no_longer_wanted_ends_with_all_that_it_started(nursery, tmp_path):
    class Closed(Exception):
        pass

    def wanted():
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise Closed

    with pytest.raises(Closed):
        nursery.call(start_a_program, tmp_path / "pid", budget=Budget(seconds=30), wanted=wanted)
    program = int((tmp_path / "pid").read_text())
    wait_for(lambda: not lives(program), "the end of the child's own program")


def test_no_more_at_a_time_than_there_is_room_for(tmp_path):
    """The first reads a pipe until we close it, which the second does only after it has waited for some time."""
    os.mkfifo(tmp_path / "pipe")
    nursery, asked, ours = Nursery([], most=1), [], []

    def is_read():
        with contextlib.suppress(OSError):  # nobody reads yet
            ours.append(os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK))
        return ours

    def wanted():
        asked.append(None)
        if len(asked) > 3 and ours:
            os.close(ours.pop())

    budget = Budget(seconds=60)
    first = threading.Thread(target=lambda: nursery.call((tmp_path / "pipe").read_bytes, budget=budget))
    first.start()
    wait_for(is_read, "the first call")
    nursery.call(os.getpid, budget=budget, wanted=wanted)
    assert not ours  # it had waited
    first.join()
    nursery.close()


def test_what_has_no_room_beside_others_begins_again_later(nursery, tmp_path):
    """Of calls that share a bound one makes way, which the other waits for, and both come through all the same."""
    budget, found = Budget(seconds=60, memory=100 * MB, together=100 * MB), []

    def call():
        found.append(nursery.call(take_until_another_is_gone, 60, tmp_path, budget=budget))

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [60 * MB] * 2


def test_who_has_most_makes_way():
    crowd = workers._Crowd()
    crowd.note(1, 60, 100)
    crowd.note(2, 50, 100)
    with pytest.raises(workers._CrowdedError):
        crowd.note(1, 60, 100)
    crowd.leave(1)
    assert not crowd.has_room(60, 100)
    crowd.leave(2)
    assert crowd.has_room(160, 100)  # by itself it may


def test_a_crowd_neither_keeps_short_work_waiting_nor_waits_for_ever(tmp_path, monkeypatch):
    """Of what shares a bound, work that takes long is stopped while short work waits, and goes on afterwards."""
    monkeypatch.setattr(workers, "SHORT_SECONDS", 0.1)
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    nursery, over = Nursery(["test_workers"], most=1), threading.Event()
    together = Budget(seconds=600, together=100 * MB)

    def attack():
        nursery.call(burn_until, tmp_path / "end", budget=together, owner="ana")
        over.set()

    attacker = threading.Thread(target=attack)
    attacker.start()
    wait_for(lambda: (tmp_path / "end.begun").exists(), "the long work")
    assert nursery.call(double, 1, budget=together, owner="ben") == 2 and not over.is_set()
    monkeypatch.setattr(workers, "SHORT_SECONDS", 600)
    with pytest.raises(BudgetError, match="too busy"):
        nursery.call(double, 1, budget=Budget(together=100 * MB, wait=0.2), owner="ben")
    assert nursery.call(double, 1, owner="ben") == 2  # what shares no bound is not in its way
    (tmp_path / "end").touch()
    attacker.join()
    assert over.is_set()
    nursery.close()


def test_a_nursery_that_was_killed_is_started_again(nursery):
    nursery._process.kill()
    nursery._process.wait()
    assert nursery.call(double, 1) == 2


def test_nothing_outlives_the_server(tmp_path):
    """kill -9 of the process that has the nursery: nursery and child go too."""
    code = (
        "import sys, time\nfrom analysis.workers import *\nn = Nursery([])\nprint(n._process.pid, flush=True)\n"
        "n.call(time.sleep, 1000, budget=Budget(seconds=1000))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=workers.ROOT, stdout=subprocess.PIPE, text=True)
    nursery = int(process.stdout.readline())
    child = wait_for(lambda: children(nursery), "a child")[0]
    process.kill()
    process.wait()
    for one in (nursery, child):
        wait_for(lambda one=one: not lives(one), "the end of what it has started")
