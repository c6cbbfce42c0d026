"""The sidebar every page shares: which sound, which model, which device, and what is running.

The choices of `LINKED` stand in the URL, so that a link reproduces the view; so does the token of the upload on show.
Uploads (see `uploads`) survive a reload, a change of page and of the kind of sound.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

import tasnet
from analysis.sounds import examples, inputs, mixing
from tasnet.audio import Audio

from . import links, more_models, own_model, uploads, workspace
from .text import plain

KINDS = {"example": "Example", "upload": "File", "mix": "Mix", "record": "Mic"}
LINKED = ("sound", "example", "snr", "model", "device")
LEVELS_DB = [step / 2 for step in range(-10, 11)]
FILE_TYPES = ["wav", "flac", "mp3", "ogg", "opus", "m4a", "aac", "aif", "aiff", "webm"]


def choose() -> None:
    """Draw the choices and put the selection where `workspace` finds it."""
    st.markdown("### :material/graphic_eq: TasNet Lens")
    model, device = _model(), _device()
    kind = st.segmented_control(
        "Sound",
        _linked("sound", list(KINDS)),
        format_func=KINDS.get,
        required=True,
        key="sound",
        width="stretch",
        wrap=False,
        help="The address of the page is a link to this very view: sound, model, and the player's cursor and marked "
        "stretch. A sound of your own can be opened by its link alone, and is removed when its last tab is closed.",
    )
    try:
        sound = {"example": _example, "upload": _upload, "mix": _mix, "record": _record}[kind]()
        if sound is None:
            uploads.check_link()
        example = st.session_state.example if kind == "example" else None
        workspace.select(workspace.Selection(model, device, sound, example))
    except ValueError as problem:
        workspace.select(workspace.Selection(model, device, problem=str(problem)))
    _link()


def _link() -> None:
    """Put the choices into the URL; what a page itself has put there stays, unless it belongs to another sound."""
    chosen = {name: str(st.session_state[name]) if name in st.session_state else None for name in LINKED}
    if own_model.in_use():
        chosen["model"] = None  # nobody else can have it
    chosen["upload"] = None if chosen["sound"] == "example" else uploads.token()
    sound = [chosen[name] for name in ("sound", "example", "upload")]
    links.put(chosen | links.player_state(sound))


def _linked(name: str, options: Sequence[Any], default: Any = None) -> Sequence[Any]:
    """`options` of the widget `name`, which begins at what the URL says, else at `default` (or the first)."""
    if st.session_state.get(name) not in options:
        wanted = {str(option): option for option in options}
        st.session_state[name] = wanted.get(st.query_params.get(name), options[0] if default is None else default)
    return options


def _model() -> str:
    if wanted := st.session_state.pop("model_wanted", None):
        st.session_state.model = wanted
    own = [own_model.path()] if own_model.path() else []
    name = st.selectbox(
        "Model",
        _linked("model", [*tasnet.available(), *own]),
        format_func=own_model.label,
        key="model",
        help="The project's own, under assets/weights with a model card each; then what you got under More models.",
    )
    more_models.problem()
    more_models.show()
    return name


def _device() -> str:
    return st.selectbox("Device", _linked("device", tasnet.devices()), key="device")


def _snr() -> float:
    return st.select_slider(
        "Level of the first voice",
        _linked("snr", LEVELS_DB, 0.0),
        format_func="{:+.1f} dB".format,
        key="snr",
        persist_state="session",
        help="Relative to the other voices, by active speech level; the paper mixes between -5 and +5 dB.",
    )


def _example() -> mixing.Mixture:
    known = {example.id: example for example in examples.available_examples()}
    chosen = st.selectbox(
        "Example",
        _linked("example", list(known)),
        format_func=lambda name: known[name].title,
        key="example",
        persist_state="session",
    )
    snr_db = _snr()
    if not any(example.tier == "librispeech" for example in known.values()):
        _offer_librispeech()
    return workspace.example(chosen, snr_db)


def _offer_librispeech() -> None:
    if not st.button(
        "Get LibriSpeech readers",
        icon=":material/cloud_download:",
        help="Three readers of public-domain books (CC BY 4.0), downloaded once from librosa.org.",
    ):
        return
    try:
        with st.spinner("Downloading ..."):
            examples.fetch_librispeech()
    except examples.ExampleError as problem:
        st.error(plain(problem))
    else:
        st.rerun()


def _keep(widget: str, name: str | None = None) -> None:
    """Put what a file widget holds into the user's upload: the widget's state goes when it is not drawn."""
    held = st.session_state[widget]
    files = held if isinstance(held, list) else [held] if held else []
    uploads.keep_files(widget, [(name or file.name, file.getvalue()) for file in files])


def _kept(widget: str) -> list[Audio]:
    """The sounds that came through `widget`, in this session or the one whose link this is."""
    upload = uploads.current()
    files = upload.files.get(widget) if upload else None
    if not files:
        return []
    if not st.session_state[widget]:
        st.caption("Still here: " + ", ".join(plain(name) for name, _ in files))
        st.button("Remove", key=f"remove_{widget}", on_click=uploads.keep_files, args=(widget, []))
    return upload.audio(widget)


def _files(widget: str, label: str, *, several: bool, help: str | None = None) -> list[Audio]:
    st.file_uploader(
        label,
        type=FILE_TYPES,
        accept_multiple_files=several,
        key=widget,
        on_change=_keep,
        args=(widget,),
        help=help,
    )
    return _kept(widget)


def _upload() -> mixing.Mixture | None:
    mixture = _files("mixture_file", "A mixture of two voices", several=False)
    references = _files(
        "reference_files",
        "Its clean voices (optional)",
        several=True,
        help="With the clean voices, one file each and as long as the mixture, the separation can be scored.",
    )
    return inputs.from_mixture(mixture[0], references) if mixture else None


def _mix() -> mixing.Mixture | None:
    voices = _files("voice_files", "Two or three clean voices", several=True)
    snr_db = _snr()
    return inputs.from_voices(voices, snr_db) if voices else None


def _record() -> mixing.Mixture | None:
    st.audio_input(
        "Two people talking at once",
        sample_rate=8000,
        key="recording",
        on_change=_keep,
        args=("recording", "Recording"),
    )
    recording = _kept("recording")
    return inputs.from_mixture(recording[0]) if recording else None


def show_running() -> None:
    """What is running: device, precision, speed and size of the chosen model."""
    separator = workspace.separator()
    speed = workspace.last_speed()
    facts = {
        "Device": f"{separator.device} · {separator.precision}",
        "Parameters": f"{separator.model.num_parameters() / 1e6:.2f} M",
        "Real-time factor": f"{speed:.3f}" if speed is not None else "–",
    }
    st.caption(
        "  \n".join(f"{name}: **{value}**" for name, value in facts.items()),
        help="Real-time factor: seconds of computing for a second of sound. Below 1 is faster than real time.",
    )
