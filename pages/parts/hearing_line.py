"""One line beside the player: what the sound seems to be, and a model that fits it better, one click away."""

from collections.abc import Callable
from typing import Any

import streamlit as st

import tasnet
from analysis import computing
from analysis.sounds.mixing import Mixture
from tasnet.errors import UserError
from tasnet.hearing import SURE
from tasnet.training_facts import SPEECH_FROM_NOISE

from . import internals, models, result_cache, workspace
from .budgeted import compute_within_budget, still_wanted
from .listening import speaker_names
from .text import plain

WORDS = {1: "Take a model for speech in noise", 2: "Take a model of two voices", 3: "Take a model of three voices"}
ANY_SOUND = "Take a model for any sound"  # of as many voices as the chosen one


def hearing_of(sound: Mixture) -> tasnet.Hearing | None:
    """What `sound` seems to be, computed once; None where that cannot be determined."""
    key = ("hearing", result_cache.fingerprint(sound.mixture))
    return judged(key, computing.hear_apart, sound.mixture, sound.rate, seconds=len(sound.mixture) / sound.rate)


def judged(key: tuple, function: Callable[..., Any], *arguments: Any, seconds: float) -> Any:
    """`function(*arguments)` on so many `seconds` of sound, computed once; None where it cannot be determined."""
    if (found := result_cache.find_result(key)) is None:
        try:
            found = compute_within_budget(
                function,
                *arguments,
                seconds=seconds,
                owner=internals.session_id(),
                progress=lambda *_: still_wanted(),
            )
        except UserError:  # it is not installed, there is nothing to hear, or it takes too long
            return None
        result_cache.keep_result(key, found)
    return found


def show_hearing(sound: Mixture) -> None:
    """The line, with a button where another model suits what is heard."""
    heard = hearing_of(sound)
    if heard is None:
        return
    chosen = workspace.selection().model
    label = models.label(chosen)
    names = speaker_names(len(label.outputs))
    with st.container(horizontal=True, vertical_alignment="center", key="hearing"):
        known = _known_voices(sound)
        st.caption(f":material/hearing: {plain(heard.sentence(names, known))}")
        words, fitting = _fitting(heard, label, known)
        if fitting:
            st.button(
                words,
                icon=":material/swap_horiz:",
                type="tertiary",
                help=plain(models.label(fitting[0]).scored),
                key="hearing_model",
                on_click=lambda: st.session_state.update(model=fitting[0]),
            )


def _known_voices(sound: Mixture) -> int | None:
    """How many voices `sound` has, where its clean signals tell."""
    if sound.references is None:
        return None
    return 1 if sound.task == SPEECH_FROM_NOISE else len(sound.references)


def _fitting(heard: tasnet.Hearing, label: models.ModelLabel, known: int | None) -> tuple[str, list[str]]:
    """What to offer, and the models that fit the sound better than the chosen one, the best first."""
    wanted = _wanted(heard, label) if known is None and heard.sure else 0
    if wanted:
        return WORDS[wanted], models.of_voices(wanted)
    fewer = heard.sure and heard.count < label.voices and (known is None or heard.count == known)
    if label.any_sound or label.voices < 2 or not (fewer or heard.noise >= SURE):
        return "", []
    return ANY_SOUND, [name for name in models.of_voices(label.voices) if models.label(name).any_sound]


def _wanted(heard: tasnet.Hearing, label: models.ModelLabel) -> int:
    """The number of voices of a model that fits better than the chosen one; 0 where none does."""
    if heard.count == label.voices or heard.count == 0:
        return 0
    if heard.count == 1:
        return 1 if heard.noise >= SURE else 0
    return heard.count
