"""What the set of basis functions covers, and how encoder and decoder fit (IV-A, IV-G, V).

The paper's observations as numbers: most filters are tuned below 1 kHz, roughly as the mel scale
is; filters of one frequency differ in phase; the decoder need not invert the encoder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats

from .basis import BasisError, as_rows, magnitudes, tuning

PHASE_SECTORS = 12


@dataclass(frozen=True)
class PhaseBand:
    """The phases of the filters with their peak in one band: the paper's circular shift (IV-G).

    phase_deg:  (count,) as in `basis.Tuning`.
    coverage:   share of the `PHASE_SECTORS` equal sectors of the circle with a filter in them.
    at_ends:    how many peak at exactly 0 Hz or at rate / 2, where a phase has only two possible values.
    chance:     the coverage expected of as many phases drawn evenly at random, of those at the ends from their two.
    resultant:  length of the mean phasor: 1 when all phases agree, 0 when they balance.
    similarity: mean cosine similarity of the band's pairs of filters as they are.
    shifted_similarity: the same after the best circular shift of one of each pair.
    The last three are NaN where there are too few filters to say.
    """

    low_hz: float
    high_hz: float
    phase_deg: np.ndarray
    coverage: float
    at_ends: int
    chance: float
    resultant: float
    similarity: float
    shifted_similarity: float

    @property
    def count(self) -> int:
        """How many filters the band has."""
        return len(self.phase_deg)


@dataclass(frozen=True)
class CoderPair:
    """How encoder U and decoder V (N, L) invert each other; level, free in SI-SNR, is fitted out.

    condition:         largest over smallest of U's min(N, L) singular values; inf if one is zero.
    rank:              rank of U; L means that no waveform is invisible to the encoder.
    pinv_distance:     min over a of |a V - pinv(U^T)| / |pinv(U^T)|, Frobenius norm. 0: V is the
                       least-squares decoder of U (the paper's Pinv); 1: nothing in common.
    frame_distance:    min over a of |a U^T V - I| / |I|: how far a frame is from passing
                       unchanged. 0 for every left inverse; the pseudo-inverse is the smallest.
    reconstruction_db: SI-SNR of decoder(encoder(x)), frames overlapped and added, for white noise
                       x. Of the linear parts: an encoder's ReLU is left out.
    """

    condition: float
    rank: int
    pinv_distance: float
    frame_distance: float
    reconstruction_db: float


def share_below(peak_hz: np.ndarray, limit_hz: float = 1000.0) -> float:
    """Share of the live filters with their peak below `limit_hz`; NaN when none lives.

    The paper (section V): more than 60 % below 1 kHz.
    """
    live = peak_hz[np.isfinite(peak_hz)]
    return float((live < limit_hz).mean()) if live.size else float("nan")


CONVENTIONS = {
    "peak": "the peak of the padded FFT",
    "centroid": "the centroid of the power",
    "unpadded": "the peak of the FFT without padding",
}


def shares_below(vectors: np.ndarray, rate: int, limit_hz: float = 1000.0) -> dict[str, float]:
    """`share_below` of rows (N, L) by each of `CONVENTIONS` for what a filter is tuned to."""
    tuned = tuning(vectors, rate)
    size, frequencies = magnitudes(vectors, rate, points=1)
    unpadded = np.where(np.isfinite(tuned.peak_hz), frequencies[size.argmax(1)], np.nan)
    tunings = {"peak": tuned.peak_hz, "centroid": tuned.centroid_hz, "unpadded": unpadded}
    return {name: share_below(hz, limit_hz) for name, hz in tunings.items()}


def mel(f: np.ndarray | float) -> np.ndarray:
    """The mel scale of O'Shaughnessy (1987): 1000 mel at 1 kHz."""
    return 2595 * np.log10(1 + np.asarray(f) / 700)


def erb_rate(f: np.ndarray | float) -> np.ndarray:
    """Equivalent rectangular bandwidths below `f` Hz (Glasberg and Moore, 1990)."""
    return 21.4 * np.log10(1 + 0.00437 * np.asarray(f))


SCALES: dict[str, Callable[[np.ndarray | float], np.ndarray]] = {"mel": mel, "ERB": erb_rate, "linear": np.asarray}


def spacing(scale: str, f: np.ndarray | float, rate: int) -> np.ndarray:
    """Share of filters below `f` Hz when evenly spaced from 0 to rate / 2 on one of `SCALES`."""
    return SCALES[scale](f) / SCALES[scale](rate / 2)


def spacing_distance(peak_hz: np.ndarray, scale: str, rate: int) -> float:
    """Kolmogorov-Smirnov distance of the live peaks from even spacing on `scale`: 0 same, 1 apart.

    NaN when no filter lives.
    """
    live = peak_hz[np.isfinite(peak_hz)]
    if not live.size:
        return float("nan")
    return float(stats.kstest(live, lambda f: spacing(scale, f, rate)).statistic)


def histogram(peak_hz: np.ndarray, rate: int, bins: int = 16) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """(edges in Hz (bins + 1,), shares of the live peaks (bins,), {scale: shares if even on it})."""
    live = peak_hz[np.isfinite(peak_hz)]
    edges = np.linspace(0, rate / 2, bins + 1)
    shares = np.histogram(live, edges)[0] / max(live.size, 1)
    return edges, shares, {scale: np.diff(spacing(scale, edges, rate)) for scale in SCALES}


def octaves(rate: int, count: int = 5) -> np.ndarray:
    """Band edges (count + 1,) in Hz: octaves down from rate / 2, the lowest band down to 0."""
    edges = rate / 2 / 2.0 ** np.arange(count, -1, -1)
    edges[0] = 0
    return edges


def phase_bands(U: np.ndarray, rate: int, edges: np.ndarray | None = None) -> list[PhaseBand]:
    """`PhaseBand` of U (N, L) for each band [low, high) between `edges` in Hz (`octaves`).

    A peak at rate / 2 belongs to the last octave.
    """
    rows, tuned = as_rows(U), tuning(U, rate)
    L = rows.shape[1]
    edges = octaves(rate) if edges is None else edges
    bands = []
    for low, high in pairwise(edges):
        at_the_end = (tuned.peak_hz == high) & (high == rate / 2)
        inside = (tuned.peak_hz >= low) & (tuned.peak_hz < high) | at_the_end
        phase = tuned.phase_deg[inside]
        zero, top = (tuned.peak_hz[inside] == end for end in (0, rate / 2))
        sectors = _sector(phase)
        phasors = np.exp(1j * np.radians(phase))
        plain, shifted = _similarities(rows[inside])
        bands.append(
            PhaseBand(
                low_hz=float(low),
                high_hz=float(high),
                phase_deg=phase,
                coverage=len(np.unique(sectors)) / PHASE_SECTORS,
                at_ends=int(zero.sum() + top.sum()),
                chance=_chance(len(phase) - zero.sum() - top.sum(), (0.0, zero.sum()), (90.0 * (L - 1), top.sum())),
                resultant=float(np.abs(phasors.mean())) if len(phase) else float("nan"),
                similarity=plain,
                shifted_similarity=shifted,
            )
        )
    return bands


def _sector(phase_deg: np.ndarray) -> np.ndarray:
    return np.floor((np.round(phase_deg, 6) + 180) / 360 * PHASE_SECTORS).astype(int) % PHASE_SECTORS


def _chance(free: int, *fixed: tuple[float, int]) -> float:
    """Expected share of sectors with a phase: `free` phases anywhere, and (phase, count) of those that are it or its
    opposite, each as likely."""
    empty = np.full(PHASE_SECTORS, (1 - 1 / PHASE_SECTORS) ** free)
    for phase, count in fixed:
        empty[_sector(np.array([phase, phase + 180]))] *= 0.5**count
    return float(1 - empty.mean())


def _similarities(rows: np.ndarray) -> tuple[float, float]:
    """Mean cosine similarity of the pairs of (n, L), plain and after the best circular shift."""
    n, L = rows.shape
    if n < 2:
        return float("nan"), float("nan")
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    plain = unit @ unit.T
    best = plain
    for shift in range(1, L):
        best = np.maximum(best, unit @ np.roll(unit, shift, axis=1).T)
    pairs = ~np.eye(n, dtype=bool)
    return float(plain[pairs].mean()), float(best[pairs].mean())


def coder_pair(U: np.ndarray, V: np.ndarray) -> CoderPair:
    """How far encoder U and decoder V (N, L) are from inverting each other (IV-A); see `Pair`."""
    U, V = as_rows(U), as_rows(V)
    if U.shape != V.shape:
        raise BasisError("Encoder and decoder must have filters of the same number and length.")
    singular = np.linalg.svd(U, compute_uv=False)
    rank = int(np.linalg.matrix_rank(U))
    frame = U.T @ V
    return CoderPair(
        condition=float(singular[0] / singular[-1]) if rank == min(U.shape) else float("inf"),
        rank=rank,
        pinv_distance=_distance(V, np.linalg.pinv(U.T)),
        frame_distance=_distance(frame, np.eye(len(frame))),
        reconstruction_db=_reconstruction_db(frame),
    )


def _distance(A: np.ndarray, B: np.ndarray) -> float:
    """min over a of |a A - B| / |B|; 1 where either is zero."""
    if not (A.any() and B.any()):
        return 1.0
    a = np.vdot(A, B) / np.vdot(A, A)
    return float(np.linalg.norm(a * A - B) / np.linalg.norm(B))


def _reconstruction_db(frame: np.ndarray) -> float:
    """SI-SNR in dB, for white noise, of adding overlapping frames each passed by `frame` (L, L).

    Row p of `response` is what comes out for an impulse at sample p of a hop, `target` the impulse.
    """
    L = len(frame)
    hop = max(L // 2, 1)
    response, target = np.zeros((hop, 3 * L)), np.zeros((hop, 3 * L))
    for p in range(hop):
        impulse = hop * -(-L // hop) + p
        target[p, impulse] = 1
        for start in range(0, impulse + 1, hop):
            if impulse - start < L:
                response[p, start : start + L] += frame[impulse - start]
    wanted = np.vdot(response, target) / hop * target
    noise = np.linalg.norm(response - wanted)
    if not wanted.any():
        return float("-inf")
    return float(20 * np.log10(np.linalg.norm(wanted) / noise)) if noise else float("inf")
