"""One filter of a model: chosen by a click or by its number, seen, heard and marked in every picture."""

import numpy as np
import streamlit as st

from analysis.figures import filters as figures_filters
from analysis.network import basis
from analysis.words import say
from pages.parts.explain.choose import ONE
from pages.parts.marks import Mark, mark
from pages.parts.pictures import picture
from pages.parts.player import Track, player

from .bank import Bank


@st.fragment
def show_filter(one: Bank, order: np.ndarray) -> None:
    """The chosen filter of `one`, whose maps are sorted by `order` (N,): a new choice reruns this alone."""
    number = _choose(one, order)
    _mark(one, order, number)
    tuned = {name: values[number] for name, values in one.tuning.columns().items()}
    if np.isnan(tuned["peak_hz"]):
        st.info("This filter is dead: its weights are all but zero.", icon=":material/info:")
    else:
        st.caption(
            f"Peak {tuned['peak_hz']:.0f} Hz at {say.number(tuned['phase_deg'], 0)}° · "
            f"centroid {tuned['centroid_hz']:.0f} Hz · bandwidth {tuned['bandwidth_hz']:.0f} Hz · "
            f"energy {tuned['energy']:.3g} · centre {tuned['centre_ms']:.2f} ms"
        )
    u, v = one.U[number], one.V[number]
    picture(
        figures_filters.one_filter(u, v, one.rate),
        f"Waveform and spectrum of filter {number} and of its decoder partner",
        key=f"one_filter_{one.key}",
    )
    sides = (("Encoder", u, figures_filters.ENCODER_COLOUR), ("Decoder", v, figures_filters.DECODER_COLOUR))
    tracks = [Track(name, basis.filter_sound(wave, one.rate), one.rate, colour) for name, wave, colour in sides]
    player(tracks, key=f"filter_sound_{one.key}", loop=True)
    if one.key == "model":
        st.page_link(
            "pages/explain.py",
            label="Hear a separation without it",
            icon=":material/psychology_alt:",
            query_params={"explain_filters": ONE, "explain_filter": str(number)},
        )
    near, distances = basis.neighbours(one.U, number)
    if len(near):
        st.caption("Nearest neighbours by their numbers; below, the Euclidean distance")
        picture(
            figures_filters.neighbour_waves(one.U, near, distances, one.rate),
            f"The filters nearest to filter {number}: {', '.join(map(str, near))}",
            key=f"neighbours_{one.key}",
        )


def _choose(one: Bank, order: np.ndarray) -> int:
    """The chosen filter's number in the trained order, by itself or by its row in the maps."""
    number, row = f"filter_{one.key}", f"row_{one.key}"
    if st.session_state.get(number, 0) >= len(one.U):  # chosen when a larger model was shown
        st.session_state[number] = 0
    side_by_side = st.container(horizontal=True)
    chosen = side_by_side.number_input(
        "Filter",
        0,
        len(one.U) - 1,
        key=number,
        bind="query-params",
        help="Its number in the trained order. Or click a row of the maps or a point of the pictures below.",
    )
    st.session_state[row] = int(np.flatnonzero(order == chosen)[0])
    side_by_side.number_input(
        "Row",
        0,
        len(one.U) - 1,
        key=row,
        on_change=lambda: st.session_state.update({number: int(order[st.session_state[row]])}),
        help="Its row in the maps, from the bottom: steps through the filters in the order shown.",
    )
    return chosen


def _mark(one: Bank, order: np.ndarray, number: int) -> None:
    peak = one.tuning.peak_hz[number]
    marks = [
        Mark(f"filters_{one.key}", row=int(np.flatnonzero(order == number)[0])),
        Mark("tuning_map", x=peak, y=one.tuning.bandwidth_hz[number], axes=("xaxis2", "yaxis2")),
        Mark("phases", x=peak, y=one.tuning.phase_deg[number]),
        Mark("pairs", x=peak, y=one.decoder_tuning.peak_hz[number]),
        Mark(f"neighbours_{one.key}"),
    ]
    key = f"filter_{one.key}"
    mark(marks, model=one.name, key=f"marks_{one.key}", on_choose=lambda n: st.session_state.update({key: n}))
