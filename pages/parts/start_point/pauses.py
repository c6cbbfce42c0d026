"""Pauses: whether each voice is still on its output after one speaker was silent for long."""

import streamlit as st

from analysis import of_networks
from analysis.figures import start_point as figures
from analysis.sounds import examples
from analysis.start_point import pauses
from analysis.words.start_point import explain_pauses
from pages.parts import workspace
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.models import by_title
from pages.parts.pictures import picture, save_table, sentences
from pages.parts.result_cache import fingerprint
from pages.parts.text import plain
from tasnet.mixture import Mixture

ABOUT = (
    "The last speaker pauses in the middle of the sound while the others go on, repeating what they said from the "
    "beginning. The figure is the SDR of what follows the pause, each voice expected on the output that it had before: "
    "a swap shows as a drop below the mixture. Beyond 30 s of sound the app separates in overlapping chunks and "
    "follows the voices from chunk to chunk."
)


def show_pauses(models: list[str], sound: Mixture) -> None:
    """The curves of `models` on `sound` or on all examples of as many voices."""
    whole = st.toggle(
        f"All examples of {len(sound.sources)} voices",
        key="start_examples",
        bind="query-params",
        help="Their mean, and as a band the range from the worst to the best.",
    )
    measured = measured_pauses(models, _examples(len(sound.sources)) if whole else [sound])
    if measured is None:
        return
    found = by_title(measured)
    said = explain_pauses({plain(name): one for name, one in found.items()})
    say(said, key="pauses")
    picture(figures.pause_curves(found), f"SDR in dB over: {pauses.AXIS}. {sentences(said)}", key="start_pauses")
    caption(ABOUT)
    save_table(
        "Curves (CSV)",
        lambda: {
            pauses.AXIS: pauses.SECONDS,
            **{f"{name}: SDR (dB)": curve.sdr.mean(0) for name, curve in found.items()},
            "Unprocessed: SDR (dB)": next(iter(found.values())).unprocessed.mean(0),
        },
        key="start_pauses",
    )


def measured_pauses(models: list[str], sounds: list[Mixture]) -> dict[str, pauses.PauseCurve] | None:
    """{model: curve}, computed once; None where the user cancelled it."""
    arrays = [array for sound in sounds for array in (sound.mixture, sound.references)]
    values = pauses.SECONDS
    seconds = sum(len(sound.mixture) / sound.rate for sound in sounds) * len(models) * len(values)
    device = str(workspace.separator(models[0]).device)
    return workspace.with_progress(
        ("pauses", fingerprint(*arrays), *models, device),
        "Measuring",
        workspace.ALWAYS_CANCELLABLE,
        workspace.apart(of_networks.pauses_of, models, values, sounds, seconds=seconds),
        stays=True,
    )


def _examples(voices: int) -> list[Mixture]:
    known = [one.id for one in examples.available_examples() if len(one.voices) == voices]
    return [workspace.example(name, 0.0) for name in known]
