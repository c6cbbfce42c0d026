"""Long work as jobs of the server, which outlive the page that asked for them.

A job has a name, an owner, a place in a fair queue, progress and a time left; only its owner can cancel it. One runs at
a time, since each takes all cores or the GPU, plus one of the kinds that take days; of the waiting owners, the one
whose last job is longest ago is next. Each job is a small file, so that another server can continue after a stop or a
kill: the work itself must be able to continue from its own results, or to start again. What cannot be continued is
reported as lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.keys import new_key, same_key
from tasnet.atomic import make_folder, replacing
from tasnet.errors import UserError
from tasnet.locks import Locked, WriterLock
from tasnet.typed import from_plain

logger = logging.getLogger(__name__)
WAITING, RUNNING, DONE, FAILED, CANCELLED, LOST = "waiting", "running", "done", "failed", "cancelled", "lost"
ACTIVE = (WAITING, RUNNING)
MOST_WAITING = 20  # of one owner
MOST_ACTIVE = 500  # of all
MOST_ENDED = 200  # that are remembered
MOST_STARTS = 3  # a job during which the server died this often, without getting any further, is lost
SAVE_SECONDS = 2.0  # between two records of the progress on disk

Report = Callable[[float, str], None]  # the share that is done, and how far that is in words
Work = Callable[[Mapping[str, Any], Report], str]  # settings -> the result's name; raises UserError
# Does the work of a kind, calling its last argument regularly: where that raises, the work ends at once.
Perform = Callable[[str, Mapping[str, Any], Report, Callable[[], None]], str]


class JobError(UserError):
    """A job that cannot be taken or found; the message is one sentence for the user."""


class _CancelledError(Exception):
    """The owner does not want it any longer."""


@dataclass(frozen=True)
class Job:
    """One job as it stands. `id` opens it, for reading, to whoever has it; `owner` is a hash of the owner's key."""

    id: str
    owner: str
    kind: str
    name: str
    settings: dict[str, Any]
    created: float  # s since 1970, as the others
    state: str = WAITING
    started: float | None = None
    ended: float | None = None
    first: float = 0.0  # the share that was done when it was started: it may have continued earlier results
    share: float = 0.0
    words: str = ""
    result: str = ""
    problem: str = ""
    starts: int = 0

    @property
    def seconds_left(self) -> float | None:
        """Estimated from what it has done since it was started; None where that is not enough."""
        if self.state != RUNNING or self.started is None or self.share <= self.first:
            return None
        return (time.time() - self.started) / (self.share - self.first) * (1 - self.share)


@dataclass
class Jobs:
    """The jobs of the server whose files are in `folder`; `kinds`: what does the work of each kind.

    aside: the kinds that run beside the others, which nobody could wait for. said: one sentence for an error that is
    not ours. perform: does the work elsewhere, where it can be ended at any time; by default it is done here, and ends
    when it next reports. Raises JobError where another server has the
    folder, and PathError.
    """

    folder: Path
    kinds: Mapping[str, Work]
    aside: frozenset[str] = frozenset()
    said: Callable[[Exception], str] = str
    perform: Perform | None = None
    _jobs: dict[str, Job] = field(default_factory=dict)
    _unwanted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        make_folder(self.folder)
        try:
            self._lock = WriterLock(self.folder / "jobs")
        except Locked:
            raise JobError("Another server runs the jobs of this folder: stop it first.") from None
        self._changed = threading.Condition()
        self._closed = False
        for path in self.folder.glob("*.json"):
            if (job := _read(path)) is not None:
                self._jobs[job.id] = job
        for job in [one for one in self._jobs.values() if one.state in ACTIVE]:
            lost = job.kind not in self.kinds or job.starts >= MOST_STARTS
            words = "The server was stopped under it, and it could not be taken up again." if lost else ""
            self._put(dataclasses.replace(job, state=LOST if lost else WAITING, problem=words, started=None))
        self._threads = [
            threading.Thread(target=self._work, args=(aside,), name="jobs", daemon=True) for aside in (False, True)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the work; what is running is left as after a kill, for the next server."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._lock.release()

    def submit(
        self,
        kind: str,
        name: str,
        settings: dict[str, Any],
        owner: str,
        claim: Callable[[], object] = lambda: None,
    ) -> Job:
        """A new job; `settings` are JSON. The same job is not accepted twice while it waits or runs.

        claim: a quick look whether what the job wants for itself is free, during which nobody else can submit; what it
        raises is passed on. Raises JobError where its owner has too many waiting, or all together have.
        """
        with self._changed:
            mine = [one for one in self.owned(owner) if one.state in ACTIVE]
            for one in mine:
                if (one.kind, one.settings) == (kind, settings):
                    return one
            if len(mine) >= MOST_WAITING:
                raise JobError(f"{MOST_WAITING} of your jobs are waiting already: wait for one, or cancel one.")
            if sum(one.state in ACTIVE for one in self._jobs.values()) >= MOST_ACTIVE:
                raise JobError("Too many jobs are waiting here: try again later.")
            claim()
            job = Job(new_key(), _hashed(owner), kind, name, settings, time.time())
            self._put(job)
            self._changed.notify_all()
            return job

    def find(self, key: str) -> Job:
        """The job of a link. Raises JobError."""
        for one in list(self._jobs.values()):
            if same_key(one.id, key):
                return one
        raise JobError("There is no such job here: it was never taken, or it ended so long ago that it is forgotten.")

    def owned(self, owner: str) -> list[Job]:
        """The jobs of an owner, the newest first."""
        hashed = _hashed(owner)
        return sorted(
            (one for one in list(self._jobs.values()) if same_key(one.owner, hashed)), key=lambda one: -one.created
        )

    @property
    def active(self) -> bool:
        """Whether any job waits or runs."""
        return any(one.state in ACTIVE for one in list(self._jobs.values()))

    def is_owner(self, job: Job, owner: str) -> bool:
        """Whether this key is the one of the job's owner."""
        return same_key(job.owner, _hashed(owner))

    def place(self, job: Job) -> int:
        """How many come before it, including the running one."""
        aside = job.kind in self.aside
        waiting = [one.id for one in self._queue(aside)]
        running = sum(one.state == RUNNING and (one.kind in self.aside) == aside for one in list(self._jobs.values()))
        return running + waiting.index(job.id) if job.id in waiting else 0

    def cancel(self, job: Job, owner: str) -> None:
        """End a job; what it has done until then stays. Raises JobError for another than its owner."""
        if not self.is_owner(job, owner):
            raise JobError("Only who has started a job can cancel it.")
        with self._changed:
            now = self._jobs[job.id]
            if now.state == WAITING:
                self._put(dataclasses.replace(now, state=CANCELLED, ended=time.time()))
            elif now.state == RUNNING:
                self._unwanted.add(job.id)

    def remove(self, job: Job, owner: str) -> None:
        """Forget a job that has ended. Raises JobError for another than its owner."""
        if not self.is_owner(job, owner):
            raise JobError("Only who has started a job can remove it.")
        with self._changed:
            if self._jobs[job.id].state not in ACTIVE:
                self._forget(job)

    @property
    def known(self) -> list[Job]:
        """All jobs that are remembered."""
        return list(self._jobs.values())

    def is_ending(self, job: Job) -> bool:
        """Whether it was cancelled but has not ended yet."""
        return job.id in self._unwanted

    def _queue(self, aside: bool) -> list[Job]:
        """What waits to run with the others, or beside them, in its order: the owners take turns."""
        known = [one for one in list(self._jobs.values()) if one.state == WAITING]
        waiting = sorted((one for one in known if (one.kind in self.aside) == aside), key=lambda one: one.created)
        turns: dict[str, float] = {}
        for one in list(self._jobs.values()):
            turns[one.owner] = max(turns.get(one.owner, 0.0), one.started or 0.0)
        order, latest = [], time.time()
        while waiting:
            following = min(waiting, key=lambda one: (turns[one.owner], one.created))
            waiting.remove(following)
            latest += 1
            turns[following.owner] = latest
            order.append(following)
        return order

    def _work(self, aside: bool) -> None:
        while True:
            with self._changed:
                while not self._closed and not (queue := self._queue(aside)):
                    self._changed.wait()
                if self._closed:
                    return
                job = dataclasses.replace(queue[0], state=RUNNING, started=time.time(), starts=queue[0].starts + 1)
                self._put(job)
            self._run(job)

    def _run(self, job: Job) -> None:
        saved, first, reached = time.monotonic(), None, job.share

        def wanted() -> None:
            if job.id in self._unwanted or self._closed:
                raise _CancelledError

        def report(share: float, words: str) -> None:
            nonlocal job, saved, first
            wanted()
            first = share if first is None else first
            starts = 1 if share > reached else job.starts  # it gets on, however often the server is stopped
            job = dataclasses.replace(job, share=share, first=first, words=words, starts=starts)
            late = time.monotonic() - saved > SAVE_SECONDS
            self._put(job, on_disk=late)
            saved = time.monotonic() if late else saved

        end: dict[str, Any] = {}
        try:
            if self.perform is None:
                result = self.kinds[job.kind](job.settings, report)
            else:
                result = self.perform(job.kind, job.settings, report, wanted)
            end = {"state": DONE, "share": 1.0, "result": result}
        except _CancelledError:
            if job.id not in self._unwanted:  # the server is closing: as after a kill
                self._put(job)
                return
            end = {"state": CANCELLED}
        except Exception as problem:
            end = {"state": FAILED, "problem": self.said(problem)}
        with self._changed:
            self._unwanted.discard(job.id)
            self._put(dataclasses.replace(job, ended=time.time(), **end))

    def _put(self, job: Job, *, on_disk: bool = True) -> None:
        """Store `job` in its present state; where the disk is full, only a restart would forget it."""
        self._jobs[job.id] = job
        if not on_disk:
            return
        with contextlib.suppress(OSError), replacing(self._file(job)) as unfinished:
            unfinished.write_text(json.dumps(dataclasses.asdict(job)))
        ended = sorted(
            (one for one in list(self._jobs.values()) if one.state not in ACTIVE), key=lambda one: one.created
        )
        for old in ended[:-MOST_ENDED]:
            self._forget(old)

    def _forget(self, job: Job) -> None:
        del self._jobs[job.id]
        with contextlib.suppress(OSError):
            self._file(job).unlink(missing_ok=True)

    def _file(self, job: Job) -> Path:
        return self.folder / f"{hashlib.sha256(job.id.encode()).hexdigest()[:24]}.json"


def _hashed(owner: str) -> str:
    """The part of an owner's key that is stored: its hash."""
    return hashlib.sha256(owner.encode(errors="replace")).hexdigest()


def _read(path: Path) -> Job | None:
    """The job in a file; None where it is something else."""
    try:
        return from_plain(Job, json.loads(path.read_text())) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
