"""Long computations that continue after their page is left, and keep the result where the page will look for it.

They end by themselves, when whoever started them cancels, or when their upload is gone with its last tab.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

LOOK_SECONDS = 0.05  # between two looks at work in several threads


class _UnwantedError(Exception):
    """Nobody wants the result any more."""


@dataclass(frozen=True)
class BackgroundTask:
    """A computation apart from its page: its key, what keeps its value, and whether it is still wanted."""

    key: Hashable
    keep: Callable[[Any], Any]
    wanted: Callable[[], bool]


@dataclass
class RunningTask:
    """One computation: how much of it is done, the parts that are ready, and in the end its value or problem."""

    started_by: str  # the session
    share: float = 0.0
    parts: list[Any] = field(default_factory=list)  # of the value, as they come
    value: Any = None
    problem: Exception | None = None
    unwanted: bool = False
    over: threading.Event = field(default_factory=threading.Event)


class Background:
    """What is being computed, by key."""

    def __init__(self) -> None:
        self._ongoing: dict[Hashable, RunningTask] = {}
        self._lock = threading.Lock()

    def start(self, task: BackgroundTask, session: str, compute: Callable[[Callable[..., None]], Any]) -> RunningTask:
        """`compute(progress)` in a thread, or the one already running; it ends once it is no longer wanted."""
        with self._lock:
            if (known := self._ongoing.get(task.key)) is not None and not known.unwanted:
                return known
            work = self._ongoing[task.key] = RunningTask(session)

        def progress(done: float, *part: Any) -> None:
            if work.unwanted or not task.wanted():
                raise _UnwantedError
            work.share = done
            if part:
                work.parts.append(part)

        def run() -> None:
            try:
                work.value = compute(progress)
                task.keep(work.value)
            except _UnwantedError:
                work.unwanted = True
            except Exception as problem:
                work.problem = problem
            finally:
                with self._lock:
                    if self._ongoing.get(task.key) is work:
                        del self._ongoing[task.key]
                work.parts.clear()
                work.over.set()

        threading.Thread(target=run, name="computing", daemon=True).start()
        return work

    def cancel(self, task: BackgroundTask, session: str) -> None:
        """End what this session started; another session's goes on."""
        with self._lock:
            if (work := self._ongoing.get(task.key)) is not None and work.started_by == session:
                work.unwanted = True


def all_at_once(works: Sequence[Callable[..., Any]], progress: Callable[[float], None]) -> list[Any]:
    """The values of `works`, each of which gets a `progress` of its own; each waits in a thread of its own.

    `progress` gets the share that all have done, in this thread; an exception that it raises ends all. Raises what the
    first of them raises.
    """
    shares, over = [0.0] * len(works), threading.Event()

    def run(place: int) -> Any:
        def told(done: float) -> None:
            if over.is_set():
                raise _UnwantedError
            shares[place] = done

        value = works[place](progress=told)
        shares[place] = 1.0
        return value

    with ThreadPoolExecutor(max(len(works), 1), thread_name_prefix="computing") as pool:
        try:
            waited = [pool.submit(run, place) for place in range(len(works))]
            while (seen := wait(waited, LOOK_SECONDS, FIRST_EXCEPTION)).not_done:
                for one in seen.done:
                    one.result()
                progress(sum(shares) / len(shares))
            return [one.result() for one in waited]
        finally:
            over.set()


@st.cache_resource(show_spinner=False)
def background() -> Background:
    """The one of this server."""
    return Background()
