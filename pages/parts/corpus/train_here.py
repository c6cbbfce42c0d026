"""Train a network from the page, as a job of the server; finished runs can be heard and evaluated."""

from functools import partial

import streamlit as st

from analysis.jobs import Job
from pages.parts import folders, jobs, own_model, workspace
from pages.parts.job_kinds import RUNS, TRAINING, training_recipe
from pages.parts.text import plain
from tasnet.train.legs import BEST
from tasnet.train.recipes import recipes

from .checkpoints import hear_run

MOST_HOURS = 72.0


def show_train_here() -> None:
    """What to train, on what and for how long; below it this visitor's trainings."""
    with st.expander("Train here", icon=":material/model_training:"), st.form("train_here"):
        data = st.text_input(
            "Folder of the data",
            key="train_data",
            placeholder="/data",
            help="On the computer that runs this app: its folder train (mixtures, or speakers whose utterances are "
            "mixed anew for every step) and, to validate with, its folder valid.",
            persist_state="session",
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            names = list(recipes())
            recipe = st.selectbox("Recipe", names, index=names.index("short"), key="train_recipe", width=220)
            hours = st.number_input("Hours", 0.01, MOST_HOURS, value=1.0, key="train_hours", width=130)
            run = st.text_input(
                "Name of the run", "mine", key="train_run", width=180, help="A run of this name goes on where it was."
            )
        started = st.form_submit_button("Train", icon=":material/play_arrow:", type="primary")
    if started and not data.strip():
        st.error("Name the folder of the data.", icon=":material/error:")
    elif started:
        settings = {
            "recipe": recipe,
            "data": data.strip(),
            "run": run.strip(),
            "hours": hours,
            "device": workspace.selection().device,
        }
        check, claim = partial(training_recipe, settings), partial(_claim, run.strip())
        jobs.submit(TRAINING, f"{recipe} as {run.strip()}", settings, check, claim=claim)
    if jobs.may_have_any():
        jobs.show_jobs(TRAINING, {"corpus_view": "Training"}, _offer_run)


def _claim(run: str) -> None:
    """Raises FolderError where another visitor has this run, or has asked for it."""
    asked, mine = ({one.settings.get("run") for one in found(TRAINING)} for found in (jobs.all_of, jobs.mine))
    if run not in mine and (run in asked or folders.below_root(str(RUNS / run)).exists()):
        raise folders.FolderError(f"There is a run named {run} that is not yours: choose another name.")


def _offer_run(job: Job) -> None:
    """What can be done with a finished run."""
    st.success(f"Trained: its weights and its diary are in {plain(job.result)}.", icon=":material/check_circle:")
    with st.container(horizontal=True):
        ways = {"Hear it": "Separate", "Evaluate it": "Evaluate", "Show its curves": "Training"}
        for label, view in ways.items():
            if st.button(label, key=f"run_{view}_{job.id}", on_click=_follow, args=(view, job.result)):
                if view == "Separate":
                    st.switch_page("pages/separate.py")
                st.rerun()  # all of the page: the button is in a fragment
        if st.button("Compare by ear", key=f"run_compare_{job.id}"):
            try:
                weights = folders.file_below_root(f"{job.result}/{BEST}")
            except folders.FolderError as problem:
                st.error(plain(problem), icon=":material/error:")
            else:
                hear_run(weights, weights.parent.name, beside=True)


def _follow(view: str, run: str) -> None:
    if view == "Training":
        st.session_state.update(training_folder=str(RUNS), training_runs=[f"{run}/log.jsonl"])
        return
    if view != "Separate":
        st.session_state.corpus_view = view
    try:
        weights = folders.file_below_root(f"{run}/{BEST}")
        own_model.use([(f"{weights.parent.name}{weights.suffix}", weights.read_bytes())])
    except (folders.FolderError, OSError) as problem:
        st.error(plain(problem), icon=":material/error:")
