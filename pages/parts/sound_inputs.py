"""Where users bring their own sounds: the widgets in the page, and the list of files, each with a button to remove it.

A widget is only a way in: `uploads` keeps what comes through it, and the widget is empty again for the next file.
"""

import streamlit as st

from analysis.sounds import inputs
from tasnet.audio import Audio, AudioError
from tasnet.errors import UserError
from tasnet.mixture import Mixture

from . import internals, links, uploads
from .text import plain

FILE_TYPES = ["wav", "flac", "mp3", "ogg", "opus", "m4a", "aac", "aif", "aiff", "webm"]
LONGEST_NAME = 36  # characters
CHANNEL, ALL = "channel", "As one"
MIXTURE, REFERENCES, VOICES, RECORDING = "mixture_file", "reference_files", "voice_files", "recording"
ROLES = {"upload": (MIXTURE, REFERENCES), "mix": (VOICES,), "record": (RECORDING,)}
QUESTIONS = {
    "upload": "Choose a sound of your own: a recording of two people who speak at once.",
    "mix": "Choose a sound of your own: two or three clean voices, a file each, that are mixed here.",
    "record": "Choose a sound of your own: record two people who speak at once.",
}


def uploaded_sound(kind: str, snr_db: float, rate: int = inputs.RATE) -> tuple[Mixture | None, str]:
    """The sound of this `kind` that the user has brought, at the model's `rate`, or None; and what was wrong with its
    clean voices, if anything.

    Raises UserError where it cannot be made into a sound.
    """
    upload = uploads.current()
    if upload is None:
        return None, ""
    if kind == "mix":
        voices = upload.audio(VOICES)
        return (inputs.from_voices(voices, snr_db, rate) if voices else None), ""
    mixture = upload.audio(ROLES[kind][0])
    if not mixture:
        return None, ""
    if (channel := chosen_channel(mixture[0])) is not None:
        mixture = upload.audio(ROLES[kind][0], channel)
    try:
        return inputs.from_mixture(mixture[0], upload.audio(REFERENCES), rate), ""
    except (inputs.InputError, AudioError) as problem:  # the clean voices do not fit: the mixture is separated anyway
        warning = f"{problem} Until then the separation is here without scores."
        return inputs.from_mixture(mixture[0], rate=rate), warning


def show_sound_inputs(kind: str, *, open_: bool) -> None:
    """The inputs for a `kind` of sound; once they have files, folded to a line unless `open_`."""
    upload = uploads.current()
    files = {role: upload.files.get(role, []) if upload else [] for role in ROLES[kind]}
    if not any(files.values()):
        with st.container(border=True, key="sound_inputs"):
            st.markdown(f"**{QUESTIONS[kind]}**")
            _show_input(ROLES[kind][0], files)
        return
    names = [short_name(name) for held in files.values() for name, _ in held]
    head = "Your sound: " + plain(names[0]) + (f" and {len(names) - 1} more" if names[1:] else "")
    _offer_channels(upload, ROLES[kind][0])
    with st.expander(head, icon=":material/audio_file:", expanded=open_):
        for role, held in files.items():
            for index in range(len(held)):
                _show_file(upload, role, index)
        for role in ROLES[kind]:
            _show_input(role, files)


def chosen_channel(recording: Audio) -> int | None:
    """The channel of `recording` that was chosen, or that the link names; None for all mixed to one."""
    wanted = str(st.session_state.get(CHANNEL) or st.query_params.get(CHANNEL, ""))
    numbers = {str(number): number for number in range(1, recording.channels + 1)}
    return numbers.get(wanted) if recording.channels > 1 else None


def _offer_channels(upload: uploads.Upload, role: str) -> None:
    """Choose a channel, where the recording has several, such as one person in a call."""
    if role == VOICES or not upload.files.get(role):
        return
    try:
        (recording,) = upload.audio(role)
    except UserError:
        return
    if recording.channels == 1:
        return
    if recording.people:
        st.info(
            "The two channels are two different sounds, as the two ends of a call are. Each can be had alone.",
            icon=":material/call:",
        )
    st.segmented_control(
        "Channel",
        links.choices(CHANNEL, [ALL, *map(str, range(1, recording.channels + 1))]),
        required=True,
        key=CHANNEL,
        help="The channels are averaged, unless they would cancel each other; or choose one alone.",
    )


def short_name(name: str) -> str:
    """A file's name, its middle left out where it is long."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 14]}…{name[-12:]}"


def _show_file(upload: uploads.Upload, role: str, index: int) -> None:
    name, _ = upload.files[role][index]
    try:
        sound = upload.audio(role)[index]
        about = f"{sound.seconds:.2f} s · {sound.rate} Hz"
    except UserError:
        about = "cannot be used"
    kind = "clean voice · " if role == REFERENCES else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(short_name(name))}**  \n{kind}{about}", width="stretch")
        st.button(
            "Remove", icon=":material/delete:", key=f"remove_{role}_{index}", on_click=_remove, args=(role, index)
        )


def _show_input(role: str, files: dict[str, list]) -> None:
    key = input_key(role)
    if role == RECORDING:
        label = "Record again" if files[role] else "Two people talking at once"
        st.audio_input(label, sample_rate=inputs.RATE, key=key, on_change=_take, args=(role, key))
        return
    labels = {
        MIXTURE: "Another recording instead" if files.get(MIXTURE) else "A mixture of two voices",
        REFERENCES: "Its clean voices, one file each and as long: then the separation is scored",
        VOICES: "More clean voices" if files.get(VOICES) else "Two or three clean voices",
    }
    st.file_uploader(
        labels[role],
        type=FILE_TYPES,
        accept_multiple_files=role != MIXTURE,
        key=key,
        on_change=_take,
        args=(role, key),
    )


def input_key(role: str) -> str:
    """The widget's key: a new one after every use, so that the input is empty again."""
    uses = st.session_state.setdefault("input_uses", {}).get(role, 0)
    return f"{role}_{uses}" if uses else role


def _take(role: str, key: str) -> None:
    """Keep what came through the widget `key`; a mixture or a recording replaces the previous one."""
    files = internals.still_here(st.session_state[key])
    if not files:
        return
    new = [("Recording" if role == RECORDING else file.name, file.getvalue()) for file in files]
    if role not in (REFERENCES, VOICES) and (CHANNEL in st.session_state or CHANNEL in st.query_params):
        st.session_state[CHANNEL] = ALL  # the choice was for the previous recording
    old = uploads.current()
    before = old.files.get(role, []) if old and role in (REFERENCES, VOICES) else []
    uploads.keep_files(role, [*before, *new])
    uploads.forget_transit(files)  # the input is empty in the next run
    st.session_state.input_uses[role] = st.session_state.input_uses.get(role, 0) + 1


def _remove(role: str, index: int) -> None:
    if (upload := uploads.current()) is not None:
        files = upload.files.get(role, [])
        uploads.keep_files(role, files[:index] + files[index + 1 :])
