"""Setting up a listening test: which voices, systems and question, and what it can show at best."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from analysis.listening import opinion, stimuli
from analysis.listening.ratings import Store
from analysis.listening.trials import ABX, MOS, MUSHRA, REFERENCE, Session, Stimulus
from analysis.scores.systems import NETWORK
from analysis.sounds import examples
from analysis.words.say import share_text
from pages.parts import folders, listening, models, workspace
from pages.parts.captions import caption
from pages.parts.text import plain
from tasnet.errors import UserError

from . import tests
from .own_sounds import choose_own, create_own

QUESTIONS = {MOS: "Rate from 1 to 5 (MOS)", ABX: "Same or different (A/B/X)", MUSHRA: "Rate side by side (MUSHRA)"}
TITLES = {
    MOS: "How good does the speech sound?",
    ABX: "Can you hear the difference?",
    MUSHRA: "How close to the original does it sound?",
}
EXPLANATIONS = {
    MOS: "As in the paper: every version is rated from 1 to 5 beside the clean utterance. It is heard first as the "
    "reference for 5, then every system's version of it, the clean one among them, without names, in random order.",
    ABX: "A and B are the two systems' versions of one utterance, X is one of them. Can a listener tell which?",
    MUSHRA: "ITU-R BS.1534: all versions on one page, rated from 0 to 100 beside the reference. "
    "The reference hides among them; the mixture and a low-passed reference are the anchors. Listeners who rate the "
    f"hidden reference below {opinion.SURE} on more than {share_text(opinion.SHARE, 0)} of the pages are left out.",
}
DEFAULT_SYSTEMS = {MOS: (REFERENCE, "IRM", NETWORK), ABX: ("IRM", NETWORK), MUSHRA: ("IRM", NETWORK)}
DEFAULT_TRAINING = {MOS: 3, ABX: 2, MUSHRA: 1}
DEFAULT_EXAMPLES = 3
SOURCES = ("Mixtures of this app", "Your own sounds")


def show_setup(store: Store) -> None:
    """Draw the choices; the button makes the test and opens its operator's view."""
    tests.show_own(store)
    source = st.segmented_control("Sounds", SOURCES, default=SOURCES[0], required=True, key="listening_source")
    if source == SOURCES[1]:
        caption(EXPLANATIONS[MUSHRA])
        found = choose_own()
        title = found[0].title if found else TITLES[MUSHRA]
        shape = _choose_shape(MUSHRA, title, len(found[0].pages) if found else 0, len(found[0].systems) if found else 0)
        if st.button("Set up", type="primary", icon=":material/hearing:", disabled=found is None):
            _open(lambda: create_own(found, partial(_keep, store, shape)))
        return
    speakers = workspace.separator().config.C
    known = {e.id: e for e in examples.available_examples() if len(e.voices) == speakers}
    if not known:
        st.info(
            "There is no example with as many voices as this model gives: choose another model in the sidebar.",
            icon=":material/info:",
        )
        return
    method = st.segmented_control(
        "Question",
        list(QUESTIONS),
        format_func=QUESTIONS.__getitem__,
        default=MOS,
        required=True,
        key="listening_method",
    )
    caption(EXPLANATIONS[method])
    chosen = st.multiselect(
        "Mixtures, two utterances each" if speakers == 2 else "Mixtures",
        list(known),
        default=list(known)[:DEFAULT_EXAMPLES],
        format_func=lambda name: known[name].title,
        key="listening_examples",
    )
    others = [name for name in models.of_voices(speakers) if name != workspace.selection().model]
    titles = models.plain_titles(models.names()) | {NETWORK: listening.chosen_system()}
    offered = [s for s in stimuli.STIMULUS_SYSTEMS if method != MUSHRA or s not in stimuli.MUSHRA_ALWAYS] + others
    systems = st.multiselect(
        "Systems",
        offered,
        default=DEFAULT_SYSTEMS[method],
        format_func=lambda name: titles.get(name, name),
        max_selections=2 if method == ABX else None,
        key=f"listening_systems_{method}",
        help=f"{plain(titles[NETWORK])} is the model of the sidebar; the others can be set beside it. The mixture is a "
        "low anchor.",
    )
    shape = _choose_shape(method, TITLES[method], len(chosen) * speakers, len(systems))
    if st.button("Set up", type="primary", icon=":material/hearing:", disabled=not (chosen and systems)):
        _open(lambda: _create(partial(_keep, store, shape), method, systems, chosen))


def _choose_shape(method: str, first_title: str, utterances: int, systems: int) -> dict[str, Any]:
    """How the test is asked: `Store.create`'s title, seed and the rest; and what it can show at best, in words."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.text_input(
            "Title", first_title, max_chars=80, key=f"listening_title_{method}_{first_title}", help="Listeners see it."
        )
        seed = st.number_input("Seed", 0, 2**31 - 1, 1, key="listening_seed", help="It fixes every listener's order.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        training = st.number_input(
            "Training trials",
            0,
            20,
            DEFAULT_TRAINING[method],
            key=f"listening_training_{method}",
            help="Before the test, not counted; in A/B/X the listener is told what was right.",
            width=150,
        )
        repetitions = st.number_input(
            "Repetitions", 1, 20, 1, key="listening_repetitions", help="How often everything is asked.", width=150
        )
        listeners = st.number_input(
            "Listeners you expect", 1, 1000, 8, key="listening_expected", help="For the sentence below only.", width=190
        )
        headphones = st.toggle(
            "Check for headphones",
            True,
            key="listening_check_headphones",
            help="Six questions about a tone that only headphones let one hear (Huggins' pitch).",
        )
    if utterances:
        st.info(reach(method, utterances, systems, repetitions, listeners), icon=":material/functions:")
    caption("Only a nickname and the browser's name are kept; a test can be deleted with its answers.")
    return {
        "title": title,
        "seed": seed,
        "training": training,
        "repetitions": repetitions,
        "headphones": headphones,
        "owner": tests.owner(),
    }


def _keep(store: Store, shape: dict[str, Any], method: str, systems: Sequence[str], sounds: list[Stimulus]) -> Session:
    rest = {name: value for name, value in shape.items() if name not in ("title", "seed")}
    return store.create(shape["title"], method, systems, sounds, shape["seed"], **rest)


def _open(make: Callable[[], Session | None]) -> None:
    """Open the operator's view of the test that `make` creates; a refusal is shown."""
    try:
        session = make()
    except UserError as problem:
        st.error(plain(folders.without_root(problem)), icon=":material/error:")
        return
    if session:
        tests.remember(session)
        st.query_params["operator"] = session.operator
        st.rerun()


def reach(method: str, utterances: int, systems: int, repetitions: int, listeners: int) -> str:
    """In sentences, how many answers a test of this size asks for and what they can show at best."""
    if method == ABX:
        trials = utterances * repetitions
        needed = opinion.abx_needed(trials)
        least = (
            f"p = {0.5**trials:.2g} at best, {needed} must be right for p < 0.05"
            if needed
            else (f"p = {0.5**trials:.2g} at best: no listener alone can reach p < 0.05, ask more often")
        )
        return f"Each listener answers {trials} times: {least}."
    pages = utterances * repetitions * (1 if method == MUSHRA else systems)
    said = f"Each listener answers {pages} times. "
    if min(listeners, utterances) < 2:
        return said + "With a single listener or utterance nothing can be said of others: there will be no interval."
    best = opinion.best_paired_p(min(listeners, utterances))
    verdict = "" if best < 0.05 else ": too few for p < 0.05"
    fewer = "listeners" if listeners <= utterances else "utterances"
    return said + (
        f"Even if all {min(listeners, utterances)} {fewer} agree, a rank test over {fewer} gives p = {best:.2g} at "
        f"best{verdict}."
    )


def _create(
    keep: Callable[[str, Sequence[str], list[Stimulus]], Session],
    method: str,
    systems: Sequence[str],
    chosen: Sequence[str],
) -> Session | None:
    """The new test, or None when the user cancelled the separation."""
    if method == MUSHRA:
        systems = list(dict.fromkeys([*stimuli.MUSHRA_ALWAYS, *systems]))
    wanted = list(dict.fromkeys([*systems, REFERENCE])) if method == MOS else list(systems)
    others = [name for name in systems if name in models.names()]
    titles = models.plain_titles(models.names()) | {NETWORK: listening.chosen_system()}
    utterances = []
    for name in chosen:
        sound = workspace.example(name, 0.0)
        found = workspace.separation(sound)
        comparison = workspace.compared(sound, found) if found else None
        if comparison is None:
            return None
        rows = list(comparison.rows)
        for model in others:
            second = workspace.separation(sound, model)
            scored = workspace.compared(sound, second, model, ideal=False) if second else None
            if scored is None:
                return None
            rows.append(replace(scored.network, name=titles[model]))
        utterances += stimuli.versions(comparison, name, [titles.get(one, one) for one in wanted], rows)
    return keep(method, [titles.get(one, one) for one in systems], stimuli.stimuli(utterances))
