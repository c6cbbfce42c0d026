"""Where a network fails on a test set: by which threshold, on whose voices, and how much its outputs leak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.scores.systems import CLEAN, LEAKAGE, NETWORK

from .intervals import Estimate, estimate, share
from .report import gender_group, per_mixture, who_speaks
from .results import Results

MEASURE = "si_snri"


@dataclass(frozen=True)
class Threshold:
    """When a voice or a mixture counts as failed: its SI-SNRi, or that minus a mask's, is below `limit` dB."""

    title: str
    limit: float  # dB
    against: str | None = None  # the ideal mask that it is compared with

    def values(self, results: Results, system: str) -> np.ndarray:
        """(M, C): what is compared with `limit`."""
        own = results.values(system, MEASURE)
        with np.errstate(invalid="ignore"):
            return own if self.against is None else own - results.values(self.against, MEASURE)


# The first: below 0 dB the mixture itself is closer to the clean voices than the network's output.
THRESHOLDS = (
    Threshold("below 0 dB", 0.0),
    Threshold("below 5 dB", 5.0),
    Threshold("below 10 dB", 10.0),
    Threshold("over 5 dB worse than the IRM", -5.0, "IRM"),
)
WORSE = THRESHOLDS[0]


@dataclass(frozen=True)
class FailureShare:
    """Mixtures with something in common, and how many of them fail; the estimates are shares (0 to 1)."""

    name: str
    count: int
    gain: Estimate  # SI-SNRi in dB
    mixtures: Estimate  # whose mean over the voices is below the threshold
    voices: Estimate  # of which at least one voice is below the threshold

    @property
    def failed(self) -> tuple[int, int]:
        """How many mixtures these are, and how many hold a voice below the threshold."""
        return round(self.mixtures.mean * self.count), round(self.voices.mean * self.count)


@dataclass(frozen=True)
class SpeakerScore:
    """One speaker's own voice over all mixtures in which they speak."""

    speaker: str
    gender: str  # empty where unknown
    mixtures: int
    gain: float  # mean SI-SNRi in dB
    failed: float  # share of the mixtures in which the voice is below the threshold


def failure_shares(results: Results, threshold: Threshold = WORSE, system: str = NETWORK) -> list[FailureShare]:
    """All mixtures, then those of different and of the same gender where it is known; none where none is scored."""
    gains, values = per_mixture(results, system, MEASURE), threshold.values(results, system)
    kinds = np.array([gender_group(row.genders) for row in results.good], str)
    speakers = who_speaks(results)

    def of_group(name: str, chosen: np.ndarray) -> Iterator[FailureShare]:
        chosen = chosen & np.isfinite(gains) & np.isfinite(values).all(1)
        own = [one for one, kept in zip(speakers, chosen, strict=True) if kept]
        gain = estimate(gains[chosen], own)
        failed, with_failed = (share(each[chosen] < threshold.limit, own) for each in (values.mean(1), values.min(1)))
        if gain and failed and with_failed:  # which there are where any mixture is chosen
            yield FailureShare(name, int(chosen.sum()), gain, failed, with_failed)

    groups = {
        "all": np.ones(len(gains), bool),
        "different sex": kinds == "different",
        "same sex": np.char.startswith(kinds, "same"),
        "same sex: women": kinds == "same: women",
        "same sex: men": kinds == "same: men",
    }
    return [one for name, chosen in groups.items() for one in of_group(name, chosen)] if len(gains) else []


def failures_by_threshold(results: Results, system: str = NETWORK) -> dict[Threshold, FailureShare]:
    """How many of all mixtures fail by each of `THRESHOLDS`; without those for which nothing was measured."""
    found = {one: failure_shares(results, one, system)[:1] for one in THRESHOLDS}
    return {one: shares[0] for one, shares in found.items() if shares}


def speaker_scores(results: Results, threshold: Threshold = WORSE, system: str = NETWORK) -> list[SpeakerScore]:
    """Every known speaker, the one with the lowest gain first."""
    gains: dict[str, list[float]] = {}
    failed: dict[str, list[bool]] = {}
    genders: dict[str, str] = {}
    compared = threshold.values(results, system)
    for row, values, others in zip(results.good, results.values(system, MEASURE), compared, strict=True):
        for place, (speaker, value, other) in enumerate(zip(row.speakers, values, others, strict=False)):
            if np.isfinite(value):
                gains.setdefault(speaker, []).append(value)
                failed.setdefault(speaker, []).append(other < threshold.limit)
                genders[speaker] = row.genders[place : place + 1]
    found = [
        SpeakerScore(one, genders[one], len(own), float(np.mean(own)), float(np.mean(failed[one])))
        for one, own in gains.items()
    ]
    return sorted(found, key=lambda one: one.gain)


def leakages(results: Results) -> dict[str, Estimate]:
    """{the network, the clean voices: mean `metrics.leakage` over the mixtures}; empty where it was not measured."""
    found = {
        system: estimate(per_mixture(results, system, LEAKAGE), who_speaks(results)) for system in (NETWORK, CLEAN)
    }
    return {system: one for system, one in found.items() if one}


def excess_leakage(results: Results) -> Estimate | None:
    """How much more the outputs' energies correlate than the clean voices', mixture by mixture; None if unmeasured."""
    outputs, clean = (per_mixture(results, system, LEAKAGE) for system in (NETWORK, CLEAN))
    return estimate(outputs - clean, who_speaks(results))


def with_genders(results: Results, genders: Mapping[str, str]) -> Results:
    """The results with the genders of speakers that an evaluation without a list of them could not tell."""

    def told(speakers: tuple[str, ...]) -> str:
        letters = [genders.get(one, "") for one in speakers]
        return "".join(letters) if all(letters) else ""

    return Results(
        results.header, tuple(replace(row, genders=row.genders or told(row.speakers)) for row in results.rows)
    )
