"""What a page has shown in this run, kept for one button that makes a handout of it; and the names of files."""

import re
from collections.abc import Sequence
from urllib.parse import urlencode

import plotly.graph_objects as go
import streamlit as st

import tasnet
from analysis.handout import Handout, handout_page
from analysis.sounds.examples import available_examples
from tasnet import checkpoint
from tasnet.published import CATALOGUE

from . import links, workspace
from .text import bullets

KEY = "handout"


def start_handout(title: str, question: str) -> None:
    """A page begins: what the last one showed is forgotten."""
    st.session_state[KEY] = Handout(title, question)


def shown() -> Handout:
    """What the page has shown so far."""
    return st.session_state.setdefault(KEY, Handout("", ""))


def say(said: Sequence[str], *, key: str) -> None:
    """Show sentences, and keep them for the handout."""
    st.markdown(bullets(said))
    shown().said[key] = said


def note_picture(key: str, about: str, figure: go.Figure) -> None:
    """Keep a picture for the handout."""
    shown().pictures[key] = (about, figure)


def _chosen() -> workspace.Selection | None:
    """What the sidebar chose, on a page that has one."""
    chosen = st.session_state.get("selection")
    return chosen if isinstance(chosen, workspace.Selection) else None


def file_stem(key: str) -> str:
    """A file's name that says what it is, of which sound, by which model."""
    chosen = _chosen()
    sound = chosen and (chosen.example or (chosen.sound is not None and (chosen.kind or "sound").lower()))
    parts = [key, *([sound] if sound else []), *([chosen.model.rpartition("/")[2]] if chosen else [])]
    return "_".join(re.sub(r"[^A-Za-z0-9.-]+", "_", part.removesuffix(".safetensors")).strip("_") for part in parts)


def facts() -> dict[str, str]:
    """Of the model and the sound on this page."""
    chosen = _chosen()
    if chosen is None:
        return {}
    found = {"Model": chosen.model.rpartition("/")[2]}
    if chosen.sound is not None:
        used = workspace.separator(scored=chosen.sound.references is not None)
        found["Device and precision"] = f"{used.device}, {used.precision}"
    if chosen.example:
        found["Sound"] = chosen.example
    elif chosen.sound is not None:
        found["Sound"] = ", ".join(chosen.sound.labels) or "brought by the user"
    return found


def credits() -> list[str]:
    """Of the sound on this page and of the weights, their licences among them, as far as they are known."""
    chosen = _chosen()
    if chosen is None:
        return []
    of_sound = [one.credits for one in available_examples() if one.id == chosen.example]
    if not of_sound and chosen.sound is not None:
        of_sound = ["The sound was brought by the user: its rights are theirs to know."]
    if chosen.model in CATALOGUE:
        own = CATALOGUE[chosen.model]
        return [*of_sound, f"Weights: {own.credits} ({own.licence})."]
    try:
        told = checkpoint.describe(tasnet.available().get(chosen.model, chosen.model))[1]
    except tasnet.CheckpointError:
        return of_sound
    return [
        *of_sound,
        *(f"{what}: {said}." for what, said in (("Weights", told.credits), ("Licence", told.licence)) if said),
    ]


def offer_handout() -> None:
    """The button, at the page's end."""
    found, about, thanks = shown(), facts(), credits()
    address = {name: value for name, value in links.complete().items() if name != "upload"}  # its link is a key to it
    base = st.context.url or ""
    link = f"{base}?{urlencode(address)}" if base and address else base
    st.download_button(
        "Handout (HTML)",
        lambda: handout_page(found, about, thanks, link),
        f"{file_stem('handout')}.html",
        "text/html",
        icon=":material/school:",
        key="handout_button",
        on_click="ignore",
        help="What is on this page as one file for a class: words, figures, sound, settings, link and licence. "
        "Print it from the browser.",
    )
