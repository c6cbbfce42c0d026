"""The sounds of a listening test: every system's version of every voice, all equally loud."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import signal

from analysis.scores.comparison import Comparison
from analysis.scores.metrics import pesq
from analysis.scores.systems import ANCHOR, MIXTURE, SYSTEMS, ScoredSystem
from analysis.sounds.loudness import loudness, matching_gains
from tasnet.audio import wav

from .trials import REFERENCE, Stimulus

# The mixture is a low anchor.
STIMULUS_SYSTEMS = (REFERENCE, *SYSTEMS, MIXTURE)
MUSHRA_ALWAYS = (REFERENCE, ANCHOR, MIXTURE)  # the hidden reference and the anchors


def anchor(clean: np.ndarray, rate: int) -> np.ndarray:
    """BS.1534's low anchor of a clean voice (T,): low-passed at 3.5 kHz, below 16 kHz at as much of the band.

    At 8 kHz, 3.5 kHz would be nearly the whole band, so 1.75 kHz are kept. Zero phase: it starts when the others do.
    """
    cutoff = min(3500.0, 3500.0 * rate / 16000)
    return signal.sosfiltfilt(signal.butter(8, cutoff, fs=rate, output="sos"), clean).astype(np.float32)


@dataclass(frozen=True)
class Version:
    """A voice (T,) at `rate` Hz as one system renders it. `pesq` is its MOS-LQO, None where undefined."""

    system: str
    label: str
    samples: np.ndarray
    rate: int
    pesq: float | None


def versions(
    found: Comparison, title: str, systems: Sequence[str], rows: Sequence[ScoredSystem] | None = None
) -> list[list[Version]]:
    """For each voice of the mixture, in the order of the references, its version by each of `systems`.

    rows: those of `found` unless others are among the systems.
    """
    sound = found.mixture
    by_name = {row.name: row for row in (found.rows if rows is None else rows)}
    utterances = []
    for speaker, clean in enumerate(sound.sources):
        label = f"{title}, {sound.labels[speaker]}"
        rendered = []
        for system in systems:
            row = by_name.get(system)
            if row is None:
                made = {REFERENCE: clean, MIXTURE: sound.mixture, ANCHOR: anchor(clean, sound.rate)}
                samples = made[system]
                quality = pesq(clean, samples, sound.rate)
            else:
                samples, quality = row.estimates[speaker], row.score("pesq", speaker)
            rendered.append(Version(system, label, samples, sound.rate, quality))
        utterances.append(rendered)
    return utterances


def stimuli(utterances: Sequence[Sequence[Version]]) -> list[Stimulus]:
    """All versions at one loudness (BS.1770), the highest at which none clips, as WAV files."""
    numbered = [(number, version) for number, versions in enumerate(utterances) for version in versions]
    levels = [loudness(version.samples, version.rate) for _, version in numbered]
    peaks = [float(np.abs(version.samples).max(initial=0.0)) for _, version in numbered]
    return [
        Stimulus(number, v.system, v.label, wav(10 ** (gain / 20) * v.samples, v.rate), v.pesq)
        for (number, v), gain in zip(numbered, matching_gains(levels, peaks), strict=True)
    ]
