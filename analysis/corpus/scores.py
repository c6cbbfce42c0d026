"""Every score of one mixture of a test set: what a worker of `analysis.corpus` does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from analysis.scores.metrics import leakage
from analysis.scores.systems import (
    CLEAN,
    LEAKAGE,
    MEASURES,
    MIXTURE,
    NETWORK,
    PESQ_MEASURES,
    SYSTEMS,
    score_systems,
)
from tasnet import Separator
from tasnet.errors import UserError
from tasnet.mixture import Mixture
from tasnet.threads import single_threaded

from .unaided import judgements, unaided_columns


@dataclass(frozen=True)
class Task:
    """A mixture to be scored; where `estimates` (C, T) are None the worker separates it itself."""

    mixture: Mixture
    model: str  # a name or the path of a checkpoint
    weights: str  # the file's at that time, as in `Header.weights`: a worker outlives a file that changes
    precision: str
    permute: bool  # whether the network's outputs have no fixed order
    pesq: bool
    bundled: str = ""  # the model's name where it comes along
    estimates: np.ndarray | None = None


def columns(speakers: int, pesq: bool) -> list[str]:
    """The names of all scores of a mixture of so many speakers."""
    measures = [measure for measure in MEASURES if pesq or measure not in PESQ_MEASURES]
    # For the mixture, the absolute score: its improvement over itself would always be zero.
    names = [f"{MIXTURE}.{MEASURES[measure].unprocessed or measure}" for measure in measures]
    names += [f"{system}.{measure}" for system in SYSTEMS for measure in measures]
    names += [f"{system}.{LEAKAGE}" for system in (NETWORK, CLEAN)]
    return [f"{name}.{speaker}" for name in names for speaker in range(1, speakers + 1)] + unaided_columns(speakers)


def score_task(task: Task) -> dict[str, float] | str:
    """The defined scores by column, or one sentence that says why there are none.

    Runs on one thread: there is a worker for every core.
    """
    try:
        with single_threaded():
            return {name: value for name, value in _scores(task) if value is not None}
    except UserError as problem:
        return str(problem)


def _scores(task: Task) -> Iterator[tuple[str, float | None]]:
    mixture = task.mixture
    separated = task.estimates
    if separated is None:
        separated = _separator(task.model, task.weights, task.precision).separate(mixture.mixture, mixture.rate).sources
    for system in score_systems(
        separated,
        mixture.sources,
        mixture.mixture,
        mixture.rate,
        permute=task.permute,
        pesq=task.pesq,
        stoi=True,
    ):
        for name, measure in MEASURES.items():
            column = (measure.unprocessed or name) if system.name == MIXTURE else name
            for speaker, value in enumerate(getattr(system.scores, column), start=1):
                yield f"{system.name}.{column}.{speaker}", value
        if system.name == NETWORK:
            yield from _leakage(NETWORK, system.estimates, mixture.rate)
            yield from judgements(mixture.mixture, system.estimates, mixture.rate, task.bundled)
    yield from _leakage(CLEAN, mixture.sources, mixture.rate)


def _leakage(system: str, signals: np.ndarray, rate: int) -> Iterator[tuple[str, float | None]]:
    for speaker, value in enumerate(leakage(signals, rate), start=1):
        yield f"{system}.{LEAKAGE}.{speaker}", None if np.isnan(value) else float(value)


@lru_cache(maxsize=1)
def _separator(model: str, weights: str, precision: str) -> Separator:
    """The network on the CPU, loaded once a process for the same weights."""
    return Separator(model, "cpu", precision)
