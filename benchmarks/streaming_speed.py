"""Time of a streamed packet and of a single frame on one CPU thread, beside what runs the whole receptive field again.

    python -m benchmarks.streaming_speed [--packets 100] [--rounds 5]
    python -m benchmarks.streaming_speed --hour    # memory of the process over an hour of sound, small model

The peer is how ESPnet's TCN separator streams (`forward_streaming`): it keeps the frames of the receptive field, and
for each new frame or packet runs the whole network over all of them. Here it is this project's own network that is run
again, by its fast path. Its output differs from the offline network's: cLN sees only the receptive field.

All contenders run in one process, in turn, round after round. Given are median and 99th percentile of wall-clock time
and, in brackets, the median of the thread's own CPU time: on a busy machine they differ by what others took.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import psutil
import torch

from tasnet import ConvTasNet, ConvTasNetConfig, checkpoint
from tasnet.kernels import tiled
from tasnet.streaming import StreamingConvTasNet

SMALL, MEDIUM = "convtasnet_small_cln_2spk_8k", "convtasnet_medium_cln_2spk_8k"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--packets", type=int, default=40, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hour", action="store_true")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    if arguments.hour:
        watch_memory(shipped(SMALL))
        return
    networks = {
        "small (as shipped)": shipped(SMALL),
        "medium (as shipped)": shipped(MEDIUM),
        "the paper's, 5.1 M": ConvTasNet(ConvTasNetConfig(norm="cLN", causal=True)).eval(),
    }
    for name, model in networks.items():
        hop, rate = model.config.hop, model.config.sample_rate
        for frames in (1, max(1, round(0.008 * rate / hop))):
            length = 1000 * frames * hop / rate
            print(f"\n{name}: {frames} frame{'s' * (frames > 1)} at a time, {length:g} ms of sound")
            contenders = {
                "streaming": StreamingConvTasNet(model).push,
                "streaming, PyTorch alone": StreamingConvTasNet(model, fused=False).push,
                "receptive field again": again(model),
            }
            report(measure(contenders, frames * hop, arguments.packets, arguments.rounds), length)


def shipped(name: str) -> ConvTasNet:
    return checkpoint.load(checkpoint.bundled()[name])[0]


def again(model: ConvTasNet) -> Callable[[torch.Tensor], torch.Tensor]:
    """The last samples of the network run over the last receptive field."""
    past = torch.zeros(1, model.config.receptive_field_samples)

    @torch.inference_mode()
    def push(samples: torch.Tensor) -> torch.Tensor:
        past.copy_(torch.cat([past, samples], -1)[:, samples.shape[1] :])
        return tiled.forward(model, past)[..., -samples.shape[1] :]

    return push


def measure(contenders: dict[str, Callable], samples: int, packets: int, rounds: int) -> dict[str, np.ndarray]:
    """(packets, 2) for each: ms of wall-clock time and of CPU time, after a round that does not count."""
    sound = torch.randn(1, samples, generator=torch.Generator().manual_seed(0))
    times = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, push in contenders.items():
            for _ in range(packets if number and "again" not in name else 3):
                began = time.perf_counter(), time.thread_time()
                push(sound)
                if number:
                    times[name].append((time.perf_counter() - began[0], time.thread_time() - began[1]))
    return {name: 1000 * np.array(values) for name, values in times.items()}


def report(times: dict[str, np.ndarray], length: float) -> None:
    for name, values in times.items():
        (wall, cpu), slow = np.median(values, axis=0), np.quantile(values[:, 0], 0.99)
        print(
            f"  {name:26}{wall:9.2f} ms, 99 %: {slow:8.2f} ms, real-time factor {wall / length:6.3f}"
            f"   [CPU {cpu:8.2f} ms, {cpu / length:6.3f}]"
        )


def watch_memory(model: ConvTasNet) -> None:
    """Resident memory of the process after each ten minutes of an hour of noise, in 8 ms packets."""
    stream, process = StreamingConvTasNet(model), psutil.Process()
    packet = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    for minutes in range(0, 61, 10):
        print(f"{minutes:3} min: {process.memory_info().rss / 1e6:7.1f} MB", flush=True)
        for _ in range(10 * 60 * 125 if minutes < 60 else 0):
            stream.push(packet)


if __name__ == "__main__":
    main()
