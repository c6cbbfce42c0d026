"""What the results of a test set say: means with 95 % bootstrap intervals, groups, extremes.

The mixture is the unit: of a mixture's speakers the mean is taken first, and the bootstrap draws
mixtures. Undefined scores (nan) and perfect ones (inf) are left out and show in the count.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from analysis import paper
from analysis.scores.systems import MEASURES, MIXTURE, NETWORK, PAPERS_MASKS, SYSTEMS

from .results import Results

RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 0
INPUT_SNR_EDGES = (-math.inf, -5.0, -2.5, 0.0, 2.5, 5.0, math.inf)  # dB
GENDER_GROUPS = {"different": "different", "F": "same: women", "M": "same: men"}


@dataclass(frozen=True)
class Estimate:
    """A mean over `count` mixtures and its 95 % interval, by the percentiles of the bootstrap."""

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Group:
    """Mixtures (or voices) that have something in common, and each system's mean over them."""

    name: str
    count: int
    estimates: dict[str, Estimate | None]  # by system


def estimate(values: np.ndarray) -> Estimate | None:
    """Mean of (M,) values with its interval; None where none is defined. Seeded: the same every time."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    mean = float(values.mean())
    if len(values) == 1:
        return Estimate(mean, math.nan, math.nan, 1)
    found = bootstrap(
        (values,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        batch=max(1, 1_000_000 // len(values)),
        random_state=SEED,
    )
    return Estimate(mean, float(found.confidence_interval.low), float(found.confidence_interval.high), len(values))


def per_mixture(results: Results, system: str, measure: str) -> np.ndarray:
    """(M,): the mean over the speakers of each good row; nan where one of them is undefined."""
    return results.values(system, measure).mean(1)


def measures(results: Results) -> dict[str, str]:
    """The measures that the results have: key -> title."""
    return {name: measure.title for name, measure in MEASURES.items() if results.has(name)}


def set_means(results: Results) -> dict[str, dict[str, Estimate | None]]:
    """{system: {measure: estimate}}, the unprocessed mixture first; its improvements are left out."""
    return {
        system: {measure: estimate(per_mixture(results, system, measure)) for measure in measures(results)}
        for system in (MIXTURE, *SYSTEMS)
    }


def advantage(results: Results, system: str, measure: str) -> Estimate | None:
    """Conv-TasNet minus `system`, mixture by mixture."""
    return estimate(per_mixture(results, NETWORK, measure) - per_mixture(results, system, measure))


def by_input_snr(results: Results, measure: str) -> list[Group]:
    """Groups of single voices by their SI-SNR in the mixture; groups without voices are left out."""
    inputs = results.values(MIXTURE, "si_snr")
    groups = []
    for low, high in itertools.pairwise(INPUT_SNR_EDGES):
        chosen = (inputs >= low) & (inputs < high)
        if chosen.any():
            estimates = {system: estimate(results.values(system, measure)[chosen]) for system in SYSTEMS}
            groups.append(Group(_range(low, high), int(chosen.sum()), estimates))
    return groups


def by_gender(results: Results, measure: str) -> list[Group]:
    """Groups of mixtures by whether women, men or both speak; empty where no gender is known."""
    kinds = np.array([_gender_group(row.genders) for row in results.good])
    groups = []
    for name in GENDER_GROUPS.values():
        chosen = kinds == name
        if chosen.any():
            estimates = {system: estimate(per_mixture(results, system, measure)[chosen]) for system in SYSTEMS}
            groups.append(Group(name, int(chosen.sum()), estimates))
    return groups


def ranked(results: Results, measure: str, system: str = NETWORK) -> list[int]:
    """The good rows (positions in `results.good`) from the worst to the best; undefined ones are left out."""
    values = per_mixture(results, system, measure)
    return [int(k) for k in np.argsort(values, kind="stable") if not np.isnan(values[k])]


def explain_set(results: Results) -> str:
    """What the means say, in words; nothing is claimed where an interval of differences holds 0."""
    network = estimate(per_mixture(results, NETWORK, "si_snri"))
    if network is None:
        return "Conv-TasNet has no defined score on this set."
    gaps = {mask: advantage(results, mask, "si_snri") for mask in PAPERS_MASKS}
    above = [mask for mask, gap in gaps.items() if gap and gap.low > 0]
    below = [mask for mask, gap in gaps.items() if gap and gap.high < 0]
    parts = [f"Conv-TasNet improves these mixtures by {network.mean:.1f} dB SI-SNRi on the mean"]
    if above:
        parts.append(f"more than the ideal masks {_listed(above)} do")
    if below:
        closest = max(below, key=lambda mask: gaps[mask].mean)
        less = f"{-gaps[closest].mean:.1f} dB less than {closest}"
        parts.append(f"{less}, the closest of the ideal masks above it" if above else f"{less}, the closest ideal mask")
    undecided = [mask for mask in gaps if mask not in above + below]
    if undecided:
        parts.append(f"with no clear difference from {_listed(undecided)}")
    return ", ".join(parts) + "."


def papers_own(speakers: int) -> dict[str, paper.Summary]:
    """The paper's rows of Tables IV to VI for so many speakers; empty for numbers it does not have."""
    return paper.summary(speakers) if speakers in (2, 3) else {}


def as_text(results: Results) -> str:
    """A table for the command line."""
    header, shown = results.header, measures(results)
    table = [["", *shown.values()]]
    for system, row in set_means(results).items():
        table.append([system, *(_shown(row[measure], measure) for measure in shown)])
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
    unusable = f"; {len(results.problems)} could not be used" if results.problems else ""
    return "\n".join(
        [
            f"{header.model} ({header.weights}, {header.precision}) on {header.set}: "
            f"{len(results.good)} of {header.mixtures} mixtures{unusable}.",
            "Means and 95 % bootstrap intervals:",
            "",
            *lines,
        ]
    )


def digits(measure: str) -> int:
    """Decimals that a mean of this measure deserves."""
    return MEASURES[measure].mean_decimals


def _shown(found: Estimate | None, measure: str) -> str:
    if found is None:
        return "-"
    n = digits(measure)
    return f"{found.mean:.{n}f} [{found.low:.{n}f}, {found.high:.{n}f}]"


def _range(low: float, high: float) -> str:
    """Of values in dB."""
    if math.isinf(low):
        text = f"below {high:g}"
    elif math.isinf(high):
        text = f"from {low:g}"
    else:
        text = f"{low:g} to {high:g}"
    return text.replace("-", "−")


def _gender_group(genders: str) -> str:
    """A key of the groups; empty where a gender is unknown."""
    kinds = set(genders)
    return GENDER_GROUPS["different" if len(kinds) > 1 else kinds.pop()] if kinds else ""


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
