"""The live view in the app (assets/browser/): the network runs in the visitor's own browser."""

import base64
import json
import re
from functools import cache
from pathlib import Path

import streamlit as st

from analysis.site import browser_model, offered_models
from tasnet import checkpoint

from . import internals, sound_inputs, uploads
from .player import ASSETS

BROWSER = ASSETS.parent / "browser"
LONGEST = 4_000_000  # characters of a recording that is taken over: a minute at 16 kHz is less


def talk(*, key: str) -> None:
    """Show the live view with the causal models that come along; a minute that is kept becomes the user's sound."""
    known = [browser_model(name) for name in offered_models()]
    models = [model for model in known if model["causal"]]
    for model in models:
        path = checkpoint.bundled()[model["name"]]
        model["file"] = internals.serve(path.read_bytes(), "application/octet-stream", f"{key}.{path.stem}", path.name)
    _component()(key=key, data={"models": models}, on_taken_change=lambda: _take(key))


def _take(key: str) -> None:
    """Make the recording that came through the component the sound of all pages."""
    content = (st.session_state.get(key) or {}).get("taken")
    if not isinstance(content, str) or not 0 < len(content) <= LONGEST:
        return
    st.session_state["sound"] = "record"
    uploads.keep_files(sound_inputs.RECORDING, [("The last minute", base64.b64decode(content))])


@cache
def _component():
    view = BROWSER / "view"
    texts = {"WORKER": bundled(BROWSER / "worker.js"), "WORKLET": bundled(BROWSER / "worklet.js")}
    texts["ENGINE"] = base64.b64encode((BROWSER / "engine.wasm").read_bytes()).decode()
    constants = "".join(f"const TASNET_{name} = {json.dumps(text)};\n" for name, text in texts.items())
    return st.components.v2.component(
        "tasnet_talk",
        html=(view / "live.html").read_text(),
        css=(view / "live.css").read_text(),
        js=constants + bundled(view / "streamlit.js"),
        isolate_styles=False,
    )


def bundled(entry: Path) -> str:
    """The ES module `entry` with all it imports as one module, each in a scope of its own; its default export stays."""
    parts: dict[Path, str] = {}
    _add(entry.resolve(), parts)
    return "\n".join(parts.values())


def _add(path: Path, parts: dict[Path, str]) -> None:
    if path in parts:
        return
    source, last = path.read_text(), not parts
    parts[path] = ""
    needed = []

    def imported(found: re.Match) -> str:
        other = (path.parent / found[2]).resolve()
        _add(other, parts)
        needed.append(other)
        return f"const {{{found[1].replace(' as ', ': ')}}} = {_scope(other)};"

    source = re.sub(r'^import \{([^}]*)\} from "([^"]+)";$', imported, source, flags=re.MULTILINE)
    names = re.findall(r"^export (?:async )?(?:const|let|class|function\*?) (\w+)", source, flags=re.MULTILINE)
    source = re.sub(r"^export (?!default)", "", source, flags=re.MULTILINE)
    del parts[path]  # it follows what it needs
    if not last:
        source = f"const {_scope(path)} = (() => {{\n{source}\nreturn {{ {', '.join(names)} }};\n}})();"
    parts[path] = source


def _scope(path: Path) -> str:
    return f"$_{path.parent.name}_{path.stem}"
