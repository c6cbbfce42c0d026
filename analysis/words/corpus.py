"""What the page Corpus says: means and intervals of a whole test set in words.

Nothing is claimed where an interval of differences holds 0, nor where there is no interval.
"""

import math

from analysis.corpus.failures import (
    WORSE,
    FailureShare,
    Threshold,
    excess_leakage,
    failure_shares,
    leakages,
)
from analysis.corpus.intervals import Estimate
from analysis.corpus.paired import Pair, ahead_on, differences, mean_difference
from analysis.corpus.report import advantage, digits, mean, measures
from analysis.corpus.results import Results
from analysis.corpus.unaided import counted_right, guessed_scores
from analysis.scores.ideal_masks import MASKS
from analysis.scores.systems import CLEAN, MEASURES, MIXTURE, NETWORK

from .say import counted, disagreement, number, one_scale, places, same, share_text, signed, with_unit

UNCLEAR = "not clearly apart from"


def decided(found: Estimate | None, n: int) -> int:
    """1 where a difference is clearly above 0, -1 where it is clearly below, else 0.

    An end of the interval that reads 0 with `n` decimals counts as neither above nor below 0.
    """
    if found is None or math.isnan(found.low):
        return 0
    low, high = (0.0 if same(end, 0.0, n) else end for end in (found.low, found.high))
    return (low > 0) - (high < 0)


def explain_set(results: Results) -> list[str]:
    """Where the network stands among the ideal masks by each measure; before it, where the measures disagree."""
    ahead, behind, said, title = {}, {}, [], results.name_of(NETWORK)
    for name in one_scale(list(measures(results))):
        measure, n, own = MEASURES[name], digits(name), mean(results, NETWORK, name)
        masks = {mask: found.mean for mask in MASKS if (found := mean(results, mask, name))}
        if own is None or not masks:
            continue
        gaps = {mask: advantage(results, mask, name) for mask in masks}
        ahead[name] = [mask for mask, gap in gaps.items() if decided(gap, n) > 0]
        behind[name] = [mask for mask, gap in gaps.items() if decided(gap, n) < 0]
        unclear = [mask for mask in masks if mask not in ahead[name] + behind[name]]
        figure = with_unit(measure, own.mean, n)
        if not measure.unprocessed and (mixture := mean(results, MIXTURE, name)):
            figure += f"; the mixtures {with_unit(measure, mixture.mean, n)}"
        if all(gap is None or math.isnan(gap.low) for gap in gaps.values()):
            said.append(f"By {measure.name} {title} has {figure}; no interval says whether a mask is better.")
            continue
        groups = {"is above": ahead[name], f"is {UNCLEAR}": unclear, "is below": behind[name]}
        said.append(f"By {measure.name} {title} ({figure}) {places(groups, masks, n, measure.unit)}.")
    if not said:
        return [f"{title} has no defined score on this set."]
    return disagreement(ahead, behind, title) + said


def explain_failures(results: Results, threshold: Threshold = WORSE) -> list[str]:
    """How many mixtures fail by `threshold`, of which voices, and what the outputs share."""
    shares = {one.name: one for one in failure_shares(results, threshold)}
    if "all" not in shares:
        return ["No mixture has a defined score."]
    everyone = shares["all"]
    failed, voices = everyone.failed
    come, they = ("comes", "it") if failed < 2 else ("come", "they")
    what = f"{come} out worse than {they} went in" if threshold == WORSE else f"{come} out {threshold.title}"
    said = [
        f"{_many(failed, everyone.count)} {what} (mean SI-SNRi of the voices{_exactly(threshold)}): "
        f"{_share(everyone.mixtures)}. In {voices} at least one voice does: {_share(everyone.voices)}."
    ]
    if {"same sex", "different sex"} <= shares.keys():
        said.append(_of_sexes(shares["same sex"], shares["different sex"]))
    return said + explain_leakage(results)


def explain_leakage(results: Results) -> list[str]:
    """What the correlation of the outputs' energies says beside that of the clean voices'; nothing if unmeasured."""
    found, more = leakages(results), excess_leakage(results)
    if more is None:
        return []
    both = f"{number(found[NETWORK].mean, 2)} on the mean, those of the clean voices by {number(found[CLEAN].mean, 2)}"
    beginning = f"The energies of the outputs correlate by {both}"
    gap = f"{signed(more.mean, 2)}{_interval(more, 2)}"
    if decided(more, 2) > 0:
        return [f"{beginning} ({gap}): as they do where each output holds some of the other voice."]
    if decided(more, 2) < 0:
        return [f"{beginning} ({gap}): the outputs take turns more than the voices did; no leakage shows in this."]
    if math.isnan(more.low):
        return [f"{beginning} ({gap}, without an interval)."]
    return [f"{beginning} ({gap}): no clear difference; no leakage shows in this."]


def explain_unaided(results: Results) -> list[str]:
    """What is said of these mixtures without their clean voices, beside what is true; nothing where nothing was."""
    said = []
    if heard := counted_right(results):
        what = {1: "One voice is", 2: "Two voices are"}.get(results.header.speakers, "Three voices or more are")
        said.append(f"{what} heard in {share_text(heard.mean)} of the mixtures{_span(heard)}, without the clean ones.")
    if found := guessed_scores(results):
        said.append(
            f"Guessed without the clean voices, the SI-SNR of an output is off by {number(found.error, 2)} dB on the "
            f"mean, and {share_text(found.held.mean)}{_span(found.held)} lie within the limits for nine of ten."
        )
    return said


def explain_pair(both: Pair) -> list[str]:
    """Which of two models is better by each measure, if one is; before it, where the measures disagree."""
    (one, other), signs, said = both.names, {}, []
    for name in one_scale(list(both.measures)):
        found = mean_difference(both, name)
        if found is None:
            continue
        measure, n = MEASURES[name], digits(name)
        signs[name] = decided(found, n)
        better, ties, count = ahead_on(differences(both, name))
        on = f"{one} is better on {better} of {counted(count, 'mixture')}" + (f", level on {ties}" if ties else "")
        size = with_unit(measure, abs(found.mean), n)
        if signs[name]:
            winner, loser = (one, other) if signs[name] > 0 else (other, one)
            low, high = sorted((abs(found.low), abs(found.high)))
            ends = f"{number(low, n)} to {number(high, n)}"
            said.append(
                f"By {measure.name} {winner} is better than {loser} by {size} on the mean (95 % interval {ends}); {on}."
            )
        elif math.isnan(found.low):
            said.append(
                f"By {measure.name} {one} minus {other} is {signed(found.mean, n)}{measure.unit} on the mean, without "
                f"an interval; {on}."
            )
        else:
            said.append(
                f"By {measure.name} there is no clear difference between {one} and {other}: "
                f"{signed(found.mean, n)}{measure.unit} on the mean{_interval(found, n)}; {on}."
            )
    if not said:
        return ["No mixture has a defined score of both models."]
    ahead = {name: [other] if sign > 0 else [] for name, sign in signs.items()}
    behind = {name: [other] if sign < 0 else [] for name, sign in signs.items()}
    return disagreement(ahead, behind, one) + said


def _many(count: int, of: int) -> str:
    return f"None of the {counted(of, 'mixture')}" if not count else f"{count} of the {counted(of, 'mixture')}"


def _exactly(threshold: Threshold) -> str:
    """The threshold, where the sentence has not said it."""
    if threshold == WORSE:
        return " below 0 dB"
    return f" minus that of the {threshold.against}, below {number(threshold.limit, 0)} dB" if threshold.against else ""


def _of_sexes(same: FailureShare, different: FailureShare) -> str:
    return (
        f"Of mixtures of one sex {same.failed[0]} of {same.count} fail, {_share(same.mixtures)}; of mixtures of both "
        f"{different.failed[0]} of {different.count}, {_share(different.mixtures)}."
    )


def _share(found: Estimate) -> str:
    text = share_text(found.mean)
    if math.isnan(found.low):
        return text
    return f"{text} (95 % interval {number(100 * found.low, 1)} to {share_text(found.high)})"


def _interval(found: Estimate, n: int) -> str:
    return "" if math.isnan(found.low) else f", 95 % interval {signed(found.low, n)} to {signed(found.high, n)}"


def _span(found: Estimate) -> str:
    return "" if math.isnan(found.low) else f" ({share_text(found.low)} to {share_text(found.high)})"
