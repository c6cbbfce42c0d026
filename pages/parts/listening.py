"""The tracks of a page: which signals are heard together, in which colour, with which scores under them."""

import numpy as np

from analysis.comparison import Comparison, Row, score
from analysis.figures import MIXTURE_COLOUR, speaker_colour
from analysis.levels import Mixture

from .player import Track

MIXTURE = "Mixture"


def speaker_names(count: int) -> list[str]:
    """Speaker 1, Speaker 2, ... as they are called in every figure and table."""
    return [f"Speaker {number}" for number in range(1, count + 1)]


def score_line(row: Row, speaker: int) -> str:
    """SI-SNRi, SDRi and PESQ of one speaker, as it stands under a player."""

    def show(measure: str, form: str) -> str:
        value = score(row, measure, speaker)
        return "undefined" if value is None else format(value, form)

    if row.scores is None:
        return ""
    return (
        f"SI-SNRi {show('si_snri', '+.1f')} dB · SDRi {show('sdri', '+.1f')} dB · "
        f"PESQ {show('pesq', '.2f')} (MOS-LQO)"
    )


def _track(name: str, samples: np.ndarray, rate: int, speaker: int, description: str) -> Track:
    return Track(
        name=name,
        samples=samples,
        rate=rate,
        colour=speaker_colour(speaker),
        group=f"Speaker {speaker + 1}",
        description=description,
    )


def _mixture(sound: Mixture) -> Track:
    return Track(MIXTURE, sound.mixture, sound.rate, MIXTURE_COLOUR, group=MIXTURE, description="what is heard")


def _clean(sound: Mixture, speaker: int) -> Track:
    name = f"Speaker {speaker + 1} · clean"
    return _track(name, sound.references[speaker], sound.rate, speaker, sound.labels[speaker])


def separated_tracks(sound: Mixture, sources: np.ndarray, comparison: Comparison | None) -> list[Track]:
    """The mixture and each estimate, each followed by its clean voice where the voices are known."""
    tracks = [_mixture(sound)]
    row = comparison.network if comparison else None
    estimates = row.estimates if row else sources
    for speaker, samples in enumerate(estimates):
        line = score_line(row, speaker) if row else ""
        tracks.append(_track(f"Speaker {speaker + 1}", samples, sound.rate, speaker, line))
        if row and row.scores:
            tracks.append(_clean(sound, speaker))
    if row and not row.scores:
        tracks += [_clean(sound, speaker) for speaker in range(len(sound.references))]
    return tracks


def compared_tracks(comparison: Comparison) -> list[Track]:
    """The mixture, then for each speaker every system and the clean voice."""
    sound = comparison.mixture
    tracks = [_mixture(sound)]
    for speaker in range(max(len(row.estimates) for row in comparison.rows)):
        for row in comparison.rows:
            if speaker < len(row.estimates):
                name = f"Speaker {speaker + 1} · {row.name}"
                tracks.append(
                    _track(name, row.estimates[speaker], sound.rate, speaker, score_line(row, speaker))
                )
        if speaker < len(sound.references):
            tracks.append(_clean(sound, speaker))
    return tracks
