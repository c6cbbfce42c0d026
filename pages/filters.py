"""The learned filters: basis functions and their FFT magnitudes, sorted as in Fig. 5, and what they cover."""

import numpy as np
import streamlit as st

import tasnet
from analysis.figures import filters as figures_filters
from analysis.network import basis
from pages.parts import frame, workspace
from pages.parts.filters.bank import (
    Bank,
    bank,
    choose_order,
    clicked_filter,
    show_coverage,
    show_pairs,
    show_phases,
    sort,
)
from pages.parts.pictures import choose_format, picture, save_arrays, save_table
from tasnet import checkpoint
from tasnet.audio import wav

UNTRAINED = "the same network untrained"


@st.cache_resource(max_entries=4)
def load_other(name: str) -> tasnet.ConvTasNet:
    return checkpoint.load(tasnet.available()[name])[0]


def choose() -> tuple[str, list[Bank]]:
    """The sort order and the models to show: the sidebar's and, where wanted, a second one."""
    chosen = workspace.separator()
    others = [UNTRAINED, *(name for name in tasnet.available() if name != chosen.name)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = choose_order()
        against = st.selectbox(
            "Compare with", others, index=None, placeholder="nothing", key="against", bind="query-params", width=320
        )
        choose_format()
    banks = [bank(chosen.name, "model", chosen.model)]
    if against:
        other = basis.untrained(chosen.config) if against == UNTRAINED else load_other(against)
        banks.append(bank(against, "other", other))
    return by, banks


def show_maps(one: Bank, by: str) -> None:
    """The four maps of one model; a click chooses a filter."""
    order, tree = sort(one.U, one.rate, by)
    st.markdown(f"##### {one.name}")
    picture(
        figures_filters.filter_maps(one.U, one.V, one.rate, order, one.tuning, tree),
        f"Encoder and decoder basis functions of {one.name} and their FFT magnitudes, sorted by {by}",
        key=f"filters_{one.key}",
        on_click=lambda point: clicked_filter(one, point),
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


def show_filter(one: Bank) -> None:
    """One filter: waveform, spectrum, decoder partner, tuning, nearest neighbours, sound."""
    key = f"filter_{one.key}"
    if st.session_state.get(key, 0) >= len(one.U):  # chosen when a larger model was shown
        st.session_state[key] = 0
    number = st.number_input(
        "Filter",
        0,
        len(one.U) - 1,
        key=key,
        bind="query-params",
        width=160,
        help="Its number in the trained order. Or click a row of the maps or a point of the phases.",
    )
    u, v = one.U[number], one.V[number]
    tuned = {name: values[number] for name, values in one.tuning.columns().items()}
    if np.isnan(tuned["peak_hz"]):
        st.info("This filter is dead: its weights are all but zero.", icon=":material/info:")
    else:
        st.caption(
            f"Peak {tuned['peak_hz']:.0f} Hz at {tuned['phase_deg']:.0f}° · centroid {tuned['centroid_hz']:.0f} Hz · "
            f"bandwidth {tuned['bandwidth_hz']:.0f} Hz · energy {tuned['energy']:.3g} · "
            f"centre {tuned['centre_ms']:.2f} ms"
        )
    picture(
        figures_filters.one_filter(u, v, one.rate),
        f"Waveform and spectrum of filter {number} and of its decoder partner",
        key=f"one_filter_{one.key}",
    )
    for place, name, wave in zip(st.columns(2), ("Encoder", "Decoder"), (u, v), strict=True):
        place.caption(f"{name} filter, looped")
        place.audio(wav(basis.filter_sound(wave, one.rate), one.rate), format="audio/wav")
    near, distances = basis.neighbours(one.U, number)
    if len(near):
        st.caption("Nearest neighbours, d: Euclidean distance, time in ms")
        picture(
            figures_filters.neighbour_waves(one.U, near, distances, one.rate),
            f"The filters nearest to filter {number}: {', '.join(map(str, near))}",
            key=f"neighbours_{one.key}",
        )


frame.begin("Filters", "What did the network learn to listen for? Its basis functions, sorted by likeness (Fig. 5).")
order_by, shown = choose()
for place, one in zip(st.columns(len(shown)), shown, strict=True):
    with place:
        show_maps(one, order_by)
        show_filter(one)
show_coverage(shown)
show_phases(shown)
show_pairs(shown)
