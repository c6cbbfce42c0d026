"""Saving and loading weights, and every way in which a file can be wrong."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch

from tasnet import checkpoint
from tasnet.checkpoint import CheckpointError, bundled, load, save
from tasnet.config import ConvTasNetConfig
from tasnet.model import ConvTasNet
from tasnet.training_facts import SPEECH_FROM_NOISE, TrainingFacts

TINY = dict(N=6, L=4, B=4, H=5, Sc=3, P=3, X=2, R=2)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ConvTasNet(ConvTasNetConfig(**TINY)).eval()


@pytest.mark.parametrize(
    "options", [dict(), dict(norm="cLN", causal=True), dict(norm="BN"), dict(encoder="pinv", mask="softmax")], ids=str
)
def test_what_is_saved_is_loaded(tmp_path, options):
    model = ConvTasNet(ConvTasNetConfig(**TINY, **options)).eval()
    info = TrainingFacts(name="tiny", steps=3, scores={"valid": 1.5}, credits="Ærlig", more={"odd": [1, None]})
    save(tmp_path / "a.safetensors", model, info, dtype="float32")
    again, facts = load(tmp_path / "a.safetensors")
    x = torch.randn(1, 50)
    with torch.no_grad():
        assert torch.equal(again(x), model(x))
    assert facts == info
    assert again.config == model.config
    assert not again.training
    assert all(parameter.requires_grad for parameter in again.parameters())


@pytest.mark.parametrize(("dtype", "bits"), [("float16", 11), ("bfloat16", 8)])
def test_16_bits_are_stored_and_load_as_float32(tmp_path, model, dtype, bits):
    save(tmp_path / "exact.safetensors", model, dtype="float32")
    save(path := tmp_path / "half.safetensors", model, dtype=dtype)
    assert {value.dtype for value in safetensors.torch.load_file(path).values()} == {getattr(torch, dtype)}
    again, _ = load(path)
    assert {parameter.dtype for parameter in again.parameters()} == {torch.float32}
    for found, exact in zip(again.state_dict().values(), model.state_dict().values(), strict=True):
        assert ((found - exact).abs() <= 2.0**-bits * exact.abs()).all()
        if dtype == "float16":  # as another library rounds
            assert np.array_equal(found.numpy(), exact.numpy().astype(np.float16))


def test_by_default_weights_are_stored_in_float16_also_those_in_half_precision(tmp_path, model):
    save(tmp_path / "a.safetensors", model)
    save(tmp_path / "b.safetensors", model.half())
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert {value.dtype for value in safetensors.torch.load_file(tmp_path / "a.safetensors").values()} == {
        torch.float16
    }


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ([70000.0, 1.0], torch.float32),  # beyond the largest, 65504
        ([65504.0, 1.0], torch.float16),
        ([1.0, 1e-9], torch.float16),  # the small one counts for nothing
        ([1.0e-7, 3.0e-7], torch.float32),  # below the smallest normal one, 6e-5: few bits would be left
        ([0.0, 0.0], torch.float16),
        ([1e-9, 0.0], torch.float32),  # would be zero
        ([float("nan"), 1.0], torch.float32),
        ([float("inf"), 1.0], torch.float32),
    ],
)
def test_what_float16_has_no_room_for_stays_in_float32(values, stored):
    exact = torch.tensor(values)
    found = checkpoint.rounded(exact)
    assert found.dtype == stored
    if stored == torch.float32:
        assert torch.equal(found.nan_to_num(-1), exact.nan_to_num(-1))
    assert (found.isinf() == exact.isinf()).all()
    assert checkpoint.rounded(torch.tensor([1 << 40])).dtype == torch.int64


def test_a_file_may_hold_both(tmp_path, model):
    with torch.no_grad():
        model.decoder.V.mul_(1e6)
    save(tmp_path / "a.safetensors", model)
    stored = safetensors.torch.load_file(tmp_path / "a.safetensors")
    assert {name for name, value in stored.items() if value.dtype == torch.float32} == {"decoder.V"}
    assert torch.equal(load(tmp_path / "a.safetensors")[0].V, model.V)


def test_the_name_of_weights_tells_whether_they_compute_the_same(tmp_path, model):
    def name(network=model, dtype="float16", **facts):
        save(tmp_path / "a.safetensors", network, TrainingFacts(**facts), dtype=dtype)
        return checkpoint.weights_hash(tmp_path / "a.safetensors")

    first = name()
    assert len(first) == 16 and first == name(dtype="float32") == name(name="called otherwise", steps=3)
    assert first not in {name(dtype="bfloat16"), name(level_dbfs=-20.0), name(task=SPEECH_FROM_NOISE)}
    other = ConvTasNet(replace(model.config, mask="relu"))
    other.load_state_dict(model.state_dict())
    assert name(other) != first
    with torch.no_grad():
        model.separator.bottleneck.bias[1] += 0.01
    assert name() != first


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, model, monkeypatch):
    path = tmp_path / "a.safetensors"
    save(path, model, TrainingFacts(name="old"))

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save(path, model, TrainingFacts(name="new"))
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    assert load(path)[1] == TrainingFacts(name="old")


def saved(path, model, header=None, drop=(), add=None):
    """A file like that of `save`, with something wrong."""
    tensors = {k: v for k, v in model.state_dict().items() if k not in drop} | (add or {})
    header = header or json.dumps({"config": model.config.to_dict(), "info": {}})
    safetensors.torch.save_file(tensors, path, {checkpoint.HEADER: header})


BAD = {
    "missing": (lambda path, model: None, "There is no file of weights"),
    "folder": (lambda path, model: path.mkdir(), "is a folder"),
    "empty": (lambda path, model: path.touch(), "not a safetensors file, or it is damaged"),
    "text": (lambda path, model: path.write_text("Hello, these are no weights."), "not a safetensors file"),
    "pickle": (lambda path, model: torch.save(model.state_dict(), path), "seems to be a pickled PyTorch file"),
    "old pickle": (
        lambda path, model: torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False),
        "seems to be a pickled PyTorch file",
    ),
    "truncated": (
        lambda path, model: (save(path, model), path.write_bytes(path.read_bytes()[:-100])),
        "damaged or incomplete",
    ),
    "of another program": (
        lambda path, model: safetensors.torch.save_file(model.state_dict(), path),
        "no description of a Conv-TasNet",
    ),
    "header not JSON": (lambda path, model: saved(path, model, "{"), "cannot be understood"),
    "header a list": (lambda path, model: saved(path, model, "[1]"), "cannot be understood"),
    "header without info": (lambda path, model: saved(path, model, '{"config": {}}'), "cannot be understood"),
    "facts a list": (
        lambda path, model: saved(path, model, '{"config": {}, "info": [1]}'),
        "facts of a training cannot be",
    ),
    "name a number": (
        lambda path, model: saved(path, model, '{"config": {}, "info": {"name": 1}}'),
        "name cannot be 1",
    ),
    "unknown norm": (
        lambda path, model: saved(path, model, '{"config": {"norm": "LN"}, "info": {}}'),
        "norm must be one of",
    ),
    "one tensor gone": (
        lambda path, model: saved(path, model, drop=["encoder.U"]),
        "it lacks tensor encoder.U.$",
    ),
    "two foreign tensors": (
        lambda path, model: saved(path, model, add={"a": torch.zeros(1), "b": torch.zeros(1)}),
        "it has the foreign tensor a and 1 more",
    ),
    "wrong shape": (
        lambda path, model: saved(path, model, add={"decoder.V": torch.zeros(7, 4)}),
        r"decoder.V is float32 \(7, 4\), not float32 \(6, 4\)",
    ),
    "wrong type": (
        lambda path, model: saved(path, model, add={"decoder.V": torch.zeros(6, 4, dtype=torch.int64)}),
        "decoder.V is int64",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_clear_sentence(tmp_path, model, case):
    make, words = BAD[case]
    path = tmp_path / "bad.safetensors"
    make(path, model)
    with pytest.raises(CheckpointError, match=words) as caught:
        load(path)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path, model):
    path = tmp_path / "a.safetensors"
    save(path, model)
    path.chmod(0)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(path)


# --- the weights that come with the project ------------------------------------------------------


@pytest.mark.parametrize("name", bundled())
def test_shipped_weights(name):
    path = bundled()[name]
    model, info = load(path)
    trunk = checkpoint.trunk_of(path)
    assert info.name == name and (info.valid_si_snri or trunk)
    assert info.training_data and info.steps and info.licence and info.credits and path.with_suffix(".md").is_file()
    card = (trunk or path).with_suffix(".md").read_text()
    assert all(source.split(" (")[0] in card for source in info.credits.split(", ") if " (" in source)
    t = torch.arange(4000) / model.config.sample_rate
    tones = torch.sin(2 * torch.pi * 200 * t) + torch.sin(2 * torch.pi * 930 * t)
    with torch.no_grad():
        estimates = model(tones[None])
    assert estimates.isfinite().all() and estimates.any()
