"""SI-SNRi and SDRi of the ideal masks on every mixture of the Libri2Mix test subset (8 kHz, min, clean).

    OMP_NUM_THREADS=1 python benchmarks/ideal_masks_libri2mix.py [FOLDER]

FOLDER holds s1/ and s2/ with files of the same names; the mixture is their sum. An independent
script measured, on the 300 mixtures of ../shared/data/libri2mix_test_subset: IBM 13.32 / 13.73,
IRM 12.58 / 13.00, WFM 13.70 / 14.14, PSM 14.53 / 14.96.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from analysis.ideal_masks import MASKS, separate  # noqa: E402
from analysis.metrics import evaluate, mixture_scores  # noqa: E402


def improvements(pair: tuple[Path, Path]) -> list[tuple[float, float]]:
    """(SI-SNRi, SDRi) of every mask on the mixture of two files, the mean of both speakers."""
    signals, rates = zip(*(soundfile.read(path, dtype="float32") for path in pair), strict=True)
    references, rate = np.stack(signals), rates[0]
    mixture = references.sum(0)
    baseline = mixture_scores(references, mixture, rate, pesq=False)
    scores = [
        evaluate(
            separate(kind, mixture, references, rate),
            references,
            mixture,
            rate,
            permute=False,
            pesq=False,
            baseline=baseline,
        )
        for kind in MASKS
    ]
    return [(s.mean("si_snri"), s.mean("sdri")) for s in scores]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT.parent / "shared" / "data" / "libri2mix_test_subset"
    parser.add_argument("folder", nargs="?", type=Path, default=default)
    folder = parser.parse_args().folder
    pairs = [(path, folder / "s2" / path.name) for path in sorted((folder / "s1").iterdir())]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        scores = np.array(list(pool.map(improvements, pairs, chunksize=8)))
    print(f"{len(pairs)} mixtures   SI-SNRi (dB)   SDRi (dB)")
    for kind, (si_snri, sdri) in zip(MASKS, scores.mean(0), strict=True):
        print(f"{kind:12s} {si_snri:14.3f} {sdri:11.3f}")


if __name__ == "__main__":
    main()
