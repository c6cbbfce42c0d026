"""Coverage-guided fuzzing of the doors, by hand: pip install atheris; python tests/fuzz/inputs.py sound -runs=1000000

The doors: sound, checkpoint, link. Whatever comes is used or refused in one sentence; anything else ends the run, and
the input lies beside as crash-*: it becomes a test. Further arguments are libFuzzer's.
"""

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path

import atheris
import numpy as np
import soundfile
import torch

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
with atheris.instrument_imports(include=["tasnet", "pages", "pickle", "zipfile", "yaml"]):
    from pages.parts import links
    from tasnet import audio
    from tasnet.convert import files, settings

MARKS = ("mask_generator.output_conv.weight", "masker.mask_net.1.weight", "encoder_1d.weight", "enc.weight")


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
    given = atheris.FuzzedDataProvider(data)
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


def seeds(door: str) -> list[bytes]:
    """Small inputs of each kind, from which the search begins."""
    if door == "sound":
        kinds = (("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", None), ("OGG", "VORBIS"), ("MP3", None), ("AIFF", None))
        noise = 0.1 * np.random.default_rng(0).standard_normal((300, 2))
        made = []
        for kind, subtype in (*kinds, ("AU", None), ("CAF", None), ("W64", None), ("NIST", None), ("RF64", None)):
            file = io.BytesIO()
            soundfile.write(file, noise, 8000, format=kind, subtype=subtype)
            made.append(file.getvalue())
        return made
    if door == "checkpoint":
        made = []
        for mark in MARKS:
            for beside in ({}, {"args": argparse.Namespace(lr=1), "ema": {mark: torch.ones(2, 3)}}):
                for zipped in (True, False):
                    file = io.BytesIO()
                    content = {"state_dict": {mark: torch.zeros(2, 3)}, "hyper_parameters": {"n_src": 2}, **beside}
                    torch.save(content, file, _use_new_zipfile_serialization=zipped)
                    made.append(b"\0" + file.getvalue())
        return [*made, b"\2masknet: {n_src: 2}\nsample_rate: !ref <rate>\n"]
    return [b"\0\0011.5-2.5" * 3, b"\x01\x02nan", b"1e400"]


def main() -> None:
    door = {"sound": sound, "checkpoint": checkpoint, "link": link}[sys.argv[1]]
    shutil.which = lambda name: None  # ffmpeg is another process, of which nothing is seen
    folder = Path(tempfile.mkdtemp(prefix="seeds-"))
    for number, content in enumerate(seeds(sys.argv[1])):
        (folder / str(number)).write_bytes(content)
    atheris.Setup([sys.argv[0], "-rss_limit_mb=4096", "-timeout=30", *sys.argv[2:], str(folder)], door)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
