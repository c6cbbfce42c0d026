"""One question of a listening test: its sounds under blind names, and answers that wait until all was heard."""

import io
import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import soundfile
import streamlit as st

from analysis.listening.opinion import SCALE
from analysis.listening.ratings import Store
from analysis.listening.trials import ABX, MOS, REFERENCE, Session, Trial
from pages.parts.player import Track

REFERENCE_NAME = "Reference"
BEST = 100  # of the MUSHRA scale: what sounds like the reference


@dataclass(frozen=True)
class Question:
    """What a trial asks: the sounds by their blind names, and the answers with their keys."""

    text: str
    hint: str
    sounds: dict[str, str]  # name on the page -> system
    answers: dict[int, tuple[str, str]]  # value -> label, key; empty where every sound is rated


def question_of(session: Session, trial: Trial) -> Question:
    """The question of `trial`."""
    if session.method == MOS:
        return Question(
            "How good is the speech in **Sample**?",
            "Space plays, ↑ and ↓ switch, 1 to 5 rate.",
            {"Reference": REFERENCE, "Sample": trial.systems[0]},
            {value: (word.capitalize(), str(value)) for value, word in SCALE.items()},
        )
    if session.method == ABX:
        return Question(
            "Which is the same sound as **X**?",
            "Space plays, ↑ and ↓ switch, the keys A and B answer.",
            dict(zip("ABX", trial.systems, strict=True)),
            {0: ("X is A", "A"), 1: ("X is B", "B")},
        )
    letters = string.ascii_uppercase[: len(trial.systems)]
    return Question(
        "How close does each come to the **Reference**? One of them is the reference itself: it should get 100.",
        "Space plays, ↑ and ↓ switch while it plays; mark a stretch to hear it in a loop.",
        {REFERENCE_NAME: REFERENCE, **dict(zip(letters, trial.systems, strict=True))},
        {},
    )


def load_track(store: Store, session: Session, utterance: int, name: str, system: str) -> Track:
    """One sound of the test under its blind `name`."""
    samples, rate = soundfile.read(io.BytesIO(store.stimulus(session, utterance, system).wav), dtype="float32")
    return Track(name, samples, rate)


def draw_answers(
    question: Question, key: str, heard: Collection[str], ratings: Mapping[str, int]
) -> int | tuple[int, ...] | None:
    """The buttons of a question, or what lets its `ratings` by name be sent; what was answered in this run, else None.

    Values are returned, not handled in a callback: a click that arrives with the first run after a server restart would
    find no callback.
    """
    missing = [name for name in question.sounds if name not in heard]
    st.caption(
        f":material/hearing: Play {_listed(missing)} first, each for at least a second."
        if missing
        else ":material/check: All was played."
    )
    answer: int | tuple[int, ...] | None = None
    if question.answers:
        for place, (value, (label, shortcut)) in zip(
            st.columns(len(question.answers)), question.answers.items(), strict=True
        ):
            if (
                place.button(label, key=f"{key}_{value}", shortcut=shortcut, width="stretch", disabled=bool(missing))
                and not missing
            ):
                answer = value
    else:
        names = [name for name in question.sounds if name != REFERENCE_NAME]
        unrated = [name for name in names if name not in ratings]
        certain = any(ratings.get(name) == BEST for name in names)
        if unrated:
            st.caption(f":material/tune: Move the fader of {_listed(unrated)}.")
        elif not certain:
            st.caption(f":material/tune: Give {BEST} to at least one: the reference hides among them.")
        ready = not (missing or unrated) and certain
        if st.button("Next", type="primary", key=f"{key}_next", disabled=not ready) and ready:
            answer = tuple(ratings[name] for name in names)
    return answer


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
