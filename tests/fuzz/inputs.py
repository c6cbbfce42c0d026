"""What goes through the doors of a sound, of a checkpoint and of a link: used, or refused in one sentence."""

import argparse
import io

import numpy as np
import soundfile
import torch
from atheris import FuzzedDataProvider

from pages.parts import links
from tasnet import audio
from tasnet.convert import files, settings

MARKS = ("mask_generator.output_conv.weight", "masker.mask_net.1.weight", "encoder_1d.weight", "enc.weight")
KINDS = (
    *(("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", None), ("OGG", "VORBIS"), ("MP3", None), ("AIFF", None)),
    *(("AU", None), ("CAF", None), ("W64", None), ("NIST", None), ("RF64", None)),
)


def is_one_sentence(problem: Exception) -> bool:
    said = str(problem)
    return 0 < len(said) < 600 and "\n" not in said.strip() and said.endswith((".", ")"))


def sound(data: bytes) -> None:
    try:
        found = audio.read(data, "a.wav", seconds=5)
    except audio.AudioError as problem:
        assert is_one_sentence(problem), problem
        return
    assert np.isfinite(found.samples).all() and 0 < len(found.samples) <= 5 * audio.COMMON_RATE


def checkpoint(data: bytes) -> None:
    name = ("a.pth", "a.safetensors", "a.yaml")[data[0] % 3 if data else 0]
    try:
        if name == "a.yaml":
            settings.stored_settings({}, settings.read_settings(data[1:].decode(errors="replace"), name))
        else:
            files.imported(files.decode(data[1:], name))
    except ValueError as problem:
        assert is_one_sentence(problem), problem


class _Session(dict):
    """As Streamlit's: items are attributes too."""

    __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__


class _Streamlit:
    def __init__(self) -> None:
        self.session_state, self.query_params = _Session(), {}


def link(data: bytes) -> None:
    given = FuzzedDataProvider(data)
    links.st = _Streamlit()
    names = ["t", "region", "sound", "example", "snr", "model", "device", "upload", "track"]
    while given.remaining_bytes() > 1:
        links.st.query_params[given.PickValueInList(names)] = given.ConsumeUnicode(12)
    assert 0 <= links.moment("t") < np.inf
    region = links.stretch("region")
    assert region is None or 0 <= region[0] < region[1] < np.inf
    options = [0.0, 2.5, -1.0]
    assert links.choices("snr", options) == options and links.st.session_state["snr"] in options
    before = links.player_state(["upload", None, None])
    assert set(before) == set(links.PLAYER) and links.player_state(["example", None, None]) == dict.fromkeys(
        links.PLAYER
    )


def sounds() -> list[bytes]:
    """A small file of each kind."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((300, 2))
    made = []
    for kind, subtype in KINDS:
        file = io.BytesIO()
        soundfile.write(file, noise, 8000, format=kind, subtype=subtype)
        made.append(file.getvalue())
    return made


def checkpoints() -> list[bytes]:
    """Zipped and old ones, with and without other objects and a second set of weights."""
    made = [b"\2masknet: {n_src: 2}\nsample_rate: !ref <rate>\n"]
    for mark in MARKS:
        for beside in ({}, {"args": argparse.Namespace(lr=1), "ema": {mark: torch.ones(2, 3)}}):
            for zipped in (True, False):
                file = io.BytesIO()
                content = {"state_dict": {mark: torch.zeros(2, 3)}, "hyper_parameters": {"n_src": 2}, **beside}
                torch.save(content, file, _use_new_zipfile_serialization=zipped)
                made.append(b"\0" + file.getvalue())
    return made


DOORS = {"sound": (sound, sounds), "checkpoint": (checkpoint, checkpoints)}
DOORS["link"] = (link, lambda: [b"\0\0011.5-2.5" * 3, b"\x01\x02nan", b"1e400"])
