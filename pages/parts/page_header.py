"""The top of every page."""

import streamlit as st

from analysis.sounds.examples import available_examples

from . import class_tour, internals, links, models, workspace
from .handout import start_handout
from .text import plain

FIRST = "Separate"  # the page with which a visit begins


def show_header(title: str, question: str, *, link: bool = True) -> None:
    """The page's title, the button that copies its link (unless it would reveal too much), and its question."""
    with st.container(horizontal=True, vertical_alignment="center", key="page_top"):
        st.title(plain(title), width="stretch", anchor=False)
        if title == FIRST:
            class_tour.invite()
        copy = internals.web_component("link", "page_header/link.js", "page_header/link")
        copy(key="copy_link", data=links.complete() if link else {}, width="content", height="content")
    st.markdown(question)
    if link and isinstance(st.session_state.get("selection"), workspace.Selection):
        # On a phone: a button that opens the sidebar, and says what is chosen there.
        open_ = internals.web_component("choices", "page_header/choices.js", "page_header/choices")
        open_(key="open_choices", data=_chosen(), height="content")
    class_tour.show_stop()
    start_handout(title, question)


def _chosen() -> dict[str, str]:
    """What the sidebar has chosen, in a few words."""
    chosen = workspace.selection()
    kinds = {"upload": "your file", "mix": "your mix", "record": "your recording"}
    example = chosen.example and next((one.title for one in available_examples() if one.id == chosen.example), "")
    return {"sound": example or kinds.get(chosen.kind or "", ""), "model": models.label(chosen.model).title}
