"""LSTM-TasNet and BLSTM-TasNet: sizes, equations, causality, the doors they share; Chimera++ trains as they do."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tasnet import DeviceError, LSTMTasNet, LSTMTasNetConfig, Separator, checkpoint
from tasnet.config import ChimeraConfig, ConvTasNetConfig, DPRNNTasNetConfig, config_from_dict
from tasnet.model_titles import model_title
from tasnet.networks import make_network
from tasnet.train.log import read_log
from tasnet.train.recipe import RecipeError
from tasnet.train.recipes import load_recipe, recipes
from tasnet.train.trainer import Trainer
from tasnet.training_facts import TrainingFacts

RATE = 8000
SMALL = {"N": 24, "L": 16, "H": 20}


def small(causal: bool, **changes) -> LSTMTasNet:
    torch.manual_seed(3)
    model = LSTMTasNet(LSTMTasNetConfig(**{**SMALL, "causal": causal, **changes})).eval()
    with torch.no_grad():
        for value in model.parameters():  # far from where they start: biases of 0, gains of 1
            value.add_(0.1 * torch.randn_like(value))
    return model


@pytest.mark.parametrize(("causal", "millions"), [(True, 32.0), (False, 23.6)])
def test_the_sizes_are_those_of_table_iv(causal, millions):
    with torch.device("meta"):
        model = LSTMTasNet(LSTMTasNetConfig(causal=causal))
    assert round(model.num_parameters() / 1e6, 1) == millions
    N, L, H, directions = 256, 40, 1024, 1 if causal else 2
    units = H // directions
    lstm = sum(directions * 4 * units * (inputs + units + 2) for inputs in (N, H, H, H))
    around = 2 * N * L + 2 * N + H * (H + 1) + 1 + 2 * N * (H + 1)
    assert model.num_parameters() == lstm + around


def by_hand(model: LSTMTasNet, x: np.ndarray) -> np.ndarray:
    """The network on x (T,) by its equations, one frame after the other, in float64: (C, T)."""
    c, p = model.config, {k: v.double().numpy() for k, v in model.state_dict().items()}

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    def one_direction(name, f):
        h = cell = np.zeros(p[f"{name.format('weight_hh')}"].shape[1])
        given = []
        for frame in f:
            gates = p[name.format("weight_ih")] @ frame + p[name.format("bias_ih")]
            gates = gates + p[name.format("weight_hh")] @ h + p[name.format("bias_hh")]
            i, forget, g, o = np.split(gates, 4)
            cell = sigmoid(forget) * cell + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(cell)
            given.append(h)
        return np.array(given)

    def layers(stack, f):
        for layer in range(c.layers // 2):
            name = f"separator.{stack}.{{}}_l{layer}"
            passes = [one_direction(name, f)]
            if not c.causal:
                passes.append(one_direction(name + "_reverse", f[::-1])[::-1])
            f = np.concatenate(passes, 1)
        return f

    hop, T = c.L // 2, len(x)
    K = 1 + max(0, -(-(T - c.L) // hop))
    padded = np.pad(x, (0, c.L + (K - 1) * hop - T))
    w = np.maximum(0, np.array([padded[k * hop : k * hop + c.L] for k in range(K)]) @ p["encoder.U"].T)
    f = (w - w.mean(1, keepdims=True)) / np.sqrt(w.var(1, keepdims=True) + 1e-5)
    f = f * p["separator.norm.weight"] + p["separator.norm.bias"]
    lower = layers("lower", f)
    f = lower + layers("upper", lower)
    f = f @ p["separator.linear.weight"].T + p["separator.linear.bias"]
    f = np.where(f > 0, f, p["separator.prelu.weight"] * f)
    m = np.exp(f @ p["separator.conv_mask.weight"].T + p["separator.conv_mask.bias"]).reshape(K, c.C, c.N)
    m /= m.sum(1, keepdims=True)
    s = np.zeros((c.C, len(padded)))
    for k in range(K):
        s[:, k * hop : k * hop + c.L] += (m[k] * w[k]) @ p["decoder.V"]
    return s[:, :T]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("T", "C"), [(1, 2), (257, 2), (400, 3)])
def test_the_network_is_its_equations(causal, T, C):
    model = small(causal, C=C)
    x = np.random.default_rng(0).standard_normal(T).astype(np.float32)
    with torch.no_grad():
        found = model(torch.from_numpy(x)[None])[0].numpy()
    np.testing.assert_allclose(found, by_hand(model, x.astype(float)), atol=2e-6)


@pytest.mark.parametrize("causal", [True, False])
def test_only_the_lstm_is_causal(causal):
    model, L, change = small(causal), SMALL["L"], 600
    x = torch.randn(1, 1000)
    later = x.clone()
    later[:, change:] = torch.randn(1, 1000 - change)
    with torch.no_grad():
        difference = (model(x) - model(later)).abs().amax((0, 1))
    assert difference[change:].max() > 1e-3
    if causal:
        assert difference[: change - L + 1].max() == 0  # the algorithmic latency: one frame
    else:
        assert difference[: change - 10 * L].max() > 0


def test_masks_sum_to_one_and_the_representation_is_not_negative():
    model = small(True)
    with torch.no_grad():
        w = model.encode(torch.randn(2, 500))
        assert w.min() == 0
        torch.testing.assert_close(model.masks(w).sum(1), torch.ones_like(w))


def test_checkpoint_and_separator_serve_it_as_any_network(tmp_path):
    model = small(False)
    checkpoint.save(tmp_path / "blstm.safetensors", model)
    loaded, _ = checkpoint.load(tmp_path / "blstm.safetensors")
    assert isinstance(loaded, LSTMTasNet) and loaded.config == model.config
    separator = Separator(tmp_path / "blstm.safetensors", device="cpu")
    x = np.random.default_rng(1).standard_normal(3000).astype(np.float32)
    x /= np.sqrt(np.mean(x**2))
    threads = torch.get_num_threads()
    found = separator.separate(x, RATE).sources
    assert torch.get_num_threads() == threads
    with torch.no_grad():
        expected = model(torch.from_numpy(x)[None])[0].numpy()
    for voice, s in zip(found, expected, strict=True):  # up to the level
        np.testing.assert_allclose(voice, s * (voice @ s) / (s @ s), atol=1e-4)
    np.testing.assert_allclose(separator.separate(0.01 * x, RATE).sources, 0.01 * found, atol=1e-4)
    with pytest.raises(DeviceError, match="float32"):
        Separator(model, device="cpu", precision="bfloat16")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layers": 3}, "layers must be even"),
        ({"causal": False, "H": 5}, "H must be even"),
        ({"network": "GRU-TasNet"}, "network must be one of LSTM-TasNet"),
        ({"network": "LSTM-TasNet", "X": 8}, "Unknown in a LSTM-TasNet configuration: X"),
        ({"L": 15}, "L must be even"),
        ({"encoder": "pinv", "N": 8}, "pinv encoder needs N"),
    ],
)
def test_a_bad_configuration_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        config_from_dict({"network": "LSTM-TasNet", **values})


def test_titles_name_it():
    titles = {causal: model_title(LSTMTasNetConfig(causal=causal), TrainingFacts()) for causal in (True, False)}
    assert titles == {True: "LSTM-TasNet, large, causal", False: "BLSTM-TasNet, large, non-causal"}


def test_a_configuration_goes_through_json():
    for config in (LSTMTasNetConfig(causal=False, C=3), ConvTasNetConfig(X=2)):
        again = config_from_dict(json.loads(json.dumps(config.to_dict())))
        assert again == config and type(make_network(again)) is type(make_network(config))


@pytest.fixture(scope="module")
def speech(tmp_path_factory) -> Path:
    """Six "speakers": tones of their own, with some noise."""
    root, rng = tmp_path_factory.mktemp("speech"), np.random.default_rng(0)
    for speaker in range(6):
        (root / f"speaker{speaker}").mkdir()
        for k in range(2):
            x = 0.1 * np.sin(2 * np.pi * 150 * (speaker + 1) * np.arange(4000) / RATE) + rng.normal(0, 0.02, 4000)
            soundfile.write(root / f"speaker{speaker}" / f"{k}.wav", x, RATE)
    return root


@pytest.mark.parametrize(
    ("name", "published", "sizes"),
    [
        ("lstm", LSTMTasNetConfig(), SMALL),
        ("blstm", LSTMTasNetConfig(causal=False), SMALL),
        ("dprnn", DPRNNTasNetConfig(), {"N": 16, "L": 16, "B": 8, "H": 6, "K": 20, "R": 1}),
        ("chimera", ChimeraConfig(), {"layers": 1, "H": 8, "D": 3}),
    ],
)
def test_the_recipes_train_them_and_go_on_after_a_stop(name, published, sizes, speech, tmp_path):
    assert recipes()[name].model == published
    settings = {"train": [str(speech)], "hold_out": 0.3, "model": sizes, "batch": 4, "segment": 0.1}
    settings |= {"epoch_hours": 5 * 0.4 / 3600, "learning_rate": 1e-2, "precision": "float32"}
    recipe = load_recipe(name).changed({**settings, "epochs": 2})
    whole = Trainer(recipe, tmp_path / "whole")
    assert whole.run()
    epochs = [record for record in read_log(tmp_path / "whole" / "log.jsonl") if record["event"] == "epoch"]
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    stopped = Trainer(recipe, tmp_path / "stopped")
    assert not stopped.run(max_seconds=0)
    assert Trainer(recipe, tmp_path / "stopped").run()
    both = [checkpoint.load(tmp_path / run / "last.safetensors")[0].state_dict() for run in ("whole", "stopped")]
    for key, value in both[0].items():
        torch.testing.assert_close(value, both[1][key], rtol=0, atol=0)
    written = tmp_path / "again.json"
    written.write_text(json.dumps(recipe.to_dict()))
    assert load_recipe(written) == recipe


def test_a_recipe_may_change_the_network():
    changed = load_recipe("small").changed({"model": {"network": "LSTM-TasNet", "H": 64}})
    assert changed.model == LSTMTasNetConfig(H=64)
    with pytest.raises(RecipeError, match="network must be one of"):
        changed.changed({"model": {"network": "GRU"}})
    with pytest.raises(RecipeError, match=r"no setting model\.X"):
        changed.changed({"model": {"X": 3}})
