"""The table of scores: systems as rows; SI-SNRi, SDRi and PESQ for each speaker and their mean as columns."""

import csv
import html
import io
import math

import streamlit as st

from analysis import paper
from analysis.scores.comparison import Comparison
from analysis.scores.systems import MEASURES, ScoredSystem

from .listening import speaker_names

STYLE = """
<style>
.scores {overflow-x: auto; margin: .25rem 0 .5rem;}
.scores table {border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;}
.scores th, .scores td {padding: .42rem .5rem; text-align: right; white-space: nowrap; border: 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 14%, transparent);}
.scores th {font-weight: 600; font-size: .86rem; opacity: .8;}
.scores thead tr:first-child th {text-align: center; border-bottom: 0; opacity: 1;}
.scores tbody th {text-align: left; font-size: 1rem; opacity: 1;}
.scores .first {border-left: 1px solid color-mix(in srgb, currentColor 14%, transparent);}
.scores .mean {font-weight: 600;}
.scores .s1 {color: var(--st-red-text-color, #d62f3c);} .scores .s2 {color: var(--st-blue-text-color, #2f6fde);}
.scores .s3 {color: var(--st-green-text-color, #2e9e5b);}
.scores .best {background: color-mix(in srgb, var(--st-primary-color, #3457d5) 17%, transparent); border-radius: .3rem;}
.scores .paper {opacity: .72; font-style: italic;}
.scores small {font-weight: 400; opacity: .75;}
</style>
"""


def _shown(value: float | None, measure: str) -> str:
    if value is None:
        return '<small title="the score has no value here">undefined</small>'
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.{MEASURES[measure].decimals}f}".replace("-", "−")


def _cells(found: Comparison, row: ScoredSystem, measure: str) -> str:
    cells = []
    for speaker in [*range(len(found.mixture.references)), None]:
        value = row.score(measure, speaker)
        kind = ["first"] if speaker == 0 else ["mean"] if speaker is None else []
        if value is not None and row.name == found.best(measure, speaker):
            kind.append("best")
        cells.append(f'<td class="{" ".join(kind)}">{_shown(value, measure)}</td>')
    return "".join(cells)


def _paper_cells(name: str, speakers: int) -> str:
    printed = paper.summary(speakers).get(name)
    if printed is None:
        return '<td class="first paper" colspan="3">not in the paper</td>'
    return (
        f'<td class="first paper">{printed.si_snri:.1f}</td><td class="paper">{printed.sdri:.1f}</td>'
        f'<td class="paper">{printed.pesq:.2f}</td>'
    )


def _html(found: Comparison, measures: list[str]) -> str:
    speakers = len(found.mixture.references)
    per_speaker = "".join(
        f'<th class="s{number}{" first" if number == 1 else ""}">{name}</th>'
        for number, name in enumerate(speaker_names(speakers), start=1)
    )
    groups = "".join(
        f'<th class="first" colspan="{speakers + 1}">{MEASURES[measure].short}</th>' for measure in measures
    )
    rows = "".join(
        f'<tr><th scope="row">{html.escape(row.name)}</th>'
        + "".join(_cells(found, row, measure) for measure in measures)
        + _paper_cells(row.name, speakers)
        + "</tr>"
        for row in found.rows
    )
    return (
        f'{STYLE}<div class="scores" tabindex="0" role="region" aria-label="Scores"><table><thead>'
        f'<tr><th></th>{groups}<th class="first paper" colspan="3">The paper · WSJ0-{speakers}mix</th></tr>'
        f"<tr><th></th>{(per_speaker + '<th>Mean</th>') * len(measures)}"
        '<th class="first paper">SI-SNRi</th><th class="paper">SDRi</th><th class="paper">PESQ</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _csv(found: Comparison) -> str:
    file = io.StringIO()
    table = csv.writer(file)
    names = [*speaker_names(len(found.mixture.references)), "mean"]
    measures = ["si_snri", "sdri", "pesq", "raw_pesq"]
    table.writerow(["system", *(f"{measure} {name}" for measure in measures for name in names)])
    for row in found.rows:
        speakers = [*range(len(names) - 1), None]
        table.writerow([row.name, *(row.score(measure, speaker) for measure in measures for speaker in speakers)])
    return file.getvalue()


def score_table(found: Comparison) -> None:
    """Show the scores of `found`, the best of each column marked, with the paper's own figures beside them."""
    raw = st.toggle(
        "PESQ as raw P.862",
        key="raw_pesq",
        persist_state="session",
        help="PESQ has two scales. MOS-LQO (P.862.1) is what tools return today: a clean signal scores 4.55. "
        f"The paper's figures are {paper.PESQ_SCALE}; switch to compare with them.",
    )
    st.html(_html(found, ["si_snri", "sdri", "raw_pesq" if raw else "pesq"]))
    scale = "raw P.862" if raw else "MOS-LQO (P.862.1)"
    st.caption(
        f"Shaded: the best of a column. PESQ: {scale}. PSM, the phase-sensitive mask, is not in the paper. The paper's "
        "figures are means over its own test set, not over this sound."
    )
    st.download_button(
        "Scores (CSV)", _csv(found), "scores.csv", "text/csv", icon=":material/download:", on_click="ignore"
    )
