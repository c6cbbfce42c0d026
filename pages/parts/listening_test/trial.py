"""Taking a listening test: checks, training, then one question after the other, by mouse or by keys."""

import time

import streamlit as st

from analysis.listening.opinion import SHARE, SURE
from analysis.listening.ratings import Store
from analysis.listening.trials import (
    ABX,
    LONGEST_NICKNAME,
    MOS,
    MUSHRA,
    Listener,
    RatingsError,
    Session,
    Trial,
    plan_training,
    plan_trials,
)
from analysis.words.say import share_text
from pages.parts.player import PlayerState, player
from pages.parts.text import plain

from . import checks
from .questions import REFERENCE_NAME, draw_answers, load_track, question_of

QUICKEST = 0.5  # s: an answer before this is the last key still held down, or a double click


def show_trial(store: Store, session: Session) -> None:
    """The listener's view: join, check, train, answer, done."""
    st.html("<style>[data-testid='stSidebar'], [data-testid='stSidebarHeader'] {display: none}</style>")
    with st.container(width=1080 if session.method == MUSHRA else 860):
        if token := st.query_params.get("listener"):
            _go_on(store, session, store.listener(token))
        else:
            _join(store, session)


def _join(store: Store, session: Session) -> None:
    st.markdown(f"## {plain(session.title)}")
    count = len(plan_trials(session, 0))
    if session.method == MOS:
        st.markdown(
            f"You will hear {count} samples. For each, rate the quality of the speech from **1** (bad) to **5** "
            "(excellent). The clean reference is always there to compare with: it would be a 5."
        )
    elif session.method == ABX:
        st.markdown(f"You will be asked {count} times whether **X** is the same sound as **A** or as **B**.")
    else:
        st.markdown(
            f"On each of {count} pages you hear a reference and {len(session.systems)} versions of it. Rate from **0** "
            "to **100** how close each version comes to the reference."
        )
    if session.method == MUSHRA:
        st.markdown(
            f"One version is the hidden reference; who rates it below {SURE} on more than "
            f"{share_text(SHARE, 0)} of the pages is left out of the results (ITU-R BS.1534-3)."
        )
    training = f" and {len(plan_training(session, 0))} for practice, which do not count" if session.training else ""
    st.markdown(
        f"It begins with a check of the level{training}. Nothing can be rated before it has been played. You can stop "
        "at any time and go on later with the address that your browser then shows."
    )
    with st.form("join", border=False):
        nickname = st.text_input("A nickname, not your name", max_chars=LONGEST_NICKNAME, key="listening_nickname")
        if st.form_submit_button("Begin", type="primary"):
            try:
                listener = store.join(session, nickname, st.context.headers.get("User-Agent", ""))
            except RatingsError as problem:
                st.error(plain(problem), icon=":material/error:")
            else:
                st.query_params["listener"] = listener.token
                st.rerun()


def _go_on(store: Store, session: Session, listener: Listener) -> None:
    """Show what precedes the first question, the next question, the last one again, or thanks."""
    if listener.session != session.id:
        raise RatingsError("This link belongs to another listening test.")
    trials = plan_trials(session, listener.number)
    again = f"listening_again_{listener.token}"
    done = store.answered(listener)
    if done == 0 and not (checks.passed(store, session, listener) and _trained(store, session, listener)):
        return
    number = st.session_state.get(again, done)
    if number >= len(trials):
        st.success(
            f"Thank you, {plain(listener.nickname)}. All your {done} answers are stored; you can close this page."
        )
        return
    st.progress(number / len(trials), text=f"Question {number + 1} of {len(trials)}")
    answer = _ask(store, session, listener, trials, number, "answer")
    if answer is not None:
        shown = st.session_state.get(_shown_key(listener, "answer", number))
        store.answer(session, listener, trials[number], answer, shown and time.monotonic() - shown)
        st.session_state.pop(again, None)
        st.rerun()
    if number > 0 and st.button("Back", icon=":material/undo:", help="Answer the last question again"):
        st.session_state[again] = number - 1
        st.rerun()


def _trained(store: Store, session: Session, listener: Listener) -> bool:
    """Whether the training is over; draws its next question where it is not."""
    trials = plan_training(session, listener.number)
    key, told = f"listening_trained_{listener.token}", "listening_training_told"
    number = st.session_state.setdefault(key, 0)
    if number >= len(trials):
        return True
    st.progress(number / len(trials), text=f"Training {number + 1} of {len(trials)}: this does not count yet")
    if said := st.session_state.get(told):
        st.info(said, icon=":material/school:")
    answer = _ask(store, session, listener, trials, number, "training")
    if answer is not None:
        st.session_state[key] += 1
        if session.method == ABX:
            systems = trials[number].systems
            right = systems[answer] == systems[2]
            st.session_state[told] = (
                f"That was {'right' if right else 'wrong'}: X was {'AB'[systems.index(systems[2])]}."
            )
        st.rerun()
    return False


def _shown_key(listener: Listener, key: str, number: int) -> str:
    return f"listening_shown_{listener.token}_{key}_{number}"


def _ask(
    store: Store, session: Session, listener: Listener, trials: list[Trial], number: int, key: str
) -> int | tuple[int, ...] | None:
    """Draw question `number`; the answer given in this run, or None. Says so where an answer does not count."""
    trial, question = trials[number], question_of(session, trials[number])
    shown = st.session_state.setdefault(_shown_key(listener, key, number), time.monotonic())
    tracks = [load_track(store, session, trial.utterance, name, system) for name, system in question.sounds.items()]
    heard_before = number > 0 and trials[number - 1].utterance == trial.utterance
    first = tracks[-1] if session.method == MOS and heard_before else tracks[0]
    faders = REFERENCE_NAME if session.method == MUSHRA else ""
    begin = PlayerState(active=first.name)
    state = player(tracks, key="listening_player", blind=True, faders=faders, start=begin)
    heard = set(state.heard)
    if session.method == MOS and heard_before:
        heard.add("Reference")  # with the utterance's sample before it
    st.markdown(question.text)
    st.caption(question.hint)
    answer = draw_answers(question, f"{key}_{number}", heard, dict(state.ratings))
    refused = f"listening_refused_{listener.token}_{key}_{number}"
    if answer is not None and time.monotonic() - shown < QUICKEST:
        st.session_state[refused] = True  # shown until it is answered: the next run may come at once
        answer = None
    if answer is None and st.session_state.get(refused):
        st.warning("That answer came too soon to be deliberate, and was not stored. Please answer again.")
    return answer
