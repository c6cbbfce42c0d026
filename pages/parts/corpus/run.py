"""Evaluate a folder of mixtures from the page: what and how much; the work itself is a job of the server."""

import os
from functools import partial
from pathlib import Path
from typing import Literal

import streamlit as st

from analysis.jobs import Job
from pages.parts import folders, jobs, models, workspace
from pages.parts.browse import offer_folders
from pages.parts.captions import caption
from pages.parts.job_kinds import EVALUATION
from pages.parts.text import plain

from .checkpoints import RUN_MODEL

SPLITS = {"test": "Test", "valid": "Validation", "train": "Training"}


def show_run() -> None:
    """Choose a set and start; below it the jobs, and a way to the results of each."""
    separator = workspace.separator()
    title = models.label(separator.name).title
    of_run = st.session_state.get(RUN_MODEL)
    if of_run:
        title = f"the run's weights {of_run}"
        if st.button("Score the sidebar's model instead", icon=":material/undo:", type="tertiary"):
            st.session_state[RUN_MODEL] = None
            st.rerun()
    caption(
        f"Scores **{plain(title)}** and the ideal masks on **{separator.device}**. Choose model and device in "
        "the sidebar. Results are kept row by row: an evaluation that is cancelled goes on where it was. Long sets run "
        "better on the command line: `python -m analysis.corpus DIR --model NAME`."
    )
    offer_folders("corpus_set")
    with st.form("corpus_run"):
        folder = st.text_input(
            "Folder or list of the mixtures",
            key="corpus_set",
            placeholder="/data/Libri2Mix/wav8k/min",
            help="On the computer that runs this app: wsj0-mix, LibriMix, WHAM!, folders s1 and s2 (and mix), a folder "
            "a mixture, a list (.csv, .json, .scp), or a pack. `python -m tasnet.corpora layouts` tells them all.",
            persist_state="session",
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            limit = st.number_input(
                "Mixtures",
                1,
                value=20,
                key="corpus_limit",
                width=130,
                help="Evenly spread over the set; empty for all of them.",
                persist_state="session",
            )
            workers = st.number_input(
                "Workers",
                1,
                os.cpu_count() or 1,
                value=os.cpu_count() or 1,
                key="corpus_workers",
                width=130,
                help="Processes that score, best one for every core.",
                persist_state="session",
            )
            split = st.selectbox(
                "Split",
                list(SPLITS),
                format_func=SPLITS.__getitem__,
                key="corpus_split",
                width=150,
                persist_state="session",
            )
            kind = st.text_input(
                "Mixtures' folder",
                key="corpus_kind",
                placeholder="as found",
                width=150,
                help="Where the set has several kinds: mix_clean, mix_both, mix_single, mix_both_reverb ...",
                persist_state="session",
            )
            pesq = st.toggle("PESQ", True, key="corpus_pesq", help="Takes the most time.", persist_state="session")
        started = st.form_submit_button("Evaluate", icon=":material/play_arrow:", type="primary")
    if started and not folder.strip():
        st.error("Name the folder of the mixtures.", icon=":material/error:")
    elif started:
        settings = {
            "folder": folder.strip(),
            "model": of_run or st.session_state.model,
            "device": workspace.selection().device,
            "limit": limit,
            "workers": workers,
            "split": split,
            "kind": kind.strip(),
            "pesq": pesq,
        }
        name = f"{title} on {folder.strip()}"
        check = partial(folders.mixtures_below_root, folder.strip(), split=split, kind=kind.strip())
        jobs.submit(EVALUATION, name, settings, check)
    jobs.show_jobs(EVALUATION, {"corpus_view": "Evaluate"}, _offer_results)


def _offer_results(job: Job) -> None:
    """What to do with the results of a finished evaluation."""
    st.success(f"The results are in {plain(job.result)}.", icon=":material/check_circle:")
    with st.container(horizontal=True):
        for view, label in {"Results": "Show and hear the results", "Compare": "Compare with another"}.items():
            kind: Literal["primary", "secondary"] = "primary" if view == "Results" else "secondary"
            if st.button(label, key=f"job_{view}_{job.id}", type=kind, on_click=_show_results, args=(view, job.result)):
                st.rerun()  # all of the page: the button is in a fragment


def _show_results(view: str, path: str) -> None:
    st.session_state.update(corpus_view=view, corpus_folder=str(Path(path).parent), corpus_file=path)
