"""What the page Explain says: phase against magnitude, interference against artefacts, what parts are worth."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.explain.errors import SWAP_SECONDS, ErrorParts, Swap
from analysis.explain.swaps import CLEAN, MIXTURE, NETWORK
from analysis.network.filter_use import FilterUse
from analysis.scores.systems import MEASURES
from tasnet import ConvTasNetConfig

from .say import counted, listed, number, same, share_text, shown_gap, signed

N_DB = 1
DECIMALS = {measure.title: measure.mean_decimals for measure in MEASURES.values()}  # of the tables of mean scores
N_SCORE = 2  # of other scores in them
ALWAYS = 0.9  # of a filter's energy


def explain_swaps(scores: Mapping[tuple[str, str], float]) -> list[str]:
    """What the network's outputs owe to their phase and to their magnitude: {(magnitude, phase): SI-SNR (dB)}."""
    own = scores[NETWORK, NETWORK]
    kept, turned = scores[NETWORK, MIXTURE], scores[MIXTURE, NETWORK]
    if math.isnan(own):
        return ["The scores are undefined: a clean signal or an output is silent."]
    said = [
        f"The network's outputs have {_db(own)} SI-SNR. With the mixture's phase instead of their own they have "
        f"{_db(kept)}: {_owed(shown_gap(own, kept, N_DB), 'phase')}.",
        f"With the mixture's magnitude and their own phase they have {_db(turned)}: "
        f"{_owed(shown_gap(own, turned, N_DB), 'magnitude')}.",
    ]
    ideal = scores[CLEAN, MIXTURE]
    side = "level with" if same(own, ideal, N_DB) else "above" if own > ideal else "below"
    said.append(f"They are {side} the clean magnitude with the mixture's phase ({_db(ideal)}).")
    for pair, what in (((CLEAN, NETWORK), "magnitude"), ((NETWORK, CLEAN), "phase")):
        gain = shown_gap(scores[pair], own, N_DB)
        if same(gain, 0.0, N_DB):
            said.append(f"The clean {what} instead of their own makes no difference.")
        else:
            said.append(f"The clean {what} instead of their own {'brings' if gain > 0 else 'costs'} {_db(abs(gain))}.")
    return said


def _owed(gain: float, what: str) -> str:
    if same(gain, 0.0, N_DB):
        return f"their own {what} makes no difference"
    return f"their own {what} {'is worth' if gain > 0 else 'costs'} {_db(abs(gain))}"


def _db(value: float) -> str:
    return f"{number(value, N_DB)} dB"


def explain_filter_kinds(use: FilterUse) -> str:
    """How many filters are shut, serve one voice at a time, or several at once, by where most of their energy goes."""
    alone = use.exclusive.sum(0)
    open_ = ~use.shut & np.isfinite(alone)
    half = np.maximum(alone, use.shared) >= 0.5
    counts = {
        "to nobody (all but shut)": use.shut,
        "mostly to one output at a time": open_ & half & (alone >= use.shared),
        "mostly to several at once": open_ & half & (alone < use.shared),
        "mostly to none of these": open_ & ~half,
    }
    parts = [f"of {size} {what}" for what, which in counts.items() if (size := int(which.sum()))]
    if not parts:
        return "No filter responds to this sound."
    said = f"Where the energy that {counted(len(use.energy), 'filter')} hold goes: {listed(parts)}."
    if always := int((open_ & (use.exclusive >= ALWAYS).any(0)).sum()):
        said += f" Of {always} it goes by {share_text(ALWAYS, 0)} and more to one and the same output."
    return said


def explain_split(parts: Sequence[ErrorParts], names: Sequence[str]) -> list[str]:
    """For each output, which part of its error is the larger."""
    said = []
    for name, found in zip(names, parts, strict=True):
        sir, sar = found.sir, found.sar
        figures = f"SIR {_db(sir)}, SAR {_db(sar)}, SDR {_db(found.sdr)}"
        if same(sir, sar, N_DB) or math.isnan(sir) or math.isnan(sar):
            verdict = "interference and artefacts are about as strong"
        elif sir < sar:
            verdict = "more of the error is interference than artefacts"
        else:
            verdict = "more of the error is artefacts than interference"
        said.append(f"{name}: {figures}; {verdict}.")
    return said


def explain_bands(snr: np.ndarray, edges: Sequence[float], names: Sequence[str]) -> str:
    """In which band each output has most error against its clean signal's power: snr (C, bands) dB."""
    parts = []
    for name, row in zip(names, snr, strict=True):
        if np.isfinite(row).any():
            band = int(np.nanargmin(np.where(np.isfinite(row), row, np.nan)))
            parts.append(f"{name} from {edges[band]:.0f} to {edges[band + 1]:.0f} Hz ({_db(row[band])})")
    return f"The SNR is lowest for {listed(parts)}." if parts else "No band has an SNR."


def explain_local_swaps(found: Sequence[Swap], voices: int) -> str:
    """Whether and where the outputs change places for a while."""
    if voices != 2:
        return "Stretches in which outputs change places are looked for where there are two."
    if not found:
        return (
            "Nowhere do the outputs change places for a while (in stretches of "
            f"{SWAP_SECONDS:g} s in which both are to be heard)."
        )
    where = listed([f"from {swap.start:.2f} to {swap.stop:.2f} s" for swap in found])
    return f"The outputs are more like the clean signals in the other order {where} (shaded)."


def explain_change(before: Mapping[str, float | None], after: Mapping[str, float | None], what: str) -> str:
    """What switching `what` off changes in each mean score: {title: value}; those undefined are left out."""
    parts = []
    for title, old in before.items():
        new = after.get(title)
        if old is None or new is None:
            continue
        n = DECIMALS.get(title, N_SCORE)
        unit = " dB" if title.endswith("(dB)") else ""
        name = title.removesuffix(" (dB)")
        if same(old, new, n):
            parts.append(f"{name} as it was ({number(old, n)}{unit})")
        else:
            parts.append(f"{name} {signed(shown_gap(new, old, n), n)}{unit}")
    return f"{what}: {', '.join(parts)}." if parts else f"{what}: no score is defined."


def explain_importance(lost: np.ndarray, names: Sequence[str], against_clean: bool = True) -> str:
    """Which part the outputs lose most without: lost (parts,) dB; a negative loss is a gain.

    Where it is not `against_clean` signals, `lost` is the level of what changes, relative to the outputs as they are.
    """
    known = np.where(np.isfinite(lost), lost, -np.inf)
    most = int(known.argmax())
    if not against_clean:
        if not np.isfinite(known[most]):
            return "Nothing changes without any one of them."
        return f"Most changes without {names[most]}: by {_db(float(known[most]))} relative to the outputs as they are."
    if not np.isfinite(known[most]):
        return "No loss is defined."
    if known[most] <= 0 or same(known[most], 0.0, N_DB):
        return "Nothing is lost without any one of them."
    gains = int(sum(value < 0 and not same(value, 0.0, N_DB) for value in lost))
    better = f" Without {gains} of them the outputs are better." if gains else ""
    return f"Most is lost without {names[most]}: {_db(float(known[most]))}.{better}"


def explain_single_blocks(lost: np.ndarray, config: ConvTasNetConfig, against_clean: bool = True) -> list[str]:
    """Which block matters most, and how the repeats differ: lost (X R,) as in `explain_importance`."""
    names = [f"block {b + 1} (repeat {b // config.X + 1}, dilation {d})" for b, d in enumerate(config.dilations)]
    said = [explain_importance(lost, names, against_clean)]
    if config.R == 1 or config.X == 1 or not np.isfinite(lost).all():
        return said
    means = lost.reshape(config.R, config.X).mean(1)
    parts = [f"{_db(float(mean))} in repeat {r}" for r, mean in enumerate(means, 1)]
    what = "loss without one block" if against_clean else "level of what changes without one block"
    return [*said, f"The mean {what} is {listed(parts)}."]
