"""Taking a listening test: one question after the other, by mouse or by keys."""

import io
import time
from dataclasses import dataclass

import soundfile
import streamlit as st

from analysis.listening.opinion import SCALE
from analysis.listening.ratings import (
    LONGEST_NICKNAME,
    MOS,
    REFERENCE,
    Listener,
    RatingsError,
    Session,
    Store,
    Trial,
    plan_trials,
)
from pages.parts.player import PlayerState, Track, player
from pages.parts.text import plain

QUICKEST = 0.5  # s: an earlier answer is the last key still held down, or a double click


@dataclass(frozen=True)
class Question:
    """What a trial asks: the sounds by the names they have here, and the answers with their keys."""

    text: str
    hint: str
    sounds: dict[str, str]  # name on the page -> system
    answers: dict[int, tuple[str, str]]  # value -> label, key


def show(store: Store, session: Session) -> None:
    """The listener's view: join, answer, done."""
    st.html("<style>[data-testid='stSidebar'], [data-testid='stSidebarHeader'] {display: none}</style>")
    with st.container(width=860):
        if token := st.query_params.get("listener"):
            _go_on(store, session, store.listener(token))
        else:
            _join(store, session)


def _join(store: Store, session: Session) -> None:
    st.markdown(f"##### {plain(session.title)}")
    count = len(plan_trials(session, 0))
    if session.method == MOS:
        st.markdown(
            f"You will hear {count} samples. For each, rate the quality of the speech from **1** (bad) to **5** "
            "(excellent). The clean reference is always there to compare with: it would be a 5."
        )
    else:
        st.markdown(f"You will be asked {count} times whether **X** is the same sound as **A** or as **B**.")
    st.markdown("You can stop at any time and go on later with the address that your browser then shows.")
    with st.form("join", border=False):
        nickname = st.text_input("A nickname, not your name", max_chars=LONGEST_NICKNAME, key="listening_nickname")
        if st.form_submit_button("Begin", type="primary"):
            try:
                listener = store.join(session, nickname)
            except RatingsError as problem:
                st.error(plain(problem), icon=":material/error:")
            else:
                st.query_params["listener"] = listener.token
                st.rerun()


def _go_on(store: Store, session: Session, listener: Listener) -> None:
    """The next question, or the last one again, or thanks."""
    if listener.session != session.id:
        raise RatingsError("This link belongs to another listening test.")
    trials = plan_trials(session, listener.number)
    again = f"listening_again_{listener.token}"
    done = store.answered(listener)
    number = st.session_state.get(again, done)
    if number >= len(trials):
        st.success(
            f"Thank you, {plain(listener.nickname)}. All your {done} answers are stored; you can close this page."
        )
        return
    st.progress(number / len(trials), text=f"Question {number + 1} of {len(trials)}")
    trial = trials[number]
    shown = st.session_state.setdefault(f"listening_shown_{listener.token}_{number}", time.monotonic())

    def answer(value: int) -> None:
        if time.monotonic() - shown >= QUICKEST:
            store.answer(session, listener, trial, value)
            st.session_state.pop(again, None)

    question = _question(session, trial)
    tracks = [_track(store, session, trial.utterance, name, system) for name, system in question.sounds.items()]
    heard_before = number > 0 and trials[number - 1].utterance == trial.utterance
    first = tracks[-1] if session.method == MOS and heard_before else tracks[0]
    player(tracks, key="listening_player", blind=True, start=PlayerState(active=first.name))
    st.markdown(question.text)
    for place, (value, (label, key)) in zip(st.columns(len(question.answers)), question.answers.items(), strict=True):
        place.button(
            label, key=f"answer_{number}_{value}", on_click=answer, args=(value,), shortcut=key, width="stretch"
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(question.hint)
        if number > 0 and st.button("Back", icon=":material/undo:", help="Answer the last question again"):
            st.session_state[again] = number - 1
            st.rerun()


def _question(session: Session, trial: Trial) -> Question:
    if session.method == MOS:
        return Question(
            "How good is the speech in **Sample**?",
            "Space plays, ↑ and ↓ switch, 1 to 5 rate.",
            {"Reference": REFERENCE, "Sample": trial.systems[0]},
            {value: (word.capitalize(), str(value)) for value, word in SCALE.items()},
        )
    return Question(
        "Which is the same sound as **X**?",
        "Space plays, ↑ and ↓ switch, the keys A and B answer.",
        dict(zip("ABX", trial.systems, strict=True)),
        {0: ("X is A", "A"), 1: ("X is B", "B")},
    )


def _track(store: Store, session: Session, utterance: int, name: str, system: str) -> Track:
    samples, rate = soundfile.read(io.BytesIO(store.stimulus(session, utterance, system).wav), dtype="float32")
    return Track(name, samples, rate)
