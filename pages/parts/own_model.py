"""A checkpoint that a user drops on the sidebar: recognised, converted, private to the session and removed with it."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from tasnet import checkpoint
from tasnet.convert.files import opened
from tasnet.convert.proof import prove
from tasnet.errors import UserError, opening
from tasnet.training_facts import SPEAKERS, SPEECH_FROM_NOISE, TrainingFacts

from . import internals
from .budgeted import converting, read_within_budget
from .scratch import scratch_folder, writing
from .text import plain

KINDS = ["pt", "pth", "pkl", "bin", "ckpt", "tar", "safetensors", "dict", "ark", "json", "yaml", "yml"]
WIDGET = "own_weights"


@st.cache_resource(scope="session", on_release=TemporaryDirectory.cleanup, show_spinner=False)
def _folder() -> TemporaryDirectory:
    """A folder that only this process may read, and that lasts as long as the session."""
    return scratch_folder()


def path() -> str | None:
    """The converted model of this session, if there is one."""
    return st.session_state.get("own_model")


def in_use() -> bool:
    """Whether the session's own model is the chosen one."""
    return path() is not None and st.session_state.get("model") == path()


def own_label(model: str) -> str:
    """What the session's own model is called in the list."""
    return f"Yours: {Path(model).stem}" if Path(model).is_absolute() else model


def uploader() -> None:
    """The place to drop a checkpoint's files, and why they could not be used."""
    st.file_uploader(
        "Try your own weights",
        type=KINDS,
        accept_multiple_files=True,
        key=WIDGET,
        on_change=_take,
        help="A checkpoint of asteroid, torchaudio, SpeechBrain (its three files together), ESPnet, or of kaituoxu's, "
        "funcwj's or JusperLee's Conv-TasNet, or of this project; or asteroid's LSTM-TasNet or DPRNN-TasNet; or deep "
        "clustering of asteroid, funcwj, JusperLee or tky823. With it its JSON or YAML file, and the statistics of its "
        "features, if there are any. "
        "It stays in this session, nobody else can use it, and it is removed with the session.",
    )
    if problem := st.session_state.get("own_problem"):
        st.error(plain(problem), icon=":material/error:")


def show_note() -> None:
    """Show which program the files come from and what had to be assumed."""
    st.caption(plain(st.session_state.get("own_note") or ""))


def _take() -> None:
    """Convert what was dropped and choose it; if nothing was, forget the model."""
    use([(file.name, file.getvalue()) for file in internals.still_here(st.session_state[WIDGET])])


def use(files: Sequence[tuple[str, bytes]]) -> None:
    """Make the model in `files` this session's own, and choose it; without files the session has none."""
    if (old := st.session_state.pop("own_model", None)) is not None:
        Path(old).unlink(missing_ok=True)
    st.session_state.update(own_problem=None, own_note=None)
    if not files:
        return
    try:
        found = read_within_budget(_convert, files, _folder().name, budget=converting(files))
        st.session_state.own_model, st.session_state.own_note = found
        st.session_state.model = path()
    except UserError as problem:
        st.session_state.own_problem = str(problem)


def take_copy(path: Path, note: str) -> None:
    """Make weights of this project on the server the session's own: a copy, as they may change.

    Raises tasnet.CheckpointError and PathError.
    """
    with opening(path.name):
        content = path.read_bytes()
    target = Path(_folder().name) / f"{_stem(path.parent.name)}-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    with writing(target):
        target.write_bytes(content)
    try:
        checkpoint.load(target)
    except checkpoint.CheckpointError:
        target.unlink()
        raise
    if (old := st.session_state.get("own_model")) not in (None, str(target)):
        Path(old).unlink(missing_ok=True)
    st.session_state.update(own_model=str(target), own_note=note, own_problem=None, model_wanted=str(target))


def _stem(name: str) -> str:
    """A model's name of what was dropped: nothing in it means anything to a file system or to Markdown."""
    return re.sub(r"[^\w.-]+", "_", name)[:40]


def _convert(files: Sequence[tuple[str, bytes]], folder: str) -> tuple[str, str]:
    """The path of the converted model in `folder`, and a sentence about it. Raises CheckpointError."""
    digest = hashlib.sha256(b"".join(content for _, content in files)).hexdigest()
    stem = _stem(Path(files[0][0]).stem)
    target = Path(folder) / f"{stem}-{digest[:8]}.safetensors"
    if len(files) == 1 and files[0][0].lower().endswith(".safetensors"):
        with writing(target):
            target.write_bytes(files[0][1])
        try:
            checkpoint.load(target)
            return str(target), "A file of this project."
        except checkpoint.CheckpointError:
            target.unlink()
    found = opened(files)
    speech = found.predicts_noise and found.model.config.C == 2
    task = SPEECH_FROM_NOISE if speech or found.model.config.C == 1 else SPEAKERS
    noise = " Its last output is the noise." if found.predicts_noise else ""
    facts = TrainingFacts(name=stem, task=task, description=f"From {found.program}.{noise}", source_sha256=(digest,))
    with writing(target):
        checkpoint.save(target, found.model, facts, dtype="float32")
    return str(target), " ".join([f"Recognised: {found.program}.{noise}", *found.notes, prove(found)])
