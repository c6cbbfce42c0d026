"""What is computed for visitors in separate processes (`analysis.workers`): separations, scores, what a sound is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

import tasnet
from analysis.scores.comparison import Comparison, compare_systems
from analysis.scores.metrics import perceptual_scores
from tasnet import Hearing, Separation, Separator, checkpoint, threads
from tasnet.mixture import Mixture
from tasnet.quality import Expected, expected_quality

MODULES = ("analysis.computing", "analysis.of_networks")
READY = "analysis.computing:load_ahead"
SETTING = "TASNET_LENS_MODEL"  # the model that pages begin with, if not the best one
MOST_LOADED = 8


def first_model() -> str:
    """The name of the model that pages begin with: what the operator set, else the best; tasnet.CheckpointError."""
    known = list(tasnet.available())
    wanted = os.environ.get(SETTING) or known[0]
    wanted = checkpoint.ALIASES.get(wanted, wanted)
    if wanted not in known:
        raise tasnet.CheckpointError(f"{SETTING} is {wanted!r}, which is no model here: {', '.join(known)}.")
    return wanted


@lru_cache(maxsize=MOST_LOADED)
def _separator(model: str, precision: str) -> Separator:
    return Separator(model, "cpu", precision)


def load_ahead(name: str) -> None:
    """Have the network `name` ("PRECISION MODEL", "" for `first_model` in float32), as children will need it."""
    precision, _, model = name.partition(" ")
    with contextlib.suppress(ValueError, OSError), threads.one_torch_thread():  # a child says what is wrong with it
        model = model or str(tasnet.available()[first_model()])
        network = _separator(model, precision or "float32")
        _ = network.on_cpu and network.on_cpu.way  # the compiled network packs its weights


def with_networks(
    named: Sequence[tuple[str, str]],
    function: Callable[..., Any],
    *arguments: Any,
    progress: Callable[..., None] = lambda *_: None,
) -> Any:
    """`function(networks, *arguments, progress=progress)`, the networks given as (model, precision), on the CPU."""
    return function([_separator(*one) for one in named], *arguments, progress=progress)


def separate_apart(
    model: str, precision: str, samples: np.ndarray, rate: int, progress: Callable[..., None] = lambda *_: None
) -> Separation:
    """`Separator.separate` on the CPU. progress: called with the share that is done, or with (share, begin, voices):
    the voices (C, t) from sample `begin` on, as far as they are ready.
    """
    share = 0.0

    def at(done: float) -> None:
        nonlocal share
        share = done
        progress(done)

    def heard(begin: int, voices: np.ndarray) -> None:
        progress(share, begin, voices)

    return _separator(model, precision).separate(samples, rate, progress=at, heard=heard)


def hear_apart(samples: np.ndarray, rate: int, progress: Callable[[float], None] = lambda done: None) -> Hearing:
    """`tasnet.hear`, which does not report progress."""
    return tasnet.hear(samples, rate)


def expect_apart(
    mixture: np.ndarray,
    sources: np.ndarray,
    rate: int,
    model: str,
    progress: Callable[[float], None] = lambda done: None,
) -> tuple[Expected, ...]:
    """`expected_quality`, which does not report progress."""
    return expected_quality(mixture, sources, rate, model)


def compare(
    sound: Mixture,
    separated: np.ndarray,
    ideal: bool,
    task: str,
    system: str,
    progress: Callable[[float], None] = lambda done: None,
) -> Comparison:
    """`compare_systems` without PESQ and STOI, by a network of this `task` that is this `system`."""
    return compare_systems(sound, separated, ideal=ideal, pesq=False, task=task, system=system, progress=progress)


def perceptual_apart(
    estimates: np.ndarray, references: np.ndarray, rate: int, progress: Callable[[float], None] = lambda done: None
) -> dict[str, tuple[float | None, ...]]:
    """`perceptual_scores`, which does not report progress."""
    return perceptual_scores(estimates, references, rate)
