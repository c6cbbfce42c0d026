"""Files of weights as programs write them: settings flattened, weights nested, objects beside them, several sets."""

import argparse
import collections
import io
import os
import pathlib
import pickle
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_importers import assert_output, stored
from test_other_models import torchaudio_like

from tasnet import checkpoint, separate
from tasnet.checkpoint import CheckpointError
from tasnet.convert import files as weights
from tasnet.convert import pickles
from tasnet.convert import proof as proofs
from tasnet.convert.__main__ import main
from tasnet.convert.importers import from_layout
from tasnet.convert.layouts import LAYOUTS
from tasnet.convert.trials import settled
from tasnet.inference import find_checkpoint


@pytest.fixture(scope="module")
def network():
    return stored("asteroid_gln")  # state, model_args, input, output


def saved(content: object, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def read(content: object, name: str = "a.pth", zipped: bool = True, take: str | None = None):
    return weights.imported(weights.decode(saved(content, zipped), name), take=take)


def lightning(state: dict, arguments: dict, flat: bool) -> dict:
    """As Lightning writes a checkpoint of asteroid's System: its settings in sections, or flattened as it logs them."""
    filterbank = ("n_filters", "kernel_size", "stride")
    masknet = ("bn_chan", "hid_chan", "skip_chan", "conv_kernel_size", "n_blocks", "n_repeats", "n_src", "norm_type")
    sections = {
        "data": {"n_src": arguments["n_src"], "sample_rate": 16000, "segment": 3, "task": "sep_clean"},
        "filterbank": {name: arguments[name] for name in filterbank},
        "masknet": {name: arguments[name] for name in masknet if name in arguments} | {"mask_act": "relu"},
        "optim": {"lr": 0.001, "optimizer": "adam"},
        "training": {"epochs": 200, "batch_size": 24},
    }
    if flat:
        sections = {f"{part}_{name}": value for part, held in sections.items() for name, value in held.items()}
    names = {f"model.{name}": value for name, value in state.items()}
    return {"epoch": 1, "state_dict": names, "hyper_parameters": sections, "pytorch-lightning_version": "1.6.0"}


@pytest.mark.parametrize("flat", [True, False])
def test_asteroids_lightning_checkpoints_tell_their_settings(network, flat):
    state, arguments, *_ = network
    found = read(lightning(state, arguments, flat), "epoch=1.ckpt")
    config = found.model.config
    assert (config.mask, config.sample_rate, config.X) == ("relu", 16000, arguments["n_blocks"])
    assert not any(word in found.assumed for word in ("mask", "rate", "X "))
    assert found.used == len(state)


def as_asteroid_has_it(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights of a network of ours by asteroid's names: a state alone, as people save it."""
    layout = next(layout for layout in LAYOUTS if layout.program == "asteroid")
    theirs = {ours: name for name, ours in layout.names(()).items() if not name.endswith(".3.0")}
    state: dict[str, torch.Tensor] = {}
    for name, value in model.state_dict().items():
        module, _, last = name.rpartition(".")
        if name in ("encoder.U", "decoder.V"):
            state[theirs[name]] = value[:, None]
        elif ".blocks." in name:
            _, _, number, part, _ = name.split(".")
            if part == "depthwise" and last == "weight":
                value = value.T[:, None]
            elif part.startswith("conv") and last == "weight":
                value = value[..., None]
            residual, skip = value.split(model.config.B) if part == "conv_out" else (None, None)
            held = {part: value} if skip is None else {"residual": residual, "skip": skip}
            state |= {f"{theirs[one].format(b=number)}.{last}": tensor for one, tensor in held.items()}
        else:
            state[f"{theirs[module]}.{last}"] = value[..., None] if value.ndim == 2 else value
    return state


@pytest.fixture(scope="module")
def trained():
    model, _ = checkpoint.load(checkpoint.bundled()["convtasnet_small_gln_2spk_8k"])
    return model, as_asteroid_has_it(model)


def test_settings_that_a_file_does_not_tell_are_found_by_trial(trained):
    """14 blocks of X 7, which asteroid's 8 does not divide."""
    model, state = trained
    found = read({"state_dict": state, "epoch": 3})
    assert found.model.config.to_dict() | {"edges": 0} == model.config.to_dict() | {"edges": 0}
    assert found.assumed.startswith(
        "Not stated in the file, and found by trial: X 7, norm gLN, mask sigmoid, sample_rate 8000, encoder linear; so "
    )


def test_a_setting_of_the_program_that_is_wrong_is_found_by_trial(trained):
    """Here as if asteroid's own mask were relu."""
    _, state = trained
    asteroid = next(one for one in LAYOUTS if one.program == "asteroid")
    layout = replace(asteroid, assumed=asteroid.assumed | {"mask": "relu"})
    settings = {"X": 7, "norm_type": "gLN", "sample_rate": 8000, "encoder_activation": "linear"}
    found = settled(layout, {}, lambda more: from_layout(layout, state, settings | more))
    assert (found.model.config.mask, found.untold) == ("sigmoid", {"mask": "sigmoid"})


def test_weights_that_show_nothing_have_no_guessed_repeats(network):
    state, _, x, y = network  # 2 repeats of 3 blocks, at random
    with pytest.raises(CheckpointError, match=r"how many of its 6 blocks make a repeat.* X \(1, 2, 3, 6\) in a file"):
        read({"state_dict": state})
    told = weights.imported(weights.decode(saved(state), "a.pth"), {"n_repeats": 2})
    assert_output(told.model, x, y)  # R tells X


NESTED = {
    "model.state_dict": lambda state: {"model": {"state_dict": state}},
    "generator": lambda state: {"generator": state, "discriminator": {"conv.weight": torch.zeros(3)}},
    "deep": lambda state: {"checkpoint": {"nets": [{"sep": {"weights": state}}]}},
    "wrapped": lambda state: {"state_dict": {f"module.net.{name}": value for name, value in state.items()}},
}


@pytest.mark.parametrize("case", NESTED)
def test_weights_are_found_wherever_they_are(network, case):
    state, arguments, x, y = network
    assert_output(read(NESTED[case](state) | {"model_args": arguments}).model, x, y)


OBJECTS = {
    "argparse.Namespace": argparse.Namespace(lr=0.001),
    "collections.defaultdict": collections.defaultdict(dict),
    "pathlib.PosixPath": pathlib.PurePosixPath("/runs"),
    "numpy": np.float64(-12.3),
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("case", OBJECTS)
def test_objects_beside_the_tensors_are_passed_over_and_named(network, case, zipped):
    state, arguments, x, y = network
    found = read({"state_dict": state, "model_args": arguments, "beside": OBJECTS[case]}, zipped=zipped)
    assert_output(found.model, x, y)
    if case != "numpy":  # a number that is read as one
        assert found.passed_over[0].split(".")[0] == case.split(".")[0] and case.split(".")[-1][:4] in str(found.notes)


def test_settings_in_an_object_are_read(network):
    state, arguments, x, y = network
    odd = {name: np.int64(value) if type(value) is int else value for name, value in arguments.items()}
    assert_output(read({"state_dict": state, "args": argparse.Namespace(**odd)}).model, x, y)


class Whole(torch.nn.Module):
    """A network that is pickled whole."""


def whole(state: dict) -> torch.nn.Module:
    top = Whole()
    for name, value in state.items():
        *path, last = name.split(".")
        part = top
        for step in path:
            if step not in part._modules:
                part.add_module(step, Whole())
            part = part._modules[step]
        part.register_parameter(last, torch.nn.Parameter(value))
    return top


@pytest.mark.parametrize("zipped", [True, False])
def test_a_network_that_was_pickled_whole_gives_its_state(network, zipped):
    state, arguments, x, y = network
    assert_output(read({"net": whole(state), "model_args": arguments}, zipped=zipped).model, x, y)
    found = weights.decode(saved(whole(state), zipped), "a.pt")
    assert weights.imported(found, arguments).used == len(state)


def test_of_several_sets_the_plain_one_is_taken_and_it_is_said(network):
    state, arguments, x, y = network
    other = {name: value + 1 if value.is_floating_point() else value for name, value in state.items()}
    content = {
        "ema": other,
        "optimizer": {"exp_avg": other},
        "net": {"state_dict": state},
        "copy": dict(state),
        "model_args": arguments,
    }
    found = read(content)
    assert_output(found.model, x, y)
    assert "2 different sets of weights: copy was taken" in found.choice and "the others are ema" in found.choice
    taken = read(content, take="ema")
    assert "ema was taken, as it was asked for" in taken.choice
    assert not torch.equal(taken.model.U, found.model.U)
    with pytest.raises(CheckpointError, match=r"no set of weights best in the file; there are: copy, ema\."):
        read(content, take="best")


def test_two_networks_under_prefixes_of_one_state(network):
    state, arguments, x, y = network
    both = {f"ema_model.{name}": value * 2 for name, value in state.items()}
    both |= {f"model.{name}": value for name, value in state.items()} | {"loss.weight": torch.ones(2)}
    found = read({"state_dict": both, "model_args": arguments})
    assert_output(found.model, x, y)
    assert "state_dict.model was taken" in found.choice and found.beside == ("loss.weight",)


def test_the_suffix_does_not_matter(network, tmp_path):
    state, arguments, x, y = network
    content = {"state_dict": state, "model_args": arguments}
    for name in ("A.PTH", "a.Ckpt", "a", "a.SafeTensors"):
        assert_output(read(content, name).model, x, y)
    (tmp_path / "IN.PTH").write_bytes(saved(content))
    assert main([str(tmp_path / "IN.PTH"), "-o", str(tmp_path / "OUT.SAFETENSORS")]) == 0
    assert find_checkpoint(tmp_path / "OUT.SAFETENSORS").is_file()


def test_the_proof_of_a_conversion(network, tmp_path, capsys):
    state, arguments, *_ = network
    torch.save({"state_dict": state, "model_args": arguments}, tmp_path / "a.pth")
    assert main([str(tmp_path / "a.pth"), "-o", str(tmp_path / "b.safetensors")]) == 0
    said = capsys.readouterr().out
    assert f"All {len(state)} tensors have a place" in said and "it gains -" in said
    assert "weights that are not trained" in said  # these are random


def test_the_proof_tells_a_trained_network_from_another():
    model, _ = checkpoint.load(checkpoint.bundled()["convtasnet_small_gln_2spk_8k"])
    found = proofs.Imported(model, "ours", used=5, beside=("a", "b"))
    assert proofs.speech_gain(found) > 4
    assert proofs.prove(found).startswith(
        "5 tensors have a place in the network, 2 beside them have none: a, b. On 4 s of"
    )


# Nothing of a file is run, and no claim of its is believed


class Call:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_file_is_run(network, tmp_path, zipped):
    state, arguments, x, y = network
    traps = [
        Call(os.mkdir, str(tmp_path / "sprung")),
        Call(eval, f"__import__('os').mkdir({str(tmp_path / 'sprung')!r})"),
        Call(getattr, torch.nn.Module, "__init__"),
        Call(open, str(tmp_path / "sprung"), "w"),
    ]
    found = read({"state_dict": state, "model_args": arguments, "traps": traps}, zipped=zipped)
    assert_output(found.model, x, y)
    assert not (tmp_path / "sprung").exists() and len(found.passed_over) == 4


def pickled(code: bytes) -> bytes:
    """A zip file of PyTorch's whose pickle is `code`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", code)
        archive.writestr("a/version", "3")
    return file.getvalue()


def test_a_state_changes_no_object_of_ours():
    """A pickle may give any object on its stack a state: here a function of ours, its defaults."""
    code = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}U\x0c__defaults__)s\x86b."
    assert pickles.read_pickle(pickled(code)) is pickles.KNOWN["torch._utils._rebuild_tensor_v2"]
    assert pickles._tensor.__defaults__ is None


BOMBS = {
    "a memo of 4 G": pickled(b"\x80\x02Nr\xff\xff\xff\xff."),
    "a text of 8 EB": pickled(b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x."),
    "bytes of 4 EB": pickled(b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"x."),  # found by tests/fuzz
    "numbers of a million digits": pickled(b"I" + b"9" * 100_000 + b"\n."),
    "TorchScript": None,
}


@pytest.mark.parametrize("case", BOMBS)
def test_claims_of_a_file_take_no_memory(case):
    content = BOMBS[case]
    if content is None:
        file = io.BytesIO()
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)
        content = file.getvalue()
    with pytest.raises(CheckpointError) as caught:
        weights.imported(weights.decode(content, "a.pth"))
    assert str(caught.value).endswith(".")


def test_a_zip_that_claims_to_be_many_times_its_size_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps({"x": Call(os.getcwd)}, 2))
        archive.writestr("a/data/0", bytes(50_000_000))
    with pytest.raises(CheckpointError, match="plain tensors"):
        weights.decode(file.getvalue(), "a.pth")


def test_dictionaries_in_themselves_end():
    loop: dict = {"config": {}, "state_dict": {}}
    loop["config"]["config"] = loop["config"]
    loop["state_dict"]["again"] = loop
    with pytest.raises(CheckpointError, match="known here"):
        weights.imported(loop)


def test_a_published_file_still_reads():
    assert weights.imported(weights.decode(torchaudio_like(), "a.bin")).program == "torchaudio"


def test_the_folder_of_a_run_is_a_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/mine").mkdir(parents=True)
    for name in ("last.safetensors", "best.safetensors"):
        (tmp_path / "runs/mine" / name).write_bytes(b"x")
        assert find_checkpoint("runs/mine") == Path("runs/mine") / name
    assert separate.main(["--list"]) == 0
    assert "runs/mine" in capsys.readouterr().out.splitlines()
