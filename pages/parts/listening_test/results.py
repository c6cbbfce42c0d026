"""The operator's view of a listening test: links, progress, scores, tests of difference, deletion."""

import streamlit as st

from analysis.listening import opinion
from analysis.listening.export import long_form, webmushra_form
from analysis.listening.headphones import QUESTIONS
from analysis.listening.ratings import Store
from analysis.listening.trials import ABX, Answer, Session, plan_trials
from analysis.words.say import share_text, span
from pages.parts.captions import caption
from pages.parts.pictures import data_table, save_table
from pages.parts.text import plain

from . import scores
from .tests import leave, links, remember


def show_test(store: Store, session: Session) -> None:
    """Everything about one test."""
    remember(session)
    st.markdown(f"## {plain(session.title)}")
    addresses = links(session)
    st.markdown("Pass this link on to the listeners:")
    st.code(addresses["listener"], language=None)
    compared = ", ".join(map(plain, session.systems))
    repeated = f", asked {session.repetitions} times" if session.repetitions > 1 else ""
    caption(
        "Keep the address of this page: it alone opens the results. "
        f"{session.method} test of {compared} on {len(session.utterances)} utterances{repeated}, "
        f"seed {session.seed}, set up {session.created[:16].replace('T', ' ')} UTC."
    )
    if "owner" in addresses and st.button("All your tests", icon=":material/list:", key="listening_all"):
        leave()
        st.query_params["owner"] = session.owner
        st.rerun()
    answers = store.answers(session)
    _progress(store, session, answers)
    if answers:
        if session.method == ABX:
            _identifications(answers)
        else:
            scores.show_opinions(store, session, answers)
        _download(store, session)
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
    doubtful = [x for x in listeners if x.headphones is not None and x.headphones < QUESTIONS]
    if doubtful:
        caption(
            ":material/headphones: Perhaps without headphones: "
            + ", ".join(f"{plain(x.nickname)} ({x.headphones} of {QUESTIONS} right)" for x in doubtful)
            + ". Their answers count below."
        )


def _identifications(answers: list[Answer]) -> None:
    """A/B/X: how often X was found, by everyone and by each listener."""
    crossed = opinion.crossed_share(
        [a.correct for a in answers], [a.listener for a in answers], [a.utterance for a in answers]
    )
    names = list(dict.fromkeys(a.listener for a in answers))
    groups = {"everyone": answers} | {name: [a for a in answers if a.listener == name] for name in names}
    rows = []
    for name, given in groups.items():
        found = opinion.abx(sum(a.correct for a in given), len(given))
        ends = crossed if name == "everyone" else (found.low, found.high)
        rows.append(
            {
                "Listener": name,
                "Correct": f"{found.correct} of {found.trials}",
                "Share": share_text(found.proportion, 0),
                "95 % interval": "–" if ends is None else span((100 * ends[0], 100 * ends[1]), 0, " %"),
                "p (guessing)": scores.probability(found.p),
            }
        )
    data_table(rows, key="listening_abx")
    caption(
        "p: the chance of so many correct answers or more by guessing. By the exact binomial test, "
        "one-sided. For everyone together it assumes just that: no listener hears anything in any utterance. A small "
        "p says that somebody hears something somewhere, not that everybody does. The interval for everyone takes "
        "listeners and utterances as drawn at random and needs two of each; that of one listener takes their answers "
        "for independent, and so does everyone's where all or none are right (Clopper-Pearson)."
    )


def _download(store: Store, session: Session) -> None:
    with st.container(horizontal=True):
        save_table("Answers (CSV)", lambda: long_form(store, session), key="listening_answers")
        if session.method != ABX:
            save_table("As webMUSHRA's mushra.csv", lambda: webmushra_form(store, session), key="listening_webmushra")


def _delete(store: Store, session: Session) -> None:
    with st.popover("Delete this test", icon=":material/delete:"):
        st.markdown("Its sounds, its listeners and all their answers will be deleted.")
        if st.button("Delete for good", type="primary", key="listening_delete"):
            store.delete(session)
            leave()
            st.rerun()
