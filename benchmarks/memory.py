"""Resident memory of the whole process while long recordings are separated on the CPU, their files written too.

    python -m benchmarks.memory [--minutes 10 60 120] [--model NAME | --paper]

The promise: memory does not grow with the length of the recording. Each one is noise with the rhythm of speech,
separated from file to files by `python -m tasnet.separate` in a process of its own; --paper takes the paper's largest
size with random weights. The peak is given beside what the process takes before any recording: PyTorch and the model.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from tasnet import ConvTasNet, ConvTasNetConfig, available, checkpoint

RATE = 8000
# The command line, and at its end the most memory the process had: when it had loaded its modules, and in all.
CHILD = """
import resource, sys
from tasnet import separate
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
before = peak()
code = separate.main(sys.argv[1:])
print(before, peak())
sys.exit(code)
"""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 60, 120])
    parser.add_argument("--model", default=next(iter(available()), None))
    parser.add_argument("--paper", action="store_true")
    arguments = parser.parse_args(argv)
    Path("runs").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="runs") as folder:  # not in /tmp, which may be memory itself
        model = arguments.model
        if arguments.paper:
            model = str(Path(folder) / "paper.safetensors")
            checkpoint.save(model, ConvTasNet(ConvTasNetConfig()))
        for minutes in arguments.minutes:
            recording = Path(folder) / "long.wav"
            write_noise(recording, minutes)
            command = [sys.executable, "-c", CHILD, str(recording), "-o", folder, "--device", "cpu", "--model", model]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            lines = done.stdout.splitlines()
            before, peak = map(float, lines[-1].split())
            print(f"{minutes:g} minutes: peak {peak:.0f} MB, of which {before:.0f} MB before; {lines[0]}")


def write_noise(path: Path, minutes: float) -> None:
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(round(minutes * 60)):
            syllables = np.repeat(rng.uniform(0, 0.1, 5), RATE // 5)
            file.write(syllables * rng.standard_normal(RATE))


if __name__ == "__main__":
    main()
