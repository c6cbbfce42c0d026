"""Two models on the same mixtures: their difference, mixture by mixture.

What makes a mixture hard is the same for both, so the differences vary less than the scores: two models whose own
intervals overlap may still differ clearly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.scores.systems import NETWORK

from .intervals import Estimate, estimate
from .report import measures, per_mixture, who_speaks
from .results import Results, ResultsError


@dataclass(frozen=True)
class Pair:
    """The results of two models on the mixtures that both were measured on, in one order."""

    first: Results
    second: Results

    @property
    def names(self) -> tuple[str, str]:
        """The two models' names, with their weights or files added where the names are the same."""
        headers = [self.first.header, self.second.header]
        for form in ("{0.model}", "{0.model} ({0.weights})", "{0.model} ({0.precision})"):
            one, other = (form.format(header) for header in headers)
            if one != other:
                return one, other
        return f"{one}, first", f"{other}, second"

    @property
    def mixtures(self) -> list[str]:
        """The mixtures' names."""
        return [row.mixture for row in self.first.good]

    @property
    def measures(self) -> dict[str, str]:
        """The measures that both results have: key -> title."""
        return {name: title for name, title in measures(self.first).items() if self.second.has(name)}


def pair(first: Results, second: Results) -> Pair:
    """The mixtures that are in both. Raises ResultsError where these are not of one set."""
    one, other = first.header, second.header
    for called, a, b in (
        ("sampling rates", one.rate, other.rate),
        ("numbers of voices", one.speakers, other.speakers),
        ("kinds of mixture", one.kind, other.kind),
        ("splits", one.split, other.split),
    ):
        if a != b:
            raise ResultsError(f"The two results are of different {called} ({a} and {b}) and cannot be compared.")
    rows = [{row.mixture: row for row in results.good} for results in (first, second)]
    common = [name for name in rows[0] if name in rows[1]]
    if not common:
        raise ResultsError("The two results have no mixture in common.")
    if any(abs(rows[0][name].seconds - rows[1][name].seconds) > 0.5 / one.rate for name in common):
        raise ResultsError("The two results have mixtures of the same names but of other lengths.")
    return Pair(
        *(
            Results(results.header, tuple(own[name] for name in common))
            for results, own in zip((first, second), rows, strict=True)
        )
    )


def differences(both: Pair, measure: str) -> np.ndarray:
    """(M,): the first model's score minus the second's; nan where one is undefined."""
    with np.errstate(invalid="ignore"):
        return per_mixture(both.first, NETWORK, measure) - per_mixture(both.second, NETWORK, measure)


def mean_difference(both: Pair, measure: str) -> Estimate | None:
    """The mean of `differences` with its interval."""
    return estimate(differences(both, measure), who_speaks(both.first))


def furthest(both: Pair, measure: str) -> list[int]:
    """The mixtures (positions), ordered by the first model's advantage, largest first; undefined ones left out."""
    values = differences(both, measure)
    return [int(k) for k in np.argsort(-values, kind="stable") if np.isfinite(values[k])]


def ahead_on(values: np.ndarray) -> tuple[int, int, int]:
    """On how many mixtures differences (M,) favour the first, how many are ties, and how many are defined."""
    defined = values[np.isfinite(values)]
    return int((defined > 0).sum()), int((defined == 0).sum()), len(defined)


def extremes(both: Pair, measure: str, count: int) -> tuple[Sequence[int], Sequence[int]]:
    """Up to `count` mixtures on which the first model is most ahead, and as many on which the second is."""
    order, values = furthest(both, measure), differences(both, measure)
    return [k for k in order if values[k] > 0][:count], [k for k in order[::-1] if values[k] < 0][:count]
