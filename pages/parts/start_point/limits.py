"""Pauses, noise and reverberation: how well separation holds up as they grow."""

import streamlit as st

from analysis import of_networks
from analysis.figures import limits as figures_limits
from analysis.limits import LIMITS, NOISES, LimitCurve
from analysis.sounds import examples
from analysis.words.start_point import explain_limit
from pages.parts import workspace
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.models import by_title
from pages.parts.pictures import picture, save_table, sentences
from pages.parts.result_cache import fingerprint
from pages.parts.text import plain
from tasnet.mixture import Mixture

ABOUT = {
    "pause": "The last speaker pauses in the middle of the sound while the others go on, repeating "
    "what they said from the beginning. The figure is the SDR of what follows the pause, each voice expected on the "
    "output that it had before: a swap shows as a drop below the mixture. Beyond 30 s of sound the app separates in "
    "overlapping chunks and follows the voices from chunk to chunk.",
    "noise": "Noise is added at a level relative to the mixture's active speech level (ITU-T P.56). The network is "
    "asked for the clean voices. One draw of the noise serves all levels.",
    "reverberation": "Each voice sounds in a room: the direct sound, then Gaussian noise that decays. It falls "
    "by 60 dB in T60 (Polack's model), and each response is its own, as strong as in a room of 60 m³ at 1 m from "
    "the speaker. That is "
    "simpler than a real room, which has early echoes. Scored against the voices with their reverberation: separation, "
    "not dereverberation.",
}


def show_limit(limit: str, models: list[str], sound: Mixture) -> None:
    """The curves of `models` for a key of `LIMITS`, on `sound` or on all examples."""
    noise = NOISES[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if limit == "noise":
            noise = st.segmented_control(
                "Noise", NOISES, required=True, default=noise, key="start_noise_kind", bind="query-params"
            )
        whole = st.toggle(
            f"All examples of {len(sound.references)} voices",
            key="start_examples",
            bind="query-params",
            help="Their mean, and as a band the range from the worst to the best.",
        )
    sounds = _examples(len(sound.references)) if whole else [sound]
    found = measured_limits(limit, models, sounds, noise)
    if found is None:
        return
    found = by_title(found)
    said = explain_limit(limit, {plain(name): one for name, one in found.items()})
    say(said, key="limit")
    picture(
        figures_limits.limit_curves(found, LIMITS[limit]),
        f"SDR in dB over: {LIMITS[limit].axis}. {sentences(said)}",
        key=f"start_{limit}",
    )
    caption(ABOUT[limit])
    save_table(
        "Curves (CSV)",
        lambda: {
            LIMITS[limit].axis: LIMITS[limit].values,
            **{f"{name}: SDR (dB)": curve.sdr.mean(0) for name, curve in found.items()},
            "Unprocessed: SDR (dB)": next(iter(found.values())).unprocessed.mean(0),
        },
        key=f"start_{limit}",
    )


def measured_limits(limit: str, models: list[str], sounds: list[Mixture], noise: str) -> dict[str, LimitCurve] | None:
    """{model: curve}, computed once; None where the user cancelled it."""
    arrays = [array for sound in sounds for array in (sound.mixture, sound.references)]
    values = LIMITS[limit].values
    seconds = sum(len(sound.mixture) / sound.rate for sound in sounds) * len(models) * len(values)
    device = str(workspace.separator(models[0]).device)
    return workspace.with_progress(
        ("limit", limit, noise, fingerprint(*arrays), *models, device),
        "Measuring",
        workspace.ALWAYS_CANCELLABLE,
        workspace.apart(of_networks.measure_limits, models, limit, values, sounds, noise, seconds=seconds),
        stays=True,
    )


def _examples(voices: int) -> list[Mixture]:
    known = [one.id for one in examples.available_examples() if len(one.voices) == voices]
    return [workspace.example(name, 0.0) for name in known]
