"""Scoring tasks in parallel: cores of this machine, or several machines, by joblib's backends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import joblib

from tasnet.train.corpora import CorpusError

from .corpus_scores import Task, score

BACKENDS = ("loky", "threading", "dask", "ray")
Run = Callable[[Sequence[Task]], list[dict[str, float] | str]]


@dataclass(frozen=True)
class Engine:
    """`run` scores tasks, in their order, by so many `workers`."""

    workers: int
    run: Run


@contextmanager
def start(backend: str, workers: int | None) -> Iterator[Engine]:
    """An engine whose workers stay up until the context ends; None is one for every core.

    Raises CorpusError for a backend that is not there.
    """
    if backend not in BACKENDS:
        raise CorpusError(f"There is no backend named {backend}; choose one of {', '.join(BACKENDS)}.")
    count = workers or -1
    with ExitStack() as stack:
        settings = _connect(backend, workers, stack)
        stack.enter_context(joblib.parallel_config(backend, n_jobs=count, **settings))
        # One task at a time: joblib would send short ones in bundles, and leave workers without any.
        pool = stack.enter_context(joblib.Parallel(batch_size=1, pre_dispatch="all"))

        def run(tasks: Sequence[Task]) -> list[dict[str, float] | str]:
            try:
                return list(pool(joblib.delayed(score)(task) for task in tasks))
            except BrokenExecutor:
                raise CorpusError(
                    "A worker process died, most likely for want of memory: "
                    "the same command with fewer workers goes on from here."
                ) from None

        yield Engine(joblib.effective_n_jobs(count), run)


def _connect(backend: str, workers: int | None, stack: ExitStack) -> dict[str, object]:
    """Connects to the cluster of a backend that has one, or starts one here; joblib's settings."""
    try:
        if backend == "dask":
            import dask.config
            from dask.distributed import Client

            address = dask.config.get("scheduler-address", None)
            here = {} if address else {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
            return {"client": stack.enter_context(Client(address, **here))}
        if backend == "ray":
            from ray.util.joblib import register_ray

            register_ray()
    except ImportError:
        package = {"dask": '"dask[distributed]"', "ray": "ray"}[backend]
        raise CorpusError(f"The backend {backend} needs a package: pip install {package}.") from None
    return {}
