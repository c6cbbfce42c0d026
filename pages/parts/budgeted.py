"""Reads what visitors bring, and computes what they ask for, in processes with a budget of their own.

Closing the tab, or another click, ends them.
"""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from analysis import computing
from analysis.workers import Budget, Nursery, machine_memory

from . import folders, internals, job_kinds
from .scratch import scratch_folder

# Of what a visitor brings: more than any honest file takes. All of it together takes no more than one may, and a
# crowd is told to come again rather than kept waiting.
READING = Budget(together=400 << 20, wait=8)
# Of weights: what their files do not tell is found by trial on speech, whose cost goes with the network's size.
CONVERTING_SECONDS, CONVERTING_SECONDS_A_MB, CONVERTING_MOST = 12.0, 1.5, 60.0
# What the work needs, so that a child has it at once.
MODULES = ("analysis.sounds.inputs", "analysis.corpus.results", "tasnet.convert.files", "pages.parts.own_model")
MEMORY = 1 << 30  # of what is computed from a sound as long as the pages take it
SECONDS, SECONDS_A_SECOND = 30.0, 5.0  # of computing: to begin with, and for a second of sound
LONG = 60.0  # s of sound: work this long leaves room for others


JOB_MEMORY = 0.5  # share of the machine's memory for the process of a job
JOB_DISK = 4 << 30  # bytes of a file: what WAV can hold


@st.cache_resource(show_spinner=False)
def nursery() -> Nursery:
    """The one of this server, which begins to load at the first call."""
    return Nursery([*MODULES, *computing.MODULES, "pages.parts.job_kinds"], ready=computing.READY)


def still_wanted() -> None:
    """Touch the session's state, which ends the run if the tab was closed or something else was clicked."""
    _ = "budgeted" in st.session_state


def read_within_budget(read: Callable[..., Any], *arguments: Any, budget: Budget = READING) -> Any:
    """`read(*arguments)`; its temporary files go, however it ends. Raises BudgetError, and what `read` raises."""
    with scratch_folder() as scratch:
        return nursery().call(
            _with_scratch, scratch, read, *arguments, budget=budget, wanted=still_wanted, owner=internals.session_id()
        )


def converting(files: Sequence[tuple[str, bytes]]) -> Budget:
    """The budget for weights in `files` (name, content): what unfolds to more than it is gets no more for it."""
    megabytes = sum(len(content) for _, content in files) / 1e6
    return replace(READING, seconds=min(CONVERTING_SECONDS + CONVERTING_SECONDS_A_MB * megabytes, CONVERTING_MOST))


def _with_scratch(scratch: str, read: Callable[..., Any], *arguments: Any) -> Any:
    """In a child, which may be killed at any time: `read(*arguments)`, with temporary files in `scratch` alone."""
    before, tempfile.tempdir = tempfile.tempdir, scratch
    try:
        return read(*arguments)
    finally:
        tempfile.tempdir = before


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


def perform_job(
    kind: str, settings: Mapping[str, Any], report: Callable[[float, str], None], wanted: Callable[[], None]
) -> str:
    """The work of a job; `Jobs` has seen to its turn. What it leaves in the folder for temporary files goes with it."""
    budget = Budget(math.inf, round(JOB_MEMORY * machine_memory()), JOB_DISK)
    with scratch_folder() as scratch:
        return nursery().call(
            job_kinds.perform,
            str(folders.reading_root()),
            scratch,
            kind,
            dict(settings),
            budget=budget,
            wanted=wanted,
            progress=report,
            owner=None,
        )
