"""The tracks of a page: which signals are played together, in which colours, with which scores below them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from analysis.figures.palette import SYSTEM_COLOURS, colour_by_model
from analysis.scores.comparison import Comparison
from analysis.scores.systems import MIXTURE, ScoredSystem
from analysis.words.say import number, signed
from tasnet.mixture import Mixture
from tasnet.training_facts import SPEAKERS, output_names

from . import models
from .player import Track


def speaker_names(count: int, model: str | None = None) -> list[str]:
    """What the outputs of the sidebar's model, or of `model`, are called: Speaker 1, Speaker 2; Speech, Noise.

    As speakers where their number differs.
    """
    own = _outputs(model)
    return list(own if len(own) == count else output_names(SPEAKERS, count))


def _outputs(model: str | None = None) -> tuple[str, ...]:
    chosen = st.session_state.get("selection")
    name = model or (chosen and chosen.model)
    return models.label(name).outputs if name else ()


def chosen_system() -> str:
    """What the sidebar's model is called as a system: Conv-TasNet, DPCL, ..."""
    return models.label(st.session_state.selection.model).system


def _name(speaker: int) -> str:
    own = _outputs()
    return own[speaker] if speaker < len(own) else f"Speaker {speaker + 1}"


def score_line(row: ScoredSystem, speaker: int) -> str:
    """Every measure of one speaker, as it stands under a player: in short, PESQ as MOS-LQO."""

    def show(measure: str, write: Callable[[float, int], str], decimals: int) -> str:
        value = row.score(measure, speaker)
        return "undefined" if value is None else write(value, decimals)

    if row.scores is None:
        return ""
    improvements = f"SI-SNRi {show('si_snri', signed, 1)} dB · SDRi {show('sdri', signed, 1)} dB"
    known = {"pesq": "PESQ", "stoi": "STOI"}
    rest = [f"{name} {show(key, number, 2)}" for key, name in known.items() if row.score(key, speaker) is not None]
    return " · ".join([improvements, *rest])


def descriptions(tracks: Sequence[Track]) -> dict[str, str]:
    """{track: the text under it}: scores, or who speaks."""
    return {track.name: track.description for track in tracks if track.description}


def _clean_name(speaker: int) -> str:
    return f"{_name(speaker)} · clean"


def _mixture(sound: Mixture) -> Track:
    return Track(MIXTURE, sound.mixture, sound.rate, group="mixture")


def _clean(sound: Mixture, speaker: int) -> Track:
    return Track(
        _clean_name(speaker),
        sound.references[speaker],
        sound.rate,
        group=f"speaker {speaker + 1}",
        description=sound.labels[speaker],
    )


def estimate_name(system: str, speaker: int) -> str:
    """What the track of the `speaker` (0, 1, ...) by this system is called."""
    return f"{_name(speaker)} · {system}"


def _estimate(row: ScoredSystem, speaker: int, rate: int, colour: str = "") -> Track:
    return Track(
        estimate_name(row.name, speaker),
        row.estimates[speaker],
        rate,
        colour=colour,
        group=f"speaker {speaker + 1}",
        description=score_line(row, speaker),
        system=row.name,
        reference=_clean_name(speaker) if row.scores else "",
    )


def separated_tracks(sound: Mixture, sources: np.ndarray, system: str) -> list[Track]:
    """The mixture and each estimate of a `system`, each followed by its clean voice where the voices are known."""
    return tracks_of(sound, [ScoredSystem(system, sources, masks=None, scores=None)])


def tracks_of(sound: Mixture, rows: Sequence[ScoredSystem]) -> list[Track]:
    """The mixture and, speaker by speaker, every row's estimate, then the clean voice where the voices are known."""
    references = 0 if sound.references is None else len(sound.references)
    tracks = [_mixture(sound)]
    for speaker in range(max(references, *(len(row.estimates) for row in rows))):
        for place, row in enumerate(rows):
            if speaker < len(row.estimates):
                other_model = place > 0 and row.name not in SYSTEM_COLOURS
                colour = colour_by_model(speaker, place) if other_model else ""
                tracks.append(_estimate(row, speaker, sound.rate, colour))
        if speaker < references:
            tracks.append(_clean(sound, speaker))
    return tracks


def compared_tracks(comparison: Comparison) -> list[Track]:
    """The mixture, then for each speaker every system and the clean voice."""
    return tracks_of(comparison.mixture, comparison.rows)


def models_tracks(models: dict[str, Comparison]) -> list[Track]:
    """The mixture, then for each speaker what each model made of it and the clean voice; {model: its comparison}."""
    rows = [replace(comparison.network, name=name) for name, comparison in models.items()]
    return tracks_of(next(iter(models.values())).mixture, rows)
