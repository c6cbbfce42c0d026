"""Before a listening test: a comfortable level, which is then kept, and a check for headphones."""

import secrets

import streamlit as st

from analysis.listening.headphones import QUESTIONS, HeadphoneQuestion, headphone_questions
from analysis.listening.ratings import Store
from analysis.listening.trials import REFERENCE, Listener, Session
from pages.parts.player import player

from .questions import load_track


def passed(store: Store, session: Session, listener: Listener) -> bool:
    """Whether everything is ready for the first trial; draws the next check that is not done."""
    level = f"listening_level_{listener.token}"
    if not st.session_state.get(level):
        _check_level(store, session, level)
        return False
    if session.headphones and listener.headphones is None:
        _check_headphones(store, listener)
        return False
    return True


@st.cache_data(max_entries=16, show_spinner=False)
def _questions(seed: int) -> list[HeadphoneQuestion]:
    return headphone_questions(seed)


def _check_level(store: Store, session: Session, key: str) -> None:
    st.markdown("## First, the level")
    st.markdown(
        "Play this and set your volume so that it is comfortable and every word is clear. Do not change it afterwards: "
        "all sounds of the test are equally loud."
    )
    known = REFERENCE if session.method != "ABX" else session.systems[0]
    heard = player(
        [load_track(store, session, session.utterances[0], "Sample", known)], key="listening_level", blind=True
    ).heard
    if st.button("The level is right", type="primary", disabled="Sample" not in heard, key="listening_level_right"):
        st.session_state[key] = True
        st.rerun()
    if "Sample" not in heard:
        st.caption("Space plays. The button wakes up when you have heard a second of it.")


def _check_headphones(store: Store, listener: Listener) -> None:
    state = st.session_state.setdefault(
        f"listening_headphones_{listener.token}", {"seed": secrets.randbelow(2**31), "answers": []}
    )
    questions = _questions(state["seed"])
    answers = state["answers"]
    st.markdown("## Are your headphones on?")
    if len(answers) < QUESTIONS:
        st.markdown(
            "You hear three noises. **In which is there a faint tone?** Over headphones it is there; over loudspeakers "
            "there is none. Guess where you are not sure."
        )
        st.progress(len(answers) / QUESTIONS, text=f"{len(answers) + 1} of {QUESTIONS}")
        st.audio(questions[len(answers)].wav, format="audio/wav")
        with st.container(horizontal=True):
            for number, word in enumerate(("First", "Second", "Third"), start=1):
                if st.button(word, key=f"headphones_{len(answers)}_{number}", shortcut=str(number)):
                    answers.append(number)
                    st.rerun()
        return
    right = sum(given == question.answer for given, question in zip(answers, questions, strict=True))
    if right == QUESTIONS:
        st.success("Your headphones are on: all answers were right.", icon=":material/headphones:")
    else:
        st.warning(
            f"{right} of {QUESTIONS} answers were right, as over loudspeakers or with one ear. Put headphones on, left "
            "and right as marked, and try again; or go on, and the operator will see this number.",
            icon=":material/headphones:",
        )
    with st.container(horizontal=True):
        if st.button("Go on", type="primary", key="headphones_go_on"):
            store.keep_headphones(listener, right)
            st.rerun()
        if right < QUESTIONS and st.button("Try again", key="headphones_again"):
            state.update(seed=secrets.randbelow(2**31), answers=[])
            st.rerun()
