"""The top of every page."""

from functools import cache
from pathlib import Path

import streamlit as st

from . import internals, links

ASSETS = Path(__file__).parents[2] / "assets"


@cache
def _copy_link():
    folder = ASSETS / "link"
    return st.components.v2.component(
        "tasnet_link",
        html=(folder / "link.html").read_text(),
        css=(folder / "link.css").read_text(),
        js=(folder / "link.js").read_text(),
        isolate_styles=False,
    )


def begin(title: str, question: str, *, link: bool = True) -> None:
    """The page's title, a button that copies its link unless that would tell too much, and the question it answers."""
    internals.start_in_app()
    st.html(ASSETS / "app.css")
    if link and (complete := links.complete()):
        with st.container(horizontal=True, vertical_alignment="center", key="page_top"):
            st.title(title, width="stretch", anchor=False)
            _copy_link()(key="copy_link", data=complete, width="content", height="content")
    else:
        st.title(title, anchor=False)
    st.markdown(question)
