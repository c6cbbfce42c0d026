"""What the page Separate says about a score, in a word or two, to somebody who has never seen one."""

from collections.abc import Sequence

from analysis.scores.comparison import Comparison
from analysis.scores.systems import MEASURES, ScoredSystem
from tasnet.config import CONV_TASNET

from .ideal_masks import explain_mismatch
from .say import listed, number, same, shown_gap, with_unit

PAPER = "https://arxiv.org/abs/1809.07454"
# From each bound (dB) on. Published Conv-TasNets reach 13 to 15 dB on clean two-voice mixtures (see the model cards).
IMPROVEMENTS = (
    (-float("inf"), "worse than nothing"),
    (0.0, "hardly better"),
    (3.0, "weak"),
    (6.0, "fair"),
    (10.0, "good"),
    (14.0, "very good"),
)
# The five categories of the opinion scale that PESQ predicts (ITU-T P.800), each about its own number.
OPINIONS = ((-float("inf"), "bad"), (1.5, "poor"), (2.5, "fair"), (3.5, "good"), (4.25, "excellent"))

EXPLANATIONS = {
    "si_snri": "Scale-invariant signal-to-noise ratio, improvement: how many dB less of everything that is not this "
    "voice there is than in the mixture, whatever the loudness. The measure the network was trained for.",
    "sdri": "Signal-to-distortion ratio of BSS Eval, improvement: like SI-SNRi, but a short echo or a changed tone of "
    "the right voice is forgiven.",
    "pesq": "A standard guess at how people would rate the sound (P.862.1), from about 1 (bad) to 4.55 (like the clean "
    "voice). It is absolute: compare it with the mixture's own.",
    "stoi": "Short-time objective intelligibility, from 0 to 1 (like the clean voice): how well the words can be "
    "followed. It has no agreed words; compare it with the mixture's own.",
}


def verdict(measure: str, value: float) -> str:
    """A word for the `value` of "si_snri", "sdri" (dB) or "pesq" (MOS-LQO); "" for "stoi", which has none.

    The value counts as it is displayed: one that reads 0.00 dB is neither better nor worse than the mixture.
    """
    if measure == "stoi":
        return ""
    if measure != "pesq" and not number(value, 2).strip("0."):
        return "as the mixture"
    scale = OPINIONS if measure == "pesq" else IMPROVEMENTS
    return [word for bound, word in scale if round(value, 2) >= bound][-1]


def explain_measure(measure: str) -> str:
    """What the measure is and where its words begin, for somebody new to it."""
    if measure == "stoi":
        return EXPLANATIONS[measure]
    scale, unit = (OPINIONS, "") if measure == "pesq" else (IMPROVEMENTS, " dB")
    words = "; ".join(f"{word} from {bound:g}{unit}" for bound, word in scale[1:])
    return f"{EXPLANATIONS[measure]} In words here: {scale[0][1]}; {words}."


def beside_the_mixture(measure: str, value: float | None, own: float | None) -> str | None:
    """What stands under a mean score: a word for it, and the mixture's `own`; None where one is undefined."""
    if value is None or own is None:
        return None
    word = verdict(measure, value)
    return f"{word}{'; ' if word else ''}mixture {number(own, MEASURES[measure].decimals)}"


def promise(kind: str, score: float | None, measured_on: str, outputs: Sequence[str], system: str = CONV_TASNET) -> str:
    """The line under the page's title: what the app does, and which `kind` of model is at work.

    score: its SI-SNRi (dB), measured_on: on what ("on clean read English ..."), outputs: what it gives. system: as
    the literature calls it.
    """
    stated = "" if score is None else f" ({_change(score)} {measured_on})"
    speech = "Noise" in outputs
    task = "Takes speech out of noise" if speech else "Gives you people who speak at once each alone"
    paper = f"[{CONV_TASNET}]({PAPER})"
    by = paper if system == CONV_TASNET else f"{system}, of the systems that {paper} is compared with"
    return f"{task}, by {by}; here a {kind}{stated}."


def _change(score: float) -> str:
    size = number(abs(score), 1)
    if not size.strip("0."):
        return "no better than the mixture"
    return f"{size} dB SI-SNR {'better' if score > 0 else 'worse'} than the mixture"


def explain_voices(found: Comparison, model: str, examples: bool) -> str:
    """Why there are no scores, and what to choose instead: `model`, or an example of as many voices, if there are."""
    own = len(found.network.estimates)
    choose = f"an example with {own} voices, or " if examples else ""
    return f"{explain_mismatch(found)} Choose {choose}{model}, in the sidebar."


def explain_faster(title: str, times: float, scores: tuple[float, float] | None) -> str:
    """What the model `title` is that computes so many `times` less, and its price.

    scores: SI-SNRi (dB) of the chosen model and of this one on the same mixtures, if both are known.
    """
    less = f"{title} has {number(times, 0)} times less to compute"
    if scores is None:
        return f"{less}; what that costs has not been measured."
    own, other = scores
    if same(own, other, 1):
        return f"{less} and scores the same: {number(other, 1)} dB SI-SNRi."
    gap = number(abs(shown_gap(other, own, 1)), 1)
    told = f"({number(other, 1)} dB instead of {number(own, 1)} dB)"
    price = f"and scores {gap} dB SI-SNRi higher" if other > own else f"at the price of {gap} dB SI-SNRi"
    return f"{less}, {price} {told}."


def explain_two(first: ScoredSystem, second: ScoredSystem, measures: Sequence[str]) -> list[str]:
    """Which of two models is ahead on one sound by each measure's mean, and where the measures disagree."""
    groups: dict[str, list[str]] = {}
    for measure in measures:
        one, other, facts = first.score(measure), second.score(measure), MEASURES[measure]
        if one is None or other is None:
            continue
        if same(one, other, facts.decimals):
            groups.setdefault("", []).append(facts.name)
        else:
            ahead = first.name if one > other else second.name
            size = with_unit(facts, abs(shown_gap(one, other, facts.decimals)), facts.decimals)
            groups.setdefault(ahead, []).append(f"{facts.name} ({size})")
    said = [f"{ahead} is ahead by {listed(found)}." for ahead, found in groups.items() if ahead]
    if level := groups.get(""):
        said.append(f"Both read the same by {listed(level)}.")
    if len([ahead for ahead in groups if ahead]) > 1:
        said.append("So which is better here depends on the measure: listen to both.")
    return said
