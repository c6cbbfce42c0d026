"""A perceptron of one hidden layer in NumPy: what small heads on features are, kept in a file of arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np

WIDEST = 4.0  # standard deviations: features further out are clipped to this
HALF = ("hidden", "out")  # kept in 16 bits


@dataclass(frozen=True)
class Perceptron:
    """Features (F,) -> hidden units (H,) -> outputs (O,)."""

    mean: np.ndarray  # (F,)
    scale: np.ndarray  # (F,)
    hidden: np.ndarray  # (H, F)
    hidden_bias: np.ndarray  # (H,)
    out: np.ndarray  # (O, H)
    out_bias: np.ndarray  # (O,)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(..., F) -> (..., O)."""
        x = np.clip((features - self.mean) / self.scale, -WIDEST, WIDEST)
        return np.maximum(x @ self.hidden.T + self.hidden_bias, 0) @ self.out.T + self.out_bias

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` kept. Raises OSError, KeyError or ValueError."""
        with np.load(path) as kept:
            return cls(**{field.name: kept[field.name].astype(np.float64) for field in fields(cls)})

    def save(self, path: Path) -> None:
        """Keep it, weights in 16 bits."""
        arrays = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        kinds = {name: np.float16 if name in HALF else np.float32 for name in arrays}
        np.savez_compressed(path, **{name: array.astype(kinds[name]) for name, array in arrays.items()})  # type: ignore[arg-type]
