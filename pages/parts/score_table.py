"""The table of scores: systems as rows; every measure for each speaker and their mean as columns."""

import html

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from analysis import paper
from analysis.figures.palette import speaker_colour
from analysis.scores.comparison import Comparison
from analysis.scores.systems import MEASURES, PERCEPTUAL
from analysis.text import csv_cell
from analysis.words.say import number, one_scale, same
from pages.parts.captions import caption

from .handout import file_stem, shown
from .listening import speaker_names

MEAN = "Mean"
LINE = "1px solid color-mix(in srgb, currentColor 14%, transparent)"
SHADED = "background: color-mix(in srgb, var(--st-primary-color, #3457d5) 17%, transparent); border-radius: .3rem"
PRINTED = "opacity: .75; font-style: italic"  # the paper's figures, beside the measured ones
# In the theme's text colours, which keep their contrast on light and dark pages.
SPEAKER_TEXT = ("red", "blue", "green")
TABLE_CSS = [
    {"selector": "", "props": "border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums"},
    {"selector": "th, td", "props": f"padding: .42rem .4rem; text-align: right; border: 0; border-bottom: {LINE}"},
    {"selector": "tbody th, td", "props": "white-space: nowrap"},  # heads may break, where that makes a table fit
    {"selector": "thead th", "props": "font-weight: 600; font-size: .86rem"},
    {"selector": "thead tr:first-child th", "props": "text-align: center; border-bottom: 0"},
    {"selector": "tbody th", "props": "text-align: left; font-weight: 600"},
    {"selector": "a", "props": "color: inherit"},
]


def scores_frame(found: Comparison, measures: list[str]) -> pd.DataFrame:
    """The scores of `found` as numbers: systems as rows, (measure's title, speaker or mean) as columns."""
    names = speaker_names(len(found.mixture.references))
    wanted = [(measure, speaker) for measure in measures for speaker in [*range(len(names)), None]]
    columns = [(MEASURES[measure].title, MEAN if speaker is None else names[speaker]) for measure, speaker in wanted]
    values = [[row.score(measure, speaker) for measure, speaker in wanted] for row in found.rows]
    rows = [row.name for row in found.rows]
    return pd.DataFrame(values, rows, pd.MultiIndex.from_tuples(columns), dtype=float)


def paper_heads(raw: bool) -> dict[str, str]:
    """{measure: head} of the paper's columns: its PESQ only beside its own scale."""
    shown = ("si_snri", "sdri", "raw_pesq") if raw else ("si_snri", "sdri")
    return {measure: MEASURES[measure].title for measure in shown}


def printed_scores(own: paper.Summary | None, raw: bool) -> list[str]:
    """The paper's figures for a system under `paper_heads`; dashes where it has none."""
    if own is None:
        return ["–"] * len(paper_heads(raw))
    return [f"{own.si_snri:.1f}", f"{own.sdri:.1f}", f"{own.pesq:.2f}"][: len(paper_heads(raw))]


def _paper_frame(found: Comparison, raw: bool) -> pd.DataFrame:
    """The paper's figures for the systems of `found`, as text."""
    speakers = len(found.mixture.references)
    printed = paper.summary(speakers) if speakers in (2, 3) else {}
    titles = [(f"The paper · WSJ0-{speakers}mix", title) for title in paper_heads(raw).values()]
    rows = [row.name for row in found.rows]
    texts = [printed_scores(printed.get(name), raw) for name in rows]
    return pd.DataFrame(texts, rows, pd.MultiIndex.from_tuples(titles))


def _styled(found: Comparison, measures: list[str]) -> Styler:
    scores, printed = scores_frame(found, measures), _paper_frame(found, "raw_pesq" in measures)
    styled = scores.join(printed).style.set_table_styles(TABLE_CSS)
    for measure in measures:
        own = [column for column in scores if column[0] == MEASURES[measure].title]
        shown = lambda value, decimals=MEASURES[measure].decimals: number(value, decimals)  # noqa: E731
        pending = measure in PERCEPTUAL and not found.perceptual
        styled = styled.format(shown, subset=own, na_rep="…" if pending else "undefined")
        styled = styled.set_properties(subset=own[-1:], **{"font-weight": "600"})
        styled = styled.apply(best_shaded, subset=own, decimals=MEASURES[measure].decimals)
    # Mixed with the text's own colour, so that they stay readable in both themes.
    mixed = "color: color-mix(in srgb, var(--st-{}-text-color, {}), currentColor 38%)"
    colours = {
        name: mixed.format(SPEAKER_TEXT[k % 3], speaker_colour(k))
        for k, name in enumerate(speaker_names(len(found.mixture.references)))
    }
    return styled.map(lambda _: PRINTED, subset=list(printed)).map_index(
        lambda name: colours.get(name, ""), axis="columns", level=1
    )


def best_shaded(values: pd.Series, decimals: int) -> list[str]:
    """The style of each of a column's `values`: the best one, and any that read the same, are shaded."""
    best = values.max()
    return [SHADED if pd.notna(value) and same(value, best, decimals) else "" for value in values]


def show_table(styled: Styler, label: str, *, narrow: bool = False) -> None:
    """A table that scrolls sideways where the page is narrower; `label` describes it to those who cannot see it.

    narrow: it fits a phone, where nobody has to be told that it scrolls.
    """
    # It scrolls from the start: the page's style sheet, which has the shadow, may come later.
    table = styled.to_html(table_attributes=f'aria-label="{html.escape(label)}"')
    shown().tables[label] = table
    hint = "" if narrow else '<p class="scroll-hint">The table goes on to the right: swipe it. →</p>'
    st.html(
        f'{hint}<div class="scrolls" style="overflow-x: auto" tabindex="0" role="region" '
        f'aria-label="{html.escape(label)}">{table}</div>'
    )


def score_table(found: Comparison) -> None:
    """Show the scores of `found`, the best of each column marked, with the paper's own figures beside them."""
    raw = st.toggle(
        "PESQ as raw P.862",
        key="raw_pesq",
        persist_state="session",
        help="PESQ has two scales. MOS-LQO (P.862.1) is what tools return today: a clean signal scores 4.55. "
        f"The paper's figures are {paper.PESQ_SCALE}; switch to see them.",
    )
    show_table(_styled(found, one_scale(list(MEASURES), raw)), "Scores")
    pending = "" if found.perceptual else " PESQ and STOI are being measured."
    scale = "" if raw else " The paper's PESQ is on another scale: switch to it to see both."
    caption(
        "Shaded: the best of a column, all that read the same. PSM, the phase-sensitive mask, is not in the paper."
        f"{pending} The paper's figures are means over its own test set, not over this sound.{scale}"
    )
    st.download_button(
        "Scores (CSV)",
        lambda: _csv(found),
        f"{file_stem('scores')}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _csv(found: Comparison) -> str:
    measures = list(MEASURES)
    frame = scores_frame(found, measures)
    speakers = [*speaker_names(len(found.mixture.references)), "mean"]
    frame.columns = [f"{measure} {speaker}" for measure in measures for speaker in speakers]
    frame.index = frame.index.map(csv_cell)
    return frame.to_csv(index_label="system")
