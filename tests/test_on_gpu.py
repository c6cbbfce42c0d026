"""What computes on a GPU: the kernels where they give what PyTorch gives; tried in Triton's interpreter."""

import pytest
import torch

import tasnet
from tasnet import ConvTasNet, ConvTasNetConfig, LSTMTasNet, LSTMTasNetConfig
from tasnet.kernels import gpu
from tasnet.kernels.on_gpu import OnGPU

SIZE = {"N": 32, "L": 20, "B": 16, "H": 32, "Sc": 16, "X": 2, "R": 1}


@pytest.fixture
def on_a_gpu(monkeypatch):
    """As if this were a GPU that the kernels know."""
    monkeypatch.setattr(gpu, "why_not", lambda config, device: gpu.unlike(config))


def network(**changes) -> ConvTasNet:
    torch.manual_seed(0)
    return ConvTasNet(ConvTasNetConfig(**{**SIZE, **changes})).eval().requires_grad_(False)


@pytest.mark.parametrize("changes", [{}, {"norm": "cLN", "causal": True}])
def test_the_kernels_compute_once_they_agree_with_pytorch(on_a_gpu, changes):
    pytest.importorskip("triton", reason="triton is not installed: it has no build for this system")
    if not gpu.interpreted():
        pytest.skip("Triton was loaded outside its interpreter")
    model = network(**changes)
    forward, mixture = OnGPU(model, torch.float32), torch.randn(1, 1000)
    found = forward(mixture)
    assert forward.why_not == "" and not torch.equal(found, model(mixture))
    assert torch.allclose(found, model(mixture), atol=1e-4 * found.abs().max())


@pytest.mark.parametrize(
    ("kernels", "said"),
    [
        (lambda x: torch.zeros(len(x), 2, x.shape[-1]), "something else than PyTorch"),
        (lambda x: torch.full((len(x), 2, x.shape[-1]), torch.nan), "something else than PyTorch"),
        (lambda x: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_kernels_that_fail_or_differ_are_not_taken(on_a_gpu, monkeypatch, kernels, said):
    monkeypatch.setattr(gpu, "prepare", lambda model, dtype: kernels)
    model = network()
    forward, mixture = OnGPU(model, torch.float32), torch.randn(2, 500)
    assert torch.equal(forward(mixture), model(mixture))
    assert said in forward.why_not


def test_other_networks_and_devices_stay_with_pytorch():
    lstm = LSTMTasNet(LSTMTasNetConfig(N=16, L=20, H=16, layers=2)).eval()
    # Not every processor has an LSTM in bfloat16.
    for model, word, dtype in ((lstm, "alone", torch.float32), (network(), "NVIDIA", torch.bfloat16)):
        forward, mixture = OnGPU(model, dtype), torch.randn(1, 400)
        with torch.inference_mode():
            assert forward(mixture).dtype == torch.float32
        assert word in forward.why_not


def test_a_separator_takes_this_way_where_it_is_not_on_a_cpu():
    separator = tasnet.Separator(network(), "cpu")
    assert separator.on_gpu is None
    separator.on_cpu, separator.device = None, torch.device("meta")
    separator.on_gpu = lambda x: "here"
    assert separator._forward(torch.zeros(1, 8)) == "here"
