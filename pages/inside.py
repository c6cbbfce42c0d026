"""Inside the network for one mixture: representation, masks and sources as in Fig. 2, and how they come about."""

import dataclasses

import streamlit as st

import tasnet
from analysis.network.basis import tuning
from analysis.network.representation import Representation, represent
from analysis.sounds.mixing import Mixture
from pages.parts import frame, listening, results, workspace
from pages.parts.filters.bank import choose_order, sort
from pages.parts.inside.view import view_of
from pages.parts.inside.views import Looked, show_masks, show_oracles, show_representation, show_walk
from pages.parts.pictures import choose_format
from pages.parts.player import PlayerState, player
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


def look_inside(sound: Mixture, separator: Separator) -> tuple[Representation, tuple]:
    """What goes on inside, and its identity: made once, and kept with the upload that it is of."""
    hashes = results.fingerprint(sound.mixture, sound.references)
    key = ("representation", hashes, separator.name, str(separator.device))
    if (inside := results.find_result(key)) is None:
        with st.spinner("Looking inside ..."):
            mixture, _ = separator.without_what_lies_below(sound.mixture)
            inside = represent(separator.model, mixture, sound.references, separator.level)
        results.keep_result(key, inside)
    return inside, key


def show_inside(sound: Mixture) -> None:
    """Everything about `sound`."""
    separator = workspace.separator()
    config = separator.config
    sound = prepared(sound, config.sample_rate)
    inside, identity = look_inside(sound, separator)
    state = player(
        listening.separated_tracks(sound, inside.audible(), None),
        key="inside_player",
        spectrograms=False,
        follow=True,
        link=True,
        start=PlayerState(inside.seconds(inside.loudest())),
    )
    figure, masks, oracles, walk = st.tabs(
        ["Representation", "Masks in numbers", "Ideal masks here", "Through the separator"],
        key="inside_tab",
        on_change="rerun",
        bind="query-params",
    )
    bottom = st.container(horizontal=True, vertical_alignment="bottom")
    with bottom:
        by = choose_order()
        choose_format()
    U = inside.model.U.detach().cpu().numpy()
    order, _ = sort(U, config.sample_rate, by)
    looked = Looked(inside, identity, order, tuning(U, config.sample_rate).peak_hz)
    if figure.open:
        with figure:
            show_representation(looked, state)
    if masks.open:
        with masks:
            show_masks(inside, view_of(inside, state))
    if oracles.open:
        with oracles:
            show_oracles(looked, view_of(inside, state))
    if walk.open:
        with walk:
            show_walk(inside, state)


frame.begin("Inside", "What does the network see in this mixture, and what does it let through? (Fig. 2)")
workspace.describe_sound()
if not isinstance(workspace.separator().model, tasnet.ConvTasNet):
    st.info("This page looks into Conv-TasNet's blocks: choose a Conv-TasNet in the sidebar.", icon=":material/info:")
elif (chosen := workspace.chosen_sound()) is not None:
    show_inside(chosen)
