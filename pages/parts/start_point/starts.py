"""The start of one mixture (Fig. 4A), and of every mixture of a set (Fig. 4B)."""

import time
from functools import partial
from typing import Any

import streamlit as st

from analysis import of_networks
from analysis.figures import start_point as figures
from analysis.jobs import Job
from analysis.start_point import sets
from analysis.start_point.shifts import RANGES, StartCurve
from analysis.words.start_point import explain_set_starts, explain_start
from pages.parts import folders, jobs, workspace
from pages.parts.browse import offer_folders
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.job_kinds import STARTS
from pages.parts.models import by_title
from pages.parts.pictures import data_table, picture, save_table, sentences
from pages.parts.result_cache import fingerprint
from pages.parts.text import plain
from tasnet.mixture import Mixture

DRAW_SECONDS = 1.5  # between two pictures of a curve that fills in


def show_sound(models: list[str], sound: Mixture) -> None:
    """SDRi of `sound` over the shift of its start, a line for each of `models`."""
    names = list(RANGES)
    chosen = st.segmented_control(
        "Start at",
        names,
        required=True,
        default=names[1],
        key="start_range",
        bind="query-params",
        help="41 starts each. Steps of 17 and 101 samples: primes, so that every position of the frames occurs.",
    )
    place, drawn = st.empty(), [time.monotonic() - DRAW_SECONDS]

    def draw(curves: dict[str, StartCurve]) -> None:
        """All models in turn, point by point, on show as they come."""
        count = len(next(iter(curves.values())).shifts)
        if count > 1 and time.monotonic() - drawn[0] >= DRAW_SECONDS:
            drawn[0] = time.monotonic()
            place.plotly_chart(figures.start_curves(by_title(curves)), key=f"start_filling_{count}")

    shifts, seconds = RANGES[chosen], len(sound.mixture) / sound.rate
    hashes = fingerprint(sound.mixture, sound.references)
    key = ("start", chosen, hashes, *models, str(workspace.separator(models[0]).device))
    found = workspace.with_progress(
        key,
        "Separating from every start",
        workspace.ALWAYS_CANCELLABLE,
        workspace.apart(of_networks.starts_of, models, sound, shifts, seconds=seconds * len(models) * len(shifts)),
        stays=True,
        heard=draw,
    )
    place.empty()
    if found is None:
        return
    found = by_title(found)
    said = explain_start(_as_text(found))
    say(said, key="starts")
    picture(figures.start_curves(found), f"SDRi over the start. {sentences(said)}", key="start_curves")
    caption(
        "A shift of s samples starts the separation at sample s (Fig. 4A). Scored is the part that all starts "
        "share, so only the start differs. The axis spans at least 2 dB."
    )
    save_table(
        "Curves (CSV)",
        lambda: {
            "shift (samples)": RANGES[chosen],
            **{f"{name}: SDRi (dB)": curve.sdri for name, curve in found.items()},
        },
        key="start_curves",
    )


def show_set(models: list[str]) -> None:
    """Measure a folder of mixtures with `models`; box plots of what has been measured."""
    offer_folders("start_folder")
    with st.form("start_set_form"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            folder = st.text_input(
                "Folder or list of the mixtures",
                key="start_folder",
                placeholder="/data/Libri2Mix/wav8k/min",
                help="On the computer that runs this app: wsj0-mix, LibriMix, WHAM!, folders s1 and s2 (and mix), a "
                "folder a mixture, a list (.csv, .json, .scp), or a pack.",
                persist_state="session",
                width=340,
            )
            limit = st.number_input(
                "Mixtures",
                1,
                value=20,
                key="start_limit",
                width=130,
                help="Evenly spread over the set; empty for all of them.",
                persist_state="session",
            )
        started = st.form_submit_button("Measure", icon=":material/play_arrow:", type="primary")
    caption(
        "Each mixture is separated from 11 starts; boxes show how far its SDRi varies (Fig. 4B). By standard "
        "deviation. "
        "Mixtures are kept one by one: a measurement that is cancelled goes "
        "on where it was. Whole sets run better on the command line: "
        "`python -m analysis.start_point DIR --model NAME NAME`."
    )
    if started and not folder.strip():
        st.error("Name the folder of the mixtures.", icon=":material/error:")
    elif started:
        device = workspace.selection().device
        settings = {"folder": folder.strip(), "limit": limit, "models": models, "device": device}
        name = f"{len(models)} model{'s' * (len(models) > 1)} on {folder.strip()}"
        jobs.submit(STARTS, name, settings, partial(folders.mixtures_below_root, folder.strip()))
    jobs.show_jobs(STARTS, {"start_view": "A test set"}, _offer_results)
    _show_results(models)


def _offer_results(job: Job) -> None:
    """Offer what a finished job has measured."""
    if st.button("Show the results", key=f"job_{job.id}", type="primary", on_click=_choose_set, args=(job.result,)):
        st.rerun()  # all of the page: the button is in a fragment


def _choose_set(name: str) -> None:
    st.session_state.start_set = name


def _as_text(found: dict[str, Any]) -> dict[str, Any]:
    """{model: finding}, with the names escaped for Markdown."""
    return {plain(name): one for name, one in found.items()}


def _show_results(models: list[str]) -> None:
    try:
        found = sets.results_by_set(folders.below_root(str(sets.FOLDER)), folders.lies_below_root)
    except folders.FolderError as problem:
        st.error(plain(problem), icon=":material/error:")
        return
    if not found:
        st.info("No set has been measured yet.", icon=":material/info:")
        return
    if st.session_state.get("start_set") not in found:
        st.session_state.start_set = next(iter(found))
    measured = found[st.selectbox("Set", list(found), key="start_set", width=340)]
    # In the order of the other views, so that a model keeps its colour.
    chosen = by_title({name: measured[name] for name in (*models, *measured) if name in measured})
    said = explain_set_starts(_as_text(chosen))
    say(said, key="set")
    deviations = {name: results.deviations for name, results in chosen.items()}
    picture(
        figures.start_deviations(deviations),
        f"Box plots of the standard deviation of SDRi. {sentences(said)}",
        key="start_deviations",
    )
    problems = {mixture: said for results in chosen.values() for mixture, said in results.problems.items()}
    if problems:
        with st.expander(f"{len(problems)} could not be used", icon=":material/warning:"):
            data_table([{"Mixture": mixture, "Problem": said} for mixture, said in problems.items()])
