"""What a Conv-TasNet costs: parameters, multiply-adds and memory by its hyper-parameters, and its time as measured."""

import statistics
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tasnet import ConvTasNet, ConvTasNetConfig, Separator

FLOAT32 = 4  # bytes
PAPERS = ("N", "L", "B", "H", "Sc", "P", "X", "R", "C", "norm", "causal", "encoder", "mask", "sample_rate")
BUDGET = 2e10  # at most so many multiply-adds are timed, so that the largest network takes only seconds
LONGEST, SHORTEST = 4.0, 0.25  # s of sound to time
ROUNDS = 5
MOST_SECONDS = 10.0  # of timing, after which no further round starts


@dataclass(frozen=True)
class Part:
    """A part of the network: its trained values, and the products that it sums for one frame."""

    name: str
    size: str  # in the paper's symbols
    parameters: int
    multiply_adds: int  # a frame


@dataclass(frozen=True)
class Memory:
    """Bytes in float32, without PyTorch's own.

    weights:    the parameters.
    separating: what a second of sound needs on its way through `tasnet.kernels.tiled`, the tiles apart.
    """

    weights: int
    separating: int


@dataclass(frozen=True)
class Timing:
    """Seconds of computing for a second of sound: the median of `rounds`, the fastest, the slowest.

    `sound` (s) is how much noise each round separated, `threads` what PyTorch had; `training` the bytes that a second
    of sound leaves for the gradient, in float32 and as PyTorch runs the network uncompiled.
    """

    seconds: float
    fastest: float
    slowest: float
    rounds: int
    sound: float
    threads: int
    device: str
    training: int


def parts(config: ConvTasNetConfig) -> tuple[Part, ...]:
    """The parts in the order of Fig. 1; their parameters add up to `ConvTasNet.num_parameters`.

    The products of convolutions and matrices are counted, as is usual: biases, norms, activations and the product of
    mask and representation would add about one for each value. Raises ValueError for a network that differs from the
    paper's (the fields of the configuration after `sample_rate`, Sc of 0).
    """
    c, blocks = config, config.X * config.R
    values = {name: getattr(c, name) for name in PAPERS}
    if c != ConvTasNetConfig(**values) or not c.Sc:
        raise ValueError("Only networks that are built as the paper's are counted part by part.")
    norm = 2  # gamma and beta, for each channel
    encoder = 0 if c.encoder == "pinv" else c.N * c.L  # which takes its U from the decoder
    return (
        Part("Encoder", "N × L", encoder, c.N * c.L),
        Part("Norm and bottleneck 1×1-conv", "N × B", norm * c.N + (c.N + 1) * c.B, c.N * c.B),
        Part("Blocks: 1×1-conv", "X R · B × H", blocks * (c.B + 1) * c.H, blocks * c.B * c.H),
        Part("Blocks: D-conv", "X R · P × H", blocks * (c.P + 1) * c.H, blocks * c.P * c.H),
        Part("Blocks: norms and PReLUs", "X R · 2 × H", blocks * 2 * (norm * c.H + 1), 0),
        Part("Blocks: residual 1×1-conv", "X R · H × B", blocks * (c.H + 1) * c.B, blocks * c.H * c.B),
        Part("Blocks: skip 1×1-conv", "X R · H × Sc", blocks * (c.H + 1) * c.Sc, blocks * c.H * c.Sc),
        Part("PReLU and mask 1×1-conv", "Sc × C N", 1 + (c.Sc + 1) * c.C * c.N, c.Sc * c.C * c.N),
        Part("Decoder", "C · N × L", c.N * c.L, c.C * c.N * c.L),
    )


def parameters(config: ConvTasNetConfig) -> int:
    """The paper's model size."""
    return sum(part.parameters for part in parts(config))


def frames_per_second(config: ConvTasNetConfig) -> float:
    """Frames of a second of sound."""
    return config.sample_rate / config.hop


def multiply_adds(config: ConvTasNetConfig) -> float:
    """Multiply-adds for a second of sound, of what `parts` counts."""
    return frames_per_second(config) * sum(part.multiply_adds for part in parts(config))


def memory(config: ConvTasNetConfig) -> Memory:
    """See `Memory`. `separating` counts w, y, the skip sum, a block's two wide layers, the norms' statistics and the
    sources' frames."""
    c = config
    values = c.N + c.B + c.Sc + 2 * c.H + 2 + c.C * c.L  # a frame
    return Memory(FLOAT32 * parameters(c), round(FLOAT32 * values * frames_per_second(c)))


def training_memory(config: ConvTasNetConfig) -> int:
    """Bytes that the gradient needs kept for a second of sound, weights apart: traced without computing anything."""
    with torch.device("meta"):
        model, mixture = ConvTasNet(config), torch.empty(1, config.sample_rate)
    weights = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    kept = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        kept[storage._cdata] = storage  # kept alive, so that no other one gets its address
        return value

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        model(mixture)
    return sum(storage.nbytes() for identity, storage in kept.items() if identity not in weights)


def measure(config: ConvTasNetConfig, device: str = "cpu") -> Timing:
    """Time `Separator.separate` on noise, with random weights: values do not change the time.

    The first round does not count. Raises DeviceError.
    """
    separator = Separator(ConvTasNet(config), device=device)
    seconds = float(np.clip(BUDGET / multiply_adds(config), SHORTEST, LONGEST))
    noise = np.random.default_rng(0).standard_normal(round(seconds * config.sample_rate)).astype(np.float32)
    separator.separate(noise, config.sample_rate)
    rounds: list[float] = []
    began = time.perf_counter()
    while len(rounds) < ROUNDS and (not rounds or time.perf_counter() - began < MOST_SECONDS):
        rounds.append(separator.separate(noise, config.sample_rate).real_time_factor)
    return Timing(
        statistics.median(rounds),
        min(rounds),
        max(rounds),
        len(rounds),
        len(noise) / config.sample_rate,
        torch.get_num_threads(),
        str(separator.device),
        training_memory(config),
    )
