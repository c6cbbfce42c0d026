"""The sliders of a design: their values are in the address, and a row of the paper's tables sets them all."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis.network.designs import PrintedDesign, printed_designs
from pages.parts.text import plain
from tasnet import ConvTasNetConfig
from tasnet.config import ENCODERS, MASKS

# symbol -> what it is (Table I), smallest, largest, step
SIZES = {
    "N": ("Filters in the autoencoder", 16, 1024, 16),
    "L": ("Length of the filters, in samples", 2, 80, 2),
    "B": ("Channels in the bottleneck and the residual paths", 16, 512, 16),
    "H": ("Channels in the convolutional blocks", 16, 1024, 16),
    "Sc": ("Channels in the skip-connection paths", 16, 512, 16),
    "P": ("Kernel size in the convolutional blocks", 1, 9, 2),
    "X": ("Convolutional blocks in each repeat", 1, 10, 1),
    "R": ("Repeats", 1, 8, 1),
}
CHOICES = {"norm": ("gLN", "cLN", "BN"), "encoder": ENCODERS, "mask": MASKS, "C": (2, 3), "sample_rate": (8000, 16000)}
LABELS = {"norm": "Norm", "encoder": "Encoder", "mask": "Mask", "C": "Speakers C", "sample_rate": "Rate (Hz)"}


def set_to(design: PrintedDesign) -> None:
    """Set every control as in this row; called before the page runs."""
    values = design.config.to_dict()
    for name in (*SIZES, *CHOICES, "causal"):
        st.session_state[f"d_{name}"] = values[name]


def _set_to_chosen() -> None:
    if design := st.session_state.design_row:
        set_to(design)


def choose_row(current: ConvTasNetConfig | None) -> None:
    """A list of the paper's rows; it shows the one that the controls are at."""
    designs = printed_designs()
    st.session_state.design_row = next((d for d in designs if d.config == current), None)
    st.selectbox(
        "A row of the paper",
        designs,
        format_func=lambda design: f"{design.table} · {design.si_snri} dB · {design.title}",
        index=None,
        placeholder="a design of your own",
        key="design_row",
        on_change=_set_to_chosen,
        help="Or click a point of the picture.",
    )


def _norm_follows() -> None:
    if st.session_state.d_causal and st.session_state.d_norm == "gLN":
        st.session_state.d_norm = "cLN"  # gLN looks at the whole sound


def _causal_follows() -> None:
    if st.session_state.d_norm == "gLN":
        st.session_state.d_causal = False


def choose_design() -> ConvTasNetConfig | None:
    """The chosen design; None, with a sentence on the page, where no such network can exist."""
    start = ConvTasNetConfig().to_dict()
    values = {}
    row = st.container()
    with st.container(horizontal=True):
        for name, (what, low, high, step) in SIZES.items():
            values[name] = st.slider(
                plain(name),
                low,
                high,
                start[name],
                step,
                key=f"d_{name}",
                bind="query-params",
                help=f"{what}.",
                width=160,
            )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        values["norm"] = _choice("norm", on_change=_causal_follows)
        values["causal"] = st.toggle(
            "Causal", start["causal"], key="d_causal", bind="query-params", on_change=_norm_follows
        )
    with st.expander("More"), st.container(horizontal=True):
        for name in ("encoder", "mask", "C", "sample_rate"):
            values[name] = _choice(name)
    config = None
    try:
        config = ConvTasNetConfig(**values)
    except ValueError as problem:
        st.error(plain(problem), icon=":material/error:")
    with row:
        choose_row(config)
    return config


def _choice(name: str, on_change: Callable[[], None] | None = None) -> Any:
    return st.segmented_control(
        LABELS[name],
        CHOICES[name],
        default=ConvTasNetConfig().to_dict()[name],
        required=True,
        key=f"d_{name}",
        bind="query-params",
        on_change=on_change,
    )
