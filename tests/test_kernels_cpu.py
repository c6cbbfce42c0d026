"""The compiled network against the model in float64: forward, every gradient, every build that this processor runs."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from analysis.network import cost
from tasnet import ConvTasNet, ConvTasNetConfig
from tasnet.config import LSTMTasNetConfig
from tasnet.kernels import cpu
from tasnet.kernels.cpu import build
from tasnet.kernels.cpu.network import flat_copy, why_not_here
from tasnet.train.losses import separation_loss

pytestmark = pytest.mark.skipif(bool(why_not_here("float32")), reason=why_not_here("float32"))

# Panels and tiles of rows that are not full: 80 and 48 channels. Products on the matrix unit need multiples of 32.
SIZE = dict(N=64, L=16, B=32, H=80, Sc=48, X=5, R=2)
CAUSAL = dict(norm="cLN", causal=True)
KINDS = [
    {},
    CAUSAL,
    {"C": 1, "H": 64},
    {"C": 3, "mask": "relu", "edges": "cut"},
    {"L": 18, "encoder": "relu", "edges": "pad", "norm_eps": 1e-5},
    {"C": 3, "H": 64, "N": 32, **CAUSAL},
]
SOFTMAX = {"C": 3, "mask": "softmax"}
FAST_TO_COMPILE = ("-O1",)
BUILDS = {
    "native": build.NATIVE,
    "AVX2": ("-march=x86-64-v3", *FAST_TO_COMPILE),
    "emulated": ("-march=native", "-DTASNET_TILES_EMULATED", *FAST_TO_COMPILE),
}
HALVES = [
    pytest.param("native", marks=pytest.mark.skipif(bool(why_not_here("bfloat16")), reason=why_not_here("bfloat16"))),
    "emulated",
]


@pytest.fixture(scope="module", autouse=True)
def libraries(request):
    """Kept from session to session, apart from the user's own."""
    folder = request.config.cache.mkdir("kernels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "library_folder", lambda: folder)
        yield


def model(**kind) -> ConvTasNet:
    """With norms and slopes that are not those of a fresh network."""
    torch.manual_seed(0)
    network = ConvTasNet(ConvTasNetConfig(**{**SIZE, **kind})).eval()
    for name, value in network.named_parameters():
        if value.ndim == 1:
            torch.nn.init.uniform_(value.data, *((-0.4, 0.4) if "prelu" in name else (-0.3, 1.5)))
    return network


def exact(network: ConvTasNet) -> ConvTasNet:
    double = ConvTasNet(network.config).double()
    double.load_state_dict(network.state_dict())
    return double


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found.double() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("kind", [*KINDS, SOFTMAX], ids=str)
@pytest.mark.parametrize("flags", [BUILDS["native"], BUILDS["AVX2"]], ids=["native", "AVX2"])
def test_equal_to_the_network_in_float64(kind, flags):
    network = model(**kind)
    double, compiled = exact(network), cpu.Network.of(network, flags=flags)
    for samples in (1, 9, 301, 4001):
        mixture = noise(2, samples)
        found = compiled.forward(mixture)
        with torch.inference_mode():
            assert relative_error(found, double(mixture.double())) < 1e-6, samples
        assert torch.equal(found, compiled.forward(mixture, threads=2))
        assert torch.equal(found[0], compiled.forward(mixture[0], threads=5))


def test_features_far_from_zero_stay_exact():
    """A large mean before the norm must not cost the digits of the variance."""
    network = model()
    for block in network.blocks():
        torch.nn.init.constant_(block.conv_in.bias, 30.0)
    mixture = noise(1, 4000)
    with torch.inference_mode():
        assert relative_error(cpu.Network.of(network).forward(mixture), exact(network)(mixture.double())) < 1e-3


def test_ten_minutes_of_cumulative_sums():
    network = model(N=16, L=40, B=16, H=16, Sc=16, X=2, R=1, **CAUSAL)
    mixture = noise(1, 600 * 8000)
    with torch.inference_mode():
        wanted = exact(network)(mixture.double())
    found = cpu.Network.of(network).forward(mixture, threads=2)
    assert relative_error(found, wanted) < 1e-6
    assert relative_error(found[..., -8000:], wanted[..., -8000:]) < 1e-6


@pytest.mark.parametrize("kind", [*KINDS, SOFTMAX], ids=str)
@pytest.mark.parametrize("flags", HALVES)
def test_bfloat16_rounds_no_more_than_pytorch_does(kind, flags):
    network, mixture = model(**kind), noise(1, 4001)
    compiled = cpu.Network.of(network, "bfloat16", flags=BUILDS[flags])
    found = compiled.forward(mixture)
    with torch.inference_mode():
        wanted = exact(network)(mixture.double())
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(mixture)
    assert 1e-5 < relative_error(found, wanted) < relative_error(rounded, wanted)
    assert torch.equal(found, compiled.forward(mixture, threads=3))


def test_the_emulated_tiles_are_those_of_the_matrix_unit():
    """Where the processor has one, its own tiles and the emulated ones differ by the order of sums."""
    assert build.library(BUILDS["emulated"]).tasnet_matrix_unit()
    if not cpu.bfloat16_is_faster():
        pytest.skip("this processor has no matrix unit")
    network, mixture = model(H=64, Sc=32), noise(1, 4001)
    units = [
        cpu.Network.of(network, "bfloat16", flags=BUILDS[name]).forward(mixture) for name in ("native", "emulated")
    ]
    assert relative_error(units[0], units[1].double()) < 3e-3


def gradients(network: ConvTasNet, mixture: torch.Tensor, sources: torch.Tensor) -> dict[str, torch.Tensor]:
    """By autograd, in the network's own precision."""
    network.zero_grad()
    separation_loss(network(mixture), sources).backward()
    return {name: parameter.grad.double() for name, parameter in network.named_parameters()}


def compiled_gradients(network: ConvTasNet, mixture, sources, precision="float32", flags="native"):
    """By the compiled network, from a workspace that another, longer sound has been in."""
    compiled = cpu.Network.of(network, precision, flags=BUILDS[flags])
    values, offsets = flat_copy(network)
    gradient = torch.zeros_like(values)
    work = compiled.workspace(mixture.shape[-1] + 700)
    work.backward(torch.ones_like(work.forward(noise(mixture.shape[-1] + 650))), torch.zeros_like(values))
    estimates = work.forward(mixture[0]).requires_grad_()
    separation_loss(estimates[None], sources).backward()
    work.backward(estimates.grad, gradient)
    places = zip(network.named_parameters(), offsets, strict=True)
    return {name: gradient[at : at + p.numel()].view(p.shape).double() for (name, p), at in places}


def whole(gradient: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([part.flatten() for part in gradient.values()])


def sound(network: ConvTasNet, samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A mixture, and sources that the network finds to about 0 dB: near to nothing, a loss would hang on rounding."""
    mixture = noise(1, samples)
    with torch.inference_mode():
        estimates = exact(network)(mixture.double()).float()
    deviation = estimates.std(-1, keepdim=True)
    return mixture, estimates.clone() + deviation * noise(*estimates.shape).flip(-1)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("flags", ["native", "AVX2"])
def test_every_gradient_against_float64(kind, flags):
    network = model(**kind)
    for samples in (41, 1501):  # taps that meet little but padding; several tiles
        mixture, sources = sound(network, samples)
        wanted = gradients(exact(network), mixture.double(), sources.double())
        found = compiled_gradients(network, mixture, sources, flags=flags)
        assert relative_error(whole(found), whole(wanted)) < 1e-5
        scale = whole(wanted).norm()
        for name, one in wanted.items():
            assert (found[name] - one).norm() < 1e-4 * one.norm() + 1e-6 * scale, name


@pytest.mark.parametrize("kind", [{}, CAUSAL], ids=str)
@pytest.mark.parametrize("slope", [0.0, 1e-7, 0.01, -0.01])
def test_slopes_that_cannot_be_divided_by(kind, slope):
    network = model(**kind)
    for name, value in network.named_parameters():
        if "prelu" in name:
            torch.nn.init.constant_(value.data, slope)
    mixture, sources = sound(network, 1501)
    wanted = gradients(exact(network), mixture.double(), sources.double())
    found = compiled_gradients(network, mixture, sources)
    slopes = [name for name in wanted if "prelu" in name]
    assert relative_error(whole(found), whole(wanted)) < 1e-5
    assert relative_error(torch.cat([found[n] for n in slopes]), torch.cat([wanted[n] for n in slopes])) < 1e-5


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("flags", HALVES)
def test_gradients_in_bfloat16_are_no_further_off_than_pytorch_s(kind, flags):
    network = model(**kind)
    mixture, sources = sound(network, 1501)
    wanted = whole(gradients(exact(network), mixture.double(), sources.double()))
    found = whole(compiled_gradients(network, mixture, sources, "bfloat16", flags))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = whole(gradients(network, mixture, sources))
    assert 1e-5 < relative_error(found, wanted) < relative_error(rounded, wanted)


def test_gradients_are_added():
    network = model()
    compiled, (values, _) = cpu.Network.of(network), flat_copy(network)
    work, once = compiled.workspace(900), torch.zeros_like(values)
    d_estimates = torch.ones_like(work.forward(noise(900)))
    work.backward(d_estimates, once)
    twice = once.clone()
    work.backward(d_estimates, twice)
    assert relative_error(twice, 2.0 * once.double()) < 1e-6


def test_weights_that_are_not_numbers_are_seen_in_every_sample():
    for kind in ({}, CAUSAL):
        network = model(**kind)
        torch.nn.init.constant_(next(network.blocks()).conv_in.weight.data, float("nan"))
        assert torch.isnan(cpu.Network.of(network).forward(noise(1000))).all()


def test_threads_and_processes_may_use_one_network():
    compiled = cpu.Network.of(model())
    mixtures = [noise(length) for length in (700, 1900, 1900, 5000)] * 4
    wanted = [compiled.forward(mixture) for mixture in mixtures]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda mixture: compiled.forward(mixture, threads=2), mixtures))
    assert all(map(torch.equal, found, wanted))
    child = multiprocessing.get_context("fork").Process(
        target=_same_after_fork, args=(compiled, mixtures[3], wanted[3])
    )
    child.start()
    child.join(60)
    assert child.exitcode == 0


def _same_after_fork(compiled, mixture, wanted):
    assert torch.equal(compiled.forward(mixture, threads=2), wanted)


def test_memory_is_little_more_than_that_of_the_tiles():
    config = ConvTasNetConfig(N=128, L=16, B=64, H=128, Sc=64, X=7, R=2)
    compiled = cpu.Network.of(ConvTasNet(config))
    seconds = 20
    work = cpu.Workspace(compiled, seconds * config.sample_rate, threads=2, keeps=False)
    assert work.bytes < 1.5 * seconds * cost.memory(config).separating


def test_as_an_operator_of_pytorch():
    from tasnet.kernels.cpu.operators import config_text, conv_tasnet

    network = model(X=2, R=1)
    values, offsets = flat_copy(network)
    rest = offsets, config_text(network.config), "float32"
    mixture, sources = noise(2, 301), noise(2, 2, 301)
    torch.library.opcheck(conv_tasnet, (mixture, values.clone().requires_grad_(), *rest))
    values.requires_grad_()
    separation_loss(torch.ops.tasnet.conv_tasnet(mixture, values, *rest), sources).backward()
    wanted = gradients(exact(network), mixture.double(), sources.double())
    found = {n: values.grad[at : at + g.numel()] for (n, g), at in zip(wanted.items(), offsets, strict=True)}
    assert relative_error(whole(found), whole(wanted)) < 1e-5
    with pytest.raises(NotImplementedError, match="by the mixture"):
        conv_tasnet(mixture.requires_grad_(), values, *rest).sum().backward()


REFUSED = {
    "Conv-TasNet alone": LSTMTasNetConfig(),
    "gLN, or where it is causal cLN": ConvTasNetConfig(norm="cLN"),
    "gLN, or": ConvTasNetConfig(norm_in="cLN"),
    "or where it is causal": ConvTasNetConfig(norm="BN", causal=True),
    "pinv": ConvTasNetConfig(encoder="pinv"),
    "three taps": ConvTasNetConfig(P=5),
    "skip paths": ConvTasNetConfig(Sc=0),
    "behind every D-conv": ConvTasNetConfig(second_norm=False),
    "zeros beyond": ConvTasNetConfig(padding="reflect"),
    "no constants": ConvTasNetConfig(coder_bias=True),
    "multiples of 16": ConvTasNetConfig(H=500),
}


@pytest.mark.parametrize("why", REFUSED)
def test_other_networks_are_refused_in_a_sentence(why):
    assert why in cpu.why_not(REFUSED[why])
    with pytest.raises(ValueError, match=why):
        cpu.Network(REFUSED[why])


def test_what_it_can_is_not_refused():
    for kind in [*KINDS, SOFTMAX]:
        assert cpu.why_not(ConvTasNetConfig(**{**SIZE, **kind})) == ""
    assert "softmax" not in cpu.why_not(ConvTasNetConfig(**SIZE), training=True)
    assert "sigmoid or relu" in cpu.why_not(ConvTasNetConfig(**{**SIZE, **SOFTMAX}), training=True)
    assert "not in float16" in cpu.why_not(ConvTasNetConfig(), "float16")


def test_bfloat16_is_refused_where_the_processor_has_none(monkeypatch):
    monkeypatch.setattr(build, "processor", lambda: frozenset({"avx2", "fma"}))
    assert cpu.why_not(ConvTasNetConfig()) == ""
    assert "no products in bfloat16" in cpu.why_not(ConvTasNetConfig(), "bfloat16")
    assert not cpu.bfloat16_is_faster()
    with pytest.raises(ValueError, match="no products in bfloat16"):
        cpu.Network(ConvTasNetConfig(), "bfloat16", flags=BUILDS["AVX2"])


def test_calls_that_make_no_sense_are_refused():
    compiled = cpu.Network(ConvTasNetConfig(**SIZE))
    with pytest.raises(ValueError, match="no weights yet"):
        compiled.forward(noise(100))
    values, offsets = flat_copy(model())
    with pytest.raises(ValueError, match="129 parameters, not 128"):
        compiled.pack(values, offsets[1:])
    with pytest.raises(ValueError, match="float32"):
        compiled.pack(values.double(), offsets)
    compiled.pack(values, offsets)
    with pytest.raises(ValueError, match="float32"):
        compiled.forward(noise(100).double())
    work = compiled.workspace(100)
    with pytest.raises(ValueError, match="1 to 100 samples, not 101"):
        work.forward(noise(101))
    with pytest.raises(ValueError, match="no forward pass"):
        work.backward(noise(2, 100), torch.zeros_like(values))
