"""The top of every page."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def begin(title: str, question: str) -> None:
    """The page's title and, in a line, the question it answers.

    A folder named pages/ makes Streamlit take the first visit to a new server for an app of its older kind, which
    runs a page without `app.py`, its sidebar and its selection; the page then starts over inside `app.py`.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
    st.title(title)
    st.markdown(question)
