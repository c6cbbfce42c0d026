"""What to switch off: filters by rank, band, cluster or number, blocks by repeat or dilation, and other masks."""

import numpy as np
import streamlit as st

from analysis.explain.muting import IDEAL, MASKS, Muted, blocks_of
from analysis.network.basis import Tree
from analysis.network.filter_use import FilterUse
from tasnet import ConvTasNetConfig

MUTING = "Switch off and hear"  # the view
FILTERS, BLOCKS, OTHER_MASKS = "Filters", "Blocks", "Masks"
KINDS = (FILTERS, BLOCKS, OTHER_MASKS)
OUTPUT, WHOLE = "in the output", "altogether"
CLUSTERS = 12
SHUT, BAND, RANKS, CLUSTER, ONE = "All but shut", "Peak in a band", "Ranks", "Cluster", "One filter"


def choose_muted(
    config: ConvTasNetConfig, use: FilterUse, order: np.ndarray, peaks_hz: np.ndarray, tree: Tree, known: bool
) -> tuple[Muted, str]:
    """What is switched off, also in words. `known`: whether the clean voices are known, one for each output."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Switch off", KINDS, default=FILTERS, required=True, key="explain_kind", bind="query-params"
        )
        if kind == FILTERS:
            return _choose_filters(config, use, order, peaks_hz, tree)
        if kind == BLOCKS:
            return _choose_blocks(config)
        masks = [name for name in MASKS if known or name not in IDEAL]
        chosen = st.selectbox("The masks are", masks, key="explain_masks", bind="query-params", width=260)
        return Muted(masks=chosen), f"masks {chosen}"


def _choose_filters(
    config: ConvTasNetConfig, use: FilterUse, order: np.ndarray, peaks_hz: np.ndarray, tree: Tree
) -> tuple[Muted, str]:
    how = st.selectbox(
        "Which", [SHUT, BAND, RANKS, CLUSTER, ONE], key="explain_filters", bind="query-params", width=190
    )
    N = config.N
    if how == SHUT:
        chosen, said = np.flatnonzero(use.shut), "filters that are all but shut for everybody"
    elif how == BAND:
        top = config.sample_rate // 2
        low, high = st.slider("Band (Hz)", 0, top, (0, 500), step=50, key="explain_band", width=260)
        chosen, said = (
            np.flatnonzero((peaks_hz >= low) & (peaks_hz <= high)),
            f"filters that peak at {low} to {high} Hz",
        )
    elif how == RANKS and N > 1:
        low, high = st.slider("Ranks in the order", 0, N - 1, (0, N // 8), key=f"explain_ranks_{N}", width=260)
        chosen, said = order[low : high + 1], f"filters of ranks {low} to {high}"
    elif how == CLUSTER:
        groups = tree.clusters(CLUSTERS)
        number = st.number_input("Branch of the dendrogram", 1, len(groups), 1, key=f"explain_cluster_{N}", width=190)
        chosen, said = np.array(groups[number - 1]), f"filters of branch {number} of the dendrogram"
    else:
        if st.session_state.get("explain_filter", 0) >= N:  # chosen when a larger model was explained
            st.session_state.explain_filter = 0
        number = st.number_input("Filter", 0, N - 1, key="explain_filter", bind="query-params", width=150)
        chosen, said = np.array([number]), f"filter {number}"
    free = config.encoder != "pinv"  # a pinv encoder's filters cannot be taken out one by one
    where = st.segmented_control(
        "Muted",
        [OUTPUT, WHOLE] if free else [OUTPUT],
        default=OUTPUT,
        required=True,
        key=f"explain_where_{free}",
        help="In the output alone the masks are still estimated from all filters; altogether the network does not hear "
        "these either, and runs again.",
    )
    numbers = tuple(int(number) for number in chosen)
    off = Muted(output=numbers) if where == OUTPUT else Muted(whole=numbers)
    return off, f"{said if how == ONE else f'{len(numbers)} {said}'} muted {where}"


def repeats_and_dilations(config: ConvTasNetConfig) -> dict[str, tuple[int, ...]]:
    """{what can be left out as one: its blocks}."""
    repeats = {f"repeat {r + 1}": blocks_of(config, repeat=r) for r in range(config.R)}
    return repeats | {f"dilation {d}": blocks_of(config, dilation=d) for d in sorted(set(config.dilations))}


def single_blocks(config: ConvTasNetConfig) -> dict[str, tuple[int, ...]]:
    """As `repeats_and_dilations`, of each block alone."""
    return {f"block {number + 1}": (number,) for number in range(config.X * config.R)}


def hear_without_blocks(config: ConvTasNetConfig, name: str) -> None:
    """Before the page runs again: let it play the sound without what is called so."""
    st.session_state.update({"explain_view": MUTING, "explain_kind": BLOCKS, _blocks_key(config): [name]})


def _blocks_key(config: ConvTasNetConfig) -> str:
    return f"explain_blocks_{config.X}_{config.R}"


def _choose_blocks(config: ConvTasNetConfig) -> tuple[Muted, str]:
    groups = repeats_and_dilations(config) | single_blocks(config)
    names, last = list(groups), f"repeat {config.R}"
    chosen = st.multiselect("Blocks, dilations, repeats", names, default=[last], key=_blocks_key(config), width=420)
    numbers = {number for name in chosen for number in groups[name]}
    return Muted(blocks=tuple(sorted(numbers))), f"{', '.join(chosen) or 'no block'} left out"
