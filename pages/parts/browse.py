"""Find a folder of sounds without knowing its name, below the one folder that the pages may read."""

import os
from collections.abc import Iterator
from pathlib import Path

import streamlit as st

from .folders import lies_below_root, name_below_root, reading_root
from .text import plain

MOST = 200  # folders offered at most
DEEPEST = 4  # levels below the root
LOOKED_AT = 4000  # folders, at most
PARTS = {"s1", "s2", "mix", "mix_clean", "mix_both", "mix_single"}  # of a set of mixtures
SOUNDS = (".wav", ".flac")
NEVER = {"__pycache__", "node_modules", "site-packages"}


def offer_folders(key: str) -> None:
    """Show the choices for the text field `key` above it, and say which folder names are relative to."""
    found, root = sound_folders(), reading_root().name or "/"
    if not found:
        st.caption(f"No sets are found below “{plain(root)}”, which this app may read: name one below.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            f"Sets below “{plain(root)}”, the folder that this app may read",
            found,
            index=None,
            placeholder="choose one, or name it below",
            key=f"{key}_browse",
            on_change=_take,
            args=(key,),
        )


def _take(key: str) -> None:
    if chosen := st.session_state[f"{key}_browse"]:
        st.session_state[key] = chosen


@st.cache_data(max_entries=4, ttl=20, show_spinner=False)
def _found(root: str) -> list[str]:
    return sorted({name_below_root(path) for path in _sets(Path(root))})[:MOST]


def sound_folders() -> list[str]:
    """The folders below the root that look like a set of mixtures: with s1 and the like, or with sounds, inside."""
    return _found(str(reading_root()))


def _sets(root: Path) -> Iterator[Path]:
    waiting, seen = [(root, 0)], 0
    while waiting and seen < LOOKED_AT:
        folder, depth = waiting.pop(0)
        seen += 1
        try:
            with os.scandir(folder) as entries:
                held = [entry for entry in entries if not entry.name.startswith(".") and entry.name not in NEVER]
                inside = [entry for entry in held if entry.is_dir(follow_symlinks=False)]
                sounds = any(entry.name.lower().endswith(SOUNDS) for entry in held)
        except OSError:
            continue
        if folder != root and lies_below_root(folder) and (sounds or PARTS & {entry.name for entry in inside}):
            yield folder
        elif depth < DEEPEST:
            waiting += [(Path(entry.path), depth + 1) for entry in inside]
