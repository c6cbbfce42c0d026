"""Tables of a test set: every system's mean with its interval beside the paper's, and published scores."""

import html
import math

import streamlit as st

from analysis import paper
from analysis.corpus.intervals import Estimate, cautions
from analysis.corpus.published import LIBRIMIX
from analysis.corpus.report import digits, mean, measures, papers_own, set_means, who_speaks
from analysis.corpus.results import Header, Results
from analysis.scores.systems import NETWORK

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
EXTRA = """
<style>
.scores .interval {display: block; font-size: .78rem; font-weight: 400; opacity: .7;}
.scores a {color: inherit;}
.scores td.text {text-align: left; white-space: normal; min-width: 14rem;}
.scores tr.ours {background: color-mix(in srgb, var(--st-primary-color, #3457d5) 12%, transparent);}
.scores tr.ours th, .scores tr.ours td {font-weight: 600;}
</style>
"""
PRINTED = ("si_snri", "sdri", "raw_pesq")  # the measures that the paper prints


def _number(value: float, measure: str) -> str:
    return f"{value:.{digits(measure)}f}".replace("-", "−")


def _cell(found: Estimate | None, measure: str, best: bool, system_is_network: bool) -> str:
    if found is None:
        return "<td>–</td>"
    interval = ""
    if not math.isnan(found.low):
        naive = f"naive {_number(found.naive_low, measure)} to {_number(found.naive_high, measure)}"
        interval = f'<span class="interval">{_number(found.low, measure)} to {_number(found.high, measure)}</span>'
        interval += f'<span class="interval">({naive})</span>' if system_is_network else ""
    return f'<td class="{"best" if best else ""}">{_number(found.mean, measure)}{interval}</td>'


def _paper_cells(system: str, header: Header) -> str:
    printed = papers_own(header.speakers).get(system)
    if printed is None:
        said = "not in the paper" if system == "PSM" else ""
        return f'<td class="first paper" colspan="{len(PRINTED)}">{said}</td>'
    values = (f"{printed.si_snri:.1f}", f"{printed.sdri:.1f}", f"{printed.pesq:.2f}")
    return "".join(
        f'<td class="{"first " if number == 0 else ""}paper">{value}</td>' for number, value in enumerate(values)
    )


def _table(heads: list[str], rows: list[str], label: str) -> str:
    head = "".join(f"<tr>{line}</tr>" for line in heads)
    return (
        f'{STYLE}{EXTRA}<div class="scores" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _systems(results: Results) -> str:
    shown, found, header = measures(results), set_means(results), results.header
    paper_has = bool(papers_own(header.speakers))
    best = {
        measure: max((row[measure].mean for row in found.values() if row[measure]), default=None) for measure in shown
    }
    rows = []
    for system, row in found.items():
        cells = "".join(
            _cell(row[measure], measure, bool(row[measure]) and row[measure].mean == best[measure], system == NETWORK)
            for measure in shown
        )
        beside = _paper_cells(system, header) if paper_has else ""
        rows.append(f'<tr><th scope="row">{system}</th>{cells}{beside}</tr>')
    titles = "".join(f"<th>{title}</th>" for title in shown.values())
    heads = [f"<th></th>{titles}"]
    if paper_has:
        heads = [
            f'<th></th><th colspan="{len(shown)}">This set</th><th class="first paper" colspan="3">'
            f"The paper · WSJ0-{header.speakers}mix</th>",
            f'<th></th>{titles}<th class="first paper">SI-SNRi</th><th class="paper">SDRi</th>'
            '<th class="paper">PESQ</th>',
        ]
    return _table(heads, rows, "Means over the test set")


def systems_table(results: Results) -> None:
    """Means and 95 % intervals of all systems, the best of each column marked, the paper's own beside."""
    for caution in cautions(who_speaks(results)):
        st.warning(caution, icon=":material/groups:")
    st.html(_systems(results))
    st.caption(
        "Means over the mixtures, of each mixture over its speakers; below them the 95 % interval by the two-way "
        "cluster bootstrap over speakers: what other speakers may give. The naive interval takes every mixture for one "
        "of other speakers, which these are not. Shaded: the best of a column. The paper's PESQ is "
        f"{paper.PESQ_SCALE}: compare it with that column. PSM is not in the paper."
    )


def published_table(results: Results) -> None:
    """This model beside published Conv-TasNets and the paper's, each with what it was trained on."""
    header = results.header
    ours = {measure: mean(results, NETWORK, measure) for measure in ("si_snri", "sdri", "stoi")}
    rows = [
        _published_row(
            header.model,
            header.training_data or "not said in its file",
            f"{header.set}, {len(results.good)} mixtures",
            *(f"{one.mean:.2f}" if one else "–" for one in list(ours.values())[:2]),
            f"{ours['stoi'].mean:.3f}" if ours["stoi"] else "–",
            ours=True,
        )
    ]
    for one in LIBRIMIX.get(header.speakers, ()):
        name = f'<a href="{one.source}" target="_blank" rel="noopener">{one.name}</a>'
        on = f"Libri{header.speakers}Mix test, 3000 mixtures"
        stoi = f"{one.stoi:.3f}" if one.stoi else "–"
        rows.append(_published_row(name, one.training_set, on, f"{one.si_snri:.1f}", f"{one.sdri:.1f}", stoi))
    for one in _papers_networks(header.speakers):
        name, on = f"the paper, {one.method}", f"WSJ0-{header.speakers}mix test, 3000 mixtures"
        trained = f"WSJ0-{header.speakers}mix: 30 h of mixtures"
        rows.append(_published_row(name, trained, on, f"{one.si_snri:.1f}", f"{one.sdri:.1f}", "–"))
    heads = [
        '<th style="text-align:left">Conv-TasNet</th><th style="text-align:left">Trained on</th>'
        '<th style="text-align:left">Measured on</th><th>SI-SNRi (dB)</th><th>SDRi (dB)</th><th>STOI</th>'
    ]
    st.html(_table(heads, rows, "Published scores"))
    st.caption(
        "Published scores on LibriMix are for 8 kHz, min, clean. Scores are comparable where they were measured on "
        "the same set, and then the hours and speakers behind them still differ."
    )


def _published_row(name: str, trained: str, on: str, *scores: str, ours: bool = False) -> str:
    name = name if name.startswith("<a ") else html.escape(name)
    cells = "".join(f"<td>{score}</td>" for score in scores)
    return (
        f'<tr class="{"ours" if ours else ""}"><th scope="row">{name}</th><td class="text">{html.escape(trained)}</td>'
        f'<td class="text">{html.escape(on)}</td>{cells}</tr>'
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
        st.dataframe(
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
            hide_index=True,
            height="content",
        )
