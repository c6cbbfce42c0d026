"""The sidebar that every page shares: which sound, which model, which device, and what is running.

It offers only what the page uses. The choices of `LINKED` are in the URL, so that a link reproduces the view and Back
restores the previous one; so is the token of the upload on show. Users' own sounds come in through the page, by
`sound_inputs`.
"""

from collections.abc import Collection
from pathlib import Path

import streamlit as st

import tasnet
from analysis.computing import first_model
from analysis.sounds import examples, mixing
from analysis.sounds.example_list import Example
from analysis.sounds.rank_examples import known_scores, ordered
from analysis.words.say import number, signed
from tasnet import checkpoint
from tasnet.errors import UserError
from tasnet.kernels.on_cpu import TILED, precisions_worth

from . import links, models, more_models, own_model, sound_inputs, uploads, workspace
from .text import plain

SOUND, SECOND = "sound", "second model"  # what a page may use beside the model
KINDS = {"example": "Example", "upload": "File", "mix": "Mix", "record": "Mic"}
LINKED = ("sound", "example", "snr", "channel", "model", "second", "device", "precision")
LEVELS_DB = [step / 2 for step in range(-10, 11)]
NO_SECOND = "none"


def choose(page: str, uses: Collection[str]) -> None:
    """Draw the choices that `page` uses, and hand the selection to `workspace`."""
    if links.follow_address(LINKED, page):
        uploads.follow_upload()
    kind = sound = example = None
    problem = warning = ""
    asks_for_sound = SOUND in uses
    place = st.container()
    model, device = _model(), _device()
    precision = _precision(device)
    second = _second(model) if SECOND in uses else None
    if asks_for_sound:
        with place:
            kind = _kind()
            try:
                sound, warning = (
                    (_example(model), "")
                    if kind == "example"
                    else sound_inputs.uploaded_sound(kind, _level(kind), models.label(model).rate)
                )
                if sound is None:
                    uploads.check_link()
            except UserError as error:
                problem = str(error)
            example = st.session_state.example if kind == "example" else None
    workspace.select(
        workspace.Selection(model, device, precision, sound, example, problem or None, kind, second, warning)
    )
    _link(page, asks_for_sound)


def prepare_first_view() -> None:
    """Before any visit: compute once for all what a bare address shows."""
    model = first_model()
    first = _examples(model)[0].id
    workspace.prepare_sound(model, tasnet.devices()[0], examples.mix_example(first, 0.0))


def _link(page: str, asks_for_sound: bool) -> None:
    """Put the choices into the URL; what a page has put there itself stays, unless it belongs to another sound."""
    own: dict[str, str | None] = {"model": None} if own_model.in_use() else {}  # nobody else has it
    if not asks_for_sound:
        upload = st.query_params.get("upload") or links.complete().get("upload")
        links.put_choices(LINKED, page, {"upload": upload} | own)
        return
    kind = st.session_state["sound"]
    upload = None if kind == "example" else uploads.token()
    sound = [kind, st.session_state.get("example"), upload]
    links.put_choices(LINKED, page, {"upload": upload} | own | links.player_state(sound))


def _kind() -> str:
    return st.segmented_control(
        "Sound",
        links.choices("sound", list(KINDS)),
        format_func=KINDS.__getitem__,
        required=True,
        key="sound",
        width="stretch",
        wrap=False,
        persist_state="session",
        help="An example whose clean voices are known, a file of yours, voices mixed here, or the microphone. A sound "
        "of your own can be opened by its link alone, and is removed when its last tab is closed.",
    )


def _model() -> str:
    if wanted := st.session_state.pop("model_wanted", None):
        st.session_state.model = wanted
        _follow_voices()
    names = models.names()
    try:
        first = first_model()
    except tasnet.CheckpointError as error:
        st.error(plain(error))
        st.stop()
    own = [own_model.path()] if own_model.path() else []
    shown = models.scored_titles(names) | {path: own_model.own_label(path) for path in own}
    chosen = st.selectbox(
        "Model",
        links.choices("model", [*names, *own], first, aliases=checkpoint.ALIASES),
        format_func=shown.__getitem__,
        key="model",
        on_change=_follow_voices,
        persist_state="session",
        help="Behind each its SI-SNRi on clean read speech of speakers it never heard (speech from noise: with noise "
        "5 dB below it); published Conv-TasNets reach 13 to 15 dB with two voices, 12 to 13 dB with three.",
    )
    with st.container():  # one place, whatever it contains: so what is unfolded below stays unfolded
        if own_model.in_use():
            own_model.show_note()
        else:
            models.show_card(chosen)
    more_models.show_more_models()
    return chosen


def _second(first: str) -> str | None:
    others = [name for name in models.of_voices(models.label(first).voices) if name != first]
    if not others:
        return None
    shown = models.scored_titles(list(tasnet.available())) | {NO_SECOND: "None"}
    chosen = st.selectbox(
        "Compare with",
        links.choices("second", [NO_SECOND, *others], aliases=checkpoint.ALIASES),
        format_func=shown.__getitem__,
        key="second",
        persist_state="session",
        help="A second model on the same sound: its voices stand beside the first one's in the player.",
    )
    return None if chosen == NO_SECOND else chosen


def _device() -> str:
    devices = tasnet.devices()
    if len(devices) == 1:
        return devices[0]
    return st.selectbox("Device", links.choices("device", devices), key="device", persist_state="session")


def _precision(device: str) -> str:
    """Choose the precision, where one other than float32 is worth its rounding on this device."""
    kinds = precisions_worth(device)
    if len(kinds) == 1:
        return workspace.AUTOMATIC
    names = {workspace.AUTOMATIC: "Automatic"} | {kind: kind for kind in kinds}
    return st.selectbox(
        "Precision",
        links.choices("precision", list(names)),
        format_func=names.__getitem__,
        key="precision",
        persist_state="session",
        help="Of the factors in the network's products. Automatic: float32 wherever a score is shown on a processor, "
        "else the fastest.",
    )


def _level(kind: str) -> float:
    return _snr() if kind == "mix" else 0.0


def _snr() -> float:
    return st.select_slider(
        "Level of the first voice",
        links.choices("snr", LEVELS_DB, 0.0),
        format_func=lambda level: f"{signed(level, 1)} dB",
        key="snr",
        persist_state="session",
        help="Relative to the other voices, by active speech level; the paper mixes between −5 and +5 dB.",
    )


def _examples(model: str) -> list[Example]:
    """The examples on this machine in the order in which they are offered with `model`."""
    scores = known_scores(tasnet.available().get(model, Path(model)))
    return ordered(examples.available_examples(), scores, models.label(model).voices)


def _follow_voices() -> None:
    """Another model was chosen: replace an example whose number of voices it does not separate."""
    model, example = st.session_state.model, st.session_state.get("example")
    fitting = [one.id for one in _examples(model) if len(one.voices) == models.label(model).voices]
    if example is not None and fitting and example not in fitting:
        st.session_state.example = fitting[0]


def example_titles(model: str) -> dict[str, str]:
    """{id: who speaks, in which language, and how well the model does on it} in the order in which they are offered."""
    voices, scores = models.label(model).voices, known_scores(tasnet.available().get(model, Path(model)))
    found = {}
    for one in _examples(model):
        score = f" · {number(scores[one.id], 1)} dB" if one.id in scores and len(one.voices) == voices else ""
        needs = "" if len(one.voices) == voices else f" · needs {_fitting_model(len(one.voices))}"
        found[one.id] = f"{one.title}{score}{needs}"
    return found


def _example(model: str) -> mixing.Mixture:
    known, titles = _examples(model), example_titles(model)
    chosen = st.selectbox(
        "Example",
        links.choices("example", list(titles)),
        format_func=titles.__getitem__,
        key="example",
        persist_state="session",
        help="Each with the chosen model's SI-SNRi on it, at 0 dB. First a real one in English, if there is one; "
        "then those that the model separates best.",
    )
    example = next(one for one in known if one.id == chosen)
    st.caption(example.about)
    _offer_model(models.label(model).voices, len(example.voices))
    snr_db = _snr()
    if not any(example.tier == "librispeech" for example in known):
        _offer_librispeech()
    return workspace.example(chosen, snr_db)


def _fitting_model(voices: int) -> str:
    return "a model for noise" if voices == 1 else f"a model of {voices} voices"


def _offer_model(voices: int, wanted: int) -> None:
    """Offer a model for an example with `wanted` voices, where the chosen one separates `voices`."""
    fitting = models.of_voices(wanted)
    if wanted != voices and fitting:
        st.button(
            f"Take {_fitting_model(wanted)}",
            icon=":material/swap_horiz:",
            type="tertiary",
            help=f"{plain(models.label(fitting[0]).scored)}, the best here for it.",
            key="fitting_model",
            on_click=_take,
            args=(fitting[0],),
        )


def _take(model: str) -> None:
    st.session_state.model = model


def _offer_librispeech() -> None:
    if not st.button(
        "Get LibriSpeech readers",
        icon=":material/cloud_download:",
        type="tertiary",
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


def show_running() -> None:
    """What is running: device, precision, speed and size of the chosen model."""
    separator = workspace.separator()
    speed, way = workspace.last_speed(), separator.on_cpu.way if separator.on_cpu else ""
    facts = {
        "Device": " · ".join(filter(None, (str(separator.device), separator.precision, way))),
        "Parameters": f"{separator.model.num_parameters() / 1e6:.2f} M",
        "Real-time factor": f"{speed:.3f}" if speed is not None else "–",
    }
    st.caption(
        "  \n".join(f"{what}: **{value}**" for what, value in facts.items()),
        help="Real-time factor: seconds of computing for a second of sound. Below 1 is faster than real time."
        + (f" Computed by PyTorch: {separator.on_cpu.why_not_compiled()}" if way == TILED else ""),
    )
