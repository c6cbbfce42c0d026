"""Training curves: the diaries of runs, side by side."""

from pathlib import Path

import streamlit as st

from analysis.figures.training import AXES, training_curves
from pages.parts.pictures import picture
from pages.parts.text import plain
from tasnet.train.log import read_log

from .folders import FolderError, below_root, find_files, name_below_root

DIARY = "log.jsonl"
FORMATS = {"Hours": "%.2f", "Best SI-SNRi (dB)": "%.2f", "Loss (dB)": "%.2f", "Audio seconds a second": "%.0f"}


@st.cache_data(max_entries=16, show_spinner=False)
def _read(path: str, changed: float) -> list[dict]:
    return read_log(path)


def _diaries(folder: Path) -> dict[str, str]:
    """{path below the root: the run's name} of the diaries below `folder`, the newest first."""
    files, _ = find_files(folder, DIARY)
    return {name_below_root(file): str(file.parent.relative_to(folder)) for file in files if file.name == DIARY}


def show_training() -> None:
    """Choose runs of a folder; their curves and how far each came."""
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
            format_func=found.get,
            placeholder="none yet",
            key="training_runs",
        )
        axis = st.segmented_control(
            "Over", list(AXES), default="hours", format_func=AXES.get, required=True, key="training_axis"
        )
        st.button("Read again", icon=":material/refresh:", help="A run that is going on writes to its diary.")
    if problem:
        st.warning(plain(problem), icon=":material/folder_off:")
    elif not found:
        st.info(
            f"There is no run in {plain(folder)} yet: `python -m tasnet.train` writes its diary to runs/NAME/{DIARY}.",
            icon=":material/info:",
        )
    paths = {found[name]: below_root(name) for name in chosen if name in found}
    runs = {name: _read(str(path), path.stat().st_mtime) for name, path in paths.items()}
    runs = {name: records for name, records in runs.items() if records}
    if not runs:
        return
    picture(
        training_curves(runs, axis),
        f"Validation SI-SNRi, training loss and learning rate of {', '.join(runs)} over {AXES[axis].lower()}.",
        key="training_curves",
    )
    st.dataframe(
        [_facts(name, records) for name, records in runs.items()],
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format=form) for name, form in FORMATS.items()},
    )


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
        "Loss (dB)": epochs[-1]["loss"] if epochs else steps[-1]["loss"] if steps else None,
        "Audio seconds a second": steps[-1]["audio_seconds_per_second"] if steps else None,
        "Resumed": sum(record["event"] == "resume" for record in records),
    }
