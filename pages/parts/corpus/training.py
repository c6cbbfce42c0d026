"""Training curves: those of the bundled models, and the logs of runs, side by side."""

import time
from pathlib import Path

import streamlit as st

from analysis.corpus import shipped
from analysis.corpus.run_progress import run_progress
from analysis.figures.training import AXES, training_curves, validation_curves
from analysis.words.say import number
from pages.parts import models
from pages.parts.captions import caption
from pages.parts.folders import FolderError, below_root, file_below_root, find_files, name_below_root
from pages.parts.pictures import data_table, picture, save_table, with_decimals
from pages.parts.text import plain
from tasnet.train.log import read_log

from .checkpoints import offer_checkpoints
from .train_here import show_train_here

DIARY = "log.jsonl"
LOOK_SECONDS = 5.0  # between two looks at runs in progress
QUIET_SECONDS = 180.0  # without a record, after which a run counts as stopped
DECIMALS = {"Hours": 2, "Best SI-SNRi (dB)": 2, "Loss": 2, "Audio seconds a second": 0}


@st.cache_data(max_entries=16, show_spinner=False)
def _read(path: str, changed: float) -> list[dict]:
    return read_log(path)


def _diaries(folder: Path) -> dict[str, str]:
    """{path below the root: the run's name} of the logs below `folder`, the newest first."""
    files, _ = find_files(folder, DIARY)
    return {name_below_root(file): str(file.parent.relative_to(folder)) for file in files if file.name == DIARY}


def show_validation(names: list[str]) -> None:
    """How the models `names` did on the validation speakers during training, as far as there is a record."""
    titles = models.scored_titles(names)
    found = {titles[name]: (name, run) for name in names if (run := shipped.read_training(name))}
    if not found:
        caption("There is no record of this model's training.")
        return
    runs = {title: run for title, (_, run) in found.items()}
    if any(len(run.points) > 1 for run in runs.values()):
        ends = "; ".join(
            f"{title}: {number(run.points[0].si_snri, 2)} dB at first, {number(run.points[-1].si_snri, 2)} dB after "
            f"{run.points[-1].hours:g} h"
            for title, run in runs.items()
        )
        picture(validation_curves(runs), f"Validation SI-SNRi over the hours of mixtures. {ends}.", key="validation")
    with st.expander("Where these runs began, and on what they were validated", icon=":material/history:"):
        for title, (name, run) in found.items():
            last = run.points[-1]
            earlier = "" if shipped.is_current(name, run.weights) else " These are the points of **earlier weights**."
            only = f" Only the end is on record: **{number(last.si_snri, 2)} dB** after {last.hours:g} h."
            caption(
                f"**{plain(title)}**, on {plain(run.validation)}; begun {plain(run.begun)}."
                f"{only if len(run.points) == 1 else ''} Figures from {plain(run.source)}.{earlier}"
            )
    points = [(title, point) for title, run in runs.items() for point in run.points]
    save_table(
        "Points (CSV)",
        lambda: {
            "model": [title for title, _ in points],
            "hours of mixtures": [point.hours for _, point in points],
            "validation SI-SNRi (dB)": [point.si_snri for _, point in points],
            "what": [point.what for _, point in points],
        },
        key="validation_points",
    )


def show_training() -> None:
    """Choose runs of a folder: their curves, live while they go on; then the bundled models'."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        folder = st.text_input("Folder of runs", "runs", key="training_folder", bind="query-params", width=220)
        try:
            found, problem = _diaries(below_root(folder)), ""
        except FolderError as error:
            found, problem = {}, str(error)
        chosen = st.multiselect(
            "Runs",
            list(found),
            default=list(found)[:1],
            format_func=found.__getitem__,
            placeholder="none yet",
            key="training_runs",
        )
        axis = st.segmented_control(
            "Over", list(AXES), default="hours", format_func=AXES.__getitem__, required=True, key="training_axis"
        )
    if problem:
        st.warning(plain(problem), icon=":material/folder_off:")
    elif not found:
        st.info(
            f"There is no run in the folder “{plain(folder)}” yet: `python -m tasnet.train` writes its diary to "
            f"runs/NAME/{DIARY}, and beside it event files for TensorBoard.",
            icon=":material/info:",
        )
    paths = {found[name]: file_below_root(name) for name in chosen if name in found}

    def draw() -> None:
        runs = {name: _read(str(path), path.stat().st_mtime) for name, path in paths.items()}
        _show_runs({name: records for name, records in runs.items() if records}, paths, axis)

    going = any(_goes_on(path) for path in paths.values())
    if paths:
        st.fragment(draw, run_every=LOOK_SECONDS if going else None)()
    show_train_here()
    st.markdown("## The models that come along")
    show_validation(list(shipped.shipped()))


def _goes_on(path: Path) -> bool:
    """Whether something was written to the log recently."""
    return time.time() - path.stat().st_mtime < QUIET_SECONDS


def _show_runs(runs: dict[str, list[dict]], paths: dict[str, Path], axis: str) -> None:
    """Curves, where each stands, and what can be done with its checkpoints."""
    if not runs:
        return
    picture(
        training_curves(runs, axis),
        f"Validation SI-SNRi, training loss and learning rate of {', '.join(runs)} over {AXES[axis].lower()}.",
        key="training_curves",
    )
    facts = [_facts(name, records) for name, records in runs.items()]
    data_table(with_decimals(facts, DECIMALS))
    for name, records in runs.items():
        done = run_progress(records)
        state = " · being written now" if _goes_on(paths[name]) and not done.over else ""
        st.markdown(f"**{plain(name)}**: {done.in_words()}{state}")
        if done.share is not None:
            st.progress(done.share)
        offer_checkpoints(name, paths[name].parent)


def _facts(name: str, records: list[dict]) -> dict:
    """Where a run stands."""
    epochs = [record for record in records if record["event"] == "epoch"]
    steps = [record for record in records if record["event"] == "train"]
    last = records[-1]
    return {
        "Run": name,
        "Epochs": epochs[-1]["epoch"] if epochs else 0,
        "Steps": last["step"],
        "Hours": max((record.get("seconds", 0.0) for record in records), default=0.0) / 3600,
        "Best SI-SNRi (dB)": epochs[-1]["best_si_snri"] if epochs else None,
        "Loss": epochs[-1]["loss"] if epochs else steps[-1]["loss"] if steps else None,
        "Audio seconds a second": steps[-1]["audio_seconds_per_second"] if steps else None,
        "Resumed": sum(record["event"] == "resume" for record in records),
    }
