"""The top of every page."""

from functools import cache

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from analysis.sounds.examples import available_examples
from tasnet.places import WEB

from . import class_tour, links, models, workspace
from .handout import start_handout

FIRST = "Separate"  # the page with which a visit begins
ASSETS = WEB / "page_header"


@cache
def _copy_link() -> ComponentRenderer:
    """The button that copies the page's link."""
    return st.components.v2.component(
        "tasnet_page_header",
        html=(ASSETS / "link.html").read_text(),
        css=(ASSETS / "link.css").read_text(),
        js=(ASSETS / "link.js").read_text(),
        isolate_styles=False,
    )


@cache
def _open_choices() -> ComponentRenderer:
    """On a phone: a button that opens the sidebar, and says what is chosen there."""
    return st.components.v2.component(
        "tasnet_choices",
        html=(ASSETS / "choices.html").read_text(),
        css=(ASSETS / "choices.css").read_text(),
        js=(ASSETS / "choices.js").read_text(),
        isolate_styles=False,
    )


def show_header(title: str, question: str, *, link: bool = True) -> None:
    """The page's title, the button that copies its link (unless it would reveal too much), and its question."""
    with st.container(horizontal=True, vertical_alignment="center", key="page_top"):
        st.title(title, width="stretch", anchor=False)
        if title == FIRST:
            class_tour.invite()
        _copy_link()(key="copy_link", data=links.complete() if link else {}, width="content", height="content")
    st.markdown(question)
    if link and isinstance(st.session_state.get("selection"), workspace.Selection):
        _open_choices()(key="open_choices", data=_chosen(), height="content")
    class_tour.show_stop()
    start_handout(title, question)


def _chosen() -> dict[str, str]:
    """What the sidebar has chosen, in a few words."""
    chosen = workspace.selection()
    kinds = {"upload": "your file", "mix": "your mix", "record": "your recording"}
    example = chosen.example and next((one.title for one in available_examples() if one.id == chosen.example), "")
    return {"sound": example or kinds.get(chosen.kind or "", ""), "model": models.label(chosen.model).title}
