"""Why a separation sounds as it does: switch parts of the network off, and see where the decibels come from."""

import streamlit as st

import tasnet
from analysis.network.basis import UPGMA, tuning
from analysis.network.filter_use import filter_use
from pages.parts import workspace
from pages.parts.explain.choose import MUTING
from pages.parts.explain.views import (
    Explained,
    kept,
    show_blocks,
    show_errors,
    show_filters,
    show_muting,
    show_swaps,
)
from pages.parts.filters.bank import sort
from pages.parts.handout import offer_handout
from pages.parts.inside.inspection import cached_representation, excerpt_at_rate
from pages.parts.page_header import show_header
from tasnet.mixture import Mixture

SWAPS, ERRORS, FILTERS, BLOCKS = (
    "Phase and magnitude",
    "Where the error is",
    "What each filter does",
    "What each block does",
)
NEEDS_CLEAN = {SWAPS, ERRORS}
VIEWS = {MUTING: show_muting, SWAPS: show_swaps, ERRORS: show_errors, FILTERS: show_filters, BLOCKS: show_blocks}


def explained(sound: Mixture) -> Explained:
    """The sound with all that the views show of it."""
    separator = workspace.separator()
    sound = excerpt_at_rate(sound, separator)
    inside, identity = cached_representation(sound, separator)
    U = inside.model.U.detach().cpu().numpy()
    order, tree = sort(U, separator.config.sample_rate, UPGMA)
    peaks = tuning(U, separator.config.sample_rate).peak_hz
    use = kept(inside, identity, "use", "Counting", filter_use)
    return Explained(sound, inside, identity, order, peaks, tree, use, separator.level)


def show_views(sound: Mixture) -> None:
    """The chosen view."""
    found = explained(sound)
    view = st.segmented_control(
        "View",
        list(VIEWS),
        default=MUTING,
        required=True,
        key="explain_view",
        bind="query-params",
        label_visibility="collapsed",
    )
    if view in NEEDS_CLEAN and not found.known:
        st.info(
            "This needs the clean voices, one for each output: choose an example, mix voices, or add the clean voices "
            "to your upload.",
            icon=":material/info:",
        )
    else:
        VIEWS[view](found)
    offer_handout()


show_header("Explain", "Why does this separation sound as it does? Switch parts off and hear it.")
workspace.describe_sound()
if not isinstance(workspace.separator().model, tasnet.ConvTasNet):
    st.info("This page takes Conv-TasNet apart: choose a Conv-TasNet in the sidebar.", icon=":material/info:")
elif (chosen := workspace.chosen_sound()) is not None:
    show_views(chosen)
