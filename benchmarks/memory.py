"""Resident memory of the whole process while a long recording is separated on the CPU.

    python -m benchmarks.memory [--minutes 60] [--model NAME | --paper]

The promise: an hour at 8 kHz stays under 2 GB. The recording is noise with the rhythm of speech, read from a
WAV file as a user's would be; --paper takes the paper's largest size with random weights.
"""

import argparse
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from tasnet import ConvTasNet, ConvTasNetConfig, Separator, audio, available

RATE = 8000


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--model", default=next(iter(available()), None))
    parser.add_argument("--paper", action="store_true")
    arguments = parser.parse_args(argv)
    separator = Separator(ConvTasNet(ConvTasNetConfig()) if arguments.paper else arguments.model, device="cpu")
    print(f"{separator.name}, {separator.model.num_parameters()} parameters; before: {peak():.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        write_noise(path, arguments.minutes)
        sound = audio.read(path)
    print(f"{sound.seconds / 60:g} minutes read: {peak():.0f} MB")
    separation = separator.separate(sound.samples, sound.rate, progress=show)
    print(f"\nseparated at {separation.real_time_factor:.4f} of real time; peak: {peak():.0f} MB")


def peak() -> float:
    """The most memory this process has had resident, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def show(fraction: float) -> None:
    print(f"\r{fraction:4.0%} {peak():.0f} MB", end="", flush=True)


def write_noise(path: Path, minutes: float) -> None:
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(round(minutes * 60)):
            syllables = np.repeat(rng.uniform(0, 0.1, 5), RATE // 5)
            file.write(syllables * rng.standard_normal(RATE))


if __name__ == "__main__":
    main()
