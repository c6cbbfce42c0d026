"""Long signals and images brought to a few thousand columns without losing a peak."""

import numpy as np


def column_starts(length: int, columns: int) -> np.ndarray:
    """First index of each of at most `columns` runs that divide `length` values as evenly as can be.

    With no more values than columns every value keeps a column of its own.
    """
    return np.linspace(0, length, min(length, columns), endpoint=False).astype(int)


def pooled_extremes(values: np.ndarray, starts: np.ndarray, axis: int = -1) -> np.ndarray:
    """The value of largest magnitude, with its sign, of each run of `values` along `axis`."""
    highest = np.maximum.reduceat(values, starts, axis=axis)
    lowest = np.minimum.reduceat(values, starts, axis=axis)
    return np.where(-lowest > highest, lowest, highest)


def pooled_means(values: np.ndarray, starts: np.ndarray, axis: int = -1) -> np.ndarray:
    """The mean of each run of `values` along `axis`; the last run goes to the end."""
    sums = np.add.reduceat(values, starts, axis=axis, dtype=np.float64)
    counts = np.diff([*starts, values.shape[axis]])
    shape = [1] * values.ndim
    shape[axis] = len(counts)
    return (sums / counts.reshape(shape)).astype(values.dtype)


def outline(samples: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """A waveform (T,) as a line of at most 2 `columns` points: (index, value), extremes kept.

    Each run of samples gives its lowest and its highest, so a line through them covers all others.
    """
    if len(samples) <= 2 * columns:
        return np.arange(len(samples)), samples
    starts = column_starts(len(samples), columns)
    both = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    return np.repeat(starts, 2), np.stack(both, axis=1).ravel()
