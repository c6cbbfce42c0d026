"""Mixtures of three voices from a set of mixtures of two, where no set of three is at hand.

Libri2Mix and Libri3Mix set each voice's level in the same way, whoever else speaks (Cosentino et al., 2020), so three
voices of Libri2Mix, simply added up, are a mixture as Libri3Mix would make it, though not one of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .build import Report, build, fit
from .mixture_sets import BadRow, CorpusError, MixtureSet, Row
from .utterances import to_pcm

SAME = 0.95  # from this correlation on, two voices are one recording at two levels


@dataclass(frozen=True)
class ThirdVoicePlan:
    """Mixture `first`, joined by source `source` (0, 1) of the mixture `other` of the same set."""

    first: Row
    other: Row
    source: int
    rate: int  # Hz

    @property
    def name(self) -> str:
        """The names of the three utterances, as in LibriMix, where the set's own names tell who speaks."""
        name = self.other.name
        third = name.split("_")[self.source] if self.other.speakers else f"{name}-s{self.source + 1}"
        return f"{self.first.name}_{third}"

    @property
    def folders(self) -> tuple[str, ...]:
        return ("s1", "s2", "s3")  # the mixture is their sum, which might not fit into a 16-bit file

    def make(self) -> list[np.ndarray]:
        sources = fit([*self.first.read().sources, self.other.read().sources[self.source]], "min")
        if any(abs(_correlation(one, sources[2])) > SAME for one in sources[:2]):
            raise BadRow(f"In {self.name} the third voice is the recording of another.")
        return [to_pcm(one) for one in sources]


def plan_third_voices(mixtures: MixtureSet) -> list[ThirdVoicePlan]:
    """A plan for each mixture of two voices: the same ones each time. Raises CorpusError.

    The third voice, in turn the first and the second, is that of the mixture half the set later, or the next after it
    in which nobody of the first speaks; who speaks is taken to be another where the set does not tell.
    """
    if mixtures.voices != 2:
        raise CorpusError(f"The set {mixtures.name} does not have two voices to which a third could be added.")
    rows, plans = mixtures.rows, []
    for number, first in enumerate(rows):
        half = number + len(rows) // 2
        later = (rows[(half + step) % len(rows)] for step in range(len(rows)))
        other = next((row for row in later if row is not first and not {*first.speakers} & {*row.speakers}), None)
        if other is None:
            raise CorpusError(f"The set {mixtures.name} has no other speakers than {first.name}.")
        plans.append(ThirdVoicePlan(first, other, number % 2, mixtures.rate))
    return plans


def build_third_voices(
    mixtures: MixtureSet,
    out: Path,
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Makes the mixtures of `plan_third_voices` below `out`, of the rows that can be read. Raises CorpusError."""
    sound = mixtures.checked()
    report = build(plan_third_voices(sound), out, workers, on_progress)
    report.bad |= sound.bad
    return report


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(x @ y / max(np.sqrt((x @ x) * (y @ y)), 1e-12))
