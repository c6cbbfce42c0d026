"""What the page Filters says: what a set of basis functions covers, how its phases spread, how its coders pair up."""

import math
from collections.abc import Mapping, Sequence

from analysis.network.basis_set import CONVENTIONS, CoderPair, PhaseBand

from .say import counted, listed, number, same, share_text, shown_gap

FIXED = "fixed"  # the kind of a filterbank that nobody learned, beside the kinds of encoders
PAPERS_SHARE = 0.6  # section V: more than 60 % are tuned below 1 kHz


def explain_scale(decibels: bool, each_row: bool) -> str:
    """What the colours of the maps mean, and what a click on them does."""
    top = "the largest value of its own row" if each_row else "the size that 0.5 % of a map's values pass"
    zero = "0 dB of a spectrum, and 1 of a waveform, is" if decibels else "1 on the colour scale is"
    return f"A click on a row chooses its filter. {zero} {top}; amplitudes are weights, without a unit."


def explain_coverage(name: str, shares: Mapping[str, float], distances: Mapping[str, float], dead: int) -> list[str]:
    """Where the filters of the model `name` are tuned.

    shares: below 1 kHz, by each of `CONVENTIONS`. distances: of the peaks from even spacing on each scale.
    """
    if any(math.isnan(share) for share in shares.values()):
        return [f"**{name}**: no filter lives."]
    figures = ", ".join(f"{share_text(share)} by {CONVENTIONS[how]}" for how, share in shares.items())
    more = [how for how, share in shares.items() if shown_gap(100 * share, 100 * PAPERS_SHARE, 1) > 0]
    if len(more) == len(shares):
        verdict = f"more than {share_text(PAPERS_SHARE, 0)}, as the paper finds, by every convention"
    elif more:
        only = listed([CONVENTIONS[how] for how in more])
        verdict = f"more than {share_text(PAPERS_SHARE, 0)}, as the paper finds, only by {only}"
    else:
        verdict = f"by none more than {share_text(PAPERS_SHARE, 0)}, which the paper finds"
    least = min(distances.values())
    nearest = [scale for scale, distance in distances.items() if same(distance, least, 2)]
    said = [
        f"**{name}**: below 1 kHz are {figures}: {verdict}.",
        f"**{name}**: of the three scales the peaks are nearest to even spacing on the {listed(nearest)} scale "
        f"(distance {number(least, 2)}).",
    ]
    return said + ([f"**{name}**: {counted(dead, 'filter')} {'is' if dead == 1 else 'are'} dead."] if dead else [])


def explain_phases(name: str, bands: Sequence[PhaseBand]) -> list[str]:
    """How the phases of the model `name` spread, band by band, against what chance would give."""
    count, at_ends = sum(band.count for band in bands), sum(band.at_ends for band in bands)
    if not count:
        return [f"**{name}**: no filter lives."]
    said = []
    if at_ends:
        said.append(
            f"**{name}**: {at_ends} of {count} filters peak at exactly 0 Hz or half the rate, where a phase has only "
            "two possible values: chance is counted with that."
        )
    groups: dict[str, list[str]] = {"more": [], "fewer": [], "as many": []}
    for band in bands:
        if band.count > 1:
            level = same(100 * band.coverage, 100 * band.chance, 0)
            which = "as many" if level else "more" if band.coverage > band.chance else "fewer"
            groups[which].append(f"{band.low_hz:.0f} to {band.high_hz:.0f}")
    parts = [f"{which} in {listed(names)} Hz" for which, names in groups.items() if names]
    if parts:
        said.append(f"**{name}**: against as many phases at random, its filters cover phase sectors: {listed(parts)}.")
    return said


def explain_coders(name: str, fit: CoderPair, encoder: str) -> str:
    """How far the decoder of the model `name` is from inverting its encoder."""
    freedom = {
        "pinv": "its encoder is made from the decoder's pseudo-inverse (Pinv of Table III)",
        FIXED: "nobody learned it, and its decoder is taken to be its least-squares inverse",
    }.get(encoder, "nothing forces its decoder to invert its encoder (section IV-A)")
    back = (
        "white noise comes back as it was"
        if fit.reconstruction_db == math.inf
        else f"white noise comes back at {number(fit.reconstruction_db, 1)} dB SI-SNR"
    )
    return f"**{name}**: {freedom}; {back}."
