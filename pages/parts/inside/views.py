"""The four views of the page `inside`: Fig. 2, masks in numbers, ideal masks on w, and the way through."""

import numpy as np
import streamlit as st

from analysis.figures import inside as figures_inside
from analysis.network import learned_masks
from analysis.network.receptive_field import receptive_field
from analysis.network.representation import Representation, pooled_picture
from pages.parts.listening import speaker_names
from pages.parts.pictures import picture, save_arrays, save_table

CELLS = 500_000  # of one image: what a browser draws without a pause
MAX_COLUMNS = 1000
SHARES = ("Near 0", "Near 1", "Between")


def show_representation(inside: Representation, order: np.ndarray, start: float, stop: float, moment: float) -> None:
    """Fig. 2 for the chosen stretch, and one frame of it."""
    first, last = inside.frame_at(start), inside.frame_at(stop)
    columns = min(MAX_COLUMNS, max(1, CELLS // len(order)))
    seen = pooled_picture(inside, order, first, last + 1, columns)

    def zoom(left: float, right: float) -> None:
        st.session_state.inside_stretch = (left, right)

    st.caption(
        "Brightness is magnitude. In w the hue says whose it is, by the "
        + ("clean speakers' own representations" if inside.references is not None else "masked representations")
        + ", white where they share it. Filters are sorted alike in every picture."
    )
    rate = inside.model.config.sample_rate
    picture(
        figures_inside.inside(seen, inside.mixture, inside.sources, rate, moment),
        "Mixture, encoder representation, and each speaker's mask, masked representation and waveform over time",
        key="inside_picture",
        on_stretch=zoom,
    )
    save_arrays(
        "What is shown (NPZ)",
        lambda: {"order": order, **{name: getattr(seen, name) for name in ("edges", "w", "power", "masks", "d")}},
        key="inside_shown",
    )
    k = inside.frame_at(moment)
    st.markdown(f"##### Frame {k}, at {inside.seconds(k):.3f} s")
    clean = inside.clean(k, k + 1)
    one = {"w": inside.w(k, k + 1)[0], "masks": inside.masks[:, k], "d": inside.d(k, k + 1)[:, 0]}
    picture(
        figures_inside.frame(order, **one, clean=None if clean is None else clean[:, 0]),
        f"The representation, masks and masked representations of frame {k} over the filters",
        key="inside_frame",
    )
    save_table(
        "This frame (CSV)",
        lambda: {
            "filter": order,
            "w": one["w"][order],
            **{f"{name}_{i + 1}": row[order] for name in ("masks", "d") for i, row in enumerate(one[name])},
        },
        key="inside_frame",
    )


def show_masks(inside: Representation) -> None:
    """Sparsity of w and statistics of the estimated masks."""
    sparse = learned_masks.sparsity(inside)
    places = st.columns(3)
    places[0].metric(
        "Sparsity of w (Hoyer)",
        f"{sparse.hoyer:.2f}",
        border=True,
        help="Mean over the frames: 0 where all filters are equally active, 1 where one is alone.",
    )
    places[1].metric(
        "Filters at work",
        f"{sparse.active:.0%}",
        border=True,
        help="Share of the filters that effectively carry a frame: (sum w^2)^2 / (N sum w^4), mean over the frames.",
    )
    places[2].metric(
        "Power with one owner",
        f"{sparse.owned:.0%}",
        border=True,
        help=f"Share of the speakers' power in cells of which one holds more than {learned_masks.OWNED:.0%}.",
    )
    counted = {
        "every cell": learned_masks.mask_statistics(inside),
        "weighted by power": learned_masks.mask_statistics(inside, weighted=True),
    }
    st.caption(
        f"Near: within {learned_masks.NEAR}. A cell is one filter in one frame. Entropy is in bits: 0 for a mask of "
        "zeros and ones only, 1 for one that is 0.5 everywhere."
    )
    st.dataframe(
        [
            {
                "Mask": speaker,
                "Counted": how,
                "Near 0": found.near_zero[i],
                "Between": found.between[i],
                "Near 1": found.near_one[i],
                "Entropy": found.entropy[i],
            }
            for how, found in counted.items()
            for i, speaker in enumerate(speaker_names(len(inside.masks)))
        ],
        column_config={name: st.column_config.NumberColumn(format="percent") for name in SHARES}
        | {"Entropy": st.column_config.NumberColumn(format="%.3f")},
    )
    sums = ", ".join(f"{how}: {found.sum_mean:.2f} ± {found.sum_deviation:.2f}" for how, found in counted.items())
    st.caption(f"Sum of the masks over the speakers ({sums}). Only softmax masks must sum to 1 (section IV-A).")
    picture(
        figures_inside.mask_sums(counted),
        "Histogram of the sum of the masks over the speakers",
        key="mask_sums",
    )
    save_table(
        "Sums (CSV)",
        lambda: (
            {"from": counted["every cell"].sum_edges[:-1], "to": counted["every cell"].sum_edges[1:]}
            | {f"share of {how}": found.sum_shares for how, found in counted.items()}
        ),
        key="mask_sums",
    )


def show_oracles(inside: Representation) -> None:
    """Scores of ideal masks on the encoder's output: what the masks lose against what the basis loses."""
    if inside.references is None:
        st.info("Ideal masks are made from the clean voices, which are not known here.", icon=":material/info:")
        return
    st.markdown(
        "Ideal masks computed on the encoder's output instead of the STFT. What lies between the estimated masks and "
        "these is lost by the mask estimation, what lies between these and the clean representations by masking "
        "itself, and what the clean representations miss by encoder and decoder."
    )
    names = speaker_names(len(inside.references))
    scores = learned_masks.oracle_scores(inside)
    columns = {
        "SI-SNR (dB)": lambda found: found.mean("si_snr"),
        "SI-SNRi (dB)": lambda found: found.mean("si_snri"),
        "SDRi (dB)": lambda found: found.mean("sdri"),
    } | {f"SI-SNRi {speaker} (dB)": lambda found, i=i: found.si_snri[i] for i, speaker in enumerate(names)}
    st.dataframe(
        [
            {"System": system} | {name: value(found) for name, value in columns.items()}
            for system, found in scores.items()
        ],
        column_config={name: st.column_config.NumberColumn(format="%.2f") for name in columns},
    )
    st.caption(
        f"IBM, IRM and WFM see magnitudes only, as in eqs. 16 to 18. “{learned_masks.RATIO}” also minds the sign: it "
        "brings every cell as near to the clean one as a sigmoid mask can. "
        f"“{learned_masks.CLEAN}” are decoded without any mask."
    )


def show_walk(inside: Representation, start: float, stop: float, moment: float) -> None:
    """Activity of the skip outputs over the chosen stretch, and the receptive field of one frame."""
    config = inside.model.config
    rate = config.sample_rate
    st.markdown("##### What each block adds")
    st.caption(
        f"Level of the skip output of each of the {len(inside.skips)} 1-D conv blocks, from the first at the top to "
        "the last; the masks are estimated from their sum."
    )
    frames = np.arange(inside.frame_at(start), inside.frame_at(stop) + 1)
    levels, seconds = inside.skips[:, frames], inside.seconds(frames)
    picture(
        figures_inside.skips(levels, seconds, config.dilations),
        "Level of the skip output of every block over time",
        key="skips",
    )
    save_arrays("Levels (NPZ)", lambda: {"level": levels, "seconds": seconds}, key="skips")
    frame = inside.frame_at(moment)
    found = receptive_field(inside.model, inside.mixture, frame)
    cut = ", which the ends of the mixture cut here" if found.end - found.begin < found.formula else ""
    st.markdown(f"##### What frame {frame} depends on")
    st.caption(
        f"Measured by gradient: {(found.end - found.begin) / rate:.3f} s, from {found.begin / rate:.3f} to "
        f"{found.end / rate:.3f} s. By the formula: {found.formula / rate:.3f} s{cut}. "
        "Mean and variance of the norms, which look at all of the mixture, are held."
    )
    picture(
        figures_inside.receptive_field_map(found, inside.mixture, rate, inside.seconds(frame)),
        "The mixture around the frame, and how strongly the frame's masks depend on each sample",
        key="receptive_field",
    )
    save_table(
        "Sensitivity (CSV)",
        lambda: {
            "seconds": (found.first + np.arange(len(found.sensitivity))) / rate,
            "sensitivity": found.sensitivity,
        },
        key="receptive_field",
    )
