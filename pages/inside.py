"""Inside the network for one mixture: representation, masks and sources as in Fig. 2, and how they come about."""

import streamlit as st

import tasnet
from analysis.network.basis import tuning
from pages.parts import listening, workspace
from pages.parts.filters.bank import choose_order, sort
from pages.parts.handout import offer_handout
from pages.parts.inside.inspection import cached_representation, excerpt_at_rate
from pages.parts.inside.spectral import show_spectral
from pages.parts.inside.view import view_of
from pages.parts.inside.views import Inspected, show_masks, show_oracles, show_representation, show_walk
from pages.parts.page_header import show_header
from pages.parts.player import PlayerState, player
from tasnet.mixture import Mixture


def show_inside(sound: Mixture) -> None:
    """Everything about `sound`."""
    separator = workspace.separator()
    config = separator.config
    sound = excerpt_at_rate(sound, separator)
    inside, identity = cached_representation(sound, separator)
    state = player(
        listening.separated_tracks(sound, inside.audible(), listening.chosen_system()),
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
    U = inside.model.U.detach().cpu().numpy()
    order, _ = sort(U, config.sample_rate, by)
    inspected = Inspected(inside, identity, order, tuning(U, config.sample_rate).peak_hz)
    if figure.open:
        with figure:
            show_representation(inspected, state)
    if masks.open:
        with masks:
            show_masks(inside, view_of(inside, state))
    if oracles.open:
        with oracles:
            show_oracles(inspected, view_of(inside, state))
    if walk.open:
        with walk:
            show_walk(inside, state)
    with bottom:
        offer_handout()


network = workspace.separator().model
shown = " (Fig. 2)" if isinstance(network, tasnet.ConvTasNet) else ""
show_header("Inside", f"What does the network see in this mixture, and what does it let through?{shown}")
workspace.describe_sound()
if not isinstance(network, tasnet.ConvTasNet | tasnet.ChimeraNet):
    st.info(
        "This page looks into Conv-TasNet's blocks and into networks on spectrograms: choose one of these in the "
        "sidebar.",
        icon=":material/info:",
    )
elif (chosen := workspace.chosen_sound()) is not None:
    (show_inside if isinstance(network, tasnet.ConvTasNet) else show_spectral)(chosen)
