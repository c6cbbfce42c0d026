"""Where a network fails on a test set: mixtures that it makes worse, whose voices, and how much its outputs share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.scores.systems import CLEAN, LEAKAGE, NETWORK

from .intervals import Estimate, estimate
from .report import gender_group, per_mixture, who_speaks
from .results import Results

MEASURE = "si_snri"
FAILED = 0.0  # dB SI-SNRi: below, the mixture itself is closer to the clean voices than what was made of it


@dataclass(frozen=True)
class FailureShare:
    """Mixtures that have something in common, and how many of them fail; the estimates are shares (0 to 1)."""

    name: str
    count: int
    gain: Estimate  # SI-SNRi in dB
    mixtures: Estimate  # whose mean over the voices is below 0 dB
    voices: Estimate  # of which at least one voice is below 0 dB


@dataclass(frozen=True)
class SpeakerScore:
    """One speaker's own voice over all mixtures in which they speak."""

    speaker: str
    gender: str  # empty where unknown
    mixtures: int
    gain: float  # mean SI-SNRi in dB
    failed: float  # share of the mixtures in which the voice is below 0 dB


def failure_shares(results: Results, system: str = NETWORK) -> list[FailureShare]:
    """All mixtures, then those of different and of the same gender where it is known; none where none is scored."""
    gains = per_mixture(results, system, MEASURE)
    worst = results.values(system, MEASURE).min(1) if len(gains) else gains
    kinds = np.array([gender_group(row.genders) for row in results.good], str)
    speakers = who_speaks(results)

    def share(name: str, chosen: np.ndarray) -> Iterator[FailureShare]:
        chosen = chosen & np.isfinite(gains)
        if chosen.any():
            own = [one for one, kept in zip(speakers, chosen, strict=True) if kept]
            failed = [(values[chosen] < FAILED).astype(float) for values in (gains, worst)]
            yield FailureShare(name, int(chosen.sum()), *(estimate(values, own) for values in (gains[chosen], *failed)))

    groups = {
        "all": np.ones(len(gains), bool),
        "different sex": kinds == "different",
        "same sex": np.char.startswith(kinds, "same"),
        "same sex: women": kinds == "same: women",
        "same sex: men": kinds == "same: men",
    }
    return [one for name, chosen in groups.items() for one in share(name, chosen)]


def speaker_scores(results: Results, system: str = NETWORK) -> list[SpeakerScore]:
    """Every known speaker, the one with the lowest gain first."""
    gains, genders = {}, {}
    for row, values in zip(results.good, results.values(system, MEASURE), strict=True):
        for place, (speaker, value) in enumerate(zip(row.speakers, values, strict=False)):
            if np.isfinite(value):
                gains.setdefault(speaker, []).append(value)
                genders[speaker] = row.genders[place : place + 1]
    found = [
        SpeakerScore(one, genders[one], len(own), float(np.mean(own)), float(np.mean(np.array(own) < FAILED)))
        for one, own in gains.items()
    ]
    return sorted(found, key=lambda one: one.gain)


def leakages(results: Results) -> dict[str, Estimate]:
    """{the network, the clean voices: mean `metrics.leakage` over the mixtures}; empty where it was not measured."""
    found = {
        system: estimate(per_mixture(results, system, LEAKAGE), who_speaks(results)) for system in (NETWORK, CLEAN)
    }
    return {system: one for system, one in found.items() if one}


def with_genders(results: Results, genders: Mapping[str, str]) -> Results:
    """The results with the genders of speakers that an evaluation without a list of them could not tell."""

    def told(speakers: tuple[str, ...]) -> str:
        letters = [genders.get(one, "") for one in speakers]
        return "".join(letters) if all(letters) else ""

    return Results(
        results.header, tuple(replace(row, genders=row.genders or told(row.speakers)) for row in results.rows)
    )


def explain_failures(results: Results) -> str:
    """The shares and the leakage in words."""
    shares = {one.name: one for one in failure_shares(results)}
    if "all" not in shares:
        return "No mixture has a defined score."
    parts = [
        f"{shares['all'].mixtures.mean:.1%} of the mixtures come out worse than they went in (SI-SNRi below 0 dB), "
        f"and of {shares['all'].voices.mean:.1%} at least one voice does"
    ]
    if {"same sex", "different sex"} <= shares.keys():
        parts.append(
            f"of two voices of the same sex {shares['same sex'].mixtures.mean:.1%} fail, of different sex "
            f"{shares['different sex'].mixtures.mean:.1%}"
        )
    found = leakages(results)
    if {NETWORK, CLEAN} <= found.keys():
        parts.append(
            f"the energies of the outputs correlate by {found[NETWORK].mean:.2f}, those of the clean voices by "
            f"{found[CLEAN].mean:.2f}: the difference is what leaks from one voice into another"
        )
    return "; ".join(parts) + "."
