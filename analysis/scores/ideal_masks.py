"""Ideal time-frequency masks (section III-E, eqs. 16-18) with the paper's STFT.

They are computed from the clean speakers, cell by cell, which no real mask can know. They are not a strict bound,
neither for a score (each is fitted to magnitudes or powers) nor for a network on waveforms, which produces its own
phase.

Where eqs. 16-18 leave a bin open it is defined here: in the IBM a tie goes to no speaker, as eq. 16's strict
inequality has it, and a bin in which every speaker is silent is 0 in all masks.
"""

from functools import lru_cache

import numpy as np
from scipy.fft import irfft, rfft
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from tasnet.config import HIGHEST_RATE, LOWEST_RATE
from tasnet.errors import UserError

# The first three are the paper's. PSM, the phase-sensitive mask (Erdogan et al. 2015, the paper's
# [37]), is not in the paper: it also sees the phase between speaker and mixture.
MASKS = ("IBM", "IRM", "WFM", "PSM")
WINDOW_SECONDS = 0.032
HOP_SECONDS = 0.008


class MaskError(UserError):
    """A sound that has no ideal mask; the message is one sentence for the user."""


def stft(x: np.ndarray, rate: int) -> np.ndarray:
    """Spectrogram of `x` (..., T): complex (..., F, frames), 32 ms Hann window, 8 ms hop.

    The frames reach over both ends of the signal, so that `istft` restores every sample.
    """
    transform = _transform(rate)
    length, hop, window = max(x.shape[-1], transform.m_num), transform.hop, transform.m_num
    first, last = transform.p_min, transform.p_max(length) - 1
    before = transform.m_num_mid - first * hop
    after = last * hop - transform.m_num_mid + window - x.shape[-1]
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(before, after)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, window, axis=-1)[..., ::hop, :] * transform.win
    # Phases are relative to each frame's middle.
    return np.moveaxis(rfft(np.roll(frames, -transform.m_num_mid, axis=-1)), -1, -2)


def istft(X: np.ndarray, rate: int, length: int) -> np.ndarray:
    """Waveform (..., length) of a spectrogram (..., F, frames) by weighted overlap-add.

    Exact to rounding on an unchanged `stft`; the least-squares signal of a changed one.
    """
    transform = _transform(rate)
    hop, window = transform.hop, transform.m_num
    frames = np.roll(irfft(np.moveaxis(X, -2, -1), window), transform.m_num_mid, axis=-1) * transform.dual_win
    pieces, count = -(-window // hop), frames.shape[-2]
    frames = np.pad(frames, [(0, 0)] * (frames.ndim - 1) + [(0, pieces * hop - window)])
    frames = frames.reshape(*frames.shape[:-1], pieces, hop)
    x = np.zeros((*X.shape[:-2], count + pieces - 1, hop))
    for k in range(pieces):
        x[..., k : k + count, :] += frames[..., k, :]
    before = transform.m_num_mid - transform.p_min * hop
    return x.reshape(*X.shape[:-2], -1)[..., before : before + length]


def frequencies(rate: int) -> np.ndarray:
    """Centre of every frequency bin in Hz: (F,)."""
    return _transform(rate).f


def times(frames: int, rate: int) -> np.ndarray:
    """Centre of every frame in seconds: (frames,); the first lies before the signal's start."""
    transform = _transform(rate)
    return (transform.p_min + np.arange(frames)) * transform.delta_t


def ideal_mask(kind: str, references: np.ndarray, rate: int, mixture: np.ndarray | None = None) -> np.ndarray:
    """The mask of each of the clean `references` (C, T): (C, F, frames) in [0, 1].

    `kind` is one of `MASKS`. `mixture` (T,), by default the references' sum (eq. 1), only matters
    to the PSM. Raises MaskError for an unknown kind, a rate without a window, or samples that are not finite.

    >>> voices = np.random.default_rng(0).standard_normal((2, 8000))
    >>> masks = ideal_mask("IRM", voices, rate=8000)
    >>> masks.shape
    (2, 129, 128)
    >>> bool(np.allclose(masks.sum(0), 1))
    True
    """
    _check_finite(references, mixture)
    S = stft(np.asarray(references), rate)
    if kind == "PSM":
        return _psm(S, S.sum(0) if mixture is None else stft(np.asarray(mixture), rate))
    return magnitude_mask(kind, np.abs(S))


def magnitude_mask(kind: str, magnitudes: np.ndarray) -> np.ndarray:
    """Eqs. 16-18: "IBM", "IRM" or "WFM" of the speakers' `magnitudes` (C, ...), in any domain.

    Raises MaskError for an unknown kind.
    """
    if kind == "IBM":
        return _ibm(magnitudes)
    if kind == "IRM":
        return _shares(magnitudes)
    if kind == "WFM":
        return _shares(magnitudes**2)
    raise MaskError(f"There is no ideal mask called '{kind}': choose one of {', '.join(MASKS)}.")


def apply(masks: np.ndarray, mixture: np.ndarray, rate: int) -> np.ndarray:
    """Speakers (C, T) from `mixture` (T,) by `masks` (C, F, frames), with the mixture's phase.

    Same type as `mixture`; an axis of one bin or frame stands for all. Raises MaskError where the masks are not of the
    mixture's spectrogram.
    """
    mixture, masks = np.asarray(mixture), np.asarray(masks)
    X = stft(mixture, rate)
    if masks.ndim < 2 or any(size not in (1, full) for size, full in zip(masks.shape[-2:], X.shape[-2:], strict=True)):
        raise MaskError(
            f"Masks of {' x '.join(map(str, masks.shape[-2:]))} bins and frames do not fit a mixture of "
            f"{' x '.join(map(str, X.shape[-2:]))}."
        )
    return istft(masks * X, rate, mixture.shape[-1]).astype(mixture.dtype)


def separate(kind: str, mixture: np.ndarray, references: np.ndarray, rate: int) -> np.ndarray:
    """Speakers (C, T) from `mixture` (T,) by the ideal mask `kind` of its clean `references`."""
    return apply(ideal_mask(kind, references, rate, mixture), mixture, rate)


def _check_finite(*signals: np.ndarray | None) -> None:
    if not all(np.isfinite(signal).all() for signal in signals if signal is not None):
        raise MaskError("A signal has samples that are not finite numbers, so it has no ideal mask.")


def _ibm(magnitudes: np.ndarray) -> np.ndarray:
    """Eq. 16: 1 where a speaker is strictly louder than every other."""
    loudest = (magnitudes == magnitudes.max(0)) & (magnitudes > 0)
    return (loudest & (loudest.sum(0) == 1)).astype(magnitudes.dtype)


def _shares(weights: np.ndarray) -> np.ndarray:
    """Eq. 17 of magnitudes, eq. 18 of powers: each speaker's share of the sum."""
    total = weights.sum(0)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


def _psm(S: np.ndarray, X: np.ndarray) -> np.ndarray:
    """|S_i| / |X| cos(angle between S_i and X), truncated to [0, 1]."""
    power = np.abs(X) ** 2
    mask = np.divide((S * X.conj()).real, power, out=np.zeros(S.shape), where=power > 0)
    return mask.clip(0, 1)


@lru_cache
def _transform(rate: int) -> ShortTimeFFT:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise MaskError(f"There is no spectrogram at {rate} Hz, only from {LOWEST_RATE} to {HIGHEST_RATE} Hz.")
    window = hann(round(WINDOW_SECONDS * rate), sym=False)
    return ShortTimeFFT(window, hop=round(HOP_SECONDS * rate), fs=rate)
