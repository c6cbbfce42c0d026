"""The operator's view of a listening test: links, progress, scores, tests of difference, deletion."""

import numpy as np
import streamlit as st

from analysis import paper
from analysis.figures import opinion as figures_opinion
from analysis.listening import opinion
from analysis.listening.opinion import Opinion
from analysis.listening.ratings import MOS, Answer, Session, Store, plan_trials
from analysis.scores.metrics import raw_pesq
from pages.parts.pictures import picture, save_table
from pages.parts.text import plain

from .tests import leave, links

UNITS = {"rating": "each rating", "utterance": "utterances' means", "listener": "listeners' means"}
PRINTED = {"Conv-TasNet-gLN": "Conv-TasNet", "IRM": "IRM", "Clean": "Clean"}
MOS_TITLE, PESQ_TITLE = "Mean opinion score", "PESQ (raw P.862)"


def show(store: Store, session: Session) -> None:
    """Everything about one test."""
    st.markdown(f"##### {plain(session.title)}")
    addresses = links(session)
    st.markdown("Pass this link on to the listeners:")
    st.code(addresses["listener"], language=None)
    st.caption(
        "Keep the address of this page: it alone opens the results. "
        f"{session.method} test of {', '.join(session.systems)} on {len(session.utterances)} utterances, "
        f"seed {session.seed}, set up {session.created[:16].replace('T', ' ')} UTC."
    )
    answers = store.answers(session)
    _progress(store, session, answers)
    if answers:
        if session.method == MOS:
            _opinions(store, session, answers)
        else:
            _identifications(answers)
        _download(session, answers)
    _delete(store, session)


def _progress(store: Store, session: Session, answers: list[Answer]) -> None:
    listeners = store.listeners(session)
    total = len(plan_trials(session, 0))
    with st.container(horizontal=True, vertical_alignment="center"):
        finished = sum(sum(a.listener == x.nickname for a in answers) == total for x in listeners)
        st.metric("Listeners", len(listeners), border=True)
        st.metric("Finished", finished, border=True)
        st.metric("Answers", len(answers), border=True)
        st.button("Refresh", icon=":material/refresh:")


def _opinions(store: Store, session: Session, answers: list[Answer]) -> None:
    opinions = [Opinion(a.listener, a.utterance, a.systems[0], a.value) for a in answers]
    quality = store.pesq(session)
    mos = {system: opinion.mean_score(opinion.scores(opinions, system)) for system in session.systems}
    mos = {system: mean for system, mean in mos.items() if mean}
    pesq = {
        system: opinion.mean_score([raw_pesq(quality[u, system]) for u in session.utterances if (u, system) in quality])
        for system in mos
    }
    printed = {PRINTED[row.method]: row for row in paper.TABLE_VII.rows}
    st.dataframe(
        [
            {
                "System": system,
                "MOS": _text(mean.mean),
                "± standard error": _text(mean.standard_error),
                "95 % interval": _interval(mean.low, mean.high),
                "Ratings": mean.count,
                "PESQ (raw P.862)": _text(pesq[system] and pesq[system].mean),
                "Paper: MOS": _text(printed[system].mos if system in printed else None),
                "Paper: PESQ": _text(printed[system].pesq if system in printed else None),
            }
            for system, mean in mos.items()
        ],
        hide_index=True,
        key="listening_table",
    )
    st.caption(
        f"The paper's figures are of its Table {paper.TABLE_VII.number}: 40 listeners, 25 utterances of WSJ0-2mix. "
        "The interval takes all ratings for independent."
    )
    picture(
        figures_opinion.bars(
            {MOS_TITLE: mos, PESQ_TITLE: {system: mean for system, mean in pesq.items() if mean}},
            {
                MOS_TITLE: {system: row.mos for system, row in printed.items()},
                PESQ_TITLE: {system: row.pesq for system, row in printed.items()},
            },
        ),
        "Mean opinion score and mean PESQ of each system with standard errors; diamonds are the paper's values",
        key="listening_bars",
    )
    _differences(opinions, list(mos))
    labels = {u: store.stimulus(session, u, session.systems[0]).label for u in session.utterances}
    points = {
        system: [
            (raw_pesq(quality[u, system]), score, labels[u])
            for u, score in opinion.utterance_scores(opinions, system).items()
            if (u, system) in quality
        ]
        for system in mos
    }
    picture(
        figures_opinion.opinion_against_pesq(points, "raw P.862"),
        "Mean opinion score of every utterance against its PESQ, one dot for each system",
        key="listening_scatter",
    )
    st.caption("Diamonds above: the paper's values. Dots above the dotted line: people rate higher than PESQ does.")


def _differences(opinions: list[Opinion], systems: list[str]) -> None:
    """A table of paired tests between all systems."""
    if len(systems) < 2:
        return
    unit = st.segmented_control(
        "Pairs are",
        list(UNITS),
        format_func=UNITS.get,
        default="rating",
        required=True,
        key="listening_unit",
        help="The paper's p < 1e-16 implies each rating. One listener's ratings are not independent, though: the "
        "listeners' means are the safe choice where there are enough listeners.",
    )
    rows = []
    for i, x in enumerate(systems):
        for y in systems[i + 1 :]:
            found = opinion.paired_test(*opinion.paired(opinions, x, y, unit))
            if found:
                rows.append(
                    {
                        "Difference": f"{x} − {y}",
                        "Pairs": found.pairs,
                        "Mean": _text(found.difference),
                        "95 % interval": _interval(found.low, found.high),
                        "t": _text(found.t),
                        "p (t-test)": _probability(found.t_p),
                        "d_z": _text(found.d_z),
                        "p (Wilcoxon)": _probability(found.wilcoxon_p),
                        "Rank-biserial r": _text(found.rank_biserial),
                    }
                )
    st.dataframe(rows, hide_index=True, key="listening_differences")
    st.caption("Two-sided and paired; not corrected for the number of comparisons. Undefined values show as –.")


def _identifications(answers: list[Answer]) -> None:
    """A/B/X: how often X was found, by everyone and by each listener."""
    names = list(dict.fromkeys(a.listener for a in answers))
    groups = {"everyone": answers} | {name: [a for a in answers if a.listener == name] for name in names}
    rows = []
    for name, given in groups.items():
        found = opinion.abx(sum(a.correct for a in given), len(given))
        rows.append(
            {
                "Listener": name,
                "Correct": f"{found.correct} of {found.trials}",
                "Share": f"{found.proportion:.0%}",
                "95 % interval": f"{found.low:.0%} to {found.high:.0%}",
                "p (guessing)": _probability(found.p),
            }
        )
    st.dataframe(rows, hide_index=True, key="listening_abx")
    st.caption("p: the chance of so many correct answers or more by guessing (exact binomial test, one-sided).")


def _download(session: Session, answers: list[Answer]) -> None:
    def columns() -> dict[str, np.ndarray]:
        table = {"listener": [a.listener for a in answers], "trial": [a.trial + 1 for a in answers]}
        table["utterance"] = [a.utterance + 1 for a in answers]
        for place, name in enumerate(["system"] if session.method == MOS else ["a", "b", "x"]):
            table[name] = [a.systems[place] for a in answers]
        if session.method == MOS:
            table["score"] = [a.value for a in answers]
        else:
            table["answer"] = ["AB"[a.value] for a in answers]
            table["correct"] = [int(a.correct) for a in answers]
        return table | {"given": [a.given for a in answers]}

    save_table("Answers (CSV)", columns, key="listening_answers")


def _delete(store: Store, session: Session) -> None:
    with st.popover("Delete this test", icon=":material/delete:"):
        st.markdown("Its sounds, its listeners and all their answers will be gone.")
        if st.button("Delete for good", type="primary", key="listening_delete"):
            store.delete(session)
            leave()
            st.rerun()


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None else f"{_text(low)} to {_text(high)}"


def _probability(p: float | None) -> str:
    return "–" if p is None else f"{p:.1e}" if p < 0.001 else f"{p:.3f}"
