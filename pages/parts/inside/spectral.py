"""The page Inside for networks on spectrograms: the embeddings as a cloud, and the masks beside ideal ones."""

from typing import Any

import numpy as np
import streamlit as st

from analysis import of_networks
from analysis.figures import embeddings as figures
from analysis.figures import sound as figures_sound
from analysis.network.embeddings import EmbeddedCells
from analysis.network.spectral import SpectralInside
from analysis.scores.systems import ScoredSystem, per_cent
from analysis.words.embeddings import explain_cell, explain_embeddings, explain_errors
from pages.parts import listening, result_cache, workspace
from pages.parts.captions import caption
from pages.parts.handout import offer_handout, say
from pages.parts.marks import Mark, mark
from pages.parts.pictures import picture, save_table
from pages.parts.player import linked_player
from pages.parts.text import plain
from tasnet import Separator
from tasnet.mixture import Mixture

from .inspection import NETWORK_RUNS, excerpt_at_rate

SHOWN = 4000  # cells: as many as a browser turns without a pause
CLUSTER_ROW = "cluster"
SOLID, FLAT = "3-D", "Flat"


def show_spectral(sound: Mixture) -> None:
    """Everything about `sound`."""
    separator = workspace.separator()
    sound = excerpt_at_rate(sound, separator)
    inside, identity = _cached(sound, separator)
    rows = [ScoredSystem(inside.system, inside.sources, None, None)]
    if inside.clusters is not None:
        rows.append(ScoredSystem(CLUSTER_ROW, inside.clusters, None, None))
    linked_player(listening.tracks_of(sound, rows), key="inside_player")
    embeddings, masks = st.tabs(
        ["Embeddings", "Masks and errors"], key="inside_spectral_tab", on_change="rerun", bind="query-params"
    )
    if embeddings.open:
        with embeddings:
            if inside.cells is None:
                st.info("This network has no embeddings: its masks alone separate.", icon=":material/info:")
            else:
                _show_embeddings(inside.cells, sound, identity)
    if masks.open:
        with masks:
            _show_masks(inside, sound.rate)
    offer_handout()


def _cached(sound: Mixture, separator: Separator) -> tuple[SpectralInside, tuple]:
    """What goes on inside, and its identity: computed once, and kept with its upload."""
    hashes = result_cache.fingerprint(sound.mixture, sound.references)
    key = ("spectral", hashes, separator.name, str(separator.device))
    if (inside := result_cache.find_result(key)) is None:
        with st.spinner("Looking inside ..."):
            seconds = NETWORK_RUNS * len(sound.mixture) / sound.rate
            inside = workspace.computed(
                of_networks.look_at_spectrogram, sound.mixture, sound.references, seconds=seconds
            )
        result_cache.keep_result(key, inside)
    return inside, key


@st.fragment
def _show_embeddings(cells: EmbeddedCells, sound: Mixture, identity: tuple) -> None:
    """The cloud beside the same cells on the mixture; a click in one marks a cell in both."""
    names = listening.speaker_names(int(cells.clusters.max()) + 1)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = st.segmented_control(
            "Colour",
            [figures.CLUSTER, *([figures.OWNER] if cells.owners is not None else []), figures.ENERGY],
            default=figures.CLUSTER,
            required=True,
            key="embedding_colour",
            bind="query-params",
            help="The clusters are what k-means finds. Ideal: the voice that is loudest in the cell.",
        )
        view = st.segmented_control(
            "Cloud", [SOLID, FLAT], default=SOLID, required=True, key="embedding_view", bind="query-params"
        )
    kept = st.session_state.get("embedding_cell")
    marked = kept[1] if kept and kept[0] == identity else None
    shown = _sample(len(cells.level))

    def choose(number: int) -> None:
        st.session_state.embedding_cell = (identity, number)

    def clicked(point: dict[str, Any]) -> None:
        choose(int(point["customdata"][0]))

    left, right = st.columns(2, gap="medium")
    with left:
        if view == SOLID:
            figure = figures.cloud(cells, shown, by, names, marked)
            picture(figure, f"The cells' embeddings along three principal axes, by {by.lower()}", key="embedding_cloud")
            # Streamlit passes on no clicks in three dimensions.
            mark([Mark("embedding_cloud")], model="", key="embedding_chosen", on_choose=choose)
        else:
            figure = figures.flat_cloud(cells, shown, by, names, marked)
            alt = f"The cells' embeddings along the first axis and two others, by {by.lower()}"
            picture(figure, alt, key="embedding_flat", on_click=clicked)
    with right:
        figure = figures.on_mixture(sound.mixture, sound.rate, cells, shown, by, names, marked)
        alt = f"The same cells on the mixture's spectrogram, by {by.lower()}"
        picture(figure, alt, key="embedding_mixture", on_click=clicked)
        if marked is not None:
            say([plain(explain_cell(cells, marked, names))], key="embedding_cell")
    caption(
        "A point is a cell of the spectrogram, its place the network's embedding of it. A cell is 8 ms long and "
        "31.25 Hz high at 8 kHz. Click one in the spectrogram or in the cloud to mark it in both; drag the cloud to "
        "turn it."
    )
    say(explain_embeddings(cells, len(shown)), key="embeddings")
    save_table("Cells (CSV)", lambda: _table(cells), key="embedding_cells")


def _sample(count: int) -> np.ndarray:
    """The same cells in every run: all, or as many as are shown."""
    if count <= SHOWN:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, SHOWN, replace=False))


def _table(cells: EmbeddedCells) -> dict[str, np.ndarray]:
    columns = {"seconds": cells.seconds, "hertz": cells.hertz, "level_db": cells.level, "cluster": cells.clusters + 1}
    if cells.owners is not None:
        columns["loudest_voice"] = cells.owners + 1
    return columns | {f"pc{k + 1}": cells.points[:, k] for k in range(3)}


def _show_masks(inside: SpectralInside, rate: int) -> None:
    """The network's masks beside the ideal ones, and where what they let through is wrong."""
    names = listening.speaker_names(len(inside.sources))
    caption(
        "The network's masks beside those of the clean voices (eqs. 16 to 18), from 0 to 1. 0 lets nothing through, 1 "
        "all of the mixture. Drag to zoom all panels, double-click to go back."
    )
    images = {name: per_cent(m) for name, m in inside.masks.items()}
    figure = figures_sound.masks(images, rate, names)
    picture(figure, "The network's masks and the ideal ones, over time and frequency", key="spectral_masks")
    if inside.references is None:
        st.info("Where the masks err is known with the clean voices only.", icon=":material/info:")
        return
    st.markdown("## Where they err")
    say([explain_errors(inside.error_share(rate))], key="spectral_errors")
    caption("The masked mixture minus the clean voice: dark is right. In dB re the loudest cell of the clean voices.")
    figure = figures_sound.error_images(inside.errors(rate), rate, names)
    picture(figure, "The level of each system's error, over time and frequency", key="spectral_errors")
