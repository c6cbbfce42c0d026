"""Two models on one sound in one table: every measure of every voice side by side, and the difference with its sign."""

import pandas as pd

from analysis.scores.systems import MEASURES, PERCEPTUAL, ScoredSystem
from analysis.words.say import number, same, shown_gap, signed
from analysis.words.separate import explain_two

from .handout import say
from .listening import speaker_names
from .score_table import MEAN, SHADED, TABLE_CSS, show_table
from .text import plain

NARROW = [  # all of it, on a phone
    {"selector": "th, td", "props": "white-space: normal; padding: .42rem .25rem; font-size: .8rem"},
    {"selector": "thead th", "props": "font-size: .8rem; overflow-wrap: anywhere"},
]
MEASURED = ("si_snri", "sdri", "pesq", "stoi")


def show_two_models(first: ScoredSystem, second: ScoredSystem, *, perceptual: bool) -> None:
    """The scores of both, the better of a row shaded, their difference, and in a sentence which is ahead.

    perceptual: whether PESQ and STOI are measured already.
    """
    say(
        [plain(sentence) for sentence in explain_two(first, second, MEASURED if perceptual else MEASURED[:2])],
        key="two",
    )
    names = speaker_names(len(first.estimates))
    rows, index, styles = [], [], []
    for measure in MEASURED:
        facts, pending = MEASURES[measure], measure in PERCEPTUAL and not perceptual
        for who, speaker in [(MEAN, None), *((name, place) for place, name in enumerate(names))]:
            values = [one.score(measure, speaker) for one in (first, second)]
            index.append((facts.title, who))
            rows.append(_row(values, facts.decimals, pending))
            styles.append(_shades(values, facts.decimals, pending))
    heads = [first.name, second.name, "Difference: second − first"]
    frame = pd.DataFrame(rows, pd.MultiIndex.from_tuples(index), heads)
    marked = pd.DataFrame(styles, frame.index, frame.columns)
    styled = (
        frame.style.set_table_styles([*TABLE_CSS, *NARROW]).format(escape="html").apply(lambda _: marked, axis=None)
    )
    show_table(styled, "Scores of both models", narrow=True)


def _row(values: list[float | None], decimals: int, pending: bool) -> list[str]:
    if pending:
        return ["…"] * 3
    shown = ["undefined" if value is None else number(value, decimals) for value in values]
    return [*shown, "–" if None in values else signed(shown_gap(values[1], values[0], decimals), decimals)]


def _shades(values: list[float | None], decimals: int, pending: bool) -> list[str]:
    if pending or None in values:
        return [""] * 3
    best = max(values)
    return [*(SHADED if same(value, best, decimals) else "" for value in values), ""]
