"""Can the trainer learn at all? Overfit eight mixtures: their SI-SNRi must go beyond 20 dB.

    OMP_NUM_THREADS=1 python -m benchmarks.overfit [--data ../shared/data/valid] [--seconds 2] [--minutes 5]

The first eight mixtures of --data, cut to --seconds, are the training and the validation set of the
small network (0.40M parameters) with the paper's objective, optimiser and clipping; the learning
rate goes to zero over --minutes. Prints the reached SI-SNRi.
"""

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path

import soundfile

from tasnet.data.corpora import open_mixtures
from tasnet.train.command import Bar
from tasnet.train.recipes import load_recipe
from tasnet.train.trainer import Trainer

MIXTURES = 8
GOAL = 20.0  # dB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/valid")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each mixture")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "mixtures"
        write_first_mixtures(options.data, data, options.seconds)
        recipe = load_recipe("small").changed(
            {
                "name": "overfit",
                "train": [str(data)],
                "valid": str(data),
                "segment": options.seconds,
                "batch": MIXTURES // 2,
                "learning_rate": options.learning_rate,
                "warmup": 20,
                "ema": 0.0,
                "total_seconds": 60 * options.minutes,
                "compile": False,
            }
        )
        trainer = Trainer(recipe, Path(folder) / "run", save_every=1e9)
        began, cpu = time.monotonic(), time.process_time()
        with closing(Bar()) as bar:
            trainer.run(on_progress=bar)
        reached = trainer.counters.best
    print(
        f"\n{MIXTURES} mixtures of {options.seconds:g} s, {trainer.model.num_parameters():,} parameters: "
        f"SI-SNRi {reached:.1f} dB after {trainer.counters.step} steps in {time.monotonic() - began:.0f} s "
        f"({time.process_time() - cpu:.0f} s of one CPU core); "
        f"{'beyond' if reached > GOAL else 'NOT beyond'} {GOAL:g} dB."
    )


def write_first_mixtures(source: Path, target: Path, seconds: float) -> None:
    mixtures = open_mixtures(source, split="valid")
    length = round(seconds * mixtures.rate)
    for index in range(MIXTURES):
        mixture = mixtures.read(index, length=length)
        for number, samples in enumerate(mixture.sources, 1):
            folder = target / f"s{number}"
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{index}.wav", samples, mixtures.rate, subtype="FLOAT")


if __name__ == "__main__":
    main()
