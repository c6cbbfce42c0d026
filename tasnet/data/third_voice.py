"""Mixtures of three voices out of a set of mixtures of two, where no set of three is at hand.

Libri2Mix and Libri3Mix bring each voice to its level in the same way, whoever else speaks (Cosentino et al., 2020), so
three voices of Libri2Mix, added up as they are, are a mixture as Libri3Mix makes them, if not one of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .build import Report, build, fit
from .rows import BadRow, CorpusError, MixtureSet
from .utterances import to_pcm

SAME = 0.95  # correlation from which on two voices are one recording at two levels


@dataclass(frozen=True)
class ThirdVoicePlan:
    """Mixture `first` of the set, joined by source `source` (0, 1) of its mixture `other`."""

    mixtures: MixtureSet
    first: int
    other: int
    source: int

    @property
    def name(self) -> str:
        """The names of the three utterances, as in LibriMix, where the set's own names tell who speaks."""
        one, other = self.mixtures.rows[self.first], self.mixtures.rows[self.other]
        third = other.name.split("_")[self.source] if other.speakers else f"{other.name}-s{self.source + 1}"
        return f"{one.name}_{third}"

    @property
    def rate(self) -> int:
        return self.mixtures.rate

    @property
    def folders(self) -> tuple[str, ...]:
        return ("s1", "s2", "s3")  # the mixture is their sum, which might not fit into a file of 16 bits

    def make(self) -> list[np.ndarray]:
        third = self.mixtures[self.other].sources[self.source]
        sources = fit([*self.mixtures[self.first].sources, third], "min")
        if any(abs(_correlation(one, sources[2])) > SAME for one in sources[:2]):
            raise BadRow(f"In {self.name} the third voice is the recording of another.")
        return [to_pcm(one) for one in sources]


def plan_third_voices(mixtures: MixtureSet) -> list[ThirdVoicePlan]:
    """A plan for each mixture of two voices: the same ones each time. Raises CorpusError.

    The third voice, in turn the first and the second, is that of the mixture half the set later, or the next after it
    in which nobody of the first speaks; who speaks is taken to be another where the set does not tell.
    """
    count = len(mixtures)
    plans = []
    for first, row in enumerate(mixtures.rows):
        if len(row.read(0, 1).sources) != 2:
            raise CorpusError(f"{row.name} has not two voices, to which a third could be added.")
        later = [(first + count // 2 + step) % count for step in range(count)]
        other = next((k for k in later if k != first and not {*row.speakers} & {*mixtures.rows[k].speakers}), None)
        if other is None:
            raise CorpusError(f"The set {mixtures.name} has no other speakers than {row.name}.")
        plans.append(ThirdVoicePlan(mixtures, first, other, first % 2))
    return plans


def build_third_voices(
    mixtures: MixtureSet,
    out: Path,
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Makes the mixtures of `plan_third_voices` below `out`. Raises CorpusError."""
    return build(plan_third_voices(mixtures), out, workers, on_progress)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(x @ y / max(np.sqrt((x @ x) * (y @ y)), 1e-12))
