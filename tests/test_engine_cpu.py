"""The engine of compiled gradients against that of PyTorch's own."""

from functools import partial

import pytest
import torch

pytest.importorskip("tasnet.train.flat", reason="the engines' room is not there yet")

from tasnet import ConvTasNet, ConvTasNetConfig
from tasnet.kernels import cpu as kernels
from tasnet.train.engines import autograd, choose_engine, cpu
from tasnet.train.losses import separation_loss
from tasnet.train.machine import Machine
from tasnet.train.mixing import Share

pytestmark = pytest.mark.skipif(
    bool(kernels.why_not(ConvTasNetConfig())), reason=kernels.why_not(ConvTasNetConfig()) or "it is there"
)
KINDS = [{}, {"norm": "cLN", "causal": True}]


@pytest.fixture(scope="module", autouse=True)
def libraries(request):
    """Kept from session to session, apart from the user's own."""
    folder = request.config.cache.mkdir("kernels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels.build, "library_folder", lambda: folder)
        yield


def machine(precision: torch.dtype = torch.float32, device: str = "cpu") -> Machine:
    return Machine(torch.device(device), precision, Share())


def model(**kind) -> ConvTasNet:
    torch.manual_seed(0)
    return ConvTasNet(ConvTasNetConfig(**{**dict(N=32, L=16, B=32, H=48, Sc=16, X=3, R=2), **kind}))


def batch(rows: int, samples: int = 1601) -> tuple[torch.Tensor, torch.Tensor]:
    sources = torch.randn(rows, 2, samples, generator=torch.Generator().manual_seed(1))
    return sources.sum(1), sources


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_loss_and_gradient_are_those_of_autograd(kind):
    ours = cpu.make(model(**kind), machine(), separation_loss)
    exact = model(**kind).double()
    for rows in (3, 11, 2):  # more than there are parts, and fewer than before
        mixture, sources = batch(rows)
        exact.zero_grad()
        wanted = separation_loss(exact(mixture.double()), sources.double())
        wanted.backward()
        gradient = torch.cat([p.grad.flatten() for p in exact.parameters()])
        assert float(ours.loss_and_gradient(mixture, sources)) == pytest.approx(float(wanted.detach()), rel=1e-5)
        found = torch.cat([view.flatten() for view in ours.flat.views(ours.flat.gradient).values()]).double()
        assert float((found - gradient).norm() / gradient.norm()) < 1e-4  # two float32 roundings of a sum near zero


def test_every_engine_has_the_gradient_of_silent_sources():
    loss = partial(separation_loss, kind="snr")
    mixture, sources = batch(3)
    sources[0, 1] = sources[1] = 0
    exact = model().double()
    wanted = loss(exact(mixture.double()), sources.double(), mixture.double())
    wanted.backward()
    gradient = torch.cat([p.grad.flatten() for p in exact.parameters()])
    for engine in (cpu, autograd):
        ours = engine.make(model(), machine(), loss)
        assert float(ours.loss_and_gradient(mixture, sources)) == pytest.approx(float(wanted.detach()), rel=1e-4)
        found = torch.cat([view.flatten() for view in ours.flat.views(ours.flat.gradient).values()]).double()
        assert float((found - gradient).norm() / gradient.norm()) < 1e-4


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_the_same_bits_whatever_the_threads(precision):
    reason = cpu.why_not(model().config, machine(precision))
    if reason:
        pytest.skip(reason)
    before, found = torch.get_num_threads(), []
    mixture, sources = batch(11)
    try:
        for threads in (1, 3, 3):
            torch.set_num_threads(threads)
            engine = cpu.make(model(), machine(precision), separation_loss)
            torch.set_num_threads(1)  # of the loss
            engine.loss_and_gradient(*batch(4, 2000))
            found.append((engine.loss_and_gradient(mixture, sources), engine.flat.gradient.clone()))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(loss, found[0][0]) and torch.equal(gradient, found[0][1]) for loss, gradient in found)


def test_a_step_of_the_optimiser_is_seen():
    network = model()
    engine, (mixture, sources) = cpu.make(network, machine(), separation_loss), batch(2)
    before = engine.loss_and_gradient(mixture, sources)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter -= 1e-3 * parameter.grad
    engine.weights_changed()
    after = engine.loss_and_gradient(mixture, sources)
    assert float(after) == pytest.approx(
        float(separation_loss(network(mixture), sources).detach()), rel=1e-4
    ) and float(after) < float(before)


def test_what_is_not_trained_has_no_gradient():
    network = model()
    network.decoder.V.requires_grad_(False)
    engine = cpu.make(network, machine(), separation_loss)
    engine.loss_and_gradient(*batch(2))
    views = engine.flat.views(engine.flat.gradient)
    assert not views["decoder.V"].any() and views["encoder.U"].all()


def test_what_cannot_be_trained_is_refused():
    assert "softmax" not in cpu.why_not(model().config, machine())
    assert "sigmoid or relu" in cpu.why_not(model(mask="softmax").config, machine())
    assert "for processors" in cpu.why_not(model().config, machine(device="meta"))


def test_no_compiler(monkeypatch, tmp_path):
    build = kernels.build
    monkeypatch.setattr(build, "library_folder", lambda: tmp_path)
    monkeypatch.setattr(build, "_loaded", {})
    monkeypatch.setattr(build, "_failed", {})
    monkeypatch.setattr(build, "compiler", lambda: None)
    assert cpu.why_not(model().config, machine()) == build.NO_COMPILER
    assert "no C++ compiler" in choose_engine("auto", model(), machine(), separation_loss).note


def test_it_is_chosen_before_autograd():
    chosen = choose_engine("auto", model(), machine(), separation_loss)
    assert chosen.name == "cpu" and chosen.note.startswith("the compiled network in float32")
    assert autograd.make(model(), machine(), separation_loss).name == "autograd"
