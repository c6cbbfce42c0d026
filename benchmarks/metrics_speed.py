"""SDR of two speakers, 4 s at 8 kHz: ours against mir_eval's BSS Eval v3, median of repeated calls.

    OMP_NUM_THREADS=1 python -m benchmarks.metrics_speed

Uses a mixture of ../shared where it is there, else noise. Also times the other scores.
"""

import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from mir_eval.separation import bss_eval_sources

from analysis.scores.metrics import evaluate, pesq, sdr, si_snr

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "libri2mix_test_subset"
RATE, SAMPLES = 8000, 32000


def clip() -> np.ndarray:
    """Two clean voices (2, T)."""
    for path in sorted((FOLDER / "s1").glob("*.flac")):
        if soundfile.info(path).frames >= SAMPLES:
            both = [soundfile.read(FOLDER / s / path.name, frames=SAMPLES)[0] for s in ("s1", "s2")]
            return np.stack(both)
    return np.random.default_rng(0).standard_normal((2, SAMPLES))


def median_ms(call: Callable[[], object], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def main() -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)
    references = clip()
    mixture = references.sum(0)
    estimates = references + 0.1 * mixture
    ours = median_ms(lambda: sdr(estimates, references), 50)
    theirs = median_ms(lambda: bss_eval_sources(references, estimates, False), 7)
    permuted = median_ms(lambda: bss_eval_sources(references, estimates, True), 5)
    difference = np.abs(sdr(estimates, references) - bss_eval_sources(references, estimates, False)[0]).max()
    print(f"SDR, ours                          {ours:8.2f} ms")
    print(f"SDR, mir_eval, no permutation      {theirs:8.2f} ms   {theirs / ours:5.1f} times ours")
    print(f"SDR, mir_eval, best permutation    {permuted:8.2f} ms   {permuted / ours:5.1f} times ours")
    print(f"largest difference                 {difference:8.1e} dB")
    print(f"SI-SNR                             {median_ms(lambda: si_snr(estimates, references), 50):8.2f} ms")
    print(f"PESQ of one speaker                {median_ms(lambda: pesq(*references, RATE), 10):8.2f} ms")
    everything = median_ms(lambda: evaluate(estimates, references, mixture, RATE), 10)
    print(f"evaluate: all scores, improvements {everything:8.2f} ms")


if __name__ == "__main__":
    main()
