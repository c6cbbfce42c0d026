"""One question of a listening test: its sounds under blind names, and the answers, which wait until all is heard."""

import io
import string
from collections.abc import Collection
from dataclasses import dataclass

import soundfile
import streamlit as st

from analysis.listening.opinion import SCALE
from analysis.listening.ratings import ABX, MOS, REFERENCE, Session, Store, Trial
from pages.parts.player import Track

MUSHRA_SCALE = "0–20 bad · 20–40 poor · 40–60 fair · 60–80 good · 80–100 excellent"


@dataclass(frozen=True)
class Question:
    """What a trial asks: the sounds by the names they have here, and the answers with their keys."""

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
        f"{MUSHRA_SCALE}. Space plays, ↑ and ↓ switch.",
        {"Reference": REFERENCE, **dict(zip(letters, trial.systems, strict=True))},
        {},
    )


def load_track(store: Store, session: Session, utterance: int, name: str, system: str) -> Track:
    """One sound of the test under its blind `name`."""
    samples, rate = soundfile.read(io.BytesIO(store.stimulus(session, utterance, system).wav), dtype="float32")
    return Track(name, samples, rate)


def draw_answers(question: Question, key: str, heard: Collection[str]) -> int | tuple[int, ...] | None:
    """The buttons or sliders of a question; what was answered in this run, else None.

    Values are returned, not handled in a callback: a click that comes with the first run after a server's return finds
    no callback there.
    """
    missing = [name for name in question.sounds if name not in heard]
    st.caption(
        f":material/hearing: Play {_listed(missing)} first, each for at least a second."
        if missing
        else ":material/check: All was played."
    )
    answer = None
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
        names = [name for name in question.sounds if name != "Reference"]
        values = [st.slider(name, 0, 100, 0, key=f"{key}_{name}", disabled=name in missing) for name in names]
        if st.button("Next", type="primary", key=f"{key}_next", disabled=bool(missing)) and not missing:
            answer = tuple(values)
    return answer


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
