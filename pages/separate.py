"""Listen: a mixture, each separated voice and, where they are known, the clean voices, with scores below."""

from dataclasses import replace

import streamlit as st

from analysis.figures import sound as figures
from analysis.scores.comparison import Comparison
from analysis.scores.metrics import best_permutation
from analysis.scores.systems import MEASURES, MIXTURE, NETWORK, PERCEPTUAL, ScoredSystem
from analysis.words.separate import beside_the_mixture, explain_measure, explain_voices, promise
from pages.parts import listening, models, workspace
from pages.parts.downloads import downloads
from pages.parts.handout import offer_handout
from pages.parts.page_header import show_header
from pages.parts.player import Tour, linked_player
from pages.parts.text import plain
from tasnet.mixture import Mixture


def separated(sound: Mixture) -> list[tuple[str | None, ScoredSystem, Comparison | None]]:
    """What each chosen model makes of `sound`: (name, None for the first; its voices in one order; its scores)."""
    found = []
    for name in (None, workspace.selection().second):
        if found and name is None:
            break
        separation = workspace.separation(sound, name)
        if separation is None:
            return []
        sources, comparison = separation.sources, None
        if sound.references is not None:
            comparison = workspace.compared(sound, separation, name, ideal=False, pesq=False)
            if comparison is None:
                return []
            row = comparison.network
        else:
            if found and len(sources) == len(found[0][1].estimates):
                sources = sources[list(best_permutation(sources, found[0][1].estimates))]
            row = ScoredSystem(NETWORK, sources, masks=None, scores=None)
        found.append((name, row, comparison))
    if len(found) == 2:
        names = [workspace.selection().model, workspace.selection().second]
        titles = [models.label(name).title for name in names]
        titles = names if titles[0] == titles[1] else titles
        found = [(one[0], replace(one[1], name=title), one[2]) for one, title in zip(found, titles, strict=True)]
    return found


def tour(row: ScoredSystem) -> Tour:
    """The mixture, then each voice, with what there is to hear."""
    kind = models.label(workspace.selection().model).kind
    count = {2: "both voices", 3: "all three voices"}.get(len(row.estimates), "all voices")
    stops = [(MIXTURE, f"The mixture: {count} at once.")]
    for speaker in range(len(row.estimates)):
        words = f"Voice {speaker + 1}, as the network makes it out of the mixture: how much of the rest is left?"
        stops.append((listening.estimate_name(row, speaker), words))
    return Tour(f"First {count} at once, then each alone. What you hear is the work of a {kind}.", tuple(stops))


def show_scores(row: ScoredSystem, comparison: Comparison) -> None:
    """The mean scores of a model as figures in a row, each with a word for it and the mixture's own."""
    with st.container(horizontal=True, wrap=False, key=f"scores_{row.name}"):
        for measure in ("si_snri", "sdri", "pesq", "stoi"):
            facts, value = MEASURES[measure], row.score(measure)
            pending = measure in PERCEPTUAL and not comparison.perceptual
            own = comparison.unprocessed.score(facts.unprocessed or measure)
            st.metric(
                facts.title,
                "…" if pending else "undefined" if value is None else f"{value:.2f}",
                beside_the_mixture(measure, value, own),
                delta_color="off",
                delta_arrow="off",
                border=True,
                help=explain_measure(measure),
            )


def show_mismatch(comparison: Comparison) -> None:
    """Why there are no scores, and what to choose instead."""
    voices, own = len(comparison.mixture.references), len(comparison.network.estimates)
    fitting = models.of_voices(voices)
    model = f"the model {models.label(fitting[0]).scored}" if fitting else f"a model of {voices} voices"
    # Of one voice there are no examples.
    st.info(explain_voices(comparison, model, examples=own > 1), icon=":material/info:")


def show_separation(sound: Mixture) -> None:
    """The separation of `sound`, once it is there: the player first, what takes longer after it."""
    with (
        st.container()
    ):  # one place for what is shown meanwhile: the player below it stays, and plays on, in the next run
        found = separated(sound)
    if not found:
        return
    rows = [row for _, row, _ in found]
    tracks = listening.tracks_of(sound, rows)
    linked_player(tracks, key="separate_player", tour=tour(rows[0]))
    for _, row, comparison in found:
        if len(found) > 1:
            st.markdown(f"##### {plain(row.name)}")
        if comparison is None:
            continue
        if row.scores is None:
            show_mismatch(comparison)
        else:
            show_scores(row, comparison)
    workspace.describe_sound()
    signals = {track.name: track.samples for track in tracks}
    with st.expander("All spectrograms on one time axis", icon=":material/equalizer:", on_change="rerun") as unfolded:
        if unfolded.open:
            st.plotly_chart(figures.spectrograms(signals, sound.rate), key="separate_spectrograms")
    with st.expander("Download the signals", icon=":material/download:"):
        downloads(signals, sound.rate, key="separation", scores=listening.descriptions(tracks))
    offer_handout()
    for name, row, comparison in found:
        if comparison is not None and row.scores is not None:
            workspace.add_pesq(sound, workspace.separation(sound, name), name, ideal=False)


label = models.label(workspace.selection().model)
show_header("Separate", promise(label.kind, label.score))
if (sound := workspace.chosen_sound()) is not None:
    show_separation(sound)
