"""Triton's kernels beside the network they state, in Triton's interpreter where there is no GPU."""

import os
import re
import subprocess
import sys

import pytest
import torch

from tasnet import ConvTasNet, ConvTasNetConfig
from tasnet.config import LSTMTasNetConfig
from tasnet.kernels import gpu

triton = pytest.importorskip("triton", reason="triton is not installed: it has no build for this system")

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SIZE = dict(N=20, L=8, B=16, H=32, Sc=32, X=2, R=1)
CAUSAL = {"norm": "cLN", "causal": True}


@pytest.fixture(autouse=True)
def runnable():
    if DEVICE.type == "cpu" and not gpu.interpreted():
        pytest.skip("Triton was loaded outside its interpreter, and there is no GPU")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def relative(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((found.double() - exact.double()).norm() / exact.double().norm())


@pytest.mark.parametrize(
    ("kind", "samples", "batch"),
    [({}, 300, 1), (CAUSAL, 151, 2), ({"norm": "cLN", "C": 3, "mask": "softmax", "edges": "pad"}, 117, 1)],
    ids=str,
)
def test_outputs_and_gradients_beside_float64(kind, samples, batch):
    """75 frames and fewer, so that taps reach over the edges of programs of 32 frames, and beyond the ends."""
    from tasnet.kernels.gpu.check import errors, varied

    model = varied(ConvTasNetConfig(**{**SIZE, **kind}), DEVICE)
    found = errors(model, torch.float32, random(batch, samples))
    assert max(found.separated, found.trained) < 1e-5
    assert found.gradient < 1e-5
    assert found.worst < 1e-4


@pytest.mark.parametrize("kind", [{}, CAUSAL], ids=str)
def test_bfloat16_is_as_good_as_pytorchs(kind):
    from tasnet.kernels.gpu.check import errors, varied

    found = errors(varied(ConvTasNetConfig(**{**SIZE, **kind}), DEVICE), torch.bfloat16, random(1, 150))
    assert 1e-5 < found.separated < found.plain_separated, "the paths between the blocks are kept in float32"
    assert found.trained < 2 * found.plain_separated
    assert found.gradient < 2 * found.plain_gradient
    assert found.good


@pytest.mark.parametrize("samples", [1, 9, 64])
def test_short_mixtures(samples):
    """A single frame, and as many as make a program full."""
    from tasnet.kernels.gpu.check import varied

    model = varied(ConvTasNetConfig(**{**SIZE, "encoder": "relu", "coder_bias": True, "Sc": 16}), DEVICE)
    mixture = random(1, samples)
    before = mixture.clone()
    with torch.no_grad():
        exact = model.double()(mixture.double())
    separated = gpu.prepare(model.float())(mixture)
    assert torch.equal(mixture, before)
    assert separated.shape == exact.shape and separated.dtype == torch.float32
    assert relative(separated, exact) < 1e-5


def test_float16_separates():
    from tasnet.kernels.gpu.check import varied

    model = varied(ConvTasNetConfig(**{**SIZE, "X": 1}), DEVICE)
    mixture = random(1, 150)
    separate = gpu.prepare(model, torch.float16)
    with torch.no_grad():
        exact = model(mixture)
    assert 1e-6 < relative(separate(mixture), exact) < 1e-3
    assert torch.equal(separate(mixture), separate(mixture))


@pytest.mark.parametrize("per_frame", [False, True], ids=["gLN", "cLN"])
def test_statistics_beside_plain_pytorch(per_frame):
    """More frames than one pass of the cumulative sum takes."""
    from tasnet.kernels.gpu import statistics

    u, slope = random(2, 90, 32) + 0.5, torch.tensor([-0.3], device=DEVICE)
    norm = statistics.Norm(u, 1e-8, per_frame)
    sums, found = norm.numbers(parts=norm.parts), norm.numbers()
    norm.take(u, slope, sums)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "SCANNED", 32)
        norm.finish(sums, found)
        passed, coefficients = random(*sums.shape, seed=3), norm.numbers()
        norm.coefficients(passed, found, coefficients)
    y = torch.where(u >= 0, u, slope * u).double().requires_grad_()
    exact = statistics.statistics_reference(y, 1e-8, per_frame)
    assert relative(found, exact.detach()) < 1e-6
    (gradient,) = torch.autograd.grad((exact * passed.double().sum(1)).sum(), y)
    pairs = coefficients if per_frame else coefficients[:, None]
    assert relative(pairs[..., :1] + pairs[..., 1:] * y.detach(), gradient) < 1e-5


@pytest.mark.parametrize("per_frame", [False, True], ids=["gLN", "cLN"])
def test_depthwise_beside_plain_pytorch(per_frame):
    from tasnet.kernels.gpu.depthwise import depthwise_reference, tuned_depthwise
    from tasnet.kernels.gpu.elements import ROWS, SLICE
    from tasnet.kernels.gpu.statistics import Norm, statistics_reference

    (batch, T, H), d, first = (1, 50, 64), 3, -3
    u = random(batch, T, H)
    statistics = statistics_reference(u, 1e-8, per_frame).contiguous()
    slopes = torch.tensor([[0.3], [-0.4]], device=DEVICE)
    gamma, beta, bias = random(3, H, seed=1)
    taps = random(3, H, seed=2)
    parts, slices = triton.cdiv(T, ROWS), H // SLICE
    sums = Norm(u, 1e-8, per_frame).numbers(parts=slices if per_frame else parts * slices, zero=True)
    v = torch.empty_like(u)
    arguments = (u, statistics, slopes[0], gamma, beta, taps, bias, slopes[1])
    sizes = (T, first, d, parts, H, slices, ROWS, per_frame, False)
    tuned_depthwise[lambda meta: (batch, parts, H // meta["HC"])](*arguments, v, sums, *sizes)
    exact = depthwise_reference(*(x.double() for x in arguments), first, d)
    assert relative(v, exact) < 1e-6
    total = torch.stack([exact.sum(-1), exact.square().sum(-1)], -1)
    assert relative(sums.sum(1), total if per_frame else total.sum(1)) < 1e-6


def test_between_beside_plain_pytorch():
    from tasnet.kernels.gpu import separation
    from tasnet.kernels.gpu.check import varied

    model = varied(ConvTasNetConfig(**SIZE), DEVICE)
    network = separation.FusedForward(model, torch.float32)
    y = random(1, 40, 16)
    way = separation._Way(network, y.clone())
    way.v.copy_(random(1, 40, 32, seed=1))
    way.skip_sum.copy_(random(1, 40, 32, seed=2))
    way.statistics2.copy_(torch.tensor([[0.2, 1.5]]))
    before = way.skip_sum.clone()
    way.widen(1)
    exact = separation.between_reference(
        way.v,
        way.statistics2,
        network.conv_out[0],
        network.constant[0],
        network.weight_sum[0],
        y,
        before,
        network.conv_in[1],
        network.weights.conv_in_bias[1],
    )
    for found, expected in zip((way.y, way.skip_sum, way.u), exact, strict=True):
        assert relative(found, expected) < 1e-5


def test_the_same_call_gives_the_same_bits():
    from tasnet.kernels.gpu.check import varied
    from tasnet.kernels.gpu.network import forward_with_gradient

    model, mixture = varied(ConvTasNetConfig(**{**SIZE, "X": 1}), DEVICE), random(1, 100)

    def gradient() -> list[torch.Tensor]:
        loss = forward_with_gradient(model, mixture, torch.bfloat16).square().sum()
        return list(torch.autograd.grad(loss, list(model.parameters())))

    assert all(torch.equal(a, b) for a, b in zip(gradient(), gradient(), strict=True))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (LSTMTasNetConfig(), "Conv-TasNet alone"),
        (ConvTasNetConfig(norm="BN"), "gLN or cLN"),
        (ConvTasNetConfig(norm_in="chLN"), "gLN or cLN"),
        (ConvTasNetConfig(second_norm=False), "two norms"),
        (ConvTasNetConfig(P=5), "P = 3"),
        (ConvTasNetConfig(padding="reflect"), "zeros beyond the ends"),
        (ConvTasNetConfig(encoder="pinv"), "pseudo-inverse"),
        (ConvTasNetConfig(Sc=0), "need Sc to be a power of two from 16 to 256, not 0"),
        (ConvTasNetConfig(H=96), "need H to be a power of two from 32 to 1024, not 96"),
    ],
    ids=str,
)
def test_networks_that_the_kernels_do_not_know(config, reason):
    assert reason in gpu.why_not(config, torch.device("cuda"))


def test_the_shipped_networks_are_known_and_need_a_gpu():
    from tasnet import checkpoint

    models = [checkpoint.load(path)[0] for path in checkpoint.bundled().values()]
    assert models and not any(gpu.unlike(model.config) for model in models if isinstance(model, ConvTasNet))
    assert "NVIDIA GPU" in gpu.why_not(ConvTasNetConfig(), torch.device("cpu"))


def test_every_kernel_compiles_for_an_H200_and_fits_its_registers():
    """At the paper's widths, without a GPU; a stack would mean that registers did not suffice."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "tasnet.kernels.gpu.ahead", "--arch", "90", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    kernels = {line.split()[0] for line in done.stdout.splitlines()[:-1]}
    assert {"between_kernel", "depthwise_kernel", "depthwise_backward_kernel", "norm_backward_kernel"} <= kernels
    assert set(re.findall(r"stack +(\d+)", done.stdout)) == {"0"}
