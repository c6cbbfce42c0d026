"""The inspected sound at the model's rate, and what goes on inside the network for it."""

import dataclasses

import streamlit as st

from analysis.network.representation import Representation, represent
from pages.parts import result_cache
from tasnet import Separator
from tasnet.audio import resample
from tasnet.mixture import Mixture

MAX_SECONDS = 60


def excerpt_at_rate(sound: Mixture, rate: int) -> Mixture:
    """At most `MAX_SECONDS` of the sound, which the user chooses, at the model's rate."""
    seconds = len(sound.mixture) / sound.rate
    start = 0
    if seconds > MAX_SECONDS:
        start = st.slider(
            f"This sound is long: look inside {MAX_SECONDS} s of it from",
            0,
            int(seconds - MAX_SECONDS) + 1,
            format="%d s",
            key="inside_start",
            bind="query-params",
        )
    part = slice(start * sound.rate, (start + MAX_SECONDS) * sound.rate)
    mixture, references = (
        None if x is None else resample(x[..., part], sound.rate, rate) for x in (sound.mixture, sound.references)
    )
    return dataclasses.replace(sound, mixture=mixture, references=references, rate=rate)


def cached_representation(sound: Mixture, separator: Separator) -> tuple[Representation, tuple]:
    """What goes on inside, and its identity: computed once, and kept with its upload."""
    hashes = result_cache.fingerprint(sound.mixture, sound.references)
    key = ("representation", hashes, separator.name, str(separator.device))
    if (inside := result_cache.find_result(key)) is None:
        with st.spinner("Looking inside ..."):
            mixture, _ = separator.without_what_lies_below(sound.mixture)
            inside = represent(separator.model, mixture, sound.references, separator.level)
        result_cache.keep_result(key, inside)
    return inside, key
