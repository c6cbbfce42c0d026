"""The top of every page."""

from functools import cache
from pathlib import Path

import streamlit as st

from . import links
from .handout import start_handout

ASSETS = Path(__file__).parents[2] / "assets" / "page_header"


@cache
def _copy_link():
    """The button that copies the page's link."""
    return st.components.v2.component(
        "tasnet_page_header",
        html=(ASSETS / "link.html").read_text(),
        css=(ASSETS / "link.css").read_text(),
        js=(ASSETS / "link.js").read_text(),
        isolate_styles=False,
    )


def show_header(title: str, question: str, *, link: bool = True) -> None:
    """The page's title, a button that copies its link unless that would tell too much, and the question it answers."""
    with st.container(horizontal=True, vertical_alignment="center", key="page_top"):
        st.title(title, width="stretch", anchor=False)
        _copy_link()(key="copy_link", data=links.complete() if link else {}, width="content", height="content")
    st.markdown(question)
    start_handout(title, question)
