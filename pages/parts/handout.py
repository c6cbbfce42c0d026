"""What a page has shown in this run, kept for the button that makes a handout of it; and file names."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import plotly.graph_objects as go
import streamlit as st

import tasnet
from analysis.handout import Handout, handout_page
from analysis.sounds.examples import available_examples
from analysis.words.say import number
from tasnet import checkpoint
from tasnet.published import CATALOGUE

from . import links, workspace
from .text import bullets

KEY = "handout"
LONGEST_NAME = 60  # of the user's sound in a file's name


def start_handout(title: str, question: str) -> None:
    """Start a page: forget what the last one showed."""
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


def note_table(title: str, rows: Sequence[Mapping[str, Any]], decimals: Mapping[str, int]) -> None:
    """Keep a table for the handout: rows {column: value}, columns of numbers with so many `decimals`."""

    def cell(name: str, value: Any) -> str:
        if name not in decimals:
            return html.escape(str(value))
        return "undefined" if value is None else number(value, decimals[name])

    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{cell(*item)}</td>' for item in row.items())}</tr>" for row in rows)
    shown().tables[title] = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _chosen(sound: bool = True) -> workspace.Selection | None:
    """The sidebar's selection, on a page that has one; without its sound where that is not on show."""
    chosen = st.session_state.get("selection")
    if not isinstance(chosen, workspace.Selection):
        return None
    return chosen if sound else replace(chosen, sound=None, example=None)


def file_stem(key: str) -> str:
    """A file name that says what it is, and from which sound and model."""
    chosen = _chosen()
    parts = [key, _sound_name(chosen), chosen.model.rpartition("/")[2] if chosen else ""]
    named = (re.sub(r"[^A-Za-z0-9.-]+", "_", part.removesuffix(".safetensors")).strip("_") for part in parts)
    return "_".join(filter(None, named))


def _sound_name(chosen: workspace.Selection | None) -> str:
    """What the sound is called: an example's name, the user's file, or how it was brought; "" where there is none."""
    if chosen is None or chosen.sound is None:
        return (chosen and chosen.example) or ""
    names = [Path(name).stem for name in chosen.sound.source.split(" and ")]
    return chosen.example or " and ".join(names)[:LONGEST_NAME] or (chosen.kind or "sound").lower()


def _models(chosen: workspace.Selection) -> list[str]:
    """The sidebar's model, and the one that it is compared with."""
    return [chosen.model, *([chosen.second] if chosen.second else [])]


def facts(models: Sequence[str] = (), *, sound: bool = True) -> dict[str, str]:
    """Of `models`, without which those of the sidebar, and of its sound."""
    chosen = _chosen(sound)
    if chosen is None:
        return {}
    names = [name.rpartition("/")[2] for name in models or _models(chosen)]
    found = {"Model" if len(names) == 1 else "Models": ", ".join(names)}
    if chosen.sound is not None:
        used = workspace.separator(scored=chosen.sound.references is not None)
        found["Device and precision"] = f"{used.device}, {used.precision}"
    if chosen.example:
        found["Sound"] = chosen.example
    elif chosen.sound is not None:
        found["Sound"] = chosen.sound.source or ", ".join(chosen.sound.labels) or "brought by the user"
    return found


def settings() -> dict[str, str]:
    """The settings of this page, as in its link; {} where everything is at its default."""
    known = {"sound", "model", "device", "precision", "example", "upload", *links.PLAYER}
    chosen = {
        name: values for name in st.query_params if name not in known if (values := st.query_params.get_all(name))
    }
    said = (f"{name.replace('_', ' ')}: {', '.join(values)}" for name, values in chosen.items())
    return {"Settings": "; ".join(said)} if chosen else {}


def credits(models: Sequence[str] = (), *, sound: bool = True) -> list[str]:
    """Credits of sound and weights (as in `facts`), with their licences, as far as known."""
    chosen = _chosen(sound)
    if chosen is None:
        return []
    of_sound = [one.credits for one in available_examples() if one.id == chosen.example]
    if not of_sound and chosen.sound is not None:
        of_sound = ["The sound was brought by the user: its rights are theirs to know."]
    of_weights = [said for model in models or _models(chosen) for said in _credits_of_weights(model)]
    return list(dict.fromkeys([*of_sound, *of_weights]))


def _credits_of_weights(model: str) -> list[str]:
    if model in CATALOGUE:
        own = CATALOGUE[model]
        return [f"Weights: {own.credits} ({own.licence})."]
    try:
        told = checkpoint.describe(tasnet.available().get(model, model))[1]
    except tasnet.CheckpointError:
        return []
    return [f"{what}: {said}." for what, said in (("Weights", told.credits), ("Licence", told.licence)) if said]


def _link(base: str, address: Mapping[str, str | list[str]]) -> str:
    """The page at `base` with its sidebar's choices and its own settings; without an upload, whose link is a key."""
    shared = {name: value for name, value in address.items() if name != "upload"}
    return f"{base}?{urlencode(shared, doseq=True)}" if base and shared else base


def offer_handout(models: Sequence[str] = (), *, sound: bool = True) -> None:
    """The button, at the page's end.

    models: those on show, where these are not the sidebar's; sound: whether the sidebar's is on show.
    """
    found, thanks = shown(), credits(models, sound=sound)
    about = facts(models, sound=sound) | settings()
    own = {name: st.query_params.get_all(name) for name in st.query_params}
    link = _link(st.context.url or "", {**links.complete(), **own})
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
