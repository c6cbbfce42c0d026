"""The pages' sentences read back: each rule takes what was said and the figures, and fails where these disagree.

Nothing here is shared with `analysis.words`: signs, ranks and roundings are worked out anew from the text.
"""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

NUMBER = r"[−+]?(?:\d+(?:\.\d+)?|∞)"
SIDES = {"above": 1, "level with": 0, "below": -1}


def value(text: str) -> float:
    """A figure of a sentence."""
    return float(text.replace("−", "-").replace("∞", "inf").replace("+", ""))


def read(x: float, decimals: int) -> float:
    """A figure as one reads it in a table."""
    return float(f"{x:.{decimals}f}")


def sign(x: float) -> int:
    return (x > 0) - (x < 0)


def check_figures(text: str, figures: Sequence[float], decimals: int) -> None:
    """The figures of a clause are these, in this order."""
    found = [value(one) for one in re.findall(NUMBER, text)]
    assert found == [read(one, decimals) for one in figures], (text, figures)


def names_in(text: str, known: Sequence[str]) -> list[str]:
    """Those of the known names in a list "a, b and c", or all of them in "all four ideal masks"."""
    if re.search(r"\b(all|both)\b", text):
        return list(known)
    found = [name for name in known if re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", text)]
    rest = text
    for name in sorted(found, key=len, reverse=True):
        rest = rest.replace(name, "")
    assert not re.sub(r"[\s,“”]|and", "", rest), text
    return found


def check_places(sentence: str, own: float, others: Mapping[str, float], decimals: int) -> None:
    """Every other is named once, on its side, and the figures in brackets are from the lowest to the highest."""
    seen: list[str] = []
    head, rest = re.split(r"\) (?:is|are) ", sentence, maxsplit=1)
    check_figures(re.sub(r"^.*\((?=[^(]*$)", "", head), [own], decimals)
    for side, names, figures in re.findall(r"(above|level with|below) (.+?) \(([^()]*)\)", rest):
        chosen = names_in(names, list(others))
        seen += chosen
        assert all(sign(read(own, decimals) - read(others[one], decimals)) == SIDES[side] for one in chosen), sentence
        ends = sorted({read(others[one], decimals) for one in chosen})
        check_figures(figures, [ends[0], ends[-1]] if len(ends) > 1 else ends, decimals)
    assert sorted(seen) == sorted(others), sentence


def check_disagreement(sentence: str, own: Mapping[str, float], others: Mapping[str, Mapping[str, float]], n) -> None:
    """The named are above by the first measures and below by the others: {measure: value}, {measure: {name: value}}."""
    which, better, worse = re.search(r"above (.+?) by (.+), below by (.+)\.$", sentence).groups()
    known = list(next(iter(others.values())))
    for name in names_in(which, known):
        by = {
            measure: sign(read(own[measure], n[measure]) - read(others[measure][name], n[measure])) for measure in own
        }
        assert [m for m, s in by.items() if s > 0] == names_in(better, list(own)), sentence
        assert [m for m, s in by.items() if s < 0] == names_in(worse, list(own)), sentence


def check_swaps(said: Sequence[str], scores: Mapping[tuple[str, str], float]) -> None:
    """Gains and losses have the sign and the size of the difference of the figures in the picture."""
    shown = {pair: read(score, 1) for pair, score in scores.items()}
    own = shown["network", "network"]
    pairs = [("network", "mixture"), ("mixture", "network"), None, ("clean", "network"), ("network", "clean")]
    for number, (sentence, pair) in enumerate(zip(said, pairs, strict=True)):
        if pair is None:
            side = re.search(r"are (level with|above|below) the clean", sentence).group(1)
            assert sign(own - shown["clean", "mixture"]) == SIDES[side], sentence
            continue
        gap = 0.0 if shown[pair] == own else round(shown[pair] - own if number > 2 else own - shown[pair], 1)
        if gap == 0:
            assert "makes no difference" in sentence
        else:
            verb, size = re.search(rf"(is worth|brings|costs) ({NUMBER}) dB\.$", sentence).groups()
            assert (verb == "costs") == (gap < 0) and value(size) == abs(gap), sentence


def check_change(sentence: str, before: Mapping[str, float | None], after: Mapping[str, float | None]) -> None:
    """Each defined score is told once, with the difference of the two figures of the table."""
    known = {one: old for one, old in before.items() if old is not None and after.get(one) is not None}
    if not known:
        assert "no score is defined" in sentence
        return
    parts = sentence.partition(": ")[2].rstrip(".").split(", ")
    assert len(parts) == len(known), sentence
    for part, (title, old) in zip(parts, known.items(), strict=True):
        n = 3 if title == "STOI" else 2
        gap = round(read(after[title], n) - read(old, n), n)
        assert part.startswith(title.removesuffix(" (dB)"))
        figure = re.search(rf"({NUMBER})(?: dB)?\)?$", part).group(1)
        assert value(figure) == (gap if gap else read(old, n)) and ("as it was" in part) == (not gap), sentence


def check_importance(sentence: str, lost: np.ndarray, names: Sequence[str], against_clean: bool) -> None:
    """The largest is named, with its size; nothing is lost where none reads above 0."""
    finite = [(read(one, 1), name) for one, name in zip(lost, names, strict=True) if math.isfinite(one)]
    top = max((one for one, _ in finite), default=-math.inf)
    named = re.search(rf"without (.+?): (?:by )?({NUMBER}) dB", sentence)
    if not finite or (against_clean and top <= 0):
        assert named is None, sentence
        return
    assert (top, named.group(1)) in finite and value(named.group(2)) == top, sentence
    better = re.search(r"Without (\d+) of them the outputs are better", sentence)
    gains = sum(read(one, 1) < 0 for one in lost if not math.isnan(one)) if against_clean else 0
    assert (int(better.group(1)) if better else 0) == gains, sentence


def check_split(sentence: str, name: str, sdr: float, sir: float, sar: float) -> None:
    """The lower ratio is the larger part of the error."""
    assert sentence.startswith(f"{name}: SIR")
    check_figures(sentence.partition(";")[0].partition(": ")[2], [sir, sar, sdr], 1)
    gap = sign(read(sar, 1) - read(sir, 1)) if read(sir, 1) != read(sar, 1) else 0
    told = {1: "is interference than", -1: "is artefacts than", 0: "about as strong"}
    assert [word for word in told.values() if word in sentence] == [told[gap]], sentence


def check_bands(sentence: str, snr: np.ndarray, edges: Sequence[float], names: Sequence[str]) -> None:
    """Each output's lowest band, with its figure."""
    found = re.findall(rf"(?:for|,|and) ([^,]+?) from (\d+) to (\d+) Hz \(({NUMBER}) dB\)", sentence)
    told = {name: (float(low), float(high), value(figure)) for name, low, high, figure in found}
    for name, row in zip(names, snr, strict=True):
        finite = [(one, band) for band, one in enumerate(row) if math.isfinite(one)]
        assert (name in told) == bool(finite), sentence
        if finite:
            lowest, band = min(finite)
            assert told[name] == (edges[band], edges[band + 1], read(lowest, 1)), sentence


def check_kinds(sentence: str, use: np.ndarray, exclusive: np.ndarray, shared: np.ndarray) -> None:
    """Filters are counted one by one, each in one kind."""
    counts = dict.fromkeys(("to nobody", "mostly to one", "mostly to several", "mostly to none"), 0)
    loyal = 0
    for mean, alone, several in zip(use.T, exclusive.T, shared, strict=True):
        if not math.isfinite(sum(alone)):
            continue
        total = sum(alone)
        if max(mean) < 0.1:
            counts["to nobody"] += 1
            continue
        kind = "none" if max(total, several) < 0.5 else "one" if total >= several else "several"
        counts[f"mostly to {kind}"] += 1
        loyal += max(alone) >= 0.9
    for kind, count in counts.items():
        found = re.search(rf"of (\d+) {kind}\b", sentence)
        assert (int(found.group(1)) if found else 0) == count, (sentence, kind, count)
    found = re.search(r"Of (\d+) it goes", sentence)
    assert (int(found.group(1)) if found else 0) == loyal, sentence


def check_two(
    said: Sequence[str], titles: Mapping[str, str], one: Mapping, other: Mapping, names: Sequence[str]
) -> None:
    """Which of two is ahead by each measure {measure: value}; titles: {measure: its name}."""
    whole = " ".join(said)
    signs = set()
    for measure, title in titles.items():
        n = 1 if measure in ("si_snri", "sdri") else 2
        gap = round(read(one[measure], n) - read(other[measure], n), n)
        signs.add(sign(gap))
        if not gap:
            assert re.search(rf"Both read the same by [^.]*{re.escape(title)}", whole), whole
            continue
        ahead = next(sentence for sentence in said if sentence.startswith(f"{names[0 if gap > 0 else 1]} is ahead"))
        size = re.search(rf"{re.escape(title)} \(({NUMBER})", ahead).group(1)
        assert value(size) == abs(gap), whole
    assert ("depends on the measure" in whole) == (signs >= {1, -1}), whole


def check_curve(sentence: str, values: Sequence[float], costs: Sequence[tuple[float, float, float]], unit: str) -> None:
    """Only values whose interval (mean, low, high) leaves out 0 are called lower or higher; the most is the most."""
    clear = [sign(read(low, 1)) if read(low, 1) * read(high, 1) > 0 else 0 for _, low, high in costs]
    for word, side in (("lower", 1), ("higher", -1)):
        wanted = [v for v, one in zip(values, clear, strict=True) if one == side]
        said = re.search(
            rf"clearly {word} (everywhere else|from (\S+) {re.escape(unit)} on|at (.+?) {re.escape(unit)})", sentence
        )
        if not wanted:
            assert f"clearly {word} a" not in sentence and f"clearly {word} e" not in sentence, sentence
            continue
        if said.group(1) == "everywhere else":
            told = list(values[1:])
        elif said.group(2):
            told = [v for v in values if v >= float(said.group(2))]
        else:
            told = [float(one) for one in re.findall(r"[\d.]+", said.group(3))]
        assert told == [float(one) for one in wanted], sentence
    if any(clear):
        side = 1 if 1 in clear else -1
        best = max(side * cost[0] for cost, one in zip(costs, clear, strict=True) if one == side)
        at, size = re.search(rf"most at (\S+) {re.escape(unit)}, by ({NUMBER}) dB", sentence).groups()
        assert value(size) == read(best, 1) == read(side * costs[list(values).index(float(at))][0], 1), sentence
