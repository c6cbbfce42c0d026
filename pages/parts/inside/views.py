"""The four views of the page `inside`: Fig. 2, masks in numbers, ideal masks on w, and the way through."""

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from analysis.explain.muting import importance
from analysis.figures import inside as figures_inside
from analysis.network import learned_masks
from analysis.network.filter_use import filter_use
from analysis.network.receptive_field import receptive_field
from analysis.network.representation import Picture, Representation, pooled_picture
from analysis.words import inside as words
from analysis.words.say import share_text
from pages.parts import result_cache
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.listening import speaker_names
from pages.parts.pictures import data_table, picture, save_arrays, save_table, with_decimals
from pages.parts.player import PlayerState

from .view import View, show_bar, view_now

CELLS = 500_000  # of one image: as many as a browser draws without a pause
MAX_COLUMNS = 1000
SHORT_SECONDS = 1.0
WHOLE, STRETCH = "Whole sound", "Stretch"
SHARES = ("Near 0", "Near 1", "Between")


class Inspected(NamedTuple):
    """What the page inspects: a model's inner state for a sound, and how its filters are sorted."""

    inside: Representation
    identity: tuple  # of the sound and the model
    order: np.ndarray  # (N,) filters' numbers, row by row
    peaks_hz: np.ndarray  # (N,) where each is tuned, in the trained order


@st.fragment
def show_representation(inspected: Inspected, state: PlayerState) -> None:
    """Fig. 2 for the stretch that the player shows, and the frame at its cursor."""
    inside, _, order, peaks_hz = inspected
    view = view_now(inside, state, "inside_bar")
    bar = st.container()
    extremes = st.toggle(
        "Masks by their extremes",
        key="inside_extremes",
        bind="query-params",
        help="Where a column of the picture holds several frames, it shows a mask's mean over them, or its largest "
        "value, by which no short opening is lost and the mask looks more open than it is.",
    )
    seen, figure = _figure2(inspected, view, extremes)
    picture(
        figure,
        "Mixture, encoder representation, masks, masked representations and waveforms over time, the "
        "encoder's and the decoder's basis functions at the sides",
        key="inside_picture",
    )
    with bar:
        rows = {"order": order.tolist(), "peaks": [None if np.isnan(hz) else round(hz) for hz in peaks_hz[order]]}
        show_bar(inside, state, view, {"inside_picture": figure}, key="inside_bar", filters=rows, turning=True)
    frames = inside.frame_at(view.stop) + 1 - inside.frame_at(view.start)
    caption(words.explain_picture(view.words, inside.references is not None, frames / seen.w.shape[1], extremes))
    save_arrays(
        "What is shown (NPZ)",
        lambda: {"order": order, **{name: getattr(seen, name) for name in ("edges", "w", "power", "masks", "d")}},
        key="inside_shown",
    )
    k = inside.frame_at(view.moment)
    st.markdown(f"## Frame {k}, at {inside.seconds(k):.3f} s")
    clean = None if inside.references is None else inside.clean(k, k + 1)
    one = {"w": inside.w(k, k + 1)[0], "masks": inside.masks[:, k], "d": inside.d(k, k + 1)[:, 0]}
    picture(
        figures_inside.frame(
            order,
            **one,
            clean=None if clean is None else clean[:, 0],
            peaks_hz=peaks_hz,
            outputs=speaker_names(max(len(inside.masks), inside.speakers)),
        ),
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


def _figure2(inspected: Inspected, view: View, extremes: bool) -> tuple[Picture, go.Figure]:
    """The data of `view`, and its figure; the last one is kept, since usually only the cursor has moved."""
    inside, identity, order, peaks_hz = inspected
    key = (identity, order.tobytes(), view.start, view.stop, extremes)
    if (kept := st.session_state.get("inside_drawn")) and kept[0] == key:
        return kept[1:]
    columns = min(MAX_COLUMNS, max(1, CELLS // len(order)))
    ends = inside.frame_at(view.start), inside.frame_at(view.stop) + 1
    seen = pooled_picture(inside, order, *ends, columns, extremes)
    U, V = (rows.detach().cpu().numpy()[order] for rows in (inside.model.U, inside.model.V))
    rate = inside.model.config.sample_rate
    names = speaker_names(len(inside.masks))
    figure = figures_inside.inside(seen, inside.mixture, inside.audible(), rate, U, V, peaks_hz[order], names)
    st.session_state.inside_drawn = (key, seen, figure)
    return seen, figure


def _counted(inside: Representation, view: View) -> View | None:
    """What a table should count: the stretch that is marked or shown, or None for all of the sound."""
    chosen = st.segmented_control(
        "Count",
        [WHOLE, STRETCH],
        required=True,
        default=WHOLE,
        key="inside_count",
        bind="query-params",
        help="The stretch is the one marked in the player, and without one what the pictures show. Drag over a "
        "waveform to mark one.",
    )
    return view if chosen == STRETCH else None


def show_masks(inside: Representation, view: View) -> None:
    """Sparsity of w and statistics of the estimated masks, of the whole sound or of a stretch."""
    stretch = _counted(inside, view)
    first, last = (inside.frame_at(stretch.start), inside.frame_at(stretch.stop) + 1) if stretch else (0, inside.frames)
    frames = f"all {inside.frames} frames of the sound" if stretch is None else f"{last - first} frames, {view.words}"
    caption(f"Counted: {frames}.")
    sparse = learned_masks.sparsity(inside, first, last)
    places = st.columns(3)
    places[0].metric(
        "Sparsity of w (Hoyer)",
        f"{sparse.hoyer:.2f}",
        border=True,
        help="Mean over the frames: 0 where all filters are equally active, 1 where one is alone.",
    )
    places[1].metric(
        "Filters at work",
        share_text(sparse.active, 0),
        border=True,
        help="Share of the filters that effectively carry a frame: (sum w^2)^2 / (N sum w^4), mean over the frames.",
    )
    places[2].metric(
        "Power with one owner",
        share_text(sparse.owned, 0),
        border=True,
        help="Share of the speakers' power in cells of which one holds more than "
        f"{share_text(learned_masks.OWNED, 0)}.",
    )
    counted = {
        "every cell": learned_masks.mask_statistics(inside, False, first, last),
        "weighted by power": learned_masks.mask_statistics(inside, True, first, last),
    }
    use = filter_use(inside, first, last)
    lost = None
    if inside.known and not stretch:
        lost = float(importance(inside, [np.flatnonzero(use.shut).tolist()])[0])  # of the whole sound
    say([words.explain_mask_values(*counted.values()), *words.explain_use(use, lost)], key="masks")
    caption(
        f"Near: within {learned_masks.NEAR}. A cell is one filter in one frame. Entropy: 0 bits for "
        "a mask of zeros and ones only, 1 for one that is 0.5 everywhere."
    )
    data_table(
        [
            {
                "Mask": speaker,
                "Counted": how,
                "Near 0": found.near_zero[i],
                "Between": found.between[i],
                "Near 1": found.near_one[i],
                "Entropy (bits)": found.entropy[i],
            }
            for how, found in counted.items()
            for i, speaker in enumerate(speaker_names(len(inside.masks)))
        ],
        column_config={name: st.column_config.NumberColumn(format="percent") for name in SHARES}
        | {"Entropy (bits)": st.column_config.NumberColumn(format="%.3f")},
    )
    sums = ", ".join(f"{how}: {found.sum_mean:.2f} ± {found.sum_deviation:.2f}" for how, found in counted.items())
    caption(f"Sum of the masks over the outputs ({sums}). {words.SUM[inside.model.config.mask == 'softmax']}")
    picture(
        figures_inside.mask_sums(counted),
        "Histogram of the sum of the masks over the outputs",
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


def show_oracles(inspected: Inspected, view: View) -> None:
    """Scores of ideal masks on the encoder's output: what the masks lose against what the basis loses."""
    inside = inspected.inside
    if inside.references is None:
        st.info("Ideal masks are made from the clean voices, which are not known here.", icon=":material/info:")
        return
    stretch = _counted(inside, view)
    on = f"Scored: {view.words}" if stretch else "Scored: the whole sound"
    if stretch and stretch.stop - stretch.start < SHORT_SECONDS:
        on += ", which is so short that the filter of 512 samples which SDR forgives flatters all systems"
    caption(f"{on}.")
    st.markdown("Ideal masks computed on the encoder's output instead of the STFT, beside the estimated ones.")
    names = speaker_names(len(inside.references))
    ends = (stretch.start, stretch.stop) if stretch else (0.0, None)
    key = ("oracle_scores", inspected.identity, ends)
    if (scores := result_cache.find_result(key)) is None:
        with st.spinner("Scoring ideal masks ..."):
            scores = result_cache.keep_result(key, learned_masks.oracle_scores(inside, *ends))
    say(words.explain_oracles(scores), key="oracles")
    columns = {
        "SI-SNR (dB)": lambda found: found.mean("si_snr"),
        "SI-SNRi (dB)": lambda found: found.mean("si_snri"),
        "SDRi (dB)": lambda found: found.mean("sdri"),
        "PESQ (MOS-LQO)": lambda found: found.mean("pesq"),
        "STOI": lambda found: found.mean("stoi"),
    } | {f"SI-SNRi {speaker} (dB)": lambda found, i=i: found.si_snri[i] for i, speaker in enumerate(names)}
    rows = [
        {"System": system} | {name: value(found) for name, value in columns.items()} for system, found in scores.items()
    ]
    data_table(with_decimals(rows, dict.fromkeys(columns, 2)))
    caption(
        f"IBM, IRM and WFM see magnitudes only, as in eqs. 16 to 18. “{learned_masks.RATIO}” also minds the "
        "sign: it brings every cell as near to the clean one as a sigmoid mask can. "
        f"“{learned_masks.CLEAN}” are decoded without any mask."
    )


@st.fragment
def show_walk(inside: Representation, state: PlayerState) -> None:
    """Activity of the skip outputs over the stretch that the player shows, and the receptive field of one frame."""
    view = view_now(inside, state, "inside_walk_bar")
    bar = st.container()
    config = inside.model.config
    rate = config.sample_rate
    st.markdown("## What each block adds")
    frames = np.arange(inside.frame_at(view.start), inside.frame_at(view.stop) + 1)
    levels, seconds = inside.skips[:, frames], inside.seconds(frames)
    caption(words.explain_blocks(levels, config, view.words))
    start, stop = inside.edge(frames[[0, -1]] + [0, 1])
    figure = figures_inside.skips(levels, start, stop, config.dilations)
    with bar:
        show_bar(inside, state, view, {"skips": figure}, key="inside_walk_bar", turning=True)
    picture(
        figure,
        "Level of the skip output of every block over time",
        key="skips",
    )
    save_arrays("Levels (NPZ)", lambda: {"level": levels, "seconds": seconds}, key="skips")
    frame = inside.frame_at(view.moment)
    found = receptive_field(inside.model, inside.mixture, frame)
    st.markdown(f"## What frame {frame} depends on")
    caption(words.explain_receptive_field(found, rate, len(inside.mixture)))
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
