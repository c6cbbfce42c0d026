"""The ideal masks' mean scores over the mixtures of the Libri2Mix test subset (8 kHz, min, clean).

    OMP_NUM_THREADS=1 python -m benchmarks.ideal_masks_libri2mix [FOLDER] [--pesq]

FOLDER holds s1/ and s2/ with files of the same names; the mixture is their sum. An independent
script measured SI-SNRi / SDRi on the 300 mixtures of ../shared/data/libri2mix_test_subset: IBM
13.32 / 13.73, IRM 12.58 / 13.00, WFM 13.70 / 14.14, PSM 14.53 / 14.96.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from analysis.ideal_masks import MASKS, separate
from analysis.metrics import evaluate, mixture_scores

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "libri2mix_test_subset"
MEASURES = {"si_snri": "SI-SNRi (dB)", "sdri": "SDRi (dB)", "pesq": "MOS-LQO", "raw_pesq": "raw PESQ"}


def means(pair: tuple[Path, Path], measures: list[str]) -> list[list[float]]:
    """Every measure of every mask on the mixture of two files, the mean of both speakers."""
    signals, rates = zip(*(soundfile.read(path, dtype="float32") for path in pair), strict=True)
    references, rate = np.stack(signals), rates[0]
    mixture, pesq = references.sum(0), "pesq" in measures
    baseline = mixture_scores(references, mixture, rate, pesq=pesq)
    rows = []
    for kind in MASKS:
        estimates = separate(kind, mixture, references, rate)
        scores = evaluate(estimates, references, mixture, rate, permute=False, pesq=pesq, baseline=baseline)
        rows.append([scores.mean(measure) for measure in measures])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--pesq", action="store_true", help="PESQ too, which takes some minutes")
    chosen = parser.parse_args()
    measures = list(MEASURES) if chosen.pesq else ["si_snri", "sdri"]
    pairs = [(path, chosen.folder / "s2" / path.name) for path in sorted((chosen.folder / "s1").iterdir())]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        scores = np.array(list(pool.map(partial(means, measures=measures), pairs, chunksize=8)), float)
    print(f"{len(pairs)} mixtures  " + "".join(f"{MEASURES[measure]:>15}" for measure in measures))
    for kind, row in zip(MASKS, scores.mean(0), strict=True):
        print(f"{kind:14}" + "".join(f"{value:15.3f}" for value in row))


if __name__ == "__main__":
    main()
