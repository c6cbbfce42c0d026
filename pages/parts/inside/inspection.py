"""The inspected sound at the model's rate, and what goes on inside the network for it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis import of_networks
from analysis.network.representation import Representation
from pages.parts import result_cache, workspace
from tasnet import Separator
from tasnet.audio import resample
from tasnet.mixture import Mixture

MAX_SECONDS = 60
NETWORK_RUNS = 2  # as much computing as so many, in what is computed of an inside


def excerpt_at_rate(sound: Mixture, separator: Separator) -> Mixture:
    """At most `MAX_SECONDS` of the sound, which the user chooses, at the model's rate.

    Without its clean signals where they are not what the model gives: voices for one that takes speech out of noise.
    """
    rate = separator.config.sample_rate
    if sound.task not in ("", separator.facts.task):
        sound = dataclasses.replace(sound, references=None)
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


def of_inside(function: Callable[..., Any], inside: Representation, *arguments: Any) -> Any:
    """`function(inside, *arguments)`, computed apart."""
    seconds = len(inside.mixture) / inside.model.config.sample_rate
    return workspace.computed(
        of_networks.with_inside, function, of_networks.bare(inside), *arguments, seconds=seconds * NETWORK_RUNS
    )


def cached_representation(sound: Mixture, separator: Separator) -> tuple[Representation, tuple]:
    """What goes on inside, and its identity: computed once, and kept with its upload."""
    hashes = result_cache.fingerprint(sound.mixture, sound.references)
    key = ("representation", hashes, separator.name, str(separator.device))
    if (inside := result_cache.find_result(key)) is None:
        with st.spinner("Looking inside ..."):
            seconds = len(sound.mixture) / sound.rate
            found = workspace.computed(of_networks.look_inside, sound.mixture, sound.references, seconds=seconds)
            inside = dataclasses.replace(found, model=separator.model)
        result_cache.keep_result(key, inside)
    return inside, key
