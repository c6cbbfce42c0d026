"""DPRNN-TasNet and asteroid's LSTM-TasNet: what asteroid computes; chunks, products, the doors they share."""

import json

import numpy as np
import others
import pytest
import torch
from page_tools import open_page, texts

from analysis.network.systems_table import products
from tasnet import DPRNNTasNet, DPRNNTasNetConfig, LSTMTasNetConfig, Separator, checkpoint
from tasnet.checkpoint import CheckpointError
from tasnet.config import config_from_dict
from tasnet.convert.__main__ import main
from tasnet.convert.files import imported
from tasnet.dual_path.chunks import join, segment
from tasnet.model_titles import model_title
from tasnet.networks import make_network
from tasnet.training_facts import TrainingFacts


def asteroid(kind: str, **arguments):
    """A network of asteroid with random weights, none at a neutral value, and what its checkpoint holds."""
    module, name = {"dprnn": ("dprnn_tasnet", "DPRNNTasNet"), "lstm": ("lstm_tasnet", "LSTMTasNet")}[kind]
    torch.manual_seed(1)
    theirs = getattr(others.module(f"asteroid.models.{module}"), name)(**arguments).eval()
    with torch.no_grad():
        for value in theirs.parameters():
            value.add_(0.2 * torch.randn_like(value))
    return theirs, {"model_name": name, "state_dict": theirs.state_dict(), "model_args": theirs.get_model_args()}


SMALL = {"n_filters": 12, "kernel_size": 8, "stride": 4, "n_src": 2}
DPRNN = SMALL | {"bn_chan": 10, "hid_size": 7, "chunk_size": 20, "n_repeats": 2}
LSTM = SMALL | {"hid_size": 9, "n_layers": 3}
KINDS = [
    ("dprnn", DPRNN),
    ("dprnn", DPRNN | {"n_src": 3, "norm_type": "cLN", "mask_act": "relu", "bidirectional": False}),
    ("dprnn", DPRNN | {"encoder_activation": "relu", "chunk_size": 6, "sample_rate": 16000}),
    ("dprnn", SMALL | {"kernel_size": 2, "stride": 1, "bn_chan": 12, "hid_size": 5, "n_repeats": 1}),
    ("lstm", LSTM),
    ("lstm", LSTM | {"n_src": 3, "n_layers": 2, "bidirectional": False, "mask_act": "relu"}),
    ("lstm", LSTM | {"encoder_activation": "relu", "sample_rate": 16000}),
]


@pytest.mark.parametrize(("kind", "arguments"), KINDS)
def test_it_computes_what_asteroid_does(kind, arguments):
    theirs, checkpoint = asteroid(kind, **arguments)
    found = imported(checkpoint)
    assert not found.untold or set(found.untold) <= {"sample_rate"}
    assert found.model.config.sample_rate == arguments.get("sample_rate", 8000)
    for T in (8, 83, 481, 1203):
        x = torch.randn(2, T, generator=torch.Generator().manual_seed(T))
        with torch.no_grad():
            y = theirs(x)
            torch.testing.assert_close(found.model(x), y, atol=1e-5 * float(y.abs().max()), rtol=0)


SMALLEST = DPRNN | {"kernel_size": 4, "stride": 2}
REFUSED = {
    "GRU": ({"rnn_type": "GRU"}, {}, "no LSTMs"),
    "two layers": ({"num_layers": 2}, {}, "the foreign tensor separator.blocks.0.across.rnn.bias_hh_l1"),
    "mulcat": ({"use_mulcat": True}, {}, "a part that is not known here: masker.net.0.intra_RNN.rnn1"),
    "masks": ({"mask_act": "softmax"}, {}, "does not go over the speakers"),
    "chunks": ({"hop_size": 5}, {}, "chunks of .* do not overlap by half"),
    "odd chunks": ({"chunk_size": 9}, {}, "K must be even"),
    "norm": ({"norm_type": "fgLN"}, {}, "norm fgLN"),
    "frames": ({"stride": 1}, {}, "frames of .* do not overlap by half"),
    "activation": ({"encoder_activation": "tanh"}, {}, "neither linear nor relu"),
    "filters": ({}, {"fb_name": "stft"}, "not learned"),
    "speakers": ({}, {"n_src": 3}, "do not fit"),
    "width": ({"out_chan": 7}, {}, "separator.expand.weight"),
}


@pytest.mark.parametrize(("arguments", "told", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_differs_is_refused(arguments, told, sentence):
    _, checkpoint = asteroid("dprnn", **SMALLEST | arguments)
    checkpoint["model_args"] |= told
    with pytest.raises(CheckpointError, match=sentence):
        imported(checkpoint)


def test_what_is_not_told_is_asteroids_default():
    _, checkpoint = asteroid("dprnn", **DPRNN)
    found = imported(checkpoint["state_dict"])
    assert found.untold == {"sample_rate": 8000, "mask": "sigmoid", "chunk_size": 100, "norm_type": "gLN"} | {
        "hop_size": 50,
        "encoder_activation": "linear",
    }
    assert "so asteroid's own defaults were taken" in found.assumed


def dprnn(**changes) -> DPRNNTasNet:
    torch.manual_seed(3)
    return DPRNNTasNet(DPRNNTasNetConfig(**{"N": 16, "L": 8, "B": 10, "H": 6, "K": 20, "R": 2} | changes)).eval()


@pytest.mark.parametrize("frames", [1, 9, 10, 55, 60])
def test_chunks_hold_every_frame_twice(frames):
    y = torch.randn(2, frames, 3)
    chunks = segment(y, 20)
    assert chunks.shape[2:] == (20, 3)
    torch.testing.assert_close(join(chunks, frames), 2 * y)
    assert torch.equal(chunks[:, 1, 10 : 10 + frames], y[:, :10])


def test_pieces_of_a_long_sound_change_nothing(monkeypatch):
    model, x = dprnn(), torch.randn(2, 4000)
    with torch.no_grad():
        whole = model(x)
        monkeypatch.setattr("tasnet.dual_path.dprnn.AT_ONCE", 300)
        torch.testing.assert_close(model(x), whole)
    torch.testing.assert_close(model(x).detach(), whole)


@pytest.mark.parametrize("network", ["dprnn", "three", "one way", "gated", "blstm"])
def test_products_are_those_that_happen(network):
    """Of every linear and LSTM layer, a hook counts the rows that go through; twice as long a sound has twice as many
    but for what its ends add."""
    configs = {"dprnn": dprnn().config, "three": dprnn(C=3).config, "one way": dprnn(both_ways=False).config}
    configs["gated"] = LSTMTasNetConfig(N=12, L=8, H=10, layers=3, encoder="gated", skip=False, norm="cLN")
    configs["blstm"] = LSTMTasNetConfig(N=12, L=8, H=10, causal=False)
    config = configs[network]
    model, counted = make_network(config).eval(), []

    def count(module, inputs, _):
        rows = inputs[0].numel() // inputs[0].shape[-1]
        counted.append(rows * sum(p.numel() for p in module.parameters() if p.dim() == 2))

    for module in model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.LSTM):
            module.register_forward_hook(count)
    frames, totals = 400, []
    for times in (1, 2):
        counted.clear()
        with torch.no_grad():
            w = model.encode(torch.randn(1, times * frames * config.hop + config.hop))
            assert w.shape[1] == times * frames
            model.masks(w)
        totals.append(sum(counted))
    coders = (1 + (config.encoder == "gated") + config.C) * config.N * config.L
    more = (totals[1] - totals[0]) / frames + coders
    assert products(config) == pytest.approx(more * config.sample_rate / config.hop)


def test_the_default_is_the_papers_system():
    config = DPRNNTasNetConfig()
    with torch.device("meta"):
        assert round(make_network(config).num_parameters() / 1e6, 1) == 2.6
    assert model_title(config, TrainingFacts()) == "DPRNN-TasNet, medium, non-causal"
    assert config_from_dict(json.loads(json.dumps(config.to_dict()))) == config
    wrong = (({"K": 5}, "K must be even"), ({"norm": "cLN"}, "norm must be"), ({"causal": True}, "Unknown"))
    for values, words in wrong:
        with pytest.raises(ValueError, match=words):
            config_from_dict({"network": "DPRNN-TasNet", **values})


def test_from_a_file_to_voices(tmp_path, capsys):
    """In chunks too; the level of a sound is that of its voices."""
    for kind, arguments in (("dprnn", DPRNN), ("lstm", LSTM)):
        _, content = asteroid(kind, **arguments)
        torch.save(content, tmp_path / "in.pth")
        assert main([str(tmp_path / "in.pth"), "-o", str(tmp_path / f"{kind}.safetensors")]) == 0
        said = capsys.readouterr().out
        assert "from asteroid" in said and f"{kind.upper()}-TasNet" in said
    separator = Separator(tmp_path / "dprnn.safetensors", device="cpu")
    assert separator.config.system == "DPRNN-TasNet"
    x = np.random.default_rng(1).normal(0, 0.1, 40 * 8000).astype(np.float32)
    sources = separator.separate(x, 8000).sources
    assert sources.shape == (2, len(x))
    loud, soft = (separator.separate(gain * x[:9000], 8000).sources for gain in (1, 0.01))
    np.testing.assert_allclose(soft, 0.01 * loud, atol=1e-6)


PAGES = ("separate", "filters", "inside", "explain", "ideal_masks", "corpus", "start_point", "live", "listening_test")


@pytest.mark.parametrize("kind", ["dprnn", "lstm"])
def test_every_page_shows_it(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    monkeypatch.delenv("TASNET_LENS_MODEL", raising=False)
    found = imported(asteroid(kind, **(DPRNN if kind == "dprnn" else LSTM))[1])
    checkpoint.save(tmp_path / "mine.safetensors", found.model)
    for page in PAGES:
        app = open_page(f"pages/{page}.py", model="mine")
        assert app.selectbox(key="model").value == "mine"
        if page == "separate":
            assert found.model.config.system in texts(app)
        elif page == "ideal_masks":
            (table,) = [one.proto.body for one in app.get("html") if 'aria-label="Systems"' in one.proto.body]
            assert found.model.config.system in table and "the whole sound" in table
