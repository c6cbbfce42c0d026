"""A blind listening test: set one up, take it by its link, see what the listeners say (Table VII, Fig. 3)."""

import streamlit as st

from analysis.listening.trials import RatingsError
from pages.parts.listening_test import results as listening_results
from pages.parts.listening_test import setup as listening_setup
from pages.parts.listening_test import trial as listening_trial
from pages.parts.listening_test.tests import leave, store
from pages.parts.page_header import show_header
from pages.parts.text import plain


def missing(problem: RatingsError) -> None:
    st.error(plain(problem), icon=":material/error:")
    if st.button("Set up a test"):
        leave()
        st.rerun()


if key := st.query_params.get("test"):
    show_header("Listening test", "Your ears are the measure. Use headphones, in a quiet place.", link=False)
    try:
        listening_trial.show_trial(store(), store().session(key))
    except RatingsError as problem:
        missing(problem)
elif key := st.query_params.get("operator"):
    show_header("Listening test: results", "What did the listeners say, and how sure can one be?")
    try:
        listening_results.show_test(store(), store().operated(key))
    except RatingsError as problem:
        missing(problem)
else:
    show_header("Listening test", "Which separation do people prefer when they cannot see its name?")
    listening_setup.show_setup(store())
