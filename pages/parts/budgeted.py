"""What visitors bring is read, and what they ask for is computed, in processes with a budget of their own.

Closing the tab or another click ends them.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis import computing
from analysis.workers import Budget, Nursery

from . import internals

READING = Budget()  # of what a visitor brings: more than any honest file takes
# What the work needs, so that a child has it at once.
MODULES = ("analysis.sounds.inputs", "analysis.corpus.results", "tasnet.convert.files", "pages.parts.own_model")
MEMORY = 1 << 30  # of what is computed from a sound as long as the pages take it
SECONDS, SECONDS_A_SECOND = 30.0, 5.0  # of computing: to begin with, and for a second of sound
LONG = 60.0  # s of sound: what takes so long leaves room for others


@st.cache_resource(show_spinner=False)
def nursery() -> Nursery:
    """The one of this server, which begins to load at the first call."""
    return Nursery([*MODULES, *computing.MODULES], ready=computing.READY)


def still_wanted() -> None:
    """Whoever asks for any state ends the run there, if the tab was closed or something else was asked for."""
    _ = "budgeted" in st.session_state


def read_within_budget(read: Callable[..., Any], *arguments: Any) -> Any:
    """`read(*arguments)`. Raises BudgetError, and what `read` raises."""
    return nursery().call(read, *arguments, budget=READING, wanted=still_wanted, owner=internals.session_id())


def compute_within_budget(
    function: Callable[..., Any],
    *arguments: Any,
    seconds: float,
    owner: str,
    progress: Callable[..., None],
    ready: str = "",
) -> Any:
    """`function(*arguments, progress=...)` on so many `seconds` of sound; asks nothing of the page.

    owner: the session that waits for it. progress: called again and again, with what is new and without; an exception
    that it raises ends the work and comes through. ready: a network that the function needs, as in
    `computing.load_ahead`. Raises BudgetError, and what the function raises.
    """
    share = [0.0]

    def told(done: float, *more: Any) -> None:
        share[0] = done
        progress(done, *more)

    return nursery().call(
        function,
        *arguments,
        budget=Budget(SECONDS + SECONDS_A_SECOND * seconds, MEMORY),
        wanted=lambda: progress(share[0]),
        progress=told,
        owner=owner,
        long=seconds > LONG,
        ready=ready,
    )
