"""The top of every page."""

import streamlit as st

from . import internals


def begin(title: str, question: str) -> None:
    """The page's title and, in a line, the question it answers."""
    internals.start_in_app()
    st.title(title)
    st.markdown(question)
