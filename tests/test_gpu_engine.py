"""The engine of Triton's kernels: loss and gradient where `flatten` has put them, in the interpreter without a GPU."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tasnet import ConvTasNetConfig
from tasnet.kernels import gpu as kernels

pytest.importorskip("triton", reason="triton is not installed: it has no build for this system")
pytest.importorskip("tasnet.train.flat", reason="the trainer has no engines yet")

from tasnet.train.engines import gpu
from tasnet.train.losses import separation_loss
from tasnet.train.machine import Machine
from tasnet.train.mixing import Share

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SIZE = dict(N=20, L=8, B=16, H=32, Sc=16, X=2, R=1)


@pytest.fixture(autouse=True)
def runnable():
    if DEVICE.type == "cpu" and not kernels.interpreted():
        pytest.skip("Triton was loaded outside its interpreter, and there is no GPU")


def engine_of(**kind) -> gpu.GPUEngine:
    from tasnet.kernels.gpu.check import varied

    model = varied(ConvTasNetConfig(**{**SIZE, **kind}), DEVICE)
    return gpu.make(model, Machine(DEVICE, torch.float32, Share(0, 1)), separation_loss)


def sources_of(C: int, samples: int = 100) -> torch.Tensor:
    return torch.randn(2, C, samples, generator=torch.Generator().manual_seed(1)).to(DEVICE)


@pytest.mark.parametrize("kind", [{}, {"norm": "cLN", "causal": True, "C": 3, "X": 1}], ids=str)
def test_loss_and_gradient_are_those_of_the_network(kind):
    engine = engine_of(**kind)
    sources = sources_of(engine.model.config.C)
    engine.loss_and_gradient(sources.sum(1) * 0.5, sources)  # overwritten by the next
    loss = engine.loss_and_gradient(sources.sum(1), sources)
    found = {name: parameter.grad.clone() for name, parameter in engine.model.named_parameters()}
    model = engine.model.double()
    exact = separation_loss(model(sources.double().sum(1)), sources.double())
    gradient = torch.autograd.grad(exact, list(model.parameters()))
    assert float(loss) == pytest.approx(float(exact.detach()), abs=1e-4) and not loss.requires_grad
    vectors = [torch.cat([part.double().flatten() for part in parts]) for parts in (found.values(), gradient)]
    assert float((vectors[0] - vectors[1]).norm() / vectors[1].norm()) < 1e-5


def test_it_reads_the_weights_as_the_optimiser_leaves_them():
    from tasnet.train.flat import flatten

    engine = engine_of(X=1)
    flat, sources = flatten(engine.model), sources_of(2, 100)
    losses = []
    for _ in range(4):
        losses.append(float(engine.loss_and_gradient(sources.sum(1), sources)))
        flat.values.sub_(0.02 * flat.gradient / flat.gradient.norm())
        engine.weights_changed()
    assert losses == sorted(losses, reverse=True) and losses[0] - losses[-1] > 0.01


def test_nothing_asks_the_gpu_for_a_value_or_sends_it_one():
    """What cannot be part of a CUDA graph: values read back, constants that are sent, results of unknown size."""

    class Calls(TorchDispatchMode):
        seen: set[str] = set()  # noqa: RUF012

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.seen.add(function.overloadpacket.__name__)
            return function(*args, **(kwargs or {}))

    engine = engine_of(X=1)
    sources = sources_of(2, 60)
    with Calls() as calls:
        engine.compute(sources.sum(1), sources)
    assert "mm" in calls.seen
    assert not calls.seen & {"_local_scalar_dense", "lift_fresh", "nonzero", "item", "equal", "is_nonzero"}


def test_why_not():
    machine = Machine(torch.device("cpu"), torch.float32, Share(0, 1))
    assert "NVIDIA GPU" in gpu.why_not(ConvTasNetConfig(), machine)
    assert "gLN or cLN" in gpu.why_not(ConvTasNetConfig(norm="BN"), machine)
