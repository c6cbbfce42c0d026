"""Mean SI-SNRi of a network, for its model card.

    python -m benchmarks.evaluate_weights [NAME or FILE ...] [--data ../shared/data] [--limit n]

On `valid` (held-out readers, for choosing between models) and on `libri2mix` (a subset of the
official test set, for reporting only). Each mixture goes through the network whole.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch

from analysis.scores.metrics import best_permutation, si_snr
from tasnet.checkpoint import available, load
from tasnet.model import ConvTasNet

DATA = Path(__file__).parents[2] / "shared" / "data"


def valid(data: Path) -> Iterator[np.ndarray]:
    """The references (2, T) of each validation mixture: one FLAC file, cut by a list of lengths."""
    lengths = json.loads((data / "valid" / "valid.json").read_text())["lengths"]
    joined, _ = soundfile.read(data / "valid" / "valid.flac", dtype="float32")
    yield from (part.T for part in np.split(joined, np.cumsum(lengths)[:-1]))


def libri2mix(data: Path) -> Iterator[np.ndarray]:
    """The references (2, T) of each Libri2Mix test mixture (8 kHz, min, clean)."""
    folder = data / "libri2mix_test_subset"
    for path in sorted((folder / "s1").glob("*.flac")):
        yield np.stack([soundfile.read(folder / s / path.name, dtype="float32")[0] for s in ("s1", "s2")])


def si_snri(model: ConvTasNet, references: np.ndarray) -> float:
    """SI-SNR improvement in dB over the mixture of the references (C, T), mean over speakers."""
    mixture = references.sum(0)
    with torch.inference_mode():
        estimates = model(torch.from_numpy(mixture)[None])[0].numpy()
    estimates = estimates[list(best_permutation(estimates, references))]
    return float(np.mean(si_snr(estimates, references) - si_snr(mixture, references)))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(available()))
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--limit", type=int, help="mixtures of each set, evenly spread")
    options = parser.parse_args()
    for name in options.models:
        model, _ = load(available().get(name, name))
        for dataset in (valid, libri2mix):
            references = list(dataset(options.data))
            if options.limit:
                kept = np.linspace(0, len(references) - 1, options.limit).round().astype(int)
                references = [references[i] for i in kept]
            scores = [si_snri(model, r) for r in references]
            error = np.std(scores) / len(scores) ** 0.5
            print(
                f"{name}  {dataset.__name__}: {np.mean(scores):.3f} dB SI-SNRi"
                f" (standard error {error:.2f}, {len(scores)} mixtures)",
                flush=True,
            )


if __name__ == "__main__":
    main()
