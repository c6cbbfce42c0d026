"""Listen: a mixture, each separated voice and, where they are known, the clean voices, with scores under each."""

import streamlit as st

from analysis.figures import sound as figures
from analysis.scores.comparison import explain_sound
from analysis.scores.systems import MEASURES
from pages.parts import frame, listening, workspace
from pages.parts.downloads import downloads
from pages.parts.player import linked_player


def show_scores(row) -> None:
    """The mean scores of the network as three figures."""
    for place, measure in zip(st.columns(3), ("si_snri", "sdri", "pesq"), strict=True):
        value = row.score(measure)
        place.metric(MEASURES[measure].title, "undefined" if value is None else f"{value:.2f}", border=True)


def show(sound) -> None:
    """The separation of `sound`, once it is there."""
    found = workspace.separation(sound)
    if found is None:
        return
    comparison = None
    if sound.references is not None:
        comparison = workspace.compared(sound, found)
        if comparison is None:
            return
        if comparison.network.scores is None:
            st.info(explain_sound(comparison), icon=":material/info:")
        else:
            show_scores(comparison.network)
    tracks = listening.separated_tracks(sound, found.sources, comparison)
    linked_player(tracks, key="separate_player")
    signals = {track.name: track.samples for track in tracks}
    with st.expander("Spectrograms on one time axis", expanded=True, icon=":material/equalizer:"):
        st.plotly_chart(figures.spectrograms(signals, sound.rate), key="separate_spectrograms")
    st.markdown("##### Download")
    downloads(signals, sound.rate, key="separation")


frame.begin("Separate", "Two people speak at once. Hear each of them alone.")
workspace.describe()
if (sound := workspace.chosen_sound()) is not None:
    show(sound)
