"""The learned filters: basis functions and their FFT magnitudes, sorted as in Fig. 5, and what they cover."""

import streamlit as st

import tasnet
from analysis.figures import filters as figures_filters
from analysis.network import basis
from analysis.network.fixed_banks import FIXED_BANKS
from analysis.words.filters import explain_scale
from pages.parts import models, workspace
from pages.parts.captions import caption
from pages.parts.filters.bank import (
    Bank,
    choose_order,
    fixed_bank,
    learned_bank,
    show_coverage,
    show_pairs,
    show_phases,
    sort,
)
from pages.parts.filters.one import show_filter
from pages.parts.handout import offer_handout
from pages.parts.page_header import show_header
from pages.parts.pictures import picture, save_arrays, save_table
from pages.parts.text import plain
from tasnet import checkpoint

UNTRAINED = "the same network untrained"
NO_FILTERS = "That model works on the STFT: it has no learned filters."


@st.cache_resource(max_entries=4)
def load_other(name: str) -> tasnet.TasNet:
    """Raises BasisError where the model has no learned filters."""
    network = checkpoint.load(tasnet.available()[name])[0]
    if not isinstance(network, tasnet.TasNet):
        raise basis.BasisError(NO_FILTERS)
    return network


def choose_banks(model: tasnet.TasNet) -> tuple[str, list[Bank]]:
    """The sort order and the models to show: the sidebar's `model` and, where wanted, a second one."""
    chosen = workspace.separator()
    titles = models.plain_titles([chosen.name, *(name for name in tasnet.available() if name != chosen.name)])
    fixed = {name: one.title for name, one in FIXED_BANKS.items()}
    others = {UNTRAINED: UNTRAINED} | fixed | {name: title for name, title in titles.items() if name != chosen.name}
    st.session_state.setdefault("against", models.linked(st.query_params.get("against"), others))
    with st.container(horizontal=True):
        by = choose_order()
        against = st.selectbox(
            "Compare with",
            others,
            format_func=others.__getitem__,
            index=None,
            placeholder="nothing",
            key="against",
            bind="query-params",
            width=320,
            help="The filters of another model beside these, or a filterbank that nobody learned.",
        )
    banks = [learned_bank(titles[chosen.name], "model", model)]
    try:
        if against in FIXED_BANKS:
            banks.append(fixed_bank(against, "other", model.config))
            caption(f"**{fixed[against]}**: {FIXED_BANKS[against].about}")
        elif against:
            other = basis.untrained(model.config) if against == UNTRAINED else load_other(against)
            banks.append(learned_bank(others[against], "other", other))
    except basis.BasisError as problem:
        st.info(plain(problem), icon=":material/info:")
    return by, banks


def choose_scale() -> dict[str, bool]:
    """How the maps are scaled, as `filter_maps` takes it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        spectra = st.segmented_control(
            "Spectra", ["Linear", "dB"], default="Linear", required=True, key="filter_spectra", bind="query-params"
        )
        each_row = st.toggle(
            "Each row by itself",
            key="filter_rows",
            bind="query-params",
            help="Each filter relative to its own largest value: weak filters show as strong ones do.",
        )
    return {"decibels": spectra == "dB", "each_row": each_row}


def show_maps(one: Bank, by: str, scale: dict[str, bool]) -> None:
    """The four maps of one model."""
    order, tree = sort(one.U, one.rate, by)
    st.markdown(f"## {plain(one.name)}")
    picture(
        figures_filters.filter_maps(one.U, one.V, one.rate, order, one.tuning, tree, **scale),
        f"Encoder and decoder basis functions of {one.name} and their FFT magnitudes, sorted by {by}",
        key=f"filters_{one.key}",
    )
    with st.container(horizontal=True):
        save_table(
            "Tuning (CSV)",
            lambda: {name: values[order] for name, values in one.tuning.columns().items()},
            key=f"tuning_{one.key}",
        )
        save_arrays(
            "Maps (NPZ)",
            lambda: {
                "order": order,
                "encoder": one.U[order],
                "decoder": one.V[order],
                "encoder_fft": basis.magnitudes(one.U, one.rate)[0][order],
                "decoder_fft": basis.magnitudes(one.V, one.rate)[0][order],
                "frequencies_hz": basis.magnitudes(one.U, one.rate)[1],
                **({"linkage": tree.linkage} if tree else {}),
            },
            key=f"maps_{one.key}",
        )


def show_learned(model: tasnet.TasNet) -> None:
    """The page, for a model that has learned filters."""
    order_by, shown = choose_banks(model)
    scaling = choose_scale()
    caption(explain_scale(**scaling))
    with st.container(key="beside_filters"):
        if len(shown) == 1:  # the filter beside the maps where there is room
            columns = st.columns([2, 1], gap="medium")
            places = [(columns[0], columns[1])]
        else:
            places = [(column, column) for column in st.columns(2)]
        for one, (left, right) in zip(shown, places, strict=True):
            with left:
                show_maps(one, order_by, scaling)
            with right:
                show_filter(one, sort(one.U, one.rate, order_by)[0])
    show_coverage(shown)
    show_phases(shown)
    show_pairs(shown)
    offer_handout()


show_header("Filters", "What did the network learn to listen for? Its basis functions, sorted by likeness (Fig. 5).")
if isinstance(sidebar_model := workspace.separator().model, tasnet.TasNet):
    show_learned(sidebar_model)
else:
    st.info(f"{NO_FILTERS} Choose a TasNet in the sidebar.", icon=":material/info:")
