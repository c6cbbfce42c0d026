"""What is computed for visitors in processes of its own (`analysis.workers`): separations and their scores."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from analysis.scores.comparison import Comparison, compare_systems
from tasnet import Separation, Separator, available, threads
from tasnet.mixture import Mixture

MODULES = ("analysis.computing",)
READY = "analysis.computing:load_ahead"
MOST_LOADED = 8


@lru_cache(maxsize=MOST_LOADED)
def _separator(model: str, precision: str) -> Separator:
    return Separator(model, "cpu", precision)


def load_ahead(name: str) -> None:
    """Have the network `name` ("PRECISION MODEL", "" for the first one in float32), as children will need it."""
    precision, _, model = name.partition(" ")
    with contextlib.suppress(ValueError, OSError), threads.one_torch_thread():  # a child says what is wrong with it
        model = model or str(next(iter(available().values())))
        network = _separator(model, precision or "float32")
        _ = network.on_cpu and network.on_cpu.way  # the compiled network packs its weights


def separate_apart(
    model: str, precision: str, samples: np.ndarray, rate: int, progress: Callable[..., None] = lambda *_: None
) -> Separation:
    """`Separator.separate` on the CPU. progress: called with the share that is done, or with (share, begin, voices):
    the voices (C, t) from sample `begin` on, as far as they are there.
    """
    share = 0.0

    def at(done: float) -> None:
        nonlocal share
        share = done
        progress(done)

    def heard(begin: int, voices: np.ndarray) -> None:
        progress(share, begin, voices)

    return _separator(model, precision).separate(samples, rate, progress=at, heard=heard)


def compare(
    sound: Mixture,
    separated: np.ndarray,
    ideal: bool,
    pesq: bool,
    task: str,
    progress: Callable[[float], None] = lambda done: None,
) -> Comparison:
    """`compare_systems` on a sound with references, by a network of this `task`."""
    return compare_systems(sound, separated, ideal=ideal, pesq=pesq, task=task, progress=progress)
