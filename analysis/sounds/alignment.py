"""By how much a clean voice lags behind its place in the mixture, and moving it there.

A codec adds silence before what it encodes (an MP3 at 8 kHz 138 ms), and scores against a voice that is not where it is
in the mixture mean nothing.
"""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

LONGEST = 0.3  # s searched in both directions
SECONDS = 60.0  # of the voice that are compared, where it is loudest
NEAR = 0.02  # s around a peak that belong to it: speech resembles itself after each period of its voice
WEAKEST = 0.1  # the least correlation that means anything
CLEAR = 1.5  # times the next best correlation
STEPS = 16  # of a sample, to which a delay is found
UNMOVED = 0.25  # samples: a smaller delay counts as none


def delay(voice: np.ndarray, mixture: np.ndarray, rate: int) -> float | None:
    """By how many samples `voice` (T,) lies later than it does in `mixture` (T',); None where that cannot be told.

    The largest cross-correlation, found to 1/16 of a sample, if it is clearly larger than any other.
    """
    stretch, reach = _loudest(voice, round(SECONDS * rate)), round(LONGEST * rate)
    voice, mixture = (np.asarray(x[stretch], np.float64) for x in (voice, mixture))
    voice, mixture = voice - voice.mean(), mixture - mixture.mean() if len(mixture) else mixture
    size = next_fast_len(max(len(voice), len(mixture)) + reach + 1, real=True)
    cross = rfft(voice, size) * rfft(mixture, size).conj()
    correlation = irfft(cross, size)
    lags = np.arange(-reach, reach + 1)
    values = correlation[lags]
    power = np.sqrt((voice @ voice) * (mixture @ mixture))
    best = int(np.argmax(values))
    elsewhere = values[np.abs(lags - lags[best]) > NEAR * rate]
    if power <= 0 or values[best] < WEAKEST * power or values[best] < CLEAR * np.abs(elsewhere).max(initial=0.0):
        return None
    finer = lags[best] + np.arange(-STEPS, STEPS + 1) / STEPS
    turn = 2j * np.pi * rfftfreq(size)
    found = float(max(finer, key=lambda lag: (cross @ np.exp(turn * lag)).real))
    return 0.0 if abs(found) < UNMOVED else found


def _loudest(signal: np.ndarray, length: int) -> slice:
    """The stretch of `length` samples, one of those that overlap by half, with the most energy."""
    begins = range(0, max(1, len(signal) - length // 2), max(1, length // 2))
    best = max(begins, key=lambda begin: float(np.square(signal[begin : begin + length]).sum()))
    return slice(best, best + length)


def moved(voice: np.ndarray, earlier: float) -> np.ndarray:
    """`voice` (T,), float32, `earlier` by the fraction of a sample that lies between -0.5 and 0.5."""
    if earlier == 0:
        return voice
    size = next_fast_len(len(voice) + 256, real=True)  # padding, so that its end does not wrap around to the beginning
    spectrum = rfft(np.asarray(voice, np.float64), size) * np.exp(2j * np.pi * rfftfreq(size) * earlier)
    return irfft(spectrum, size)[: len(voice)].astype(np.float32)
