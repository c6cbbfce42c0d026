"""Tables of a test set: every system's mean with its interval beside the paper's, and published scores."""

import html
import math

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from analysis import paper
from analysis.corpus.intervals import Estimate, cautions
from analysis.corpus.published import TRAINING_SETS, published
from analysis.corpus.report import digits, mean, measures, papers_own, set_means, who_speaks
from analysis.corpus.results import Results
from analysis.scores.systems import MEASURES, NETWORK
from analysis.words.say import number, same
from pages.parts import models
from pages.parts.captions import caption
from pages.parts.pictures import data_table
from pages.parts.score_table import LINE, PRINTED, SHADED, TABLE_CSS, paper_heads, printed_scores, show_table

# A mean stands in the first line of its cell, its intervals in smaller lines below; the names stay when it scrolls.
MEANS_CSS = [
    {"selector": "", "props": "border-collapse: separate; border-spacing: 0"},  # lines that stay with their cells
    {
        "selector": "td, tbody th",
        "props": "white-space: pre; font-size: .75rem; font-weight: 400; padding-inline: .4rem; vertical-align: top",
    },
    {"selector": "td::first-line, tbody th::first-line", "props": "font-size: 1rem"},
    {"selector": "tbody th::first-line", "props": "font-weight: 600"},
    {
        "selector": "th:first-child",
        "props": "position: sticky; left: 0; background: light-dark(#fff, #12151c)",
    },
]
INTERVALS = ("95 %", "naive")  # in the order of a cell's lines
OURS = "font-weight: 600; background: color-mix(in srgb, var(--st-primary-color, #3457d5) 12%, transparent)"
SCORES = ("SI-SNRi (dB)", "SDRi (dB)", "PESQ (MOS-LQO)", "PESQ (raw P.862)", "STOI")
TEXTS = ("Trained on", "Measured on")
LIST_CSS = [
    {"selector": "thead tr:first-child th", "props": f"text-align: right; border-bottom: {LINE}"},
    {"selector": "tbody th", "props": "white-space: normal; overflow-wrap: anywhere; min-width: 10rem"},
    *(
        {
            "selector": f"th.col{k}, td.col{k}",
            "props": "text-align: left !important; white-space: normal; overflow-wrap: anywhere; "
            "min-width: max(8.5rem, 20rem - 25vw)",  # wider where the table scrolls anyway
        }
        for k in range(len(SCORES), len(SCORES) + len(TEXTS))
    ),
]


def _cell(found: Estimate | None, measure: str, *, naive: bool) -> str:
    """A mean, and in lines of their own its interval and the naive one; `INTERVALS` names them."""
    if found is None:
        return "–"
    n = digits(measure)
    lines = [number(found.mean, n)]
    if not math.isnan(found.low):
        lines.append(f"{number(found.low, n)} to {number(found.high, n)}")
        if naive:
            lines.append(f"{number(found.naive_low, n)} to {number(found.naive_high, n)}")
    return "\n".join(lines)


def _systems(results: Results) -> Styler:
    shown, found, speakers = measures(results), set_means(results), results.header.speakers
    printed, raw = papers_own(speakers), "raw_pesq" in shown
    best = {
        measure: max((row[measure].mean for row in found.values() if row[measure]), default=None) for measure in shown
    }
    names, texts, styles = [], [], []
    for system, row in found.items():
        texts.append([_cell(row[measure], measure, naive=system == NETWORK) for measure in shown])
        intervals = max(text.count("\n") for text in texts[-1])
        names.append("\n".join([results.name_of(system), *INTERVALS[:intervals]]))
        styles.append([SHADED if one and same(one.mean, best[name], digits(name)) else "" for name, one in row.items()])
        if printed:
            texts[-1] += printed_scores(printed.get(results.name_of(system)), raw)
            styles[-1] += [PRINTED] * len(paper_heads(raw))
    heads = [("This set", title) for title in shown.values()]
    if printed:
        heads += [(f"The paper · WSJ0-{speakers}mix", title) for title in paper_heads(raw).values()]
    frame = pd.DataFrame(texts, names, pd.MultiIndex.from_tuples(heads))
    paper_begins = {"selector": f"td.col{len(shown)}, th.col{len(shown)}", "props": f"border-left: {LINE}"}
    return (
        frame.style.set_table_styles([*TABLE_CSS, *MEANS_CSS, paper_begins])
        .format(escape="html")
        .apply(lambda one: pd.DataFrame(styles, one.index, one.columns), axis=None)
    )


def systems_table(results: Results) -> None:
    """Means and 95 % intervals of all systems, the best of each column marked, the paper's own beside."""
    for caution in cautions(who_speaks(results)):
        st.warning(caution, icon=":material/groups:")
    show_table(_systems(results), "Means over the test set")
    caption(
        "Means over the mixtures, with 95 % intervals below. Of each mixture the mean over its speakers; the "
        "interval, by "
        "the two-way cluster bootstrap over speakers, says what other speakers may give. The naive interval takes "
        "every mixture for one "
        "of other speakers, which these are not. Shaded: the best of a column, all that read the same. The paper's "
        f"PESQ is {paper.PESQ_SCALE}. PSM is not in the paper."
    )


def _published(results: Results) -> Styler:
    header, rows, links = results.header, [], []
    ours = [(name, mean(results, NETWORK, name)) for name in MEASURES]
    scores = [number(one.mean, digits(name)) if one else "–" for name, one in ours]
    trained = header.training_data or "not said in its file"
    rows.append((models.with_titles(header.model), *scores, trained, f"{header.set}, {len(results.good)} mixtures"))
    links.append("")
    for one in published(header.speakers):
        holds = TRAINING_SETS.get(one.training_set)
        trained = f"{one.training_set}: {holds}" if holds else one.training_set
        on = f"Libri{header.speakers}Mix test, 3000 mixtures"
        stoi = f"{one.stoi:.3f}" if one.stoi else "–"
        rows.append((one.name, f"{one.si_snri:.1f}", f"{one.sdri:.1f}", "–", "–", stoi, trained, on))
        links.append(one.source)
    for row in _papers_networks(header.speakers):
        own = papers_own(header.speakers)[NETWORK]
        pesq = f"{own.pesq:.2f}" if (row.si_snri, row.sdri) == (own.si_snri, own.sdri) else "–"
        trained, on = (f"WSJ0-{header.speakers}mix{what}" for what in (": 30 h of mixtures", " test, 3000 mixtures"))
        rows.append((f"the paper, {row.method}", f"{row.si_snri:.1f}", f"{row.sdri:.1f}", "–", pesq, "–", trained, on))
        links.append("")
    named = [
        f'<a href="{link}" target="_blank" rel="noopener">{html.escape(row[0])}</a>' if link else html.escape(row[0])
        for row, link in zip(rows, links, strict=True)
    ]
    frame = pd.DataFrame([row[1:] for row in rows], range(len(rows)), [*SCORES, *TEXTS])
    return (
        frame.style.set_table_styles([*TABLE_CSS, *LIST_CSS])
        .format(escape="html")
        .format_index(lambda row: named[row])
        .map(lambda _: OURS, subset=pd.IndexSlice[[0], :])
        .map_index(lambda row: OURS if row == 0 else "")
    )


def published_table(results: Results) -> None:
    """This model beside published Conv-TasNets and the paper's, each with what it was trained on."""
    show_table(_published(results), "Published scores")
    caption(
        "Published scores on LibriMix are for 8 kHz, min, clean. Scores are comparable where they were measured on "
        "the same set, and then the hours and speakers behind them still differ. PESQ stands where its scale is known."
    )


def _papers_networks(speakers: int) -> list[paper.Result]:
    table = {2: paper.TABLE_IV, 3: paper.TABLE_V}.get(speakers)
    return [row for row in table.rows if row.method.startswith("Conv-TasNet")] if table else []


def papers_table(speakers: int) -> None:
    """Table IV or V as printed."""
    table = {2: paper.TABLE_IV, 3: paper.TABLE_V}.get(speakers)
    if table is None:
        return
    with st.expander(f"Table {table.number} of the paper: {table.caption}", icon=":material/menu_book:"):
        data_table(
            [
                {
                    "Method": row.method,
                    "Model size (M)": row.model_size,
                    "Causal": {None: "", True: "yes", False: "no"}[row.causal],
                    "SI-SNRi (dB)": row.si_snri,
                    "SDRi (dB)": row.sdri,
                }
                for row in table.rows
            ],
            height="content",
        )
