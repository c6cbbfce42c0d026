"""Which statement of the network computes on a CPU, in which precision, and that a page says so."""

import numpy as np
import pytest
import torch
from page_tools import open_page, texts

import tasnet
from analysis.scores.metrics import si_snr
from pages.parts import downloads, workspace
from tasnet import ConvTasNet, ConvTasNetConfig
from tasnet.kernels import cpu, on_cpu, tiled

SIZE = {"N": 32, "L": 20, "B": 16, "H": 32, "Sc": 16, "X": 3, "R": 2}
SMALL = "convtasnet_small_gln_2spk_8k"


@pytest.fixture(scope="module")
def compiled():
    """Skips where the library cannot be built."""
    if reason := cpu.why_not(ConvTasNetConfig(**SIZE)):
        pytest.skip(reason)
    try:
        return cpu.library()
    except cpu.BuildError as error:
        pytest.skip(str(error))


@pytest.fixture
def unbuilt(monkeypatch):
    """No library, and no compiler that could build one; pages load their models anew, before and after."""
    workspace._load.clear()
    monkeypatch.setattr(cpu, "is_built", lambda *_: False)
    monkeypatch.setattr(on_cpu.build, "compiler", lambda: None)
    monkeypatch.setattr(cpu, "why_not", lambda *_, **__: "There is no C++ compiler here (g++ or clang++).")
    yield
    workspace._load.clear()


def network(**changes) -> ConvTasNet:
    torch.manual_seed(0)
    return ConvTasNet(ConvTasNetConfig(**{**SIZE, **changes})).eval()


@pytest.mark.parametrize("changes", [{}, {"norm": "cLN", "causal": True, "C": 3}])
def test_the_compiled_network_takes_over_once_it_is_built(compiled, monkeypatch, changes):
    model, mixture = network(**changes), torch.randn(2, 3001)
    forward = on_cpu.OnCPU(model)
    monkeypatch.setattr(cpu, "is_built", lambda *_: False)
    assert forward.way == on_cpu.TILED
    before = forward(mixture)
    monkeypatch.undo()
    assert forward.way == on_cpu.COMPILED
    after = forward(mixture)
    assert torch.equal(before, tiled.forward(model, mixture))
    assert not torch.equal(before, after) and torch.allclose(before, after, atol=1e-5 * before.abs().max())


def test_another_kind_of_network_stays_with_pytorch(compiled):
    forward = on_cpu.OnCPU(network(encoder="pinv", N=32, L=20))
    assert forward.way == on_cpu.TILED and "pinv" in forward.why_not_compiled()


def test_a_separator_computes_as_the_network_alone(compiled):
    model = network()
    separator = tasnet.Separator(model, "cpu")
    assert separator.on_cpu.way == on_cpu.COMPILED and separator.precision == "float32"
    mixture = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    mixture -= mixture.mean()  # an offset would be taken out
    expected = model(torch.from_numpy(mixture / np.sqrt(np.mean(mixture**2)))[None])[0].detach().numpy()
    found = separator.separate(mixture, 8000).sources
    scale = (found * expected).sum(-1) / (expected * expected).sum(-1)
    assert np.allclose(found, scale[:, None] * expected, atol=1e-5 * np.abs(found).max())


def test_without_a_compiler_pytorch_serves_and_the_page_says_what_would_help(unbuilt):
    app = open_page(model=SMALL)
    assert "cpu · float32 · PyTorch" in texts(app)
    assert any("With one this model would be separated faster" in (one.help or "") for one in app.caption)
    assert on_cpu.build_meanwhile() is None


def test_the_page_says_that_the_compiled_network_computes(compiled):
    assert "cpu · float32 · compiled" in texts(open_page(model=SMALL))


@pytest.mark.parametrize("faster", ["float32", "bfloat16"])
def test_a_precision_can_be_chosen_where_it_is_worth_it_and_stands_in_the_link(faster, monkeypatch, compiled):
    if faster == "bfloat16" and cpu.why_not(ConvTasNetConfig(**SIZE), "bfloat16"):
        pytest.skip("this processor has no products in bfloat16")
    monkeypatch.setattr(on_cpu, "fastest_precision", lambda: faster)
    app = open_page(model=SMALL, device="cpu", precision="bfloat16")
    choices = [one for one in app.selectbox if one.key == "precision"]
    assert len(choices) == (faster == "bfloat16")
    assert ("cpu · bfloat16" if choices else "cpu · float32") in texts(app)


@pytest.mark.parametrize(("device", "kinds"), [("cuda", 3), ("cuda:1", 3), ("mps", 1), ("cpu", 1)])
def test_precisions_that_are_worth_a_choice(device, kinds, monkeypatch):
    monkeypatch.setattr(on_cpu, "fastest_precision", lambda: "float32")
    assert len(on_cpu.precisions_worth(device)) == kinds


def test_a_download_says_in_which_precision_it_was_made(monkeypatch):
    told, readme = [], downloads.readme
    monkeypatch.setattr(downloads, "readme", lambda *about: told.append(readme(*about)) or told[-1])
    open_page(model=SMALL)
    assert f"Model: {SMALL}" in told[-1] and "Device and precision: cpu, float32" in told[-1]


def test_bfloat16_changes_the_separation_by_little(compiled, voices):
    if reason := cpu.why_not(ConvTasNetConfig(**SIZE), "bfloat16"):
        pytest.skip(reason)
    exact, rounded = (tasnet.Separator(SMALL, "cpu", precision) for precision in ("float32", "bfloat16"))
    mixture = voices[0].sum(0)
    for one, other in zip(exact.separate(mixture, 8000).sources, rounded.separate(mixture, 8000).sources, strict=True):
        assert 25 < si_snr(other, one) < 80
