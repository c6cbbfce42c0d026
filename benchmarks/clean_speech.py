"""What removing everything below speech costs clean speech: python benchmarks/clean_speech.py DIR [MODEL ...]

DIR is a set of mixtures without offset and hum; of each the first seconds are separated with and without. Where a
mixture is left as it is, nothing can change, so only the others are separated.
"""

import argparse

import numpy as np

from analysis.scores.metrics import evaluate
from tasnet import Separator, checkpoint
from tasnet.below_speech import without
from tasnet.data.corpora import open_mixtures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("models", nargs="*", default=[*checkpoint.bundled()])
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    mixtures = open_mixtures(options.folder)
    for name in options.models:
        separator = Separator(name, "cpu")
        rate, causal = separator.config.sample_rate, separator.config.causal
        differences = []
        for row in mixtures:
            sources = row.sources[:, : round(options.seconds * rate)]
            mixture = sources.sum(0)
            kept, _ = without(mixture, rate, causal=causal)
            if not np.array_equal(kept, mixture):
                found = []
                for heard in (mixture, kept):
                    estimates = np.zeros_like(sources)
                    separator.separate_into(estimates, heard, lambda done: None)
                    found.append(evaluate(estimates, sources, mixture, rate, pesq=False).mean("si_snri"))
                differences.append(found[1] - found[0])
        worst = f", {min(differences):+.2f} to {max(differences):+.2f}" if differences else ""
        print(
            f"{name}: {len(differences)} of {len(mixtures)} mixtures changed; "
            f"mean {sum(differences) / len(mixtures):+.4f} dB SI-SNRi{worst}",
            flush=True,
        )


if __name__ == "__main__":
    main()
