"""A network beside the ideal masks on one mixture: the rows of Tables IV and VI for a single sound."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tasnet.below_speech import without_offset
from tasnet.mixture import Mixture
from tasnet.training_facts import SPEAKERS, any_order

from . import ideal_masks
from .metrics import MetricsError
from .systems import NETWORK, SYSTEMS, ScoredSystem, per_cent, score_systems


@dataclass(frozen=True)
class Comparison:
    """Systems on the sound `mixture`, the network first; its `masks` are the ratio |estimate| / |mixture|.

    `unprocessed` is the mixture itself as everyone's estimate. `perceptual`: whether PESQ and STOI were measured.
    """

    mixture: Mixture
    unprocessed: ScoredSystem
    rows: tuple[ScoredSystem, ...]
    perceptual: bool = True

    @property
    def network(self) -> ScoredSystem:
        """The row of the network."""
        return self.rows[0]

    @property
    def ideal(self) -> tuple[ScoredSystem, ...]:
        """The rows of the ideal masks."""
        return self.rows[1:]

    @property
    def scored(self) -> tuple[ScoredSystem, ...]:
        """The mixture itself and every row that has scores."""
        return (self.unprocessed, *(row for row in self.rows if row.scores is not None))

    def best(self, measure: str, speaker: int | None = None) -> str | None:
        """Name of the system with the highest `measure` (key of `MEASURES`) for a speaker or on the mean."""
        scored = {row.name: value for row in self.rows if (value := row.score(measure, speaker)) is not None}
        return max(scored, key=scored.__getitem__, default=None)


def effective_masks(estimates: np.ndarray, mixture: np.ndarray, rate: int) -> np.ndarray:
    """(C, F, frames): |STFT of the estimate| / |STFT of the mixture|, at most 1.

    The network's own masks live on its learned filters; this is what they amount to in the STFT domain.
    """
    magnitude = np.abs(ideal_masks.stft(mixture, rate))
    floor = 1e-6 * magnitude.max() + 1e-12
    return np.minimum(np.abs(ideal_masks.stft(estimates, rate)) / np.maximum(magnitude, floor), 1.0)


def compare_systems(
    sound: Mixture,
    separated: np.ndarray,
    *,
    ideal: bool = True,
    pesq: bool = True,
    task: str = SPEAKERS,
    system: str = NETWORK,
    progress: Callable[[float], None] | None = None,
) -> Comparison:
    """Score the network's sources `separated` (C, T) and every ideal mask on a sound with references.

    Without `ideal` the masks are left out; without `pesq`, PESQ and STOI are, which take most of the time. A network
    that separates another number of voices than the sound has, or something else (`task`, of its training), is listed
    without scores. An offset of the mixture, which is no sound, is neither masked nor scored. `system`: what the
    network is called. `progress` is called with the fraction done. Raises MetricsError where there are no references,
    or signals of other lengths.
    """
    if sound.references is None:
        raise MetricsError("Without the clean voices of a mixture nothing can be scored on it.")
    report = progress or (lambda done: None)
    matches = sound.suits(task, len(separated))
    permute = any_order(task)
    network = ScoredSystem(system, separated, None, None)
    rows = [] if matches else [_with_masks(network, sound)]
    wanted = len(SYSTEMS) if ideal else 1
    mixture, *_ = without_offset(sound.mixture, sound.rate)
    given = (separated if matches else None, sound.references, mixture, sound.rate)
    scored = score_systems(*given, permute=permute, pesq=pesq, stoi=pesq, system=system)
    unprocessed = next(scored)
    for row in itertools.islice(scored, wanted - len(rows)):
        rows.append(_with_masks(row, sound) if row.masks is None else row)
        report(len(rows) / wanted)
    return Comparison(sound, unprocessed, tuple(rows), perceptual=pesq)


def add_perceptual(found: Comparison, heard: Sequence[dict[str, Any]]) -> Comparison:
    """`found`, which was made without PESQ and STOI, with those of its rows `scored` (`metrics.perceptual_scores`)."""
    complete = {
        row.name: replace(row, scores=replace(row.scores, **measured))
        for row, measured in zip(found.scored, heard, strict=True)
        if row.scores is not None  # as all that are `scored`
    }
    rows = tuple(complete.get(row.name, row) for row in found.rows)
    return replace(found, unprocessed=complete[found.unprocessed.name], rows=rows, perceptual=True)


def _with_masks(network: ScoredSystem, sound: Mixture) -> ScoredSystem:
    return replace(network, masks=per_cent(effective_masks(network.estimates, sound.mixture, sound.rate)))
