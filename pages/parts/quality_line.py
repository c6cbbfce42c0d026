"""One line beside the player: how good the separation is likely to be, judged without the clean voices."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from analysis import computing
from analysis.scores.systems import ScoredSystem
from analysis.sounds.mixing import Mixture
from tasnet import quality

from . import models, result_cache, workspace
from .hearing_line import hearing_of, judged
from .listening import speaker_names
from .text import plain


def expected_of(sound: Mixture, sources: np.ndarray, model: str) -> Sequence[quality.Expected] | None:
    """What to expect of the `sources` (2, T) that `model` made of `sound`, computed once; None where it is unknown."""
    if model not in quality.MODELS or len(sources) != 2:
        return None
    key = ("expected", model, *map(result_cache.fingerprint, (sound.mixture, sources)))
    arguments = (sound.mixture, sources, sound.rate, model)
    return judged(key, computing.expect_apart, *arguments, seconds=len(sound.mixture) / sound.rate)


def show_expected(sound: Mixture, row: ScoredSystem) -> None:
    """The line for two voices that the chosen model made, beside what was measured where that is known."""
    heard = hearing_of(sound)
    if row.scores is None and (sound.references is not None or heard is None or heard.count < 2):
        return
    chosen = workspace.selection().model
    if (expected := expected_of(sound, row.estimates, chosen)) is not None:
        names = speaker_names(len(models.label(chosen).outputs))
        measured = (None, None) if row.scores is None else row.scores.si_snr
        st.caption(f":material/straighten: {plain(quality.in_words(expected, names, measured))}")
