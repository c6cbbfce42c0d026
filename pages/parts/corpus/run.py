"""Evaluate a folder of mixtures from the page: what, how much, how far, cancel."""

import logging
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.corpus import evaluation
from analysis.corpus.work import Progress
from pages.parts import workspace
from pages.parts.text import plain

from .folders import below_root, name_below_root, reading_root

logger = logging.getLogger(__name__)
GOES_ON = "What was scored until then is kept, and the same evaluation goes on from there."
SPLITS = {"test": "Test", "valid": "Validation", "train": "Training"}


def show_run() -> None:
    """Choose a set, start; while it runs, the bar; after it, a way to the results."""
    separator = workspace.separator()
    st.caption(
        f"Scores **{plain(separator.name)}** and the ideal masks on **{separator.device}**; choose model and device in "
        "the sidebar. Results are kept row by row: an evaluation that is cancelled goes on where it was. Long sets run "
        "better on the command line: `python -m analysis.corpus DIR --model NAME`."
    )
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
                64,
                value=os.cpu_count() or 1,
                key="corpus_workers",
                width=130,
                help="Processes that score, best one for every core.",
                persist_state="session",
            )
            split = st.selectbox(
                "Split", list(SPLITS), format_func=SPLITS.get, key="corpus_split", width=150, persist_state="session"
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
    if started:
        st.session_state.corpus_job = {
            "started": time.time(),
            "folder": folder,
            "model": st.session_state.model,
            "device": st.session_state.device,
            "limit": limit,
            "workers": workers,
            "split": split,
            "kind": kind.strip(),
            "pesq": pesq,
        }
    if job := st.session_state.get("corpus_job"):
        _run(job)


def _run(job: dict[str, Any]) -> None:
    if not job["folder"].strip():
        _end(None, "Name the folder of the mixtures.")
        return
    settings = {name: value for name, value in job.items() if name != "started"}
    place = st.empty()

    def compute(report: Callable[[float], None]) -> str:
        began, first = time.monotonic(), None

        def show(progress: Progress) -> None:
            nonlocal first
            first = progress if first is None else first
            place.caption(_how_far(progress, first, time.monotonic() - began))
            report(min(1.0, progress.share))

        out = reading_root() / evaluation.FOLDER
        out.mkdir(parents=True, exist_ok=True)
        st.session_state.corpus_said = []
        settings["folder"] = below_root(job["folder"])
        results = evaluation.score_set(
            **settings, out=out, within=reading_root(), progress=show, say=st.session_state.corpus_said.append
        )
        return name_below_root(evaluation.results_path(out, results.header))

    try:
        path = workspace.with_progress(
            ("corpus run", *job.values()), "Evaluating", workspace.ALWAYS_CANCELLABLE, compute
        )
    except Exception as problem:  # whatever it is, the page can be used again
        _end(place, _said(problem))
        return
    if path is not None:
        place.empty()
        st.success(f"The results are in {plain(path)}.", icon=":material/check_circle:")
        st.caption(plain(" ".join(st.session_state.get("corpus_said", []))))
        st.button("Show the results", on_click=_show_results, args=(path,), type="primary")


def _end(place: DeltaGenerator | None, said: str) -> None:
    """An evaluation that cannot go on: nothing of it stays on the page but why."""
    st.session_state.corpus_job = None
    if place is not None:
        place.empty()
    st.error(plain(said), icon=":material/error:")


def _said(problem: Exception) -> str:
    """One sentence on what ended an evaluation."""
    if isinstance(problem, ValueError):  # ours are sentences
        return str(problem)
    if isinstance(problem, OSError):
        where = Path(problem.filename).name if problem.filename else "The file of results"
        return f"{where} cannot be read or written: {problem.strerror or problem}. {GOES_ON}"
    logger.error("an evaluation ended", exc_info=problem)
    return f"The evaluation ended by an error ({type(problem).__name__}: {problem}). {GOES_ON}"


def _how_far(progress: Progress, first: Progress, seconds: float) -> str:
    """Mixtures done and the time left, by the seconds of sound that are done."""
    done = progress.seconds - first.seconds
    left = ""
    if done > 0:
        remaining = seconds / done * (progress.of_seconds - progress.seconds)
        left = f", about {timedelta(seconds=round(remaining))} left"
    unusable = f", {progress.unusable} could not be used" if progress.unusable else ""
    return f"{progress.mixtures} of {progress.of_mixtures} mixtures{unusable}{left}"


def _show_results(path: str) -> None:
    st.session_state.update(
        corpus_view="Results", corpus_folder=str(Path(path).parent), corpus_file=path, corpus_job=None
    )
