"""ONNX Runtime computes what the network does, at every length and batch; the command line says what is wrong."""

import numpy as np
import pytest
import torch

from tasnet import ConvTasNet, ConvTasNetConfig, Separator
from tasnet.checkpoint import bundled
from tasnet.export import __main__ as export

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

SMALL = {"N": 24, "L": 8, "B": 8, "H": 12, "Sc": 10, "X": 3, "R": 2}
KINDS = {
    "paper": {},
    "causal": {"norm": "cLN", "causal": True, "C": 3, "mask": "softmax"},
    "pinv": {"encoder": "pinv", "N": 16, "norm": "BN"},
    "asteroid": {"encoder": "relu", "mask": "relu", "edges": "cut", "norm": "chLN", "Sc": 0, "C": 1},
    "torchaudio": {"edges": "pad", "mask": "relu"},
    "others": {"coder_bias": True, "second_norm": False, "padding": "reflect", "norm_in": "chLN", "norm_eps": 1e-5},
}


def run(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"mixture": x})[0]


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_runtime_gives_the_networks_output(tmp_path, kind):
    torch.manual_seed(0)
    model = ConvTasNet(ConvTasNetConfig(**(SMALL | KINDS[kind]))).eval()
    for name, value in model.state_dict().items():
        if value.is_floating_point() and name.rpartition(".")[2] in ("gamma", "beta", "bias", "running_mean"):
            value.uniform_(0.2, 0.8)
    export.write_onnx(model, tmp_path / "model.onnx")
    for batch, T in ((1, 200), (2, 1001), (3, 1600)):
        x = np.random.default_rng(T).normal(size=(batch, T)).astype(np.float32)
        with torch.no_grad():
            expected = model(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(run(tmp_path / "model.onnx", x), expected, atol=1e-4)


def test_short_sounds(tmp_path):
    for edges in ("fill", "cut", "pad"):
        model = ConvTasNet(ConvTasNetConfig(**SMALL, edges=edges)).eval()
        export.write_onnx(model, tmp_path / "model.onnx")
        for T in (1, 7, 8, 13):
            x = np.ones((1, T), np.float32)
            with torch.no_grad():
                expected = model(torch.from_numpy(x)).numpy()
            np.testing.assert_allclose(run(tmp_path / "model.onnx", x), expected, atol=1e-4)


def test_the_command_line_writes_a_bundled_model_also_in_int8(tmp_path, capsys):
    name = next(iter(bundled()))
    whole, small = tmp_path / "model.onnx", tmp_path / "int8.onnx"
    assert export.main([name, "-o", str(whole)]) == 0 and "opset 17" in capsys.readouterr().out
    assert export.main([name, "-o", str(small), "--int8"]) == 0
    assert small.stat().st_size < 0.45 * whole.stat().st_size
    x = np.random.default_rng(0).normal(size=(1, 8003)).astype(np.float32)
    with torch.no_grad():
        expected = Separator(name, device="cpu").model(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(run(whole, x), expected, atol=1e-4 * np.abs(expected).max() + 1e-4)
    error = run(small, x) - expected
    assert 10 * np.log10(np.sum(expected**2) / np.sum(error**2)) > 10


def test_what_is_missing_gets_one_sentence(tmp_path, monkeypatch, capsys):
    assert export.main(["no-such-model", "-o", str(tmp_path / "model.onnx")]) == 2
    name = next(iter(bundled()))
    assert export.main([name, "-o", str(tmp_path / "nowhere" / "model.onnx")]) == 2
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: None)
    assert export.main([name, "-o", str(tmp_path / "model.onnx")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3 and "pip install onnx" in said[-1]
    assert not list(tmp_path.glob("*.onnx"))
