"""Work for visitors in separate processes, each with a budget of seconds, memory and disk.

A nursery is a process that has loaded what the work needs and does nothing itself; for every call it forks a child,
which is ready within milliseconds, computes one thing and exits, freeing all that it took. The caller watches it, and
ends it with everything that it started (ffmpeg) when its budget is spent or its answer is no longer wanted.

    nursery = Nursery(["analysis.sounds.inputs"])
    nursery.call(decode_upload, content, "a.wav", budget=Budget(seconds=8))

What children need besides modules, such as a network, is loaded by the nursery itself when `ready` says so: children
then have it at once, and all of them share one copy in memory.

Where processes cannot be forked (Windows) the work is done by the caller, without a budget.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tasnet.errors import UserError
from tasnet.worker_lifetime import end_with_parent

from .turns import Turn, Turns

ROOT = Path(__file__).parents[1]
LOOK_SECONDS = 0.05  # between two checks on a child
PATIENCE = 4
SHORT_SECONDS = 2.0  # of computing: what shares a bound and takes longer lets others compute first
START_SECONDS = 120  # for the nursery to load what the work needs
NAMED = 1024  # bytes
COURTESY = 5  # how much a child lets the server go first (`nice`): pages and players answer while it computes
TOO_BUSY = "The server is too busy for this now: try again in a minute."
CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds") and hasattr(os, "killpg")


class BudgetError(UserError):
    """The work exceeded its budget; the message is one sentence for the user."""


@dataclass(frozen=True)
class Budget:
    """What a call may take on top of the nursery's memory: seconds, and bytes of memory and of a file on disk.

    The seconds are those in which it computes: a machine that is busy with others' work is no reason to refuse this.
    Of waiting it may do `PATIENCE` times as much. The memory is that of all that it starts, too. together: bytes that
    all calls with such a bound may take at the same time; beyond it whoever has most begins again when there is room.
    Such calls take turns among themselves: nothing else is in their way. wait: seconds after which one that has not
    been begun is refused.
    """

    seconds: float = 8.0
    memory: int = 400 << 20
    disk: int = 1 << 30
    together: int | None = None
    wait: float = math.inf


class _CrowdedError(Exception):
    """There is no room for this beside what others do; it had taken so many bytes of those that all may have."""

    def __init__(self, taken: int, bound: int) -> None:
        self.taken, self.bound = taken, bound


class _Crowd:
    """What the calls that share a bound of memory take, by process; who has most makes way."""

    def __init__(self) -> None:
        self._held: dict[int, int] = {}
        self._lock = threading.Lock()

    def note(self, process: int, taken: int, bound: int) -> None:
        """`process` has taken so many bytes. Raises _CrowdedError where all have too much and it has most."""
        with self._lock:
            self._held[process] = taken
            most = max(self._held, key=self._held.__getitem__)
            if len(self._held) > 1 and sum(self._held.values()) > bound and process == most:
                raise _CrowdedError(taken, bound)

    def has_room(self, wanted: int, bound: int) -> bool:
        with self._lock:
            return not self._held or sum(self._held.values()) + wanted <= bound

    def leave(self, process: int) -> None:
        with self._lock:
            self._held.pop(process, None)


def unbothered() -> None:
    """Always: the answer is still wanted."""


class Nursery:
    """Starts a process for every call. `modules`: what the functions that are called need, by name.

    ready: "module:function", called in the nursery: with "" at its start, later with what a call names. Every child
    has what it loads from then on; it must not start threads.
    """

    def __init__(self, modules: Sequence[str] = (), most: int | None = None, ready: str = "") -> None:
        """Return at once; the nursery loads in the meantime. most: children at a time, by default one per core."""
        places = most or os.cpu_count() or 1
        self._turns, self._readers = Turns(places), Turns(places)
        self._lock = threading.Lock()
        self._crowd = _Crowd()
        self._modules = [ready, *modules]
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._environment = {**os.environ, "PYTHONPATH": path}
        self._process: subprocess.Popen | None = None
        if CAN_FORK:
            self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        code = "import sys; from analysis.workers import tend; tend(int(sys.argv[1]), sys.argv[2:])"
        command = [sys.executable, "-c", code, str(theirs.fileno()), *self._modules]
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=self._environment
        )
        theirs.close()
        self._socket = ours

    def close(self) -> None:
        """End the nursery and everything that it started."""
        if self._process is not None:
            self._socket.close()
            self._process.wait()
            self._process = None

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        budget: Budget = Budget(),
        wanted: Callable[[], None] = unbothered,
        progress: Callable[..., None] | None = None,
        owner: str | None = "",
        long: bool = False,
        ready: str = "",
    ) -> Any:
        """`function(*arguments)`, computed by a child; the function belongs to a module, and its arguments can be
        pickled.

        wanted: called repeatedly while the child computes; an exception that it raises ends the child and is passed on.
        progress: the function gets a `progress` too, whose arguments are passed on to this. owner, long: who waits for
        it (None: the caller has arranged its turn), and whether it takes long (see `Turns`). ready: what the
        nursery should load, in at most `NAMED` bytes. Raises BudgetError, and whatever the function raises.
        """
        if not CAN_FORK:
            return function(*arguments, **({} if progress is None else {"progress": progress}))
        work = pickle.dumps((function, arguments, budget, progress is not None))
        still_waits = _patient(wanted, budget.wait)
        turns = self._turns if budget.together is None else self._readers
        while True:
            with (
                turns.taken(owner, long=long, wanted=still_waits) if owner is not None else nullcontext() as turn,
                self._child(ready) as (connection, process),
            ):
                connection.send_bytes(work)
                try:
                    return _answer(connection, process, budget, wanted, progress, self._crowd, turn)
                except _CrowdedError as crowded:
                    taken, bound = crowded.taken, crowded.bound
                finally:
                    self._crowd.leave(process)
            while not self._crowd.has_room(taken, bound):
                still_waits()
                time.sleep(LOOK_SECONDS)

    @contextlib.contextmanager
    def _child(self, ready: str) -> Iterator[tuple[Connection, int]]:
        """A connection to a new child, and its number; it is gone when the block ends, however it ends."""
        ours, theirs = socket.socketpair()
        connection = Connection(ours.detach())
        with self._lock, theirs:
            if self._process is None or self._process.poll() is not None:
                self._start()
            socket.send_fds(self._socket, [ready.encode()[:NAMED].ljust(NAMED)], [theirs.fileno()])
        process = None
        try:
            if not connection.poll(START_SECONDS):
                raise BudgetError(TOO_BUSY)
            process = connection.recv()
            yield connection, process
        except EOFError:
            raise BudgetError("This could not be computed: its process died, most likely for want of memory.") from None
        finally:
            connection.close()
            if process is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process, signal.SIGKILL)


def _answer(
    connection: Connection,
    process: int,
    budget: Budget,
    wanted: Callable[[], None],
    progress: Callable[..., None] | None,
    crowd: _Crowd,
    turn: Turn | None,
) -> Any:
    end, idle = time.monotonic() + PATIENCE * budget.seconds, _memory(process)
    while True:
        if connection.poll(LOOK_SECONDS):
            kind, value = pickle.loads(connection.recv_bytes())
            if kind == "done":
                return value
            if kind == "failed":
                raise value
            if progress:
                progress(*value)
        wanted()
        computed = _seconds(process)
        if time.monotonic() > end or computed > budget.seconds:
            raise BudgetError(f"This takes longer than the {budget.seconds:g} s that are given to it here.")
        taken = _memory(process) - idle
        if taken > budget.memory:
            raise _too_much_memory(budget)
        if budget.together is not None:
            crowd.note(process, taken, budget.together)
            if turn is not None and computed > SHORT_SECONDS and turn.must_pause():
                paused = time.monotonic()
                with _stopped(process):
                    turn.resume(_patient(wanted, budget.wait))
                end += time.monotonic() - paused


def _patient(wanted: Callable[[], None], seconds: float) -> Callable[[], None]:
    """`wanted`, which from so many seconds on raises BudgetError instead."""
    end = time.monotonic() + seconds

    def still_waits() -> None:
        wanted()
        if time.monotonic() > end:
            raise BudgetError(TOO_BUSY)

    return still_waits


@contextlib.contextmanager
def _stopped(process: int) -> Iterator[None]:
    """In the block, a child and what it has started do not compute; they keep what they have in memory."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGSTOP)
    yield
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGCONT)


def machine_memory() -> int:
    """Bytes of memory that this machine has; 8 GB where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 8 << 30


def _too_much_memory(budget: Budget) -> BudgetError:
    return BudgetError(f"This takes more than the {budget.memory >> 20} MB of memory that are given to it here.")


def _family(process: int) -> Iterator[int]:
    """A process and what it has started, as far as that is still there and the system tells."""
    yield process
    with contextlib.suppress(OSError, ValueError):
        for thread in os.listdir(f"/proc/{process}/task"):
            for child in Path(f"/proc/{process}/task/{thread}/children").read_text().split():
                yield from _family(int(child))


def _seconds(process: int) -> float:
    """CPU seconds of a process and of what it has started; 0 where the system does not say."""
    ticks = 0
    for one in _family(process):
        with contextlib.suppress(OSError, ValueError):
            facts = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, facts[11:15]))  # those among them that it has started and seen end
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> int:
    """Bytes of their own that a process and what it has started have in memory; 0 where the system does not tell."""
    pages = 0
    for one in _family(process):
        with contextlib.suppress(OSError, ValueError, IndexError):
            _, resident, shared, *_ = map(int, Path(f"/proc/{one}/statm").read_text().split())
            pages += resident - shared
    return pages * os.sysconf("SC_PAGE_SIZE")


# In the nursery


def tend(number: int, named: Sequence[str]) -> None:
    """Fork a child for every connection that comes through the socket `number`, until the sender is gone.

    named: the function that makes ready ("module:function", or ""), then modules.
    """
    module, _, function = named[0].partition(":")
    for one in filter(None, (module, *named[1:])):
        importlib.import_module(one)
    make_ready = getattr(sys.modules[module], function) if module else lambda name: None
    make_ready("")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children leave nothing behind
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    with socket.socket(fileno=number) as requests:
        while True:
            wanted, files, _, _ = socket.recv_fds(requests, NAMED, 1)
            if not files:
                for child in list(_family(os.getpid()))[1:]:  # one that is stopped does not look for its parent
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                return
            make_ready(wanted.decode().strip())
            if os.fork() == 0:
                requests.close()
                _compute(Connection(files[0]))
            os.close(files[0])


def _compute(connection: Connection) -> None:
    """In a child: one call, and the end."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        parent = os.getppid()
        os.setsid()
        os.nice(COURTESY)
        connection.send(os.getpid())
        end_with_parent(parent)
        function, arguments, budget, tells = pickle.loads(connection.recv_bytes())
        named = {"progress": lambda *told: connection.send_bytes(pickle.dumps(("told", told)))} if tells else {}
        _limit(budget)
        try:
            answer = pickle.dumps(("done", function(*arguments, **named)), protocol=pickle.HIGHEST_PROTOCOL)
        except Exception as problem:
            starved = isinstance(problem, MemoryError) or "can't allocate memory" in str(problem)  # PyTorch's wording
            answer = _pickled(_too_much_memory(budget) if starved else problem)
        connection.send_bytes(answer)
    finally:
        os._exit(0)


def _pickled(problem: Exception) -> bytes:
    """An exception for the caller; one that cannot be pickled is sent as its message.

    With a fault of ours goes its traceback, for the server's log.
    """
    if not isinstance(problem, UserError):
        problem.add_note("".join(traceback.format_exception(problem)))
    try:
        answer = pickle.dumps(("failed", problem))
        pickle.loads(answer)
    except Exception:
        known = UserError if isinstance(problem, UserError) else RuntimeError
        answer = pickle.dumps(("failed", known(str(problem))))
    return answer


def _limit(budget: Budget) -> None:
    """Let the system enforce the budget: no allocation beyond it, no larger file, no core dump."""
    try:
        import resource
    except ImportError:  # Windows
        return
    taken = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        taken = int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    wanted = {"RLIMIT_DATA": taken + budget.memory, "RLIMIT_FSIZE": budget.disk, "RLIMIT_CORE": 0}
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that grows too large is an OSError
    for name, limit in wanted.items():
        with contextlib.suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(getattr(resource, name), (limit, limit))
