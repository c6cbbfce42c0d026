"""What is said of a mixture without its clean voices, beside what is true: voices heard, and guesses of the SI-SNR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.scores.systems import MIXTURE, NETWORK
from tasnet.errors import UserError
from tasnet.hearing import MOST, hear
from tasnet.quality import expected_quality

from .intervals import Estimate, share
from .report import who_speaks
from .results import Results

HEARD, GUESSED = "Heard", "Guessed"  # in the place of a system's name
VOICES = tuple(f"voices_{count}" for count in range(MOST + 1))  # their probabilities, the last of so many or more
LIMITS = ("low", "median", "high")  # of the SI-SNR of each output, in dB


@dataclass(frozen=True)
class Guesses:
    """How guesses of the SI-SNR of a set's outputs compare with what it is."""

    outputs: int
    error: float  # dB, mean of the absolute differences
    held: Estimate  # the share (0 to 1) of mixtures' outputs within their limits


def unaided_columns(speakers: int) -> list[str]:
    """The names of all columns for mixtures of so many speakers."""
    heard = [f"{HEARD}.{name}.1" for name in (*VOICES, "noise", "room")]
    return heard + [f"{GUESSED}.{name}.{speaker}" for name in LIMITS for speaker in range(1, speakers + 1)]


def judgements(mixture: np.ndarray, estimates: np.ndarray, rate: int, model: str) -> Iterator[tuple[str, float]]:
    """Columns and values for a mixture (T,) and what the bundled `model` made of it (C, T).

    What cannot be judged is left out: see `hear` and `expected_quality`.
    """
    try:
        heard = hear(mixture, rate)
        for name, value in zip((*VOICES, "noise", "room"), (*heard.voices, heard.noise, heard.room), strict=True):
            yield f"{HEARD}.{name}.1", value
        for speaker, expected in enumerate(expected_quality(mixture, estimates, rate, model), start=1):
            for name in LIMITS:
                yield f"{GUESSED}.{name}.{speaker}", getattr(expected, name)
    except UserError:
        return


def counted_right(results: Results) -> Estimate | None:
    """The share (0 to 1) of the mixtures in which as many voices are heard as there are; None where none was heard."""
    said = np.stack([results.values(HEARD, name)[:, 0] for name in VOICES], axis=1)
    known = ~np.isnan(said).any(1)
    if not known.any():
        return None
    right = said[known].argmax(1) == min(results.header.speakers, MOST)
    return share(right, [who for who, is_known in zip(who_speaks(results), known, strict=True) if is_known])


def guessed_scores(results: Results) -> Guesses | None:
    """How the guesses compare with the scores; None where there are none."""
    low, median, high = (results.values(GUESSED, name) for name in LIMITS)
    true = results.values(MIXTURE, "si_snr") + results.values(NETWORK, "si_snri")
    known = ~np.isnan(median + true).any(1)
    if not known.any():
        return None
    within = ((low <= true) & (true <= high))[known].mean(1)
    held = share(within, [who for who, is_known in zip(who_speaks(results), known, strict=True) if is_known])
    return Guesses(true[known].size, float(np.abs(median - true)[known].mean()), held) if held else None
