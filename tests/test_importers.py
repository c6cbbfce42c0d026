"""Weights of other programs: the same network, the same output; and the command line that converts them."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from tasnet.checkpoint import CheckpointError, load
from tasnet.convert import __main__ as convert
from tasnet.convert import files as weights
from tasnet.convert.files import imported
from tasnet.convert.importers import from_research, research_config

DATA = Path(__file__).parent / "data"


def stored(name):
    """A tiny random network: state, configuration, input, and the other program's output (see data/make_*.py)."""
    file = np.load(DATA / f"{name}.npz")
    state = {key.removeprefix("state/"): torch.from_numpy(file[key]) for key in file.files if key.startswith("state/")}
    return state, json.loads(str(file["config"])), torch.from_numpy(file["x"]), torch.from_numpy(file["y"])


def assert_output(model, x, y):
    with torch.no_grad():
        torch.testing.assert_close(model(x), y, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("norm", ["gln", "cln"])
def test_research_weights_give_the_same_output(norm):
    state, config, x, y = stored(f"research_{norm}")
    assert_output(from_research(state, research_config(config)), x, y)


@pytest.mark.parametrize("norm", ["gln", "cln"])
def test_asteroid_weights_give_the_same_output(norm):
    state, arguments, x, y = stored(f"asteroid_{norm}")
    assert_output(imported({"model_args": arguments, "state_dict": state}).model, x, y)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"norm_type": "fgLN"}, "norm fgLN of this asteroid network"),
        ({"stride": 1}, "do not overlap by half"),
        ({"fb_name": "stft"}, "filterbank stft"),
        ({"encoder_activation": "tanh"}, "encoder activation tanh"),
        ({"mask_act": "linear"}, "mask must be one of"),
        ({"skip_chan": 0}, "but it says 0"),
        ({"n_blocks": 5}, "do not make repeats of 5"),
    ],
    ids=str,
)
def test_other_networks_of_asteroid_are_refused(arguments, words):
    state, known, *_ = stored("asteroid_gln")
    with pytest.raises(ValueError, match=words):
        imported({"model_args": known | arguments, "state_dict": state})


def test_a_stride_that_is_not_told_is_asteroids_own():
    state, known, x, y = stored("asteroid_gln")
    bare = {name: value for name, value in known.items() if name != "stride"}
    assert known["kernel_size"] != 16  # asteroid's default, whose half is its default stride
    with pytest.raises(ValueError, match=f"L {known['kernel_size']}, stride 8"):
        imported({"model_args": bare, "state_dict": state})
    assert_output(imported({"model_args": bare | {"stride": None}, "state_dict": state}).model, x, y)  # half
    assert_output(imported({"model_args": bare | {"kernel_size": None}, "state_dict": state}).model, x, y)


@pytest.fixture
def files(tmp_path):
    """Paths as strings, and the research network saved there in two parts."""
    state, config, *_ = stored("research_cln")
    names = sorted(state)
    torch.save({name: state[name] for name in names[:9]}, tmp_path / "in_0.pt")
    torch.save({name: state[name] for name in names[9:]}, tmp_path / "in_1.pt")
    (tmp_path / "config.json").write_text(json.dumps(config | {"step": 12, "seconds": 3.4}))
    (tmp_path / "info.json").write_text(json.dumps({"name": "tiny"}))
    return lambda name: str(tmp_path / name)


def test_command_line_converts_research_weights(files):
    options = ["--config", files("config.json"), "--info", files("info.json"), "-o", files("out.safetensors")]
    assert convert.main([files("in_0.pt"), files("in_1.pt"), *options]) == 0
    model, info = load(files("out.safetensors"))
    assert_output(model, *stored("research_cln")[2:])
    assert info.name == "tiny" and len(info.source_sha256) == 2
    stored_as = safetensors.torch.load_file(files("out.safetensors"))
    assert {value.dtype for value in stored_as.values()} == {torch.float32}  # exact
    assert convert.main([files("in_0.pt"), files("in_1.pt"), *options, "--dtype", "float16"]) == 0
    halved = safetensors.torch.load_file(files("out.safetensors"))
    assert all(torch.equal(value, stored_as[name].half()) for name, value in halved.items())


def test_command_line_converts_asteroid_checkpoints(files):
    state, arguments, x, y = stored("asteroid_gln")
    torch.save({"model_name": "ConvTasNet", "model_args": arguments, "state_dict": state}, files("best.pth"))
    assert convert.main([files("best.pth"), "-o", files("out.safetensors")]) == 0
    model, info = load(files("out.safetensors"))
    assert_output(model, x, y)
    assert info.name == "out"


@pytest.mark.parametrize(
    ("inputs", "config", "words"),
    [
        (["in_0.pt"], "config.json", "does not fit its configuration: it lacks tensor"),
        (["in_0.pt", "in_1.pt"], None, "give them with --config"),
        (["in_2.pt"], "config.json", "cannot be read: No such file"),
        (["config.json"], "config.json", "cannot be read as a file of plain tensors"),
        (["in_0.pt"], "absent.json", "No such file"),
    ],
    ids=str,
)
def test_command_line_says_what_is_wrong(files, capsys, inputs, config, words):
    options = ["--config", files(config)] if config else []
    assert convert.main([*map(files, inputs), *options, "-o", files("out.safetensors")]) == 2
    assert words in capsys.readouterr().err
    assert not Path(files("out.safetensors")).exists()


def test_a_pickle_that_could_run_code_is_not_opened(files):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (files("sprung"),))

    torch.save({"enc.weight": Trap()}, files("trap.pt"))
    with pytest.raises(CheckpointError, match=r"objects that were not opened: posix\.mkdir"):
        weights.imported(weights.read_tensors([Path(files("trap.pt"))]))
    assert not Path(files("sprung")).exists()


ODD = {
    "a number": lambda t: t.flatten()[0],
    "empty": lambda t: t.reshape(-1)[:0],
    "one row": lambda t: t.reshape(1, -1),
    "two values": lambda t: torch.zeros(2),
    "a matrix": lambda t: torch.zeros(3, 2),
    "three dimensions": lambda t: torch.zeros(2, 3, 4),
    "four": lambda t: torch.zeros(2, 1, 1, 1),
    "whole numbers": lambda t: t.long(),
    "truth values": lambda t: t.bool(),
    "complex": lambda t: t.to(torch.complex64),
    "float8": lambda t: t.to(torch.float8_e5m2),
    "sparse": lambda t: t.to_sparse(),
    "more than is there": lambda t: torch.zeros(1).expand(1000, 1000),
    "nan": lambda t: torch.full_like(t, torch.nan),
}
VALUES = ("", "x", "<n_src>", -1, 0, 1, 1.5, 1e400, float("nan"), 10**30, True, [], {}, None)


@pytest.mark.parametrize("name", ["asteroid_gln", "research_gln"])
def test_what_is_odd_in_a_file_is_the_file_s_fault(name, monkeypatch):
    """Every tensor in odd shapes and types, and every setting as anything: all is read or refused."""
    monkeypatch.setattr("tasnet.convert.trials.speech_gain", lambda *arguments: None)
    state, known, *_ = stored(name)

    def read(state: dict, settings: dict) -> bool:
        try:
            imported({"model_args": settings, "state_dict": state}, settings)
        except CheckpointError:
            return False
        return True

    assert read(state, known)
    first = [tensor for tensor in state if not re.search(r"\.[1-9]\d*\.", tensor.replace("mask_net.1", "mask_net"))]
    tried = [(tensor, odd) for tensor in first for odd in ODD.values()]
    for tensor, odd in tried[::5]:
        read(state | {tensor: odd(state[tensor])}, known)
    for tensor in first[::4]:
        read({key: value for key, value in state.items() if key != tensor}, known)
    tried = [(setting, value) for setting in (*known, "sample_rate", "causal") for value in VALUES]
    for setting, value in tried[::3]:
        read(state, known | {setting: value})
