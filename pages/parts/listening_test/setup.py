"""Setting up a listening test: which voices, which systems, which question."""

from collections.abc import Sequence

import streamlit as st

from analysis.listening import stimuli
from analysis.listening.ratings import ABX, MOS, REFERENCE, RatingsError, Session, Store
from analysis.scores.systems import NETWORK
from analysis.sounds import examples
from pages.parts import workspace
from pages.parts.text import plain

QUESTIONS = {MOS: "Rate from 1 to 5 (MOS)", ABX: "Same or different (A/B/X)"}
DEFAULT_SYSTEMS = {MOS: (REFERENCE, "IRM", NETWORK), ABX: ("IRM", NETWORK)}
DEFAULT_EXAMPLES = 3


def show(store: Store) -> None:
    """Draw the choices; the button makes the test and opens its operator's view."""
    speakers = workspace.separator().config.C
    known = {e.id: e for e in examples.available_examples() if len(e.voices) == speakers}
    method = st.segmented_control(
        "Question", list(QUESTIONS), format_func=QUESTIONS.get, default=MOS, required=True, key="listening_method"
    )
    st.caption(
        "As in the paper: the clean utterance is heard first as the reference for 5, then every system's version of "
        "it, the clean one among them, without names and in random order."
        if method == MOS
        else "A and B are the two systems' versions of one utterance, X is one of them. Can a listener tell which?"
    )
    chosen = st.multiselect(
        "Mixtures, two utterances each" if speakers == 2 else "Mixtures",
        list(known),
        default=list(known)[:DEFAULT_EXAMPLES],
        format_func=lambda name: known[name].title,
        key="listening_examples",
    )
    systems = st.multiselect(
        "Systems",
        stimuli.STIMULUS_SYSTEMS,
        default=DEFAULT_SYSTEMS[method],
        max_selections=2 if method == ABX else None,
        key=f"listening_systems_{method}",
        help="The mixture is a low anchor: nobody should rate it as separated.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.text_input(
            "Title", "How good does the speech sound?", max_chars=80, key="listening_title", help="Listeners see it."
        )
        seed = st.number_input("Seed", 0, 2**31 - 1, 1, key="listening_seed", help="It fixes every listener's order.")
    st.caption(
        "All sounds are brought to one loudness (ITU-R BS.1770). Nothing personal is kept but a nickname that each "
        "listener chooses; a test and all its answers can be deleted."
    )
    if st.button("Set up", type="primary", icon=":material/hearing:", disabled=not (chosen and systems)):
        try:
            session = _create(store, title, method, systems, chosen, seed)
        except (RatingsError, examples.ExampleError) as problem:
            st.error(plain(problem), icon=":material/error:")
        else:
            if session:
                st.query_params["operator"] = session.operator
                st.rerun()


def _create(
    store: Store, title: str, method: str, systems: Sequence[str], chosen: Sequence[str], seed: int
) -> Session | None:
    """The new test, or None when the user cancelled the separation."""
    wanted = list(dict.fromkeys([*systems, REFERENCE])) if method == MOS else list(systems)
    utterances = []
    for name in chosen:
        sound = workspace.example(name, 0.0)
        found = workspace.separation(sound)
        comparison = found and workspace.compared(sound, found)
        if comparison is None:
            return None
        utterances += stimuli.versions(comparison, name, wanted)
    return store.create(title, method, systems, stimuli.stimuli(utterances), seed)
