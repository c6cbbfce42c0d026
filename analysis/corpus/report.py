"""What the results of a test set say: means with 95 % intervals, groups, extremes.

The mixture is the unit: its speakers' scores are averaged first. The intervals know who speaks in
which mixture (`intervals.py`). Undefined scores (nan) and perfect ones (inf) are left out and show in the count.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from analysis import paper
from analysis.scores.systems import MEASURES, MIXTURE, NETWORK, SYSTEMS
from analysis.words.say import short

from .intervals import Estimate, estimate
from .results import Results

INPUT_SNR_EDGES = (-math.inf, -5.0, -2.5, 0.0, 2.5, 5.0, math.inf)  # dB
GENDER_GROUPS = {"different": "different", "F": "same: women", "M": "same: men"}


@dataclass(frozen=True)
class Group:
    """Mixtures (or voices) that have something in common, and each system's mean over them."""

    name: str
    count: int
    estimates: dict[str, Estimate | None]  # by system


def per_mixture(results: Results, system: str, measure: str) -> np.ndarray:
    """(M,): the mean over the speakers of each good row; nan where one of them is undefined."""
    return results.values(system, measure).mean(1)


def who_speaks(results: Results) -> list[tuple[str, ...]]:
    """Who speaks in each good row; () where unknown."""
    return [row.speakers for row in results.good]


def mean(results: Results, system: str, measure: str) -> Estimate | None:
    """The mean of a system over the mixtures."""
    return estimate(per_mixture(results, system, measure), who_speaks(results))


def measures(results: Results) -> dict[str, str]:
    """The measures that the results have: key -> title."""
    return {name: measure.title for name, measure in MEASURES.items() if results.has(name)}


def set_means(results: Results) -> dict[str, dict[str, Estimate | None]]:
    """{system: {measure: estimate}}, the unprocessed mixture first; its improvements are left out."""
    return {
        system: {measure: mean(results, system, measure) for measure in measures(results)}
        for system in (MIXTURE, *SYSTEMS)
    }


def advantage(results: Results, system: str, measure: str) -> Estimate | None:
    """Conv-TasNet minus `system`, mixture by mixture."""
    return estimate(per_mixture(results, NETWORK, measure) - per_mixture(results, system, measure), who_speaks(results))


def by_input_snr(results: Results, measure: str) -> list[Group]:
    """Groups of single voices by their SI-SNR in the mixture; groups without voices are left out."""
    inputs = results.values(MIXTURE, "si_snr")
    groups = []
    for low, high in itertools.pairwise(INPUT_SNR_EDGES):
        chosen = (inputs >= low) & (inputs < high)
        if chosen.any():
            # The voices of one mixture belong together, even where it is not known whose they are.
            own = [row.speakers or (row.mixture,) for row in results.good]
            whose = [one for one, count in zip(own, chosen.sum(1), strict=True) for _ in range(count)]
            estimates = {system: estimate(results.values(system, measure)[chosen], whose) for system in SYSTEMS}
            groups.append(Group(_range(low, high), int(chosen.sum()), estimates))
    return groups


def by_gender(results: Results, measure: str) -> list[Group]:
    """Groups of mixtures by whether women, men or both speak; empty where no gender is known."""
    kinds = np.array([gender_group(row.genders) for row in results.good])
    groups = []
    for name in GENDER_GROUPS.values():
        chosen = kinds == name
        if chosen.any():
            whose = [row.speakers for row, kept in zip(results.good, chosen, strict=True) if kept]
            estimates = {system: estimate(per_mixture(results, system, measure)[chosen], whose) for system in SYSTEMS}
            groups.append(Group(name, int(chosen.sum()), estimates))
    return groups


def ranked(results: Results, measure: str, system: str = NETWORK) -> list[int]:
    """The good rows (positions in `results.good`) from the worst to the best; undefined ones are left out."""
    values = per_mixture(results, system, measure)
    return [int(k) for k in np.argsort(values, kind="stable") if not np.isnan(values[k])]


def papers_own(speakers: int) -> dict[str, paper.Summary]:
    """The paper's rows of Tables IV to VI for so many speakers; empty for numbers it does not have."""
    return paper.summary(speakers) if speakers in (2, 3) else {}


def digits(measure: str) -> int:
    """The number of decimals that a mean of this measure deserves."""
    return MEASURES[measure].mean_decimals


def _range(low: float, high: float) -> str:
    """Of values in dB."""
    if math.isinf(low):
        return f"below {short(high)}"
    if math.isinf(high):
        return f"from {short(low)}"
    return f"{short(low)} to {short(high)}"


def gender_group(genders: str) -> str:
    """A key of the groups; empty where a gender is unknown."""
    kinds = set(genders)
    return GENDER_GROUPS["different" if len(kinds) > 1 else kinds.pop()] if kinds else ""
