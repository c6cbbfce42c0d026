"""Time of a separation on this machine, side by side with asteroid's ConvTasNet of the same size.

    python -m benchmarks.speed [--seconds 4 8] [--threads 1 2] [--rounds 7]
    python -m benchmarks.speed --device cuda [--seconds 4 8] [--rounds 7]    (see `speed_on_gpu`)

The peer is no dependency. To have it in the comparison, install its two packages without theirs:

    pip install --no-deps asteroid asteroid-filterbanks

All contenders run in one process on the same noise, in turn, round after round, with the same number of
PyTorch's threads and without gradients; random weights, as values do not change the time. The Separator is timed as
users call it, `Separator.separate`: with its checks of the samples and the level of its outputs; at the end stands
what these add to the network alone. Given are medians
of wall-clock time; 'times' is how much longer the peer takes. On a busy machine the spread (fastest to
slowest round) tells how far to trust a median.
"""

import argparse
import importlib
import statistics
import sys
import time
import types
from collections.abc import Callable, Sequence

import numpy as np
import torch

from tasnet import ConvTasNet, ConvTasNetConfig, Separator
from tasnet.kernels import tiled

from . import speed_on_gpu

SIZES = {
    "the paper's best": ConvTasNetConfig(),
    "small (as shipped)": ConvTasNetConfig(N=128, L=40, B=64, H=128, Sc=64, P=3, X=7, R=2),
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[4.0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, torch.get_num_threads()])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args(argv)
    if arguments.device == "cuda":
        if not torch.cuda.is_available():
            parser.error("there is no NVIDIA GPU here that PyTorch could use.")
        print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}")
        for config in SIZES.values():
            speed_on_gpu.report_all(config, arguments.seconds, arguments.rounds, asteroid(config))
        return
    print(f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    for name, config in SIZES.items():
        contenders = build(config)
        for threads in dict.fromkeys(arguments.threads):
            for seconds in arguments.seconds:
                print(f"\n{name}, {seconds:g} s at {config.sample_rate} Hz, threads: {threads}")
                torch.set_num_threads(threads)
                report(measure(contenders, round(seconds * config.sample_rate), arguments.rounds))


def build(config: ConvTasNetConfig) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """The contenders: name -> mixture (1, T) to sources (1, C, T)."""
    model = ConvTasNet(config).eval()
    contenders = {
        "this project, Separator.separate": users_call(model, "float32"),
        "the same in bfloat16": users_call(model, "bfloat16"),
        "its network alone": lambda x: tiled.forward(model, x),
        "this project, ConvTasNet.forward": model,
    }
    peer = asteroid(config)
    if peer is None:
        print("asteroid is not installed: pip install --no-deps asteroid asteroid-filterbanks", file=sys.stderr)
        return contenders
    ours, theirs = model.num_parameters(), sum(parameter.numel() for parameter in peer.parameters())
    print(f"{ours} parameters here, {theirs} in asteroid's")
    return {"asteroid": peer, **contenders}


def users_call(model: ConvTasNet, precision: str) -> Callable[[torch.Tensor], np.ndarray]:
    """`Separator.separate` of a mixture (1, T)."""
    separator = Separator(model, "cpu", precision)
    return lambda x: separator.separate(x[0].numpy(), model.config.sample_rate).sources


def asteroid(config: ConvTasNetConfig) -> torch.nn.Module | None:
    """asteroid's network of this size; None where it is not installed.

    Its package also imports what only its model hub and its losses need (huggingface_hub, torch_stoi). Where
    such a module is missing an empty one stands in for it; nothing of it is called in a forward pass.
    """
    for _ in range(20):
        try:
            models = importlib.import_module("asteroid.models")
            break
        except ModuleNotFoundError as missing:
            if missing.name is None or missing.name.startswith("asteroid"):
                return None
            sys.modules[missing.name] = Empty(missing.name)
    return models.ConvTasNet(
        config.C,
        n_filters=config.N,
        kernel_size=config.L,
        stride=config.hop,
        bn_chan=config.B,
        hid_chan=config.H,
        skip_chan=config.Sc,
        conv_kernel_size=config.P,
        n_blocks=config.X,
        n_repeats=config.R,
        mask_act=config.mask,
        sample_rate=config.sample_rate,
    ).eval()


class Empty(types.ModuleType):
    """A module in which every name is an empty class."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def measure(contenders: dict[str, Callable], samples: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of every round, after a warm-up round."""
    mixture = torch.randn(1, samples, generator=torch.Generator().manual_seed(0))
    seconds = {name: [] for name in contenders}
    with torch.inference_mode():
        for number in range(rounds + 1):
            for name, separate in contenders.items():
                began = time.perf_counter()
                separate(mixture)
                if number:
                    seconds[name].append(time.perf_counter() - began)
    return seconds


def report(seconds: dict[str, list[float]]) -> None:
    peer = statistics.median(seconds["asteroid"]) if "asteroid" in seconds else None
    for name, all_rounds in seconds.items():
        median = statistics.median(all_rounds)
        spread = f"({min(all_rounds) * 1000:.1f} to {max(all_rounds) * 1000:.1f})"
        times = f"{peer / median:.2f} times" if peer else ""
        print(f"  {name:36}{median * 1000:8.1f} ms  {spread:22}{times}")


if __name__ == "__main__":
    main()
