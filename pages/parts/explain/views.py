"""The views of the page Explain: switched off, phase and magnitude, where the error is, filters, blocks."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from analysis import of_networks
from analysis.explain import errors, muting, swaps
from analysis.figures import explain as figures
from analysis.figures import inside as figures_inside
from analysis.network.basis import Tree
from analysis.network.filter_use import FilterUse
from analysis.network.representation import Representation
from analysis.scores.metrics import MetricsError
from analysis.scores.systems import MEASURES, NETWORK, ScoredSystem
from analysis.words import explain as words
from analysis.words.inside import explain_blocks, explain_use
from analysis.words.say import one_scale
from pages.parts import listening, result_cache, workspace
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.inside.inspection import of_inside
from pages.parts.inside.view import View, show_bar
from pages.parts.pictures import picture, save_table, show_rows
from pages.parts.player import Track, linked_player, player
from pages.parts.text import plain
from tasnet.mixture import Mixture

from .choose import CLUSTERS, choose_muted, hear_without_blocks, repeats_and_dilations, single_blocks

SHOWN = one_scale(list(MEASURES))
WHOLE, SINGLE = "Repeats and dilations", "Single blocks"
ONE_OF = {WHOLE: "one repeat or all blocks of one dilation", SINGLE: "one block"}


class Explained(NamedTuple):
    """What the page explains: a sound at the model's rate, its inside, and how the filters are sorted and used."""

    sound: Mixture
    inside: Representation
    identity: tuple
    order: np.ndarray
    peaks_hz: np.ndarray
    tree: Tree
    use: FilterUse
    level: float

    @property
    def known(self) -> bool:
        """Whether the clean signals are known, one for each output."""
        return self.inside.known

    @property
    def lost(self) -> str:
        """What is measured of a part that is missing."""
        return "SI-SNR lost" if self.known else "What changes, relative to the outputs as they are,"

    @property
    def names(self) -> list[str]:
        """Of the outputs."""
        return listening.speaker_names(len(self.inside.masks))

    def kept(self, name: str, label: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """See `kept`."""
        return kept(self.inside, self.identity, name, label, function, *arguments)


def kept(
    inside: Representation, identity: tuple, name: str, label: str, function: Callable[..., Any], *arguments: Any
) -> Any:
    """`function(inside, *arguments)`, computed once, apart."""
    key = ("explain", name, identity)
    if (found := result_cache.find_result(key)) is None:
        with st.spinner(f"{label} ..."):
            found = result_cache.keep_result(key, of_inside(function, inside, *arguments))
    return found


@st.fragment
def show_muting(explained: Explained) -> None:
    """Choose parts, hear the voices without them, the scores beside."""
    inside, sound = explained.inside, explained.sound
    off, said = choose_muted(
        inside.model.config, explained.use, explained.order, explained.peaks_hz, explained.tree, explained.known
    )
    try:
        found = explained.kept(repr(off), "Separating without", muting.muted_sources, off, explained.level)
    except muting.MutingError as problem:
        st.error(plain(problem), icon=":material/error:")
        return
    rows = [
        ScoredSystem(name, sources, None, None)
        for name, sources in ((NETWORK, inside.audible()), ("switched off", found))
    ]
    player(listening.tracks_of(sound, rows), key="explain_player", spectrograms=False)
    if not explained.known:
        caption("Without the clean voices there are no scores to compare.")
        return
    before = explained.kept("scores", "Scoring", of_networks.mean_scores, sound, SHOWN)
    after = explained.kept(f"scores {off!r}", "Scoring", of_networks.mean_scores, sound, SHOWN, found)
    say([words.explain_change(before, after, said[0].upper() + said[1:])], key="change")
    table: list[dict[str, Any]] = [
        {"Outputs": name} | values for name, values in (("as they are", before), ("switched off", after))
    ]
    decimals = {MEASURES[name].title: MEASURES[name].mean_decimals for name in SHOWN}
    show_rows("Mean scores", table, decimals, key="explain_scores")


def show_swaps(explained: Explained) -> None:
    """Phase and magnitude of mixture, network and clean voices exchanged: scores, words, sound."""
    sound, estimates = explained.sound, explained.inside.audible()
    found = explained.kept("swaps", "Exchanging phase and magnitude", of_networks.swapped_voices, sound)
    say(words.explain_swaps(found.scores), key="swaps")
    picture(
        figures.swaps(found.scores),
        "SI-SNR of the outputs with the magnitude of one signal and the phase of another",
        key="explain_swaps",
    )
    caption(
        "Mean SI-SNR over the outputs, in the paper's STFT (32 ms Hann windows, 8 ms hop). Mixture and mixture is the "
        "unprocessed sound, clean and clean the clean signals themselves."
    )
    with st.container(horizontal=True):
        magnitude, phase = (
            st.segmented_control(
                plain(title), swaps.PARTS, default=default, required=True, key=f"explain_{title.lower()}"
            )
            for title, default in (("Magnitude", swaps.NETWORK), ("Phase", swaps.MIXTURE))
        )
    rows = [
        ScoredSystem(NETWORK, estimates, None, None),
        ScoredSystem(f"|{magnitude}| ∠{phase}", found.sounds[magnitude, phase], None, None),
    ]
    linked_player(listening.tracks_of(sound, rows), key="explain_swaps_player")


def show_errors(explained: Explained) -> None:
    """The error split by BSS Eval, heard; by band and over time."""
    sound, estimates = explained.sound, explained.inside.audible()
    try:
        parts = explained.kept("errors", "Splitting the error", of_networks.split_errors, sound)
    except MetricsError as problem:
        st.info(plain(problem), icon=":material/info:")
        return
    length = len(sound.mixture)
    tracks = [Track("Mixture", sound.mixture, sound.rate)]
    for c, (estimate, part) in enumerate(zip(estimates, parts, strict=True)):
        heard = {
            NETWORK: estimate,
            "target": part.target,
            "interference alone": part.interference,
            "artefacts alone": part.artefacts,
        }
        tracks += [
            Track(
                listening.estimate_name(what, c),
                signal[:length].astype(np.float32),
                sound.rate,
                group=f"speaker {c + 1}",
            )
            for what, signal in heard.items()
        ]
    found = errors.local_swaps(estimates, sound.references, sound.rate)
    noted = [(swap.start, swap.stop) for swap in found]
    state = player(tracks, key="explain_errors_player", spectrograms=False, follow=True, noted=noted)
    say(words.explain_split(parts, [*map(plain, explained.names)]), key="split")
    caption(
        "BSS Eval v3 splits an output into target, interference and artefacts. The target is what a 512-tap filter "
        "makes of the clean signal itself, interference what such filters make "
        "of the others beyond that, artefacts the rest. “Match loudness” in the player raises them to be heard."
    )
    edges, by_band = errors.band_edges(sound.rate), errors.snr_by_band(estimates, sound.references, sound.rate)
    middles, over_time = errors.snr_over_time(estimates, sound.references, sound.rate)
    st.markdown("## Over time")
    say([words.explain_local_swaps(found, len(estimates))], key="local")
    bar = st.container()
    figure = figures.over_time(middles, over_time, explained.names, found, length / sound.rate)
    with bar:
        whole = View(0.0, length / sound.rate, state.time)
        show_bar(explained.inside, state, whole, {"explain_over_time": figure}, key="explain_bar")
    picture(figure, "SNR of each output over time", key="explain_over_time")
    st.markdown("## By frequency")
    say([words.explain_bands(by_band, edges.tolist(), [*map(plain, explained.names)])], key="bands")
    picture(
        figures.by_band(by_band, edges.tolist(), explained.names), "SNR of each output by band", key="explain_by_band"
    )
    caption("SNR: the clean signal's power over its error's, in the STFT. The estimate is at the level of SI-SNR.")
    save_table(
        "Over time (CSV)",
        lambda: (
            {"seconds": middles}
            | {f"{name}: SNR (dB)": row for name, row in zip(explained.names, over_time, strict=True)}
        ),
        key="explain_over_time",
    )


def show_filters(explained: Explained) -> None:
    """What is let through of each filter, and what is lost without each branch of the dendrogram."""
    use = explained.use
    shut = explained.kept("shut", "Muting shut filters", muting.importance, [np.flatnonzero(use.shut)])
    said = [words.explain_filter_kinds(use), *explain_use(use, float(shut[0]) if explained.known else None)]
    say(said, key="filters")
    chosen = st.session_state.get("explain_clicked")
    lost_alone = "the SI-SNR lost (below 0: gained)" if explained.known else "the level of what changes"
    alone = explained.kept("each", "Muting filter by filter", muting.filter_importance)
    picture(
        figures.filter_use_map(
            use,
            explained.order,
            explained.peaks_hz,
            alone,
            explained.names,
            [] if chosen is None else [chosen],
            explained.known,
        ),
        "Share of each filter's energy that each output alone, several or nobody gets, the energy it holds, and "
        f"{'the SI-SNR lost' if explained.known else 'what changes'} without it",
        key="explain_use",
        on_click=lambda point: st.session_state.update(explain_clicked=int(point["customdata"][0])),
    )
    caption(
        "What gets through each filter, for one output alone or for several at once. In the order of the page "
        "Filters, of the energy of each: what one output's mask alone lets through (0.5 "
        "and more), what several do at once; what is missing gets through to nobody by half. Below: the energy that it "
        f"holds, and {lost_alone} where it alone is muted in the output. Click a bar to open its filter."
    )
    if chosen is not None and chosen < len(use.energy):
        st.page_link(
            "pages/filters.py",
            label=f"Filter {chosen} on the page Filters",
            icon=":material/waves:",
            query_params={"filter_model": str(chosen)},
        )
    groups = explained.tree.clusters(CLUSTERS)
    lost = explained.kept("importance", "Muting branch by branch", muting.importance, groups)
    names = [f"branch {number}" for number in range(1, len(groups) + 1)]
    labels = [f"{number} ({len(group)})" for number, group in enumerate(groups, 1)]
    st.markdown("## Without a branch of the dendrogram")
    say([words.explain_importance(lost, [*map(plain, names)], explained.known)], key="importance")
    picture(
        figures.losses(labels, lost, "Branch of the dendrogram, from the bottom (filters)", explained.known),
        f"{explained.lost} without each branch of filters in the output",
        key="explain_importance",
    )
    caption(f"{explained.lost} when the filters of a branch are muted in the output. The masks stay as they are.")
    save_table(
        "Use (CSV)",
        lambda: (
            {
                "filter": explained.order,
                "energy": use.energy[explained.order],
                ("lost" if explained.known else "change") + " without it (dB)": alone[explained.order],
                "shared": use.shared[explained.order],
            }
            | {f"{name} alone": use.exclusive[c][explained.order] for c, name in enumerate(explained.names)}
            | {f"mean mask of {name}": use.use[c][explained.order] for c, name in enumerate(explained.names)}
        ),
        key="explain_use",
    )


def show_blocks(explained: Explained) -> None:
    """What every block adds; on request, what is lost without each repeat and dilation, or without each block."""
    inside, config = explained.inside, explained.inside.model.config
    levels = inside.skips
    st.markdown(explain_blocks(levels, config, "all of the sound"))
    start, stop = inside.edge(np.array([0, inside.frames]))
    picture(
        figures_inside.skips(levels, start, stop, config.dilations),
        "Level of what every block adds over time",
        key="explain_skips",
    )
    st.page_link(
        "pages/inside.py",
        label="How far one frame looks: measured and computed, on the page Inside",
        icon=":material/layers:",
        query_params={"inside_tab": "Through the separator"},
    )
    st.markdown("## Left out")
    kind = st.segmented_control(
        "Left out each time", [WHOLE, SINGLE], default=WHOLE, required=True, key="explain_left_out", bind="query-params"
    )
    groups = single_blocks(config) if kind == SINGLE else repeats_and_dilations(config)
    caption(
        f"The network runs {len(groups)} times, each without {ONE_OF[kind]}. Such a block adds nothing to the skip sum "
        "and lets its input through unchanged."
    )
    asked = ("explain blocks", kind, explained.identity)
    if st.button("Measure", icon=":material/timer:", key="explain_measure_blocks"):
        st.session_state.setdefault("explain_blocks_asked", set()).add(asked)
    if asked not in st.session_state.get("explain_blocks_asked", ()):
        return

    lost = workspace.with_progress(
        asked,
        "Leaving blocks out",
        workspace.ALWAYS_CANCELLABLE,
        workspace.apart(
            of_networks.with_inside_told,
            [workspace.selection().model],
            muting.block_importance,
            of_networks.bare(inside),
            list(groups.values()),
            explained.level,
            seconds=len(groups) * len(inside.mixture) / explained.sound.rate,
        ),
    )
    if lost is None:
        return
    if kind == SINGLE:
        say(words.explain_single_blocks(lost, config, explained.known), key="blocks")
        figure, about = figures.block_losses(lost, config, explained.known), "single block"
    else:
        say([words.explain_importance(lost, list(groups), explained.known)], key="blocks")
        figure, about = figures.losses(list(groups), lost, "Left out", explained.known), "repeat and dilation"
    key = "explain_single_blocks_lost" if kind == SINGLE else "explain_blocks_lost"
    names = list(groups)
    picture(
        figure,
        f"{explained.lost} without each {about}",
        key=key,
        on_click=lambda point: hear_without_blocks(config, names[point["point_index"]]),
    )
    caption("Click one to hear the sound without it.")
    save_table(
        "Losses (CSV)",
        lambda: {"left out": names, "lost (dB)" if explained.known else "change (dB)": lost},
        key=key,
    )
