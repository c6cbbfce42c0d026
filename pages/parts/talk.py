"""The live view in the app (assets/web/browser/): the network runs in the visitor's own browser."""

import base64

import streamlit as st

from analysis.site import browser_model, offered_models
from tasnet import checkpoint

from . import internals, sound_inputs, uploads

LONGEST = 4_000_000  # characters of a recording that is accepted: a minute at 16 kHz is less


def talk(*, key: str) -> None:
    """Show the live view with the bundled causal models; a minute that the visitor keeps becomes their sound."""
    known = [browser_model(name) for name in offered_models()]
    models = [model for model in known if model["causal"]]
    for model in models:
        path = checkpoint.bundled()[model["name"]]
        model["file"] = internals.serve(path.read_bytes(), "application/octet-stream", f"{key}.{path.stem}", path.name)
    show = internals.web_component("talk", "browser/view/streamlit.js", "browser/view/live", framed=True)
    show(key=key, data={"models": models}, on_taken_change=lambda: _take(key))


def _take(key: str) -> None:
    """Make the recording that came through the component the sound on all pages."""
    content = (st.session_state.get(key) or {}).get("taken")
    if not isinstance(content, str) or not 0 < len(content) <= LONGEST:
        return
    st.session_state["sound"] = "record"
    uploads.keep_files(sound_inputs.RECORDING, [("The last minute", base64.b64decode(content))])
