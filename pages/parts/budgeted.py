"""What visitors bring is read in processes of its own, within a budget; closing the tab or another click ends it."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis.workers import Budget, Nursery

READING = Budget()  # of what a visitor brings: more than any honest file takes
# What the work needs, so that a child has it at once.
MODULES = ("analysis.sounds.inputs", "analysis.corpus.results", "tasnet.convert.files", "pages.parts.own_model")


@st.cache_resource(show_spinner=False)
def nursery() -> Nursery:
    """The one of this server, which begins to load at the first call."""
    return Nursery(MODULES)


def _wanted() -> None:
    """Whoever asks for any state ends the run there, if the tab was closed or something else was asked for."""
    _ = "budgeted" in st.session_state


def read_within_budget(read: Callable[..., Any], *arguments: Any) -> Any:
    """`read(*arguments)`. Raises BudgetError, and what `read` raises."""
    return nursery().call(read, *arguments, budget=READING, wanted=_wanted)
