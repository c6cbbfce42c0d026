"""What the page Inside says of masks, ideal masks on the learned representation, and the way through the separator."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from analysis.network.filter_use import FilterUse
from analysis.network.learned_masks import CLEAN, ESTIMATED, NEAR, ORACLES, RATIO, MaskStatistics
from analysis.network.receptive_field import ReceptiveField
from analysis.scores.metrics import Scores
from analysis.scores.systems import MEASURES
from tasnet import ConvTasNetConfig

from .say import counted, disagreement, listed, number, one_scale, places, same, share_text, shown_gap, span, with_unit

SUM = {  # whether the masks are softmax
    True: "This model's masks are softmax: they sum to 1 (section IV-A).",
    False: "Only softmax masks must sum to 1 (section IV-A); this model's need not.",
}
N_DB = 2  # decimals of the table
ALIKE, UNLIKE = 0.5, 0.1  # correlations: from here on alike, up to here not


def explain_picture(when: str, known: bool, frames: float, extremes: bool) -> str:
    """What is drawn in Fig. 2 of the stretch `when`, where the clean voices are `known` and a column has `frames`."""
    whose = "clean signals' own representations" if known else "masked representations"
    pooled = ""
    if frames > 1:
        masks = "their largest values, so that they look more open than they are" if extremes else "their means"
        pooled = (
            f" A column holds {number(frames, 1)} frames on the mean: of w and m w their values of largest magnitude, "
            f"of masks {masks}."
        )
    return (
        f"Fig. 2 from {when}. A row is a filter: its encoder basis function U at the left, its decoder basis function "
        "V at the right, with its rank in the order and in kHz where it is tuned. Brightness is the square root of the "
        "magnitude, relative to the largest in the picture; in a mask it is the value, from 0 to 1. In w the hue says "
        f"whose it is, by the {whose}, white where they share it. Waveforms: full scale is 1.{pooled}"
    )


def explain_mask_values(found: MaskStatistics, weighted: MaskStatistics) -> str:
    """How binary the masks are: over all cells, and over the power that goes through them."""
    every, power = (_saturated(one) for one in (found, weighted))
    if not every or not power:
        return "The sound is silent: its masks have no values to count."
    return (
        f"{span(every, 0, ' %')} of a mask's cells are within {NEAR:g} of 0 or 1, and {span(power, 0, ' %')} of the "
        "representation's power is in such cells."
    )


def _saturated(found: MaskStatistics) -> list[float]:
    shares = [100 * (zero + one) for zero, one in zip(found.near_zero, found.near_one, strict=True)]
    return [share for share in shares if not math.isnan(share)]


def explain_use(use: FilterUse, lost: float | None = None) -> list[str]:
    """How many filters are all but shut for every output, and whether masks are like the clean representations.

    lost: dB of mean SI-SNR that the outputs lose when these filters are muted in the output, where that was measured.
    """
    count, N = int(use.shut.sum()), len(use.energy)
    if np.isnan(use.energy).all():
        return []
    if not count:
        return [f"None of the {N} filters is shut for every output.", *explain_likeness(use.likeness)]
    are, them = ("are", "them") if count > 1 else ("is", "it")
    said = (
        f"{counted(count, 'filter')} of {N} {are} all but shut for every output (mean mask, weighted by power, below "
        f"{NEAR:g}); in {them} is {share_text(use.shut_energy, 0)} of the representation's energy."
    )
    if lost is not None and math.isfinite(lost):
        if same(lost, 0.0, 1):
            said += f" Muting {them} in the output changes the SI-SNR by less than 0.05 dB."
        else:
            change = "costs" if lost > 0 else "gains"
            said += f" Muting {them} in the output {change} {number(abs(lost), 1)} dB SI-SNR."
    return [said, *explain_likeness(use.likeness)]


def explain_likeness(likeness: Iterable[float]) -> list[str]:
    """Whether masks resemble the clean signals' representations, as section IV-A has it; nothing where unknown."""
    known = [value for value in likeness if not math.isnan(value)]
    if not known:
        return []
    figure = (
        f"Over all cells a mask and the magnitude of its clean signal's representation correlate by {span(known, 2)}"
    )
    if min(known) >= ALIKE:
        verdict = "they are alike, as the paper says of its Fig. 2"
    elif max(known) < UNLIKE:
        verdict = "they are not alike here, where the paper says of its Fig. 2 that they highly resemble each other"
    else:
        verdict = "somewhat alike; the paper says of its Fig. 2 that they highly resemble each other"
    return [f"{figure}: {verdict}."]


def explain_oracles(scores: Mapping[str, Scores]) -> list[str]:
    """Where the estimated masks stand among ideal ones on w by each measure, and what basis and masks lose."""
    values = {name: value for name, found in scores.items() if (value := found.mean("si_snr")) is not None}
    ideal = {name: values[name] for name in ORACLES if name in values}
    if not ideal or CLEAN not in values:
        return ["The scores are undefined here: a clean signal or what is made of it is silent."]
    said = [f"Encoder and decoder alone give each clean signal back at {number(values[CLEAN], N_DB)} dB SI-SNR."]
    best = max(ideal, key=ideal.__getitem__)
    loss = shown_gap(values[CLEAN], ideal[best], N_DB)
    if same(values[CLEAN], ideal[best], N_DB):
        said.append(f"By SI-SNR the best ideal mask here, {_quoted(best)}, costs nothing of that.")
    elif loss > 0:
        said.append(f"By SI-SNR the best ideal mask here, {_quoted(best)}, costs {number(loss, N_DB)} dB of that.")
    else:
        said.append(f"By SI-SNR the best ideal mask here, {_quoted(best)}, is {number(-loss, N_DB)} dB above that.")
    if ESTIMATED not in values:
        return said
    ahead, behind, places_ = {}, {}, []
    for measure in one_scale(list(MEASURES)):
        facts, n = MEASURES[measure], 2
        own = scores[ESTIMATED].mean(measure)
        masks = {name: value for name in ORACLES if (value := scores[name].mean(measure)) is not None}
        if own is None or not masks:
            continue
        level = [name for name, value in masks.items() if same(own, value, n)]
        ahead[measure] = _all([name for name, value in masks.items() if name not in level and own > value])
        behind[measure] = _all([name for name, value in masks.items() if name not in level and own < value])
        groups = {"above": ahead[measure], "level with": _all(level), "below": behind[measure]}
        shown = {_quoted(name): value for name, value in masks.items()}
        stand = places(groups, shown, n, facts.unit)
        places_.append(f"By {facts.name} the estimated masks ({with_unit(facts, own, n)}) are {stand}.")
    said += [*disagreement(ahead, behind, "the estimated masks", "are"), *places_]
    if above := ahead.get("si_snri"):
        whose = f"{listed(above)} {'is' if len(above) == 1 else 'are'} no bound"
        said.append(
            f"{'No ideal mask is a bound' if len(above) == len(ideal) else whose} of the SI-SNR that masks can have "
            "here: each is fitted cell by cell, but frames and filters are summed, and other values can make a better "
            "sum."
        )
    return said


def _all(names: Sequence[str]) -> list[str]:
    return [_quoted(name) for name in names]


def _quoted(name: str) -> str:
    return f"“{name}”" if name == RATIO else name


def explain_blocks(levels: np.ndarray, config: ConvTasNetConfig, when: str) -> str:
    """What the picture of the blocks shows: levels (blocks, K) in the stretch `when`; which one adds most."""
    of, what = (
        ("skip output", "their sum is what the masks are estimated from")
        if config.Sc
        else ("output", "each is added to what goes on to the next block")
    )
    said = (
        f"Level of the {of} of each of the {len(levels)} 1-D conv blocks, from the first at the top, in {when}; {what}."
    )
    power = np.square(levels, dtype=np.float64).sum(1)
    if power.sum() > 0:
        strongest = int(power.argmax())
        said += f" The strongest is block {strongest + 1}, of dilation {config.dilations[strongest]}."
    return said


def explain_receptive_field(found: ReceptiveField, rate: int, samples: int) -> str:
    """Measured against computed; `samples` is the length of the mixture."""
    seen = found.end - found.begin
    text = (
        f"Measured by gradient: {seen / rate:.3f} s, from {found.begin / rate:.3f} to {found.end / rate:.3f} s. "
        f"By the formula: {found.formula / rate:.3f} s"
    )
    if seen < found.formula:
        cut = found.begin <= 0 or found.end >= samples
        text += ", which the ends of the mixture cut here" if cut else ": the rest has no influence on this frame"
    return f"{text}. Mean and variance of the norms, which look at all of the mixture, are held."
