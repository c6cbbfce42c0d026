"""What the page Explain says: phase against magnitude, interference against artefacts, what parts are worth."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.explain.errors import ErrorParts, Swap
from analysis.explain.swaps import CLEAN, MIXTURE, NETWORK
from analysis.network.filter_use import FilterUse

from .say import counted, listed, number, same, share_text, signed

N_DB = 1
ALWAYS = 0.9  # of a filter's energy


def explain_swaps(scores: Mapping[tuple[str, str], float]) -> list[str]:
    """What the network's voices owe to their phase and to their magnitude: {(magnitude, phase): SI-SNR (dB)}."""
    own = scores[NETWORK, NETWORK]
    kept, turned = scores[NETWORK, MIXTURE], scores[MIXTURE, NETWORK]
    if math.isnan(own):
        return ["The scores are undefined: a voice or an estimate is silent."]
    said = [
        f"The network's voices have {_db(own)} SI-SNR. With the mixture's phase instead of their own they have "
        f"{_db(kept)}: {_owed(own - kept, 'phase')}.",
        f"With the mixture's magnitude and their own phase they have {_db(turned)}: "
        f"{_owed(own - turned, 'magnitude')}.",
    ]
    ideal = scores[CLEAN, MIXTURE]
    side = "level with" if same(own, ideal, N_DB) else "above" if own > ideal else "below"
    said.append(f"They are {side} the clean magnitude with the mixture's phase ({_db(ideal)}).")
    for pair, what in (((CLEAN, NETWORK), "magnitude"), ((NETWORK, CLEAN), "phase")):
        gain = scores[pair] - own
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
    counts = {"are all but shut for all": int(use.shut.sum())}
    open_ = ~use.shut & np.isfinite(alone)
    half = np.maximum(alone, use.shared) >= 0.5
    counts["give most to one voice at a time"] = int((open_ & half & (alone >= use.shared)).sum())
    counts["give most to several at once"] = int((open_ & half & (alone < use.shared)).sum())
    counts["give most to nobody by half"] = int((open_ & ~half).sum())
    always = int((open_ & (use.exclusive >= ALWAYS).any(0)).sum())
    parts = [f"{count} {what}" for what, count in counts.items() if count]
    if not parts:
        return "No filter responds to this sound."
    same_voice = f" {always} of them serve the same voice for {share_text(ALWAYS, 0)} and more." if always else ""
    return f"Of {len(use.energy)} filters, by the energy they hold, {listed(parts)}.{same_voice}"


def explain_split(parts: Sequence[ErrorParts]) -> list[str]:
    """For each voice, which part of its error is the larger."""
    said = []
    for speaker, found in enumerate(parts, 1):
        sir, sar = found.sir, found.sar
        figures = f"SIR {_db(sir)}, SAR {_db(sar)}, SDR {_db(found.sdr)}"
        if same(sir, sar, N_DB) or math.isnan(sir) or math.isnan(sar):
            verdict = "interference and artefacts are about as strong"
        elif sir < sar:
            verdict = "more of the error is the other voices than artefacts"
        else:
            verdict = "more of the error is artefacts than the other voices"
        said.append(f"Speaker {speaker}: {figures}; {verdict}.")
    return said


def explain_bands(snr: np.ndarray, edges: Sequence[float]) -> str:
    """In which band each voice has most error against its power: snr (C, bands) dB."""
    parts = []
    for speaker, row in enumerate(snr, 1):
        if np.isfinite(row).any():
            band = int(np.nanargmin(np.where(np.isfinite(row), row, np.nan)))
            parts.append(f"speaker {speaker} from {edges[band]:.0f} to {edges[band + 1]:.0f} Hz ({_db(row[band])})")
    return f"The SNR is lowest for {listed(parts)}." if parts else "No band has an SNR."


def explain_local_swaps(found: Sequence[Swap], voices: int) -> str:
    """Whether and where the voices change places for a while."""
    if voices != 2:
        return "Stretches in which voices change places are looked for where there are two."
    if not found:
        return "Nowhere do the voices change places for a while (in stretches of 0.25 s in which both speak)."
    where = listed([f"from {swap.start:.2f} to {swap.stop:.2f} s" for swap in found])
    return f"The outputs are more like the voices in the other order {where} (shaded)."


def explain_change(before: Mapping[str, float | None], after: Mapping[str, float | None], what: str) -> str:
    """What switching `what` off changes in each mean score: {title: value}; those undefined are left out."""
    parts = []
    for title, old in before.items():
        new = after.get(title)
        if old is None or new is None:
            continue
        n = 1 if title.endswith("(dB)") else 2
        unit = " dB" if title.endswith("(dB)") else ""
        name = title.removesuffix(" (dB)")
        if same(old, new, n):
            parts.append(f"{name} as it was ({number(old, n)}{unit})")
        else:
            parts.append(f"{name} {signed(new - old, n)}{unit}")
    return f"{what}: {', '.join(parts)}." if parts else f"{what}: no score is defined."


def explain_importance(lost: np.ndarray, names: Sequence[str]) -> str:
    """Which part the voices lose most without: lost (parts,) dB; a negative loss is a gain."""
    known = np.where(np.isfinite(lost), lost, -np.inf)
    most = int(known.argmax())
    if not np.isfinite(known[most]):
        return "No loss is defined."
    if known[most] <= 0 or same(known[most], 0.0, N_DB):
        return "Nothing is lost without any one of them."
    gains = int(sum(value < 0 and not same(value, 0.0, N_DB) for value in lost))
    better = f" Without {counted(gains, 'part')} of them the voices are better." if gains else ""
    return f"Most is lost without {names[most]}: {_db(float(known[most]))}.{better}"
