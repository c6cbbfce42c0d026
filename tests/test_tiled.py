"""The network in tiles gives what the network gives, whatever the norm, the length and the threads."""

import pytest
import torch

from tasnet import ConvTasNet, ConvTasNetConfig
from tasnet.kernels import tiled

SIZE = dict(N=24, L=8, B=12, H=20, Sc=16, X=4, R=2)
KINDS = [
    {},
    {"norm": "cLN", "causal": True},
    {"norm": "BN"},
    {"norm": "BN", "causal": True, "P": 4},
    {"mask": "softmax", "C": 3},
    {"mask": "relu", "encoder": "relu", "P": 5},
    {"encoder": "pinv", "C": 1},
]


def network(**kind) -> ConvTasNet:
    """With norms and slopes that are not those of a fresh network."""
    torch.manual_seed(0)
    model = ConvTasNet(ConvTasNetConfig(**{**SIZE, **kind})).eval()
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if value.ndim == 1 and value.is_floating_point():
            torch.nn.init.uniform_(value.data, 0.1 if "var" in name else -0.3, 1.5)
    return model


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def relative_error(estimate: torch.Tensor, exact: torch.Tensor) -> float:
    return float((estimate - exact).norm() / exact.norm())


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("samples", [1, 9, 300, 1500])
def test_equal_to_the_network_in_float64(kind, samples, monkeypatch):
    """Tiles of 64 frames, so that dilated taps reach over their edges and over the signal's."""
    monkeypatch.setattr(tiled, "TILE", 1)
    model, mixture = network(**kind), torch.randn(2, samples, generator=torch.Generator().manual_seed(1))
    separated = tiled.forward(model, mixture)
    with torch.inference_mode():
        exact = model.double()(mixture.double())
    assert separated.shape == exact.shape and separated.dtype == torch.float32
    assert relative_error(separated, exact) < 1e-5


def test_features_far_from_zero_stay_exact():
    """A large mean before the norm must not cost the digits of the variance."""
    model = network()
    for block in model.blocks():
        torch.nn.init.constant_(block.conv_in.bias, 30.0)
    mixture = torch.randn(1, 4000, generator=torch.Generator().manual_seed(1))
    separated = tiled.forward(model, mixture)
    with torch.inference_mode():
        exact = model.double()(mixture.double())
    assert relative_error(separated, exact) < 1e-3


def test_the_number_of_threads_changes_no_bit(three_threads, monkeypatch):
    monkeypatch.setattr(tiled, "TILE", 1)
    model, mixture = network(), torch.randn(1, 4000)
    with_three = tiled.forward(model, mixture)
    assert torch.get_num_threads() == 3
    torch.set_num_threads(1)
    assert torch.equal(tiled.forward(model, mixture), with_three)


def test_every_thread_has_work_and_one_thread_inside(three_threads, monkeypatch):
    monkeypatch.setattr(tiled, "TILE", 1)
    seen = set()

    def noted(self, *rest, take=tiled._Statistics.take):
        seen.add((tiled.threading.get_ident(), torch.get_num_threads()))
        tiled.threading.Event().wait(0.001)  # lets the others have a tile too
        take(self, *rest)

    monkeypatch.setattr(tiled._Statistics, "take", noted)
    tiled.forward(network(), torch.randn(1, 4000))
    assert len(seen) == 3 and {inside for _, inside in seen} == {1}


def test_an_error_comes_through_and_the_threads_come_back(three_threads, monkeypatch):
    def broken(*_):
        raise ArithmeticError("broken")

    model, mixture = network(), torch.randn(1, 4000)
    with monkeypatch.context() as patch:
        patch.setattr(tiled, "TILE", 1)
        patch.setattr(tiled, "depthwise", broken)
        with pytest.raises(ArithmeticError, match="broken"):
            tiled.forward(model, mixture)
    assert torch.get_num_threads() == 3
    assert tiled.forward(model, mixture).shape == (1, 2, 4000)


def test_bfloat16_is_close():
    model, mixture = network(), torch.randn(1, 4000)
    exact = tiled.forward(model, mixture)
    assert 1e-5 < relative_error(tiled.forward(model, mixture, torch.bfloat16), exact) < 0.02


def test_the_mixture_is_left_alone():
    mixture = torch.randn(1, 500)
    before = mixture.clone()
    tiled.forward(network(), mixture)
    assert torch.equal(mixture, before)
