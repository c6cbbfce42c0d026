"""Figures as text and as ranks in a comparison: the building blocks of the pages' sentences."""

import math
from collections.abc import Mapping, Sequence

from analysis.scores.systems import MEASURES, PESQ_MEASURES, Measure

ALL = {2: "both", 3: "all three", 4: "all four", 5: "all five"}


def number(value: float, decimals: int) -> str:
    """`value` as tables and sentences show it: with a real minus sign, and none before what rounds to zero."""
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", "−")


def short(value: float) -> str:
    """`value` in no more digits than it needs, with a real minus sign: "−2.5", "10"."""
    return f"{value:g}".replace("-", "−")


def signed(value: float, decimals: int) -> str:
    """A difference with its sign; one that rounds to zero has none."""
    text = number(value, decimals)
    return text if text[0] == "−" or not text.strip("0.") else f"+{text}"


def same(one: float, other: float, decimals: int) -> bool:
    """Whether two values read the same where so many decimals are shown: then neither is called better."""
    return number(one, decimals) == number(other, decimals)


def shown_gap(one: float, other: float, decimals: int) -> float:
    """How far `one` is above `other` as both read with so many decimals: what a reader of a table works out."""
    if same(one, other, decimals):
        return 0.0
    return round(float(f"{one:.{decimals}f}") - float(f"{other:.{decimals}f}"), decimals)


def listed(names: Sequence[str]) -> str:
    """Names as a list in a sentence: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(count: int, what: str) -> str:
    """A number of things: "1 mixture", "2 mixtures"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """An approximate length of time: "12 s", "3 min", "1 h 20 min"."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours = f"{minutes // 60} h" if minutes >= 60 else ""
    return " ".join(filter(None, [hours, f"{minutes % 60} min" if minutes % 60 or not hours else ""]))


def quantity(value: float, unit: str = "") -> str:
    """Three significant digits with an SI prefix: "4.9 M"."""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def share_text(share: float, decimals: int = 1) -> str:
    """A share from 0 to 1 in a sentence: "0.3 %"."""
    return f"{number(100 * share, decimals)} %"


def with_unit(measure: Measure, value: float, decimals: int) -> str:
    """A value as a sentence has it: "13.7 dB", "2.71"."""
    return f"{number(value, decimals)}{measure.unit}"


def one_scale(measures: Sequence[str], raw: bool = False) -> list[str]:
    """The measures without the PESQ scale that is not chosen: a sentence mentions only one of the two."""
    left_out = PESQ_MEASURES[0 if raw else 1]
    return [name for name in measures if name != left_out]


def span(values: Sequence[float], decimals: int, unit: str = "") -> str:
    """From the lowest to the highest, or the one value where they read the same."""
    low, high = min(values), max(values)
    if same(low, high, decimals):
        return number(low, decimals) + unit
    return f"{number(low, decimals)} to {number(high, decimals)}{unit}"


def places(
    groups: Mapping[str, Sequence[str]],
    values: Mapping[str, float],
    decimals: int,
    unit: str,
    kind: str = "ideal masks",
) -> str:
    """Where a system stands: {"is above": names, "level with": names, "below": names} as a clause.

    `values` are those of all others, which are of one `kind`. A phrase without names is left out.
    """
    parts = []
    for phrase, names in groups.items():
        if names:
            whose = f"{ALL.get(len(names), 'all')} {kind}" if 1 < len(names) == len(values) else listed(names)
            parts.append(f"{phrase} {whose} ({span([values[name] for name in names], decimals, unit)})")
    return listed(parts)


def disagreement(
    ahead: Mapping[str, Sequence[str]], behind: Mapping[str, Sequence[str]], who: str, verb: str = "is"
) -> list[str]:
    """A sentence for each other that `who` is above by some measures and below by others.

    ahead, behind: {measure: the others that `who` is above, below}. Empty where the measures agree.
    """
    said: dict[tuple[str, str], list[str]] = {}
    for other in dict.fromkeys(name for names in ahead.values() for name in names):
        better = [MEASURES[measure].name for measure, names in ahead.items() if other in names]
        worse = [MEASURES[measure].name for measure, names in behind.items() if other in names]
        if worse:
            said.setdefault((listed(better), listed(worse)), []).append(other)
    return [
        f"Which is better depends on the measure: {who} {verb} above {listed(others)} by {better}, below by {worse}."
        for (better, worse), others in said.items()
    ]
