"""What the page Ideal masks says: the network beside each mask, by every measure, as far as the table shows."""

import math
from collections.abc import Sequence

from analysis.scores.comparison import Comparison
from analysis.scores.phase import PhaseCost
from analysis.scores.systems import MEASURES
from tasnet.model_titles import voices_in_words
from tasnet.training_facts import SPEECH_FROM_NOISE

from .say import counted, disagreement, listed, number, one_scale, places, same, signed, with_unit

SETTING = (
    "The ideal masks are computed from the clean voices and keep the mixture's phase; the network hears the mixture "
    "alone. How much of its score is phase and how much magnitude, the page Explain measures."
)
PENDING = "PESQ and STOI are still being measured: which is better is not known before."


def explain_mismatch(found: Comparison) -> str:
    """Why a network of another number of voices, or for something else, has no scores."""
    estimates, references = len(found.network.estimates), len(found.mixture.sources)
    if estimates == references:
        noisy = found.mixture.task == SPEECH_FROM_NOISE
        this, model = (
            ("speech in noise", "separates voices") if noisy else ("a mixture of voices", "takes speech out of noise")
        )
        return f"This is {this}, and the model {model}: only the ideal masks can be scored."
    return (
        f"The model {voices_in_words(estimates)} and this mixture has "
        f"{references}, so only the ideal masks can be scored."
    )


def explain_sound(found: Comparison, raw: bool = False) -> list[str]:
    """Where the network stands among the ideal masks, a sentence for each measure; before them, where these disagree.

    `raw`: PESQ on the scale of P.862 instead of MOS-LQO. Two values that the table shows alike are level.
    """
    if found.network.scores is None:
        return [explain_mismatch(found)]
    ahead, behind, said = {}, {}, []
    for name in one_scale(list(MEASURES), raw):
        measure, own = MEASURES[name], found.network.score(name)
        masks = {row.name: value for row in found.ideal if (value := row.score(name)) is not None}
        if own is None or not masks:
            continue
        level = [mask for mask, value in masks.items() if same(own, value, measure.decimals)]
        ahead[name] = [mask for mask, value in masks.items() if mask not in level and own > value]
        behind[name] = [mask for mask, value in masks.items() if mask not in level and own < value]
        groups = {"above": ahead[name], "level with": level, "below": behind[name]}
        said.append(
            f"By {measure.name} {found.network.name} ({with_unit(measure, own, measure.decimals)}) is "
            f"{places(groups, masks, measure.decimals, measure.unit)}."
        )
    if not said:
        return ["The scores of this sound are undefined: a voice or an estimate is silent."]
    if not found.perceptual:
        return [*said, PENDING]
    return disagreement(ahead, behind, found.network.name) + said


def explain_phase(found: Sequence[PhaseCost], iterations: int) -> list[str]:
    """What the phase costs the ideal masks on this sound, and how much of it so many iterations of MISI win back."""
    known = [cost for cost in found if math.isfinite(cost.iterated[0]) and math.isfinite(cost.clean)]
    if not known:
        return ["What the phase costs is undefined here: a voice is silent."]
    lost = {cost.mask: cost.clean - cost.iterated[0] for cost in known}
    won = {cost.mask: cost.iterated[iterations] - cost.iterated[0] for cost in known}
    most = max(known, key=lambda cost: lost[cost.mask])
    said = [
        f"With the clean voices' own phases the masks would differ from those with the mixture's by {_each(lost)}.",
        f"{counted(iterations, 'iteration').capitalize()} of MISI, which know the mixture alone, change them by "
        f"{_each(won)}.",
    ]
    if not same(lost[most.mask], 0.0, 1) and lost[most.mask] > 0 and won[most.mask] > 0:
        share = 100 * won[most.mask] / lost[most.mask]
        said.append(f"Of what the phase costs the {most.mask}, where it costs most, that is {number(share, 0)} %.")
    return said


def _each(values: dict[str, float]) -> str:
    return listed([f"{signed(value, 1)} dB ({mask})" for mask, value in values.items()])
