"""The paper's STFT at 8 kHz by numpy alone: the oracle of what works on spectrograms."""

import numpy as np


def plain_stft(x: np.ndarray) -> np.ndarray:
    """(..., F, frames) by numpy's rfft: 256-sample Hann frames every 64 samples, padded by one window at each end."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(256, 256 + -x.shape[-1] % 64)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, 256, axis=-1)[..., ::64, :]
    return np.moveaxis(np.fft.rfft(frames * window), -1, -2)


def plain_istft(X: np.ndarray, length: int) -> np.ndarray:
    """Overlap-add of windowed frames over the sum of the squared windows."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    frames = np.fft.irfft(np.moveaxis(X, -2, -1)) * window
    x = np.zeros((*X.shape[:-2], 64 * (frames.shape[-2] - 1) + 256))
    weight = np.zeros(x.shape[-1])
    for k in range(frames.shape[-2]):
        x[..., 64 * k : 64 * k + 256] += frames[..., k, :]
        weight[64 * k : 64 * k + 256] += window**2
    return (x / np.maximum(weight, 1e-12))[..., 256 : 256 + length]
