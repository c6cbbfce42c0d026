"""Small sets of mixtures for the tests: noise that 16 bits hold exactly."""

from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
WSJ0_NAMES = ["011a0101_1.7413_442c020t_-1.7413", "050a0501_0.5_22hc010b_-0.5"]
LIBRI_NAMES = ["1089-134686-0000_121-127105-0031", "61-70968-0000_237-134500-0001"]


def noise(seed: int, length: int = 2000, level: float = 0.05) -> np.ndarray:
    """(length,) int16-exact samples."""
    x = np.random.default_rng(seed).normal(0, level, length)
    return np.round(x * 32768).astype(np.int16) / 32768


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def write_split(folder: Path, mixture: str | None, names: list[str], sources: int = 2) -> None:
    """A folder a part; source i of mixture k is noise(10 k + i - 1)."""
    for k, name in enumerate(names):
        parts = [noise(10 * k + i) for i in range(sources)]
        for i, part in enumerate(parts, 1):
            write(folder / f"s{i}" / f"{name}.wav", part)
        if mixture:
            write(folder / mixture / f"{name}.wav", sum(parts))
