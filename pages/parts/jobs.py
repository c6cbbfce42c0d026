"""The server's jobs on a page: the visitor's own, or the one of a link; they go on when the page is left."""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from analysis.jobs import ACTIVE, CANCELLED, DONE, RUNNING, WAITING, Job, JobError, Jobs
from analysis.keys import new_key
from analysis.words.say import duration
from pages.parts.captions import caption
from tasnet.errors import PathError, UserError

from . import budgeted, errors, folders, job_files, job_kinds, own_model
from .text import plain

logger = logging.getLogger(__name__)
GOES_ON = "What was done until then is kept, and the same again goes on from there."
OWNER, LINK = "jobs", "job"  # parameters of the address: the key of an owner, and of one job
SHOWN = 5  # that have ended
LOOK_SECONDS = 1.0


@st.cache_resource(show_spinner=False)
def _jobs(folder: Path, server: int) -> Jobs:
    return Jobs(folder, job_kinds.KINDS, job_kinds.ASIDE, _said, lambda *known: budgeted.perform_job(*known))


def server_jobs() -> Jobs:
    """The jobs of this server. Raises FolderError, JobError or PathError where their folder cannot be used."""
    return _jobs(folders.private_folder(), os.getpid())


def take_up() -> None:
    """Continue what an earlier server left, before anybody comes; does nothing where there were never any jobs."""
    if not (folders.reading_root() / folders.PRIVATE).is_dir():
        return
    try:
        server_jobs()
    except UserError as problem:  # a page that needs them will say so, and try again
        logger.warning("earlier jobs are not continued: %s", problem)


def _said(problem: Exception) -> str:
    """One sentence on what ended a job."""
    if isinstance(problem, PathError):
        return f"{folders.without_root(problem)} {GOES_ON}"
    if isinstance(problem, UserError):
        return folders.without_root(problem)
    return f"The work ended. {errors.note(problem)} {GOES_ON}"


def _owner(jobs: Jobs) -> str:
    """The key under which this visitor's jobs are found: the address's or this tab's, else a new one."""
    known = st.query_params.get(OWNER)
    if known and jobs.owned(known):
        st.session_state.jobs_owner = known
    return st.session_state.setdefault("jobs_owner", new_key())


def submit(
    kind: str,
    name: str,
    settings: dict[str, Any],
    check: Callable[[], object],
    file: tuple[str, bytes] | None = None,
    claim: Callable[[], object] = lambda: None,
) -> None:
    """Submit a job of this visitor's, unless `check` or `claim` raises; the page says so where it cannot be accepted.

    claim: see `Jobs.submit`. file: name and content of what the job works on; the job gets its key as the setting
    "files".
    """
    try:
        check()
        jobs = server_jobs()
        if (own := own_model.path()) is not None and own in (settings.get("model"), *settings.get("models", [])):
            settings = _with_kept_model(settings, own, jobs)
        if file is not None:
            settings = {**settings, "files": job_files.keep_file(*file, _files_needed(jobs))}
        jobs.submit(kind, name, settings, _owner(jobs), claim)
    except UserError as problem:
        st.error(plain(_said(problem)), icon=":material/error:")


def _with_kept_model(settings: dict[str, Any], own: str, jobs: Jobs) -> dict[str, Any]:
    """The settings of a job, with a copy of this session's `own` model that is kept as long as the job."""
    content = Path(own).read_bytes()
    key = job_files.keep_file(Path(own).name, content, _files_needed(jobs), hashlib.sha256(content).hexdigest()[:40])
    kept = f"{job_kinds.KEPT}{key}"
    one = {"model": kept} if settings.get("model") == own else {}
    several = {"models": [kept if name == own else name for name in settings["models"]]} if "models" in settings else {}
    return {**settings, **one, **several}


def _files_needed(jobs: Jobs) -> dict[str, bool]:
    """{key of files that jobs know: whether an unfinished job needs them}."""
    needed: dict[str, bool] = {}
    for job in jobs.known:
        for key in job_kinds.files_needed(job.settings):
            needed[key] = needed.get(key, False) or job.state in ACTIVE
    return needed


def mine(kind: str) -> list[Job]:
    """This visitor's jobs of a kind. Raises FolderError, JobError and OSError."""
    jobs = server_jobs()
    return [one for one in jobs.owned(_owner(jobs)) if one.kind == kind]


def all_of(kind: str) -> list[Job]:
    """Everybody's jobs of a kind. Raises FolderError, JobError and OSError."""
    return [one for one in server_jobs().known if one.kind == kind]


def may_have_any() -> bool:
    """Whether this visitor has asked for a job, or the address names one: otherwise there is nothing to look for."""
    return "jobs_owner" in st.session_state or bool({OWNER, LINK} & st.query_params.to_dict().keys())


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
            found = jobs.find(linked)
            shown = [found.id] * (found.kind == kind) + [one for one in shown if one != found.id]
        except JobError as problem:
            st.warning(plain(problem), icon=":material/link_off:")
    if not shown:
        return
    active = [one for one in shown if jobs.find(one).state in ACTIVE]

    def draw() -> None:
        if not {one.id for one in jobs.known}.issuperset(shown):
            st.rerun()  # one was removed or began again: a click here draws only this part of the page
        for one in shown:
            _show(jobs, jobs.find(one), owner, view, done)
        if active and not all(jobs.find(one).state in ACTIVE for one in active):
            st.rerun()  # one has ended: the page has more to show, and perhaps nothing left to wait for

    st.markdown("## Jobs")
    caption(
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
                caption("Whoever has it sees how far this job is; only you can cancel it.")
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
            if job.state not in (*ACTIVE, DONE) and jobs.is_owner(job, owner):
                again = "Start again" if job.kind == job_kinds.SEPARATION else "Go on"
                st.button(again, key=f"again_{job.id}", icon=":material/replay:", on_click=_again, args=(job.id,))
            if job.state not in ACTIVE and jobs.is_owner(job, owner):
                st.button("Remove", key=f"remove_{job.id}", icon=":material/delete:", on_click=_remove, args=(job.id,))
        if job.state == RUNNING:
            st.progress(min(max(job.share, 0.0), 1.0), text=plain(job.words or "Beginning ..."))
        if job.problem:
            st.error(plain(job.problem), icon=":material/error:")
        if job.state == DONE:
            done(job)


def _cancel(key: str) -> None:
    jobs = server_jobs()
    jobs.cancel(jobs.find(key), _owner(jobs))


def _again(key: str) -> None:
    """The same job once more, in the place of one that has ended without a result."""
    jobs = server_jobs()
    job = jobs.find(key)
    if jobs.is_owner(job, _owner(jobs)):
        jobs.submit(job.kind, job.name, job.settings, _owner(jobs))
        jobs.remove(job, _owner(jobs))


def _remove(key: str) -> None:
    jobs = server_jobs()
    job = jobs.find(key)
    jobs.remove(job, _owner(jobs))
    job_files.remove(job_kinds.files_needed(job.settings) - _files_needed(jobs).keys())


def _state(jobs: Jobs, job: Job) -> str:
    """Where a job stands, in words."""
    if job.state == WAITING:
        before = jobs.place(job)
        return "Waiting: it is the next." if not before else f"Waiting behind {before} other{'s' * (before > 1)}."
    if job.state == RUNNING and jobs.is_ending(job):
        return "Ending."
    if job.state == RUNNING:
        left = job.seconds_left
        return "Running." if left is None else f"Running, about {duration(left)} left."
    if job.state == CANCELLED:
        return "Cancelled." if job.kind == job_kinds.SEPARATION else f"Cancelled. {GOES_ON}"
    return {DONE: "Done."}.get(job.state, "Ended without a result.")
