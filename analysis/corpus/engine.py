"""Scoring tasks in parallel: cores of this machine, or several machines, by joblib's backends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import joblib

from tasnet.data.corpora import CorpusError
from tasnet.worker_lifetime import parent_watcher

from .scores import Task, score_task

BACKENDS = ("loky", "threading", "dask", "ray")
CLUSTER_SECONDS = 60  # for a cluster to answer
Run = Callable[[Sequence[Task]], list[dict[str, float] | str]]


@dataclass(frozen=True)
class Engine:
    """`run` scores tasks, in their order, by so many `workers`."""

    workers: int
    run: Run


@contextmanager
def start(backend: str, workers: int | None) -> Iterator[Engine]:
    """An engine whose workers stay up until the context ends; None means one worker for every core.

    Raises CorpusError for a backend that is not there.
    """
    if backend not in BACKENDS:
        raise CorpusError(f"There is no backend named {backend}; choose one of {', '.join(BACKENDS)}.")
    if workers is not None and workers < 1:
        raise CorpusError(f"There must be at least one worker, not {workers}.")
    count = workers or -1
    with ExitStack() as stack:
        settings = _connect(backend, workers, stack)
        stack.enter_context(joblib.parallel_config(backend, n_jobs=count, **settings))
        # One task at a time: joblib would bundle short ones and leave some workers without any.
        pool = stack.enter_context(joblib.Parallel(batch_size=1, pre_dispatch="all"))

        def run(tasks: Sequence[Task]) -> list[dict[str, float] | str]:
            try:
                return list(pool(joblib.delayed(score_task)(task) for task in tasks))
            except BrokenExecutor:
                raise CorpusError(
                    "A worker process died, most likely for want of memory: "
                    "the same evaluation with fewer workers goes on from here."
                ) from None

        yield Engine(joblib.effective_n_jobs(count), run)


def _connect(backend: str, workers: int | None, stack: ExitStack) -> dict[str, object]:
    """Connects to the cluster of a backend that has one, or starts one here; joblib's settings of the backend."""
    try:
        if backend == "loky":
            return {"initializer": parent_watcher(os.getpid())}
        if backend == "dask":
            return {"client": _dask_client(workers, stack)}
        if backend == "ray":
            from ray.util.joblib import register_ray

            register_ray()
    except ImportError:
        package = {"dask": '"dask[distributed]"', "ray": "ray"}[backend]
        raise CorpusError(f"The backend {backend} needs a package: pip install {package}.") from None
    return {}


def _dask_client(workers: int | None, stack: ExitStack) -> object:
    """A client of the cluster at $DASK_SCHEDULER_ADDRESS, or else of one on this machine.

    joblib would wait forever for a cluster that cannot import the project, so this is tried first.
    """
    import dask.config
    from dask.distributed import Client

    address = dask.config.get("scheduler-address", None)
    here = {} if address else {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    try:
        client = stack.enter_context(Client(address, **here))
        client.submit(_answer).result(timeout=CLUSTER_SECONDS)
    except (OSError, TimeoutError):
        raise CorpusError(f"No worker answers at the cluster {address}: is one started?") from None
    except Exception as error:
        raise CorpusError(
            f"The cluster {address} cannot run this project ({error}): start its scheduler and its workers "
            "in the project's folder with PYTHONPATH=. before the command."
        ) from None
    return client


def _answer() -> None:
    """A task that only asks whether a worker can import this module."""
