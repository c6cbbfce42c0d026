"""Time per frame (section IV-E, Table VIII): how long a network takes for a frame of sound, streaming and offline."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from tasnet import threads
from tasnet.config import ConvTasNetConfig, LSTMTasNetConfig
from tasnet.kernels import tiled
from tasnet.lstm import LSTMTasNet
from tasnet.model import ConvTasNet, MaskingNetwork
from tasnet.streaming import StreamingConvTasNet

PACKET = 0.008  # s
OFFLINE = 4.0  # s of sound at once
ROUNDS = 8
PUSHES = {"frame": 40, "packet": 20}  # in each round

# The networks of Table VIII at the paper's size; random weights take the same time. Every network is timed
# offline; streaming is Conv-TasNet's.
PAPER_NETWORKS: dict[str, Callable[[], MaskingNetwork]] = {
    "LSTM-TasNet": lambda: LSTMTasNet(LSTMTasNetConfig()).eval(),
    "Conv-TasNet-cLN": lambda: ConvTasNet(ConvTasNetConfig(norm="cLN", causal=True)).eval(),
}


@dataclass(frozen=True)
class TimePerFrame:
    """One way to run one network: the time for a packet of frames, measured often, divided by its frames.

    hop, frame: ms of sound from one frame to the next, and in a frame. milliseconds: (measurements,) per frame.
    """

    network: str
    way: str
    device: str
    hop: float
    frame: float
    milliseconds: np.ndarray

    @property
    def median(self) -> float:
        return float(np.median(self.milliseconds))

    @property
    def p99(self) -> float:
        """The 99th percentile: what the slowest frame in a hundred takes at least."""
        return float(np.quantile(self.milliseconds, 0.99))

    @property
    def real_time_factor(self) -> float:
        """Seconds of work for a second of sound, by the median."""
        return self.median / self.hop


def time_per_frame(
    networks: dict[str, MaskingNetwork], progress: Callable[[float], None] = lambda done: None
) -> list[TimePerFrame]:
    """Measure every way to run every one of `networks`, each on the device it lies on, on one CPU thread.

    The ways take turns, round after round, so that a busy machine affects all of them alike.
    """
    runs = [run for name, network in networks.items() for run in _runs(name, network)]
    with threads.single_threaded(), torch.inference_mode():
        for done in range(ROUNDS):
            for number, run in enumerate(runs):
                run.measure(warm=done == 0)
                progress((done + (number + 1) / len(runs)) / ROUNDS)
    return [run.result() for run in runs]


class _Run:
    """One way to run one network."""

    def __init__(self, name: str, network: MaskingNetwork, way: str, frames: int, repeats: int, call: Callable) -> None:
        config, device = network.config, next(network.parameters()).device
        self.about = (name, way, str(device), 1000 * config.hop / config.sample_rate)
        self.frame = 1000 * config.L / config.sample_rate
        self.call, self.frames, self.repeats, self.device = call, frames, repeats, device
        self.sound = torch.randn(1, frames * config.hop, generator=torch.Generator().manual_seed(0)).to(device)
        self.times: list[float] = []

    def measure(self, warm: bool) -> None:
        for number in range(-2 if warm else 0, self.repeats):  # the first calls compile, and fill caches
            self._wait()
            began = time.perf_counter()
            self.call(self.sound)
            self._wait()
            if number >= 0:
                self.times.append(1000 * (time.perf_counter() - began) / self.frames)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def result(self) -> TimePerFrame:
        return TimePerFrame(*self.about, self.frame, np.array(self.times))


def _runs(name: str, network: MaskingNetwork) -> list[_Run]:
    config, device = network.config, next(network.parameters()).device
    runs = []
    if isinstance(network, ConvTasNet) and config.causal and device.type != "mps":
        packet = max(1, round(PACKET * config.sample_rate / config.hop))
        for what, frames in (("frame", 1), ("packet", packet)):
            stream = StreamingConvTasNet(network)
            stream.push(torch.zeros(1, config.L - config.hop, device=device))  # then each hop completes a frame
            way = f"streaming, {'frame by frame' if what == 'frame' else f'{PACKET * 1000:g} ms at a time'}"
            runs.append(_Run(name, network, way, frames, PUSHES[what], stream.push))
    offline: Callable = network
    if isinstance(network, ConvTasNet) and device.type == "cpu":
        offline = partial(tiled.forward, network)
    frames = round(OFFLINE * config.sample_rate / config.hop)
    return [*runs, _Run(name, network, f"offline, {OFFLINE:g} s at once", frames, 1, offline)]


def on_devices(networks: dict[str, MaskingNetwork], devices: list[str]) -> dict[str, MaskingNetwork]:
    """Copies of the networks on each of the devices, to be timed side by side."""
    return {
        f"{name}{f' ({device})' if len(devices) > 1 else ''}": copy.deepcopy(network).to(device)
        for device in devices
        for name, network in networks.items()
    }
