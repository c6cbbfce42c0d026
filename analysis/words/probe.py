"""What the views Probe and Conditions of the page Start point say: what a turning costs on a sound, and over a set."""

import math
from collections.abc import Mapping, Sequence

from analysis.conditions.everyday import CONDITIONS
from analysis.conditions.table import ConditionRow
from analysis.corpus.intervals import Estimate
from analysis.start_point.probe_set import ProbeCurve
from analysis.start_point.probes import Probe

from .corpus import decided
from .explain import explain_change
from .say import counted, listed, number, short, signed

N_DB = 1
# arXiv:2203.04420: what a jitter of so many per cent of one voice leaves of a Conv-TasNet's score.
PRINTED_JITTER = {0.0: 15.4, 3.0: 0.70}


def at_value(probe: Probe, value: float) -> str:
    """A position of the slider in a sentence: "3 %"."""
    return f"{short(value)} {probe.unit}"


def explain_probe(
    name: str, probe: Probe, value: float, before: Mapping[str, float | None], after: Mapping[str, float | None]
) -> str:
    """What a model's mean scores {title: value} on one sound lose and gain from as it is to a position."""
    return explain_change(before, after, f"**{name}**, from the sound as it is to {at_value(probe, value)}")


def explain_curve(name: str, probe: Probe, curve: ProbeCurve) -> str:
    """Where over a set the turning clearly costs a model something, or brings it something, and where most."""
    first = curve.network[0]
    if first is None:
        return f"{name} has no defined score."
    signs = [decided(cost, N_DB) for cost in curve.costs]
    said = [f"{name} has {number(first.mean, N_DB)} dB SI-SNR at {at_value(probe, curve.values[0])}"]
    undecided = all(cost is None or math.isnan(cost.low) for cost in curve.costs[1:])
    said += [
        f"clearly {word} {_where(probe, curve.values, [one == sign for one in signs])}"
        for sign, word in ((1, "lower"), (-1, "higher"))
        if sign in signs
    ]
    if undecided:
        said.append("no interval says where it is lower or higher")
    elif not any(signs):
        said.append("nowhere clearly lower or higher")
    else:
        sign = 1 if 1 in signs else -1
        at_each = zip(signs, curve.values, curve.costs, curve.network, strict=True)
        found = [(value, cost, left) for one, value, cost, left in at_each if one == sign and cost and left]
        value, cost, left = max(found, key=lambda one: sign * one[1].mean)
        low, high = sorted((sign * cost.low, sign * cost.high))
        said.append(
            f"most at {at_value(probe, value)}, by {number(sign * cost.mean, N_DB)} dB (95 % interval "
            f"{number(low, N_DB)} to {number(high, N_DB)}), where it has {number(left.mean, N_DB)} dB"
        )
    return f"{'; '.join(said)}; over {counted(first.count, 'mixture')}."


def _where(probe: Probe, values: Sequence[float], chosen: Sequence[bool]) -> str:
    """The chosen values: "from 3 % on" where they are the last ones, else each of them."""
    first = chosen.index(True)
    if all(chosen[first:]) and first < len(values) - 1:
        return "everywhere else" if first == 1 else f"from {at_value(probe, values[first])} on"
    return f"at {listed([short(value) for value, one in zip(values, chosen, strict=True) if one])} {probe.unit}"


def _interval(cost: Estimate) -> str:
    """Of the change that is the negative of a cost."""
    if math.isnan(cost.low):
        return ", without an interval"
    return f", 95 % interval {signed(-cost.high, N_DB)} to {signed(-cost.low, N_DB)}"


def explain_conditions(name: str, model: str, rows: Sequence[ConditionRow]) -> str:
    """What a model loses and gains in everyday conditions over a set, where most, and where nothing is won."""
    turned = [row for row in rows if row.value != CONDITIONS[row.condition].values[0]]
    defined = [(row, cost, left) for row in turned if (cost := row.cost[model]) and (left := row.score[model])]
    if not defined:
        return f"{name} has no defined score."
    row, cost, left = max(defined, key=lambda one: one[1].mean)
    signs = [decided(cost, N_DB) for _, cost, _ in defined]
    positions = counted(len(defined), "position")
    parts = [f"{name} is clearly lower at {signs.count(1)} of {positions}, clearly higher at {signs.count(-1)}"]
    if decided(cost, N_DB) > 0:
        condition = CONDITIONS[row.condition]
        parts.append(
            f"it loses most with “{condition.title}” at {at_value(condition, row.value)}: {number(cost.mean, N_DB)} dB "
            f"(95 % interval {number(cost.low, N_DB)} to {number(cost.high, N_DB)}), which leaves "
            f"{number(left.mean, N_DB)} dB"
        )
    useless = sum(left.mean <= row.unprocessed.mean for row, _, left in defined if row.unprocessed)
    if useless:
        parts.append(f"at {useless} its mean is not above the unprocessed mixture's")
    return f"{'; '.join(parts)}; over {counted(left.count, 'mixture')}."


def explain_printed(name: str, curve: ProbeCurve) -> str:
    """What the jitter of the paper's second figure costs here beside what it costs there; "" if it was not measured."""
    (start, high), (value, low) = PRINTED_JITTER.items()
    if start not in curve.values or value not in curve.values:
        return ""
    cost = curve.costs[curve.values.index(value)]
    if cost is None or curve.values[0] != start:
        return ""
    sign = decided(cost, N_DB)
    if sign:
        least, most = sorted((sign * cost.low, sign * cost.high))
        ends = f"95 % interval {number(least, N_DB)} to {number(most, N_DB)}"
        change = f"{'loses' if sign > 0 else 'gains'} {number(sign * cost.mean, N_DB)} dB ({ends})"
    else:
        change = f"shows no clear difference ({signed(-cost.mean, N_DB)} dB{_interval(cost)})"
    printed = f"{number(high - low, N_DB)} dB (from {number(high, N_DB)} to {number(low, N_DB)})"
    return f"At {value:g} % {name} {change}; the network of arXiv:2203.04420 loses {printed}."
