"""Inside the network for one mixture: representation, masks and sources as in Fig. 2, and how they come about."""

import dataclasses

import numpy as np
import streamlit as st

import tasnet
from analysis.network.representation import Representation, represent
from analysis.sounds.mixing import Mixture
from pages.parts import frame, listening, results, workspace
from pages.parts.filters.bank import choose_order, sort
from pages.parts.inside.views import show_masks, show_oracles, show_representation, show_walk
from pages.parts.pictures import choose_format
from pages.parts.player import player
from tasnet import Separator
from tasnet.audio import resample

MAX_SECONDS = 60


def prepared(sound: Mixture, rate: int) -> Mixture:
    """At most `MAX_SECONDS` of the sound, which the user chooses, at the model's rate."""
    seconds = len(sound.mixture) / sound.rate
    start = 0
    if seconds > MAX_SECONDS:
        start = st.slider(
            f"This sound is long: look inside {MAX_SECONDS} s of it from",
            0,
            int(seconds - MAX_SECONDS) + 1,
            format="%d s",
            key="inside_start",
            bind="query-params",
        )
    part = slice(start * sound.rate, (start + MAX_SECONDS) * sound.rate)
    mixture, references = (
        None if x is None else resample(x[..., part], sound.rate, rate) for x in (sound.mixture, sound.references)
    )
    return dataclasses.replace(sound, mixture=mixture, references=references, rate=rate)


def look_inside(sound: Mixture, separator: Separator) -> Representation:
    """Made once, and kept with the upload that it is of."""
    hashes = results.fingerprint(sound.mixture, sound.references)
    key = ("representation", hashes, separator.name, str(separator.device))
    if (inside := results.find_result(key)) is None:
        with st.spinner("Looking inside ..."):
            inside = represent(separator.model, sound.mixture, sound.references, separator.level)
        results.keep_result(key, inside)
    return inside


def follow_player(sound: Mixture, inside: Representation) -> None:
    """The player; where its cursor rests and what it marks is what the pictures show, else another sound's whole."""
    identity = results.fingerprint(sound.mixture)
    # The view belongs to a widget, and is forgotten while another page is on show.
    if st.session_state.get("inside_sound") != identity or "inside_stretch" not in st.session_state:
        st.session_state.inside_sound, st.session_state.inside_shown = identity, None
        st.session_state.inside_stretch = (0.0, len(sound.mixture) / sound.rate)
    state = player(
        listening.separated_tracks(sound, inside.audible(), None),
        key="inside_player",
        spectrograms=False,
        follow=True,
        link=True,
    )
    if st.session_state.get("inside_shown") != (state.time, state.region):
        st.session_state.inside_shown = (state.time, state.region)
        st.session_state.inside_time = state.time
        if state.region:
            st.session_state.inside_stretch = state.region


def choose_view(sound: Mixture) -> tuple[float, float, float]:
    """The stretch of time to draw, and the moment to inspect."""
    seconds = len(sound.mixture) / sound.rate
    for key in ("inside_stretch", "inside_time"):  # set by a drag or a click, which may reach over the ends
        st.session_state[key] = np.clip(st.session_state[key], 0, seconds).tolist()
    left, middle, right = st.columns([5, 1, 2], vertical_alignment="bottom")
    middle.button("Show all", on_click=st.session_state.update, kwargs={"inside_stretch": (0.0, seconds)}, key="whole")
    start, stop = left.slider(
        "Stretch",
        0.0,
        seconds,
        step=0.001,
        format="%.2f s",
        key="inside_stretch",
        help="Also: drag over the picture, or mark a stretch in the player.",
    )
    moment = right.number_input(
        "Moment (s)",
        0.0,
        seconds,
        step=0.01,
        format="%.3f",
        key="inside_time",
        help="Also: put the player's cursor there.",
    )
    return start, max(stop, start + 0.001), moment


def show(sound: Mixture) -> None:
    """Everything about `sound`."""
    separator = workspace.separator()
    config = separator.config
    sound = prepared(sound, config.sample_rate)
    inside = look_inside(sound, separator)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = choose_order()
        choose_format()
    order, _ = sort(inside.model.U.detach().cpu().numpy(), config.sample_rate, by)
    follow_player(sound, inside)
    start, stop, moment = choose_view(sound)
    figure, masks, oracles, walk = st.tabs(
        ["Representation", "Masks in numbers", "Ideal masks here", "Through the separator"],
        key="inside_tab",
        on_change="rerun",
        bind="query-params",
    )
    if figure.open:
        with figure:
            show_representation(inside, order, start, stop, moment)
    if masks.open:
        with masks:
            show_masks(inside)
    if oracles.open:
        with oracles:
            show_oracles(inside)
    if walk.open:
        with walk:
            show_walk(inside, start, stop, moment)


frame.begin("Inside", "What does the network see in this mixture, and what does it let through? (Fig. 2)")
workspace.describe()
if not isinstance(workspace.separator().model, tasnet.ConvTasNet):
    st.info("This page looks into Conv-TasNet's blocks: choose a Conv-TasNet in the sidebar.", icon=":material/info:")
elif (chosen := workspace.chosen_sound()) is not None:
    show(chosen)
