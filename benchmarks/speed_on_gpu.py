"""Time of a separation on an NVIDIA GPU, beside asteroid's ConvTasNet of the same size.

    python -m benchmarks.speed --device cuda [--seconds 4 8] [--rounds 7]

All contenders run in turn, round after round, on the same noise, which is on the GPU already, without gradients. A time
is that of the wall clock from an idle GPU to an idle GPU, launches included; `Separator.separate_batch` is timed as
users call it, from samples to samples. Compiling and capturing are over before the first round; how long they took
stands beside.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from tasnet import ConvTasNet, ConvTasNetConfig, Separator
from tasnet.kernels import gpu

BATCHES = (1, 16)
WARM_UP = 3  # calls that do not count

Contender = Callable[[Tensor], object]  # mixtures (batch, T) on the device
Times = dict[str, tuple[float, list[float]]]  # of every contender the seconds until it was warm, and of every round


def report_all(config: ConvTasNetConfig, seconds: Sequence[float], rounds: int, peer: torch.nn.Module | None) -> None:
    """Prints a table for every length and batch. `peer`: asteroid's network."""
    device = torch.device("cuda")
    model = ConvTasNet(config).eval().requires_grad_(False).to(device)
    for batch in BATCHES:
        for length in seconds:
            mixture = torch.randn(batch, round(length * config.sample_rate), device=device)
            print(f"\nN{config.N} H{config.H} {config.norm}, {batch} x {length:g} s at {config.sample_rate} Hz")
            report(measure(contenders(model, peer and peer.to(device)), mixture, rounds), batch * length)


def contenders(model: ConvTasNet, peer: torch.nn.Module | None) -> Iterator[tuple[str, Contender]]:
    """What is compared, asteroid first; each is made when its turn to warm up has come."""
    if peer is not None:
        yield "asteroid, float32", peer
        yield "asteroid, bfloat16", in_bfloat16(peer)
    yield "ConvTasNet.forward, float32", model
    yield "ConvTasNet.forward, bfloat16", in_bfloat16(model)
    if next(model.parameters()).is_cuda:
        yield "the same by torch.compile", in_bfloat16(torch.compile(model, dynamic=False))
        separator = Separator(model, "cuda", "bfloat16")
        yield (
            "Separator.separate_batch",
            lambda x: separator.separate_batch(x.cpu().numpy(), separator.config.sample_rate),
        )
    reason = gpu.unlike(model.config)
    if reason:
        print(reason)
        return
    yield "Triton, float32", gpu.prepare(model, torch.float32)
    yield "Triton, bfloat16", gpu.prepare(model, torch.bfloat16)


def users_call(model: ConvTasNet) -> Contender:
    """`Separator.separate_batch`, in the precision that it takes by itself."""
    separator = Separator(model, "cuda")
    return lambda x: separator.separate_batch(x.cpu().numpy(), model.config.sample_rate)


def in_bfloat16(network: Contender) -> Contender:
    """The network under autocast."""

    def call(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return network(x)

    return call


@torch.inference_mode()
def measure(
    found: Iterator[tuple[str, Contender]], mixture: Tensor, rounds: int
) -> dict[str, tuple[float, list[float]]]:
    """Of every contender the seconds until it was warm, and those of every round."""
    ready, began = {}, time.perf_counter()
    for name, separate in found:
        for _ in range(WARM_UP):
            separate(mixture)
        _wait(mixture)
        ready[name] = (separate, time.perf_counter() - began)
        began = time.perf_counter()
    taken: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(rounds):
        for name, (separate, _) in ready.items():
            _wait(mixture)
            began = time.perf_counter()
            separate(mixture)
            _wait(mixture)
            taken[name].append(time.perf_counter() - began)
    return {name: (ready[name][1], taken[name]) for name in ready}


def _wait(mixture: Tensor) -> None:
    if mixture.is_cuda:
        torch.cuda.synchronize(mixture.device)


def report(found: Times, seconds: float) -> None:
    """Medians, spreads, throughput, and how many times as long asteroid takes in float32, as its users run it."""
    first = next(iter(found))
    peer = statistics.median(found[first][1]) if first.startswith("asteroid") else None
    for name, (warm, taken) in found.items():
        median = statistics.median(taken)
        spread = f"({min(taken) * 1e3:.2f} to {max(taken) * 1e3:.2f})"
        times = f"{peer / median:6.2f} times" if peer else ""
        rate = f"{seconds / median:8.0f} s/s"
        print(f"  {name:30}{median * 1e3:9.2f} ms  {spread:20}{rate}{times}  warm after {warm:.1f} s", flush=True)
