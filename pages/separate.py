"""Listen: a mixture, each separated voice and, where they are known, the clean voices, with scores below."""

from dataclasses import replace

import numpy as np
import streamlit as st

from analysis.figures import sound as figures
from analysis.scores.comparison import Comparison
from analysis.scores.metrics import output_order
from analysis.scores.systems import MEASURES, MIXTURE, PERCEPTUAL, ScoredSystem
from analysis.words.say import number
from analysis.words.separate import beside_the_mixture, explain_measure, explain_voices, promise
from pages.parts import internals, listening, models, workspace
from pages.parts.coming_player import ComingPlayer
from pages.parts.downloads import downloads
from pages.parts.faster import offer_faster
from pages.parts.handout import offer_handout
from pages.parts.hearing_line import show_hearing
from pages.parts.models_table import show_two_models
from pages.parts.page_header import show_header
from pages.parts.pictures import picture
from pages.parts.player import Tour
from pages.parts.quality_line import show_expected
from pages.parts.text import plain
from pages.parts.whole_recording import offer_whole_recording
from tasnet.mixture import Mixture
from tasnet.training_facts import SPEECH_FROM_NOISE

# What a model made of the sound: its name (None for the first), its voices in one order, its scores if there are any.
Found = tuple[str | None, ScoredSystem, Comparison | None]


def systems() -> dict[str, str | None]:
    """{what each chosen model is called in the player: its name, None for the first}."""
    chosen, second = workspace.selection().model, workspace.selection().second
    if second is None:
        return {listening.chosen_system(): None}
    titles = [models.label(name).title for name in (chosen, second)]
    return dict(zip([chosen, second] if titles[0] == titles[1] else titles, (None, second), strict=True))


def in_order(sources: np.ndarray, known: np.ndarray | None, task: str) -> np.ndarray:
    """`sources` in the order of the `known` signals, where there are as many of these."""
    if known is None or len(known) != len(sources):
        return sources
    return sources[output_order(task, sources, known)]


def separated(sound: Mixture, coming: ComingPlayer) -> list[Found]:
    """What each chosen model makes of `sound`: (name, None for the first; its voices in one order; its scores).

    Until then `coming` plays what there is.
    """
    found: list[Found] = []
    for title, name in systems().items():
        separation = workspace.known_separation(sound, name)
        if new := separation is None:
            if not found:
                coming.show_mixture()
            separation = workspace.separation(
                sound, name, None if found else coming.take, None if found else offer_faster
            )
        if separation is None:
            return []
        task, sources, comparison = workspace.separator(name).facts.task, separation.sources, None
        if sound.references is not None:
            if new and not found:
                known = sound.references if sound.suits(task, len(sources)) else None
                coming.show_voices(ScoredSystem(title, in_order(sources, known, task), masks=None, scores=None))
            comparison = workspace.compared(sound, separation, name, ideal=False, pesq=False)
            if comparison is None:
                return []
            row = comparison.network
        else:
            known = found[0][1].estimates if found else None
            row = ScoredSystem("", in_order(sources, known, task), masks=None, scores=None)
        found.append((name, replace(row, name=title), comparison))
    return found


def tour(systems: dict[str, int]) -> Tour:
    """The mixture, then each voice as each of the `systems` (name: how many) makes it, with what there is to hear."""
    kind = models.label(workspace.selection().model).kind
    names = listening.speaker_names(next(iter(systems.values())))
    speakers = names[0].startswith("Speaker")
    count = {2: "both voices", 3: "all three voices"}.get(len(names), "all voices") if speakers else "speech and noise"
    stops = [(MIXTURE, f"The mixture: {count} at once.")]
    for speaker, name in enumerate(names):
        for system in systems:
            maker = "the network makes" if len(systems) == 1 else f"{system} makes"
            what = name.replace("Speaker", "Voice")
            words = f"{what}, as {maker} it out of the mixture: how much of the rest is left?"
            stops.append((listening.estimate_name(system, speaker), words))
    whose = f". What you hear is the work of a {kind}" if len(systems) == 1 else ": by {}, then by {}".format(*systems)
    return Tour(f"First {count} at once, then each alone{whose}.", tuple(stops))


def show_scores(row: ScoredSystem, comparison: Comparison) -> None:
    """The mean scores of a model as figures in a row, each with a verdict and the mixture's own score."""
    with st.container(horizontal=True, wrap=False, key=f"scores_{row.name}"):
        for measure in ("si_snri", "sdri", "pesq", "stoi"):
            facts, value = MEASURES[measure], row.score(measure)
            pending = measure in PERCEPTUAL and not comparison.perceptual
            own = comparison.unprocessed.score(facts.unprocessed or measure)
            st.metric(
                plain(facts.title),
                "…" if pending else "undefined" if value is None else number(value, 2),
                beside_the_mixture(measure, value, own),
                delta_color="off",
                delta_arrow="off",
                border=True,
                help=explain_measure(measure),
            )


def show_all_scores(found: list[Found]) -> None:
    """The scores of what was `separated`, two models' in one table; or why there are none."""
    scored = [row for _, row, _ in found if row.scores is not None]
    if len(scored) > 1:
        show_two_models(*scored, perceptual=all(comparison.perceptual for *_, comparison in found if comparison))
        return
    for _, row, comparison in found:
        if comparison is None:
            continue
        if row.scores is None:
            show_mismatch(comparison)
        else:
            show_scores(row, comparison)


def with_perceptual(sound: Mixture, found: list[Found]) -> list[Found]:
    """`found` with PESQ and STOI, for which this run waits; empty where the user cancelled that."""
    complete = []
    for name, row, comparison in found:
        if comparison is not None and row.scores is not None:
            separation = workspace.separation(sound, name)
            scored = workspace.compared(sound, separation, name, ideal=False) if separation else None
            if scored is None:
                return []
            row, comparison = replace(scored.network, name=row.name), scored
        complete.append((name, row, comparison))
    return complete


def show_lines(sound: Mixture, row: ScoredSystem) -> None:
    """What the sound seems to be, and how good the separation is likely to be."""
    show_hearing(sound)
    show_expected(sound, row)


def show_mismatch(comparison: Comparison) -> None:
    """Why there are no scores, and what to choose instead."""
    sound, own = comparison.mixture, models.label(workspace.selection().model).voices
    voices = 1 if sound.task == SPEECH_FROM_NOISE else len(sound.references)
    fitting = models.of_voices(voices)
    other = "a model for noise" if voices == 1 else f"a model of {voices} voices"
    better = f"the model {plain(models.label(fitting[0]).scored)}" if fitting else other
    # There are no examples with one voice.
    st.info(explain_voices(comparison, better, examples=own > 1), icon=":material/info:")


def show_separation(sound: Mixture) -> None:
    """The separation of `sound`, once it is there: the player first, what takes longer after it."""
    voices = {title: workspace.separator(name).config.C for title, name in systems().items()}
    coming = ComingPlayer(sound, voices, key="separate_player", tour=tour(voices))
    with st.container():  # one place for what is shown meanwhile
        found = separated(sound, coming)
    if not found:
        coming.show_mixture(coming=False)
        return
    rows = [row for _, row, _ in found]
    tracks = listening.tracks_of(sound, rows)
    coming.show(tracks)
    pending = any(comparison and row.scores and not comparison.perceptual for _, row, comparison in found)
    lines, place = st.empty(), st.empty()
    if pending:  # the scores are what is waited for: what is heard and guessed comes after them, in its place
        with lines.container():
            st.caption(":material/hearing: …")
            st.caption(":material/straighten: …")
    else:
        with lines.container():
            show_lines(sound, rows[0])
    with place.container():
        show_all_scores(found)
    workspace.describe_sound()
    signals = {track.name: track.samples for track in tracks}
    with st.expander("All spectrograms on one time axis", icon=":material/equalizer:", on_change="rerun") as unfolded:
        if unfolded.open:
            picture(figures.spectrograms(signals, sound.rate), "Spectrograms of all signals", key="spectrograms")
    with st.expander("Download the signals", icon=":material/download:"):
        downloads(
            signals, sound.rate, key="separation", scores=listening.descriptions(tracks), source_rate=sound.source_rate
        )
    offer_handout()
    if not pending:
        return
    complete = with_perceptual(sound, found)
    if not complete:
        return
    with internals.drawn_anew(), place.container():
        show_all_scores(complete)
    with lines.container():
        show_lines(sound, rows[0])
    st.rerun()  # with what else tells of the scores: the tracks, the downloads, the handout


label = models.label(workspace.selection().model)
show_header("Separate", promise(label.kind, label.score, plain(label.measured_on), label.outputs, label.system))
sound = workspace.chosen_sound()
offer_whole_recording()
if sound is not None:
    show_separation(sound)
