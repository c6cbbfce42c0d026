"""What models of several voices gave where there was one voice, or none: assets/results/NAME.alone.json.

`python -m analysis.conditions.alone` writes the files.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from analysis.corpus.results import ResultsError
from analysis.corpus.shipped import FOLDER
from tasnet.typed import from_plain

ASIDE, KEPT, QUIET = 30.0, 20.0, 20.0  # dB: what a model for any sound should reach


@dataclass(frozen=True)
class AloneResults:
    """What a model gave, in dB.

    weights: which were measured (`checkpoint.weights_hash`). set: whose voices. below: of every voice alone, how far
    the loudest other output lies below the voice's. voice: its SI-SNR. noise: of every noise alone, how far the
    loudest output lies below it.
    """

    weights: str
    set: str
    below: tuple[float, ...]
    voice: tuple[float, ...]
    noise: tuple[float, ...]

    @cached_property
    def shares(self) -> tuple[float, float, float]:
        """Shares (0 to 1) with the other outputs `ASIDE` below, the voice above `KEPT`, all outputs `QUIET` below."""
        limits = ((self.below, ASIDE), (self.voice, KEPT), (self.noise, QUIET))
        below, voice, noise = (float(np.mean(np.array(values) >= limit)) for values, limit in limits)
        return below, voice, noise

    @cached_property
    def medians(self) -> tuple[float, float, float]:
        """Of the three, in dB."""
        below, voice, noise = (float(np.median(values)) for values in (self.below, self.voice, self.noise))
        return below, voice, noise


def alone_file(model: str) -> Path:
    """Where the results of a bundled model are."""
    return FOLDER / f"{model}.alone.json"


def read_alone(model: str) -> AloneResults:
    """The bundled results of `model`. Raises ResultsError where there are none."""
    try:
        return from_plain(AloneResults, json.loads(alone_file(model).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise ResultsError(f"No results of {model} for one voice alone come along.") from None
