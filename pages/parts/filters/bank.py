"""The basis functions of one or two models: their order and what they cover."""

from typing import NamedTuple

import numpy as np
import streamlit as st

import tasnet
from analysis.figures import filters as figures_filters
from analysis.network import basis, basis_set
from analysis.network.fixed_banks import FIXED_BANKS
from analysis.words import filters as words
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.pictures import data_table, picture, with_decimals
from pages.parts.text import plain
from tasnet.config import TasNetConfig

BELOW = {  # what counts as a filter's frequency -> the head of its column
    "peak": "Below 1 kHz",
    "centroid": "By centroid",
    "unpadded": "By unpadded FFT",
}


class Bank(NamedTuple):
    """The basis functions of one model, or of a fixed filterbank, as the page shows them."""

    name: str
    key: str
    U: np.ndarray
    V: np.ndarray
    rate: int
    tuning: basis.Tuning
    decoder_tuning: basis.Tuning
    encoder: str  # what kind it is: of a network, else `words.FIXED`


def learned_bank(name: str, key: str, model: tasnet.TasNet) -> Bank:
    """`Bank` of a model; `key` tells its widgets apart."""
    U, V = (rows.detach().cpu().numpy() for rows in (model.U, model.V))
    return _bank(name, key, U, V, model.config.sample_rate, model.config.encoder)


def fixed_bank(name: str, key: str, config: TasNetConfig) -> Bank:
    """`Bank` of one of `FIXED_BANKS` beside a network of `config`; BasisError where its filters do not fit."""
    fixed = FIXED_BANKS[name]
    return _bank(fixed.title, key, *fixed.rows(config), config.sample_rate, words.FIXED)


def _bank(name: str, key: str, U: np.ndarray, V: np.ndarray, rate: int, encoder: str) -> Bank:
    return Bank(name, key, U, V, rate, basis.tuning(U, rate), basis.tuning(V, rate), encoder)


def choose_order() -> str:
    """How the filters are sorted in every picture: one of `basis.ORDERS`."""
    return st.segmented_control(
        "Sort filters by",
        basis.ORDERS,
        default=basis.UPGMA,
        required=True,
        wrap=True,
        key="filter_order",
        bind="query-params",
        help="UPGMA: by likeness, as in the paper. Either sign: a filter and its negative count as alike, which they "
        "are where the decoder turns the sign back. The order is always that of the encoder.",
    )


@st.cache_data(max_entries=8, show_spinner="Sorting the filters ...")
def sort(U: np.ndarray, rate: int, by: str) -> tuple[np.ndarray, basis.Tree | None]:
    """The order (N,) of the encoder's filters and, where they are sorted by likeness, their tree."""
    tree = basis.sorted_tree(U, rate, by == basis.SIGNLESS) if by in (basis.UPGMA, basis.SIGNLESS) else None
    return (tree.order if tree else basis.order(U, rate, by)), tree


def show_coverage(banks: list[Bank]) -> None:
    """Where the filters of all models are tuned, against auditory scales."""
    st.markdown("## What the filters cover")
    rows, said = [], []
    for one in banks:
        shares, dead = basis_set.shares_below(one.U, one.rate), int(np.isnan(one.tuning.peak_hz).sum())
        distances = {s: basis_set.spacing_distance(one.tuning.peak_hz, s, one.rate) for s in basis_set.SCALES}
        said += words.explain_coverage(plain(one.name), shares, distances, dead)
        rows.append(
            {"Model": one.name}
            | {BELOW[how]: share for how, share in shares.items()}
            | {f"Distance from {scale}": distance for scale, distance in distances.items()}
            | {"Dead filters": dead}
        )
    say(said, key="coverage")
    caption(
        "The paper finds more than 60 % of the filters tuned below 1 kHz, much as the mel scale. It does not say "
        "what it takes for a filter's frequency. The distances are Kolmogorov-Smirnov: 0 where the peaks are spaced "
        "evenly on that scale."
    )
    data_table(
        with_decimals(rows, {f"Distance from {scale}": 2 for scale in basis_set.SCALES}),
        column_config={name: st.column_config.NumberColumn(format="percent") for name in BELOW.values()},
    )
    picture(
        figures_filters.tuning_map({one.name: one.tuning for one in banks}, banks[0].rate),
        "Histogram of the filters' peak frequencies beside even spacing on the mel, ERB and linear scales, "
        "and the bandwidth of every filter at its peak frequency",
        key="tuning_map",
    )


def show_phases(banks: list[Bank]) -> None:
    """How the phases of equally tuned filters spread: the paper's circular shift."""
    st.markdown("## Phases")
    bands = {one.name: basis_set.phase_bands(one.U, one.rate) for one in banks}
    figure = figures_filters.phase_map({one.name: one.tuning for one in banks}, bands[banks[0].name], banks[0].rate)
    say([sentence for name, own in bands.items() for sentence in words.explain_phases(plain(name), own)], key="phases")
    picture(figure, "Phase of every filter at its peak frequency", key="phases")
    caption(
        "The paper's circular shift (section IV-G): one frequency in many phases, a column. Coverage Coverage is "
        "the share of twelve equal phase sectors with a filter in them, beside what as many phases drawn at random "
        "would cover on the mean; similarity the mean cosine of a band's pairs of filters, as they are and after the "
        "best circular shift, which raises it for any filters: see the same network untrained."
    )
    shares = ("Coverage", "By chance")
    rows = [
        {
            "Model": name,
            "Band (Hz)": f"{band.low_hz:.0f} to {band.high_hz:.0f}",
            "Filters": band.count,
            "At 0 Hz or half the rate": band.at_ends,
            "Coverage": band.coverage,
            "By chance": band.chance,
            "Mean phasor": band.resultant,
            "Similarity": band.similarity,
            "Similarity shifted": band.shifted_similarity,
        }
        for name, of_model in bands.items()
        for band in of_model
    ]
    data_table(
        with_decimals(rows, dict.fromkeys(("Mean phasor", "Similarity", "Similarity shifted"), 2)),
        column_config={name: st.column_config.NumberColumn(format="percent") for name in shares},
    )


def show_pairs(banks: list[Bank]) -> None:
    """How far encoder and decoder are from inverting each other."""
    st.markdown("## Encoder and decoder as a pair")
    fits = [(one, basis_set.coder_pair(one.U, one.V)) for one in banks]
    say([words.explain_coders(plain(one.name), fit, one.encoder) for one, fit in fits], key="coders")
    caption(
        "How near the decoder is to the encoder's pseudo-inverse, and what comes back. Distance: 0 if the "
        "decoder is the encoder's least-squares inverse up to level, 1 if they have nothing in common. Frame distance: "
        "how far one frame is from coming back unchanged. Reconstruction: SI-SNR of white noise sent through both. "
        "In the picture a filter on the dotted line has a decoder partner that is tuned as it is."
    )
    rows = [
        {
            "Model": one.name,
            "Condition number": fit.condition,
            "Rank": fit.rank,
            "Distance from pseudo-inverse": fit.pinv_distance,
            "Frame distance": fit.frame_distance,
            "Reconstruction (dB)": fit.reconstruction_db,
        }
        for one, fit in fits
    ]
    measured = ("Condition number", "Distance from pseudo-inverse", "Frame distance", "Reconstruction (dB)")
    data_table(with_decimals(rows, dict.fromkeys(measured, 2)))
    picture(
        figures_filters.pair_map(
            {one.name: one.tuning for one in banks}, {one.name: one.decoder_tuning for one in banks}, banks[0].rate
        ),
        "Peak frequency of every decoder filter against that of its encoder filter",
        key="pairs",
    )
