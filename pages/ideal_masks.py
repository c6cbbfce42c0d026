"""A network against the ideal binary, ratio and Wiener-like masks on one sound (Tables IV and VI)."""

import streamlit as st

from analysis.figures import sound as figures
from analysis.words.ideal_masks import SETTING, explain_sound
from pages.parts import listening, workspace
from pages.parts.captions import caption
from pages.parts.downloads import downloads
from pages.parts.handout import offer_handout, say
from pages.parts.page_header import show_header
from pages.parts.phase_cost import show_phase_cost
from pages.parts.pictures import picture
from pages.parts.player import linked_player
from pages.parts.score_table import score_table
from pages.parts.systems_table import show_systems_table
from pages.parts.text import plain
from tasnet.mixture import Mixture


def show_systems(sound: Mixture) -> None:
    """The comparison on `sound`, once it is there."""
    with st.container():  # one place for what is shown meanwhile: the player below keeps its place, and plays on
        found = workspace.separation(sound)
        comparison = workspace.compared(sound, found, pesq=False) if found else None
    if comparison is None:
        return
    tracks = listening.compared_tracks(comparison)
    linked_player(tracks, key="ideal_masks_player")
    say(explain_sound(comparison, raw=bool(st.session_state.get("raw_pesq"))), key="ideal_masks")
    caption(SETTING)
    score_table(comparison)
    st.markdown("## The masks")
    caption(
        "What each system lets through, from 0 (nothing) to 1 (all). The row of "
        f"{plain(comparison.network.name)} shows what its masks, of its own filters or phases, amount to on the STFT: "
        "|estimate| / |mixture|. Drag to zoom all panels, "
        "double-click to go back."
    )
    images = {row.name: row.masks for row in comparison.rows}
    figure = figures.masks(images, sound.rate, listening.speaker_names(len(sound.references)))
    picture(figure, "The masks of each system and speaker, over time and frequency", key="masks")
    show_phase_cost(comparison)
    show_systems_table(comparison)
    st.markdown("## Download")
    downloads(
        {track.name: track.samples for track in tracks},
        sound.rate,
        key="ideal_masks",
        scores=listening.descriptions(tracks),
        source_rate=sound.source_rate,
    )
    offer_handout()
    workspace.describe_sound()
    workspace.add_pesq(sound, found)


show_header("Ideal masks", "How close does the network come to masks computed from the clean voices themselves?")
if (sound := workspace.chosen_sound()) is not None:
    if sound.references is None:
        st.info(
            "Ideal masks are computed from the clean voices: choose an example, mix voices, or add the clean voices "
            "to your upload.",
            icon=":material/info:",
        )
    else:
        show_systems(sound)
