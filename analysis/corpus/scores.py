"""Every score of one mixture of a test set: what a worker of `analysis.corpus` does."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pystoi

from analysis.scores import ideal_masks
from analysis.scores.comparison import NETWORK
from analysis.scores.metrics import evaluate, mixture_scores
from tasnet import Separator
from tasnet.data.corpora import CorpusMixture
from tasnet.threads import single

MIXTURE = "Mixture"
SYSTEMS = (NETWORK, *ideal_masks.MASKS)
# STOI as the published scores have it: not extended.
MEASURES = {
    "si_snri": "SI-SNRi (dB)",
    "sdri": "SDRi (dB)",
    "pesq": "PESQ (MOS-LQO)",
    "raw_pesq": "PESQ (raw P.862)",
    "stoi": "STOI",
}
PESQ_MEASURES = ("pesq", "raw_pesq")
STOI_SECONDS = 0.4  # the least that STOI can compare: 30 frames
STOI_UNDEFINED = 1e-5  # what pystoi returns where it finds less speech than that


@dataclass(frozen=True)
class Task:
    """A mixture to be scored; where `estimates` (C, T) are None the worker separates it itself."""

    mixture: CorpusMixture
    model: str  # a name or the path of a checkpoint
    precision: str
    permute: bool  # whether the network's outputs have no order of their own
    pesq: bool
    estimates: np.ndarray | None = None


def columns(speakers: int, pesq: bool) -> list[str]:
    """The names of all scores of a mixture of so many speakers."""
    measures = [measure for measure in MEASURES if pesq or measure not in PESQ_MEASURES]
    unprocessed = {"si_snri": "si_snr", "sdri": "sdr"}  # an improvement over itself says nothing
    names = [f"{MIXTURE}.{unprocessed.get(measure, measure)}" for measure in measures]
    names += [f"{system}.{measure}" for system in SYSTEMS for measure in measures]
    return [f"{name}.{speaker}" for name in names for speaker in range(1, speakers + 1)]


def score(task: Task) -> dict[str, float] | str:
    """The defined scores by column, or one sentence that says why there are none.

    Runs on one thread: there is a worker for every core.
    """
    try:
        with single():
            return {name: value for name, value in _scores(task) if value is not None}
    except ValueError as problem:
        return str(problem)


def stoi(reference: np.ndarray, estimate: np.ndarray, rate: int) -> float | None:
    """Short-time objective intelligibility (Taal et al. 2011) of `estimate` (T,): 0 to 1.

    None (undefined) where a signal is silent or less than 0.4 s of speech is there.
    """
    if reference.size < STOI_SECONDS * rate or not (reference.any() and estimate.any()):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of too little speech, which is told by the value
        value = float(pystoi.stoi(reference, estimate, rate))
    return None if value == STOI_UNDEFINED else value


def _scores(task: Task) -> Iterator[tuple[str, float | None]]:
    references, mixture, rate = task.mixture.sources, task.mixture.mixture, task.mixture.rate
    baseline = mixture_scores(references, mixture, rate, pesq=task.pesq)
    unprocessed = np.broadcast_to(mixture, references.shape)
    for measure in ("si_snr", "sdr", *PESQ_MEASURES):
        yield from _named(MIXTURE, measure, getattr(baseline, measure))
    yield from _named(MIXTURE, "stoi", _stoi(references, unprocessed, rate))
    for system in SYSTEMS:
        estimates = _estimates(system, task)
        permute = system == NETWORK and task.permute
        scores = evaluate(estimates, references, mixture, rate, permute=permute, pesq=task.pesq, baseline=baseline)
        for measure in ("si_snri", "sdri", *PESQ_MEASURES):
            yield from _named(system, measure, getattr(scores, measure))
        yield from _named(system, "stoi", _stoi(references, estimates[list(scores.permutation)], rate))


def _named(system: str, measure: str, values: tuple[float | None, ...]) -> Iterator[tuple[str, float | None]]:
    for speaker, value in enumerate(values, start=1):
        yield f"{system}.{measure}.{speaker}", value


def _stoi(references: np.ndarray, estimates: np.ndarray, rate: int) -> tuple[float | None, ...]:
    return tuple(stoi(s, s_hat, rate) for s, s_hat in zip(references, estimates, strict=True))


def _estimates(system: str, task: Task) -> np.ndarray:
    """(C, T): what `system` makes of the mixture."""
    mixture = task.mixture
    if system != NETWORK:
        return ideal_masks.separate(system, mixture.mixture, mixture.sources, mixture.rate)
    if task.estimates is not None:
        return task.estimates
    return _separator(task.model, task.precision).separate(mixture.mixture, mixture.rate).sources


@lru_cache(maxsize=1)
def _separator(model: str, precision: str) -> Separator:
    """The network on the CPU, loaded once a process."""
    return Separator(model, "cpu", precision)
