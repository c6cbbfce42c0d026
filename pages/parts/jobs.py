"""The jobs of the server on a page: one's own, or the one of a link; they go on when the page is left."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from analysis.jobs import ACTIVE, CANCELLED, DONE, RUNNING, WAITING, Job, JobError, Jobs
from analysis.keys import new_key
from tasnet.errors import PathError, UserError

from . import errors, folders, job_kinds
from .text import plain

FOLDER = Path("runs") / "jobs"
GOES_ON = "What was done until then is kept, and the same again goes on from there."
OWNER, LINK = "jobs", "job"  # parameters of the address: the key of an owner, and of one job
SHOWN = 5  # that have ended
LOOK_SECONDS = 1.0


@st.cache_resource(show_spinner=False)
def _jobs(folder: Path, server: int) -> Jobs:
    return Jobs(folder, job_kinds.KINDS, _said)


def server_jobs() -> Jobs:
    """The jobs of this server. Raises FolderError, JobError or PathError where their folder cannot be used."""
    return _jobs(folders.folder_for(FOLDER), os.getpid())


def _said(problem: Exception) -> str:
    """One sentence on what ended a job."""
    if isinstance(problem, PathError):
        return f"{folders.without_root(problem)} {GOES_ON}"
    if isinstance(problem, UserError):
        return folders.without_root(problem)
    return f"The work ended. {errors.note(problem)} {GOES_ON}"


def _owner(jobs: Jobs) -> str:
    """The key under which this visitor's jobs are found: the address's, where it has any, this tab's, or a new one."""
    known = st.query_params.get(OWNER)
    if known and jobs.owned(known):
        st.session_state.jobs_owner = known
    return st.session_state.setdefault("jobs_owner", new_key())


def submit(kind: str, name: str, settings: dict[str, Any], check: Callable[[], object]) -> None:
    """Take a job of this visitor's, unless `check` raises; where it cannot be taken the page says so."""
    try:
        check()
        jobs = server_jobs()
        jobs.submit(kind, name, settings, _owner(jobs))
    except UserError as problem:
        st.error(plain(_said(problem)), icon=":material/error:")


def show_jobs(kind: str, view: dict[str, str], done: Callable[[Job], None]) -> None:
    """This visitor's jobs of `kind`, and the one that the address names.

    view: the parameters of the address that show this part of the page. done: draws what can be done with a result.
    """
    try:
        jobs = server_jobs()
    except UserError as problem:
        st.error(plain(_said(problem)), icon=":material/error:")
        return
    owner = _owner(jobs)
    mine = [one for one in jobs.owned(owner) if one.kind == kind]
    shown = [one.id for one in mine if one.state in ACTIVE] + [one.id for one in mine if one.state not in ACTIVE][
        :SHOWN
    ]
    if mine:
        st.query_params[OWNER] = owner
    if linked := st.query_params.get(LINK):
        try:
            shown = [jobs.find(linked).id, *(one for one in shown if one != jobs.find(linked).id)]
        except JobError as problem:
            st.warning(plain(problem), icon=":material/link_off:")
    if not shown:
        return
    active = [one for one in shown if jobs.find(one).state in ACTIVE]

    def draw() -> None:
        for one in shown:
            _show(jobs, jobs.find(one), owner, view, done)
        if active and not all(jobs.find(one).state in ACTIVE for one in active):
            st.rerun()  # one has ended: the page has more to show, and perhaps nothing to wait for

    st.markdown("##### Jobs")
    st.caption(
        "They go on when you leave this page or close it. Its address brings you back, and lets whoever has it cancel "
        "them; a job's own link only shows that job."
    )
    st.fragment(draw, run_every=LOOK_SECONDS if active else None)()


def _show(jobs: Jobs, job: Job, owner: str, view: dict[str, str], done: Callable[[Job], None]) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(job.name)}**  \n{plain(_state(jobs, job))}", width="stretch")
            page = (st.context.url or "").split("?")[0]
            with st.popover("Link", icon=":material/link:"):
                st.caption("Whoever has it sees how far this job is; only you can cancel it.")
                st.code(f"{page}?{urlencode({**view, LINK: job.id})}", language=None)
            if job.state in ACTIVE and jobs.is_owner(job, owner):
                st.button(
                    "Cancel",
                    key=f"cancel_{job.id}",
                    icon=":material/cancel:",
                    disabled=jobs.is_ending(job),
                    on_click=_cancel,
                    args=(job.id,),
                )
        if job.state == RUNNING:
            st.progress(job.share, text=plain(job.words or "Beginning ..."))
        if job.problem:
            st.error(plain(job.problem), icon=":material/error:")
        if job.state == DONE:
            done(job)


def _cancel(key: str) -> None:
    jobs = server_jobs()
    jobs.cancel(jobs.find(key), _owner(jobs))


def _state(jobs: Jobs, job: Job) -> str:
    """Where a job stands, in words."""
    if job.state == WAITING:
        before = jobs.place(job)
        return "Waiting: it is the next." if not before else f"Waiting behind {before} other{'s' * (before > 1)}."
    if job.state == RUNNING and jobs.is_ending(job):
        return "Ending: it stops after what it is at."
    if job.state == RUNNING:
        left = job.seconds_left
        return "Running." if left is None else f"Running, about {timedelta(seconds=round(left))} left."
    if job.state == CANCELLED:
        return f"Cancelled. {GOES_ON}"
    return {DONE: "Done."}.get(job.state, "Ended without a result.")
