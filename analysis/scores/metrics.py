"""Scores of separated speech: SI-SNR, SDR and PESQ, each also as improvement over the mixture.

Sections III-C and III-D of the paper. A score that its definition leaves open, such as 0/0 for a
silent signal, is 'undefined': nan in the arrays of `si_snr` and `sdr`, None in `Scores`. A perfect
estimate scores +inf.

    case                                      SI-SNR       SDR          PESQ
    estimate equals the reference (scaled)    +inf         +inf         4.549 (raw 4.5)
    silent reference                          undefined    undefined    undefined
    silent estimate                           undefined    undefined    undefined
    constant (DC only) signal                 as silent    by formula   as `pesq` returns it
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pystoi
from pesq import PesqError
from pesq import pesq as p862
from scipy import fft, linalg, optimize

from tasnet.audio import resample
from tasnet.config import HIGHEST_RATE, LOWEST_RATE
from tasnet.errors import UserError
from tasnet.training_facts import any_order

SDR_TAPS = 512  # BSS Eval v3: the length of the distortion filter that SDR forgives
PESQ_SECONDS = 18  # longer signals are scored in pieces, see `pesq`
STOI_SECONDS = 0.4  # the least that STOI can compare: 30 frames
STOI_UNDEFINED = 1e-5  # what pystoi returns where it finds less speech than that

# Errors this far below the target are rounding, not sound: 280 dB is what float64 resolves, 180 dB
# what is left of it after the least-squares filter of SDR (float32 samples carry about 150 dB).
SI_SNR_CEILING_DB = 280.0
SDR_CEILING_DB = 180.0


LEAKAGE_FRAME = 0.032  # s
LEAKAGE_FLOOR = 1e-4  # of the mean energy: -40 dB


class MetricsError(UserError):
    """Signals that cannot be scored against each other, said in one sentence."""


# --- SI-SNR and SDR ------------------------------------------------------------------------------


def si_snr(estimate: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Scale-invariant source-to-noise ratio in dB (eq. 15), in float64.

    `estimate` and `reference` are (..., T); leading axes broadcast. +inf for a perfect estimate,
    -inf for one orthogonal to the reference, nan (undefined) where either has no energy beside its
    mean. Raises MetricsError where the lengths differ or are 0.

    >>> s = np.sin(np.arange(8000) / 10)
    >>> e = 0.1 * np.cos(np.arange(8000) / 10)
    >>> round(float(si_snr(s + e, s)))
    20
    >>> round(float(si_snr(3 * (s + e), s)))  # whatever the level
    20
    """
    s_hat, s = _zero_mean(estimate), _zero_mean(reference)
    if s_hat.shape[-1] != s.shape[-1]:
        raise MetricsError(_lengths_differ(s_hat.shape[-1], s.shape[-1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        s_target = np.sum(s_hat * s, -1, keepdims=True) / np.sum(s * s, -1, keepdims=True) * s
    e_noise = s_hat - s_target
    return _ratio_db(np.sum(s_target**2, -1), np.sum(e_noise**2, -1), SI_SNR_CEILING_DB)


def sdr(estimates: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Source-to-distortion ratio in dB of estimate i against reference i: (C, T), (C, T) -> (C,).

    BSS Eval v3 (Vincent et al. 2006, the paper's [44]): what a 512-tap filter can make of the
    reference counts as target, all else as distortion. Equal to the SDR of
    `mir_eval.separation.bss_eval_sources(references, estimates, compute_permutation=False)`.
    +inf for a perfect estimate, nan (undefined) where either signal is silent. Raises MetricsError
    where the shapes differ.
    """
    estimates, references = _pairs(estimates, references)
    n = fft.next_fast_len(estimates.shape[-1] + SDR_TAPS - 1, real=True)
    return np.array([_sdr(s_hat, s, n) for s_hat, s in zip(estimates, references, strict=True)])


def _sdr(estimate: np.ndarray, reference: np.ndarray, n: int) -> float:
    """SDR of one pair (T,), (T,); n >= T + taps - 1 keeps every circular correlation linear."""
    if not (estimate.any() and reference.any()):
        return math.nan
    S_hat, S = fft.rfft(estimate, n), fft.rfft(reference, n)
    autocorrelation = fft.irfft(np.abs(S) ** 2, n)[:SDR_TAPS]
    correlation = fft.irfft(S.conj() * S_hat, n)[:SDR_TAPS]
    S_target = fft.rfft(_solve_toeplitz(autocorrelation, correlation), n) * S
    weights = np.full(S.size, 2.0)  # Parseval on half a spectrum: bins 0 and n/2 count once
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    target = np.sum(weights * np.abs(S_target) ** 2)
    distortion = np.sum(weights * np.abs(S_hat - S_target) ** 2)
    return float(_ratio_db(target, distortion, SDR_CEILING_DB))


def _solve_toeplitz(column: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve the symmetric Toeplitz system of `column`: Levinson's recursion, O(taps²).

    Levinson's recursion is exact enough for speech but may fail on nearly singular systems (such
    as a pure tone), so its answer is checked and the dense least-squares solution steps in.
    """
    try:
        solution = linalg.solve_toeplitz(column, right)
        residual = linalg.matmul_toeplitz(column, solution) - right
        if np.linalg.norm(residual) <= 1e-9 * np.linalg.norm(right):
            return solution
    except (np.linalg.LinAlgError, ValueError):  # singular, or overflowed to inf on the way
        pass
    return np.linalg.lstsq(linalg.toeplitz(column), right, rcond=None)[0]


def best_permutation(estimates: np.ndarray, references: np.ndarray) -> tuple[int, ...]:
    """The estimate that belongs to each reference, by the highest mean SI-SNR, for any C.

    `estimates` and `references` are (C, T); `estimates[list(permutation)]` is in the references'
    order. Undefined scores count as the worst. Raises MetricsError where the shapes differ.
    """
    estimates, references = _pairs(estimates, references)
    scores = np.array([[si_snr(s_hat, s) for s_hat in estimates] for s in references])
    finite = np.nan_to_num(scores, nan=-1e3, posinf=1e3, neginf=-1e3)
    return tuple(int(i) for i in optimize.linear_sum_assignment(finite, maximize=True)[1])


def output_order(task: str, estimates: np.ndarray, references: np.ndarray) -> list[int]:
    """`best_permutation` of a network for `task`; as they are where every output has a name of its own."""
    return list(best_permutation(estimates, references) if any_order(task) else range(len(references)))


# --- PESQ ----------------------------------------------------------------------------------------


def pesq(reference: np.ndarray, estimate: np.ndarray, rate: int) -> float | None:
    """Narrow-band PESQ (ITU-T P.862) of `estimate` (T,) as MOS-LQO (P.862.1): about 1.02 to 4.55.

    A clean signal gives 4.549, which is 4.5 on the raw scale of `raw_pesq`. Signals at 8000 and
    16000 Hz are taken as they are, others converted to 8000 Hz; the model differs a little between
    the two, so compare scores of one rate only. Signals longer than 18 s are cut into equal pieces
    and the pieces in which PESQ finds speech are averaged: its C code has room for 50 utterances,
    overruns beyond them, and with its shortest utterances and pauses 18 s hold no more.

    None (undefined) where PESQ finds no speech to compare: silence, or less than 1/4 s. Raises
    MetricsError where the lengths differ. Safe in threads, one at a time: the C code keeps global
    state, but its wrapper never lets go of Python's global lock.
    """
    _check_rate(rate)
    reference, estimate = np.asarray(reference), np.asarray(estimate)
    if reference.shape != estimate.shape:
        raise MetricsError(_lengths_differ(estimate.shape[-1], reference.shape[-1]))
    if rate not in (8000, 16000):
        reference, estimate = resample(reference, rate, 8000), resample(estimate, rate, 8000)
        rate = 8000
    pieces = max(1, math.ceil(reference.size / (PESQ_SECONDS * rate)))
    pairs = zip(np.array_split(reference, pieces), np.array_split(estimate, pieces), strict=True)
    scores = [score for s, s_hat in pairs if (score := _pesq(s, s_hat, rate)) is not None]
    return float(np.mean(scores)) if scores else None


def _pesq(reference: np.ndarray, estimate: np.ndarray, rate: int) -> float | None:
    if not (reference.any() and estimate.any()):
        return None
    score = p862(rate, reference, estimate, "nb", on_error=PesqError.RETURN_VALUES)
    return float(score) if score > 0 else None  # error codes are negative; a NaN fails as well


def raw_pesq(mos_lqo: float | None) -> float | None:
    """Raw P.862 score (-0.5 to 4.5) of a MOS-LQO: the inverse of the mapping of ITU-T P.862.1,

        MOS-LQO = 0.999 + 4 / (1 + exp(-1.4945 raw + 4.6607)).

    The paper's Tables VI and VII look like this scale: their clean speech scores 4.5. None stays
    None. Raises MetricsError outside the mapping's range, 0.999 to 4.999.
    """
    if mos_lqo is None:
        return None
    if not 0.999 < mos_lqo < 4.999:
        raise MetricsError(f"A MOS-LQO lies between 0.999 and 4.999, but {mos_lqo} was given.")
    return (4.6607 - math.log((4.999 - mos_lqo) / (mos_lqo - 0.999))) / 1.4945


# --- STOI ----------------------------------------------------------------------------------------


def stoi(reference: np.ndarray, estimate: np.ndarray, rate: int) -> float | None:
    """Short-time objective intelligibility (Taal et al. 2011) of `estimate` (T,): 0 to 1.

    None (undefined) where a signal is silent or less than 0.4 s of speech is there.
    """
    if reference.size < STOI_SECONDS * rate or not (reference.any() and estimate.any()):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of too little speech, as the value shows
        value = float(pystoi.stoi(reference, estimate, rate))
    return None if value == STOI_UNDEFINED else value


# --- All of them ---------------------------------------------------------------------------------


def leakage(signals: np.ndarray, rate: int) -> np.ndarray:
    """How much of the others each of the signals (C, T) seems to hold, (C,): -1 to 1, nan where undefined.

    The correlation of its energies in dB, in frames of 32 ms, with those of the others, on the mean over them. Two
    people who speak independently of each other have a little, from the pauses they share; outputs that hold each
    other's voices have much. What is more than 40 dB below the mean energy counts as that.
    """
    frame = max(1, round(LEAKAGE_FRAME * rate))
    frames = signals[:, : signals.shape[1] // frame * frame].reshape(len(signals), -1, frame)
    energy = np.square(frames, dtype=np.float64).mean(2)
    floor = LEAKAGE_FLOOR * energy.mean(1, keepdims=True) if energy.size else energy
    if len(signals) < 2 or energy.shape[1] < 2 or not floor.all():
        return np.full(len(signals), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):  # a level that never changes correlates with nothing
        correlations = np.corrcoef(np.log(np.maximum(energy, floor)))
    return (correlations.sum(1) - np.diag(correlations)) / (len(signals) - 1)


@dataclass(frozen=True)
class Scores:
    """Scores of C separated speakers, each a tuple in the references' order; None is undefined."""

    si_snr: tuple[float | None, ...]  # dB, eq. 15
    si_snri: tuple[float | None, ...]  # dB over the mixture
    sdr: tuple[float | None, ...]  # dB, BSS Eval v3
    sdri: tuple[float | None, ...]  # dB over the mixture
    pesq: tuple[float | None, ...]  # MOS-LQO
    raw_pesq: tuple[float | None, ...]  # raw P.862
    stoi: tuple[float | None, ...]  # 0 ... 1
    permutation: tuple[int, ...]  # the estimate that was scored against each reference

    def mean(self, name: str) -> float | None:
        """Mean over the speakers of the score `name`; None where one of them is undefined."""
        values = getattr(self, name)
        if None in values:
            return None
        return _defined(sum(values) / len(values))


def evaluate(
    estimates: np.ndarray,
    references: np.ndarray,
    mixture: np.ndarray,
    rate: int,
    *,
    permute: bool = True,
    pesq: bool = True,
    stoi: bool = False,
    baseline: Scores | None = None,
) -> Scores:
    """Score `estimates` (C, T) against `references` (C, T) of a `mixture` (T,) at `rate` Hz.

    `permute` finds which estimate belongs to which reference; without it they are in order.
    `pesq=False` leaves the PESQ scores None, as STOI is left without
    `stoi`. `baseline`, from `mixture_scores`, saves scoring the mixture again when several methods
    are compared on it. Raises MetricsError where numbers or
    lengths of signals differ, a signal is empty or has samples that are not finite.
    """
    _check_rate(rate)
    estimates, references = _pairs(estimates, references)
    if baseline is None:
        baseline = mixture_scores(references, mixture, rate, pesq=pesq, stoi=stoi)
    permutation = best_permutation(estimates, references) if permute else tuple(range(len(references)))
    scores = _scores(estimates[list(permutation)], references, rate, pesq, stoi)
    return Scores(
        **scores,
        si_snri=_improvements(scores["si_snr"], baseline.si_snr),
        sdri=_improvements(scores["sdr"], baseline.sdr),
        permutation=permutation,
    )


def mixture_scores(
    references: np.ndarray, mixture: np.ndarray, rate: int, *, pesq: bool = True, stoi: bool = False
) -> Scores:
    """Scores of the unprocessed `mixture` (T,) taken as the estimate of every speaker.

    The improvements of every other method are measured from these. Raises as `evaluate`.
    """
    references, mixture = np.asarray(references), np.asarray(mixture)
    _check_rate(rate)
    if references.ndim != 2 or mixture.shape != references.shape[-1:]:
        raise MetricsError(
            f"The mixture must be one row of {references.shape[-1]} samples, as long as the clean "
            f"signals, but its shape is {mixture.shape}."
        )
    estimates = np.broadcast_to(mixture, references.shape)
    scores = _scores(*_pairs(estimates, references), rate, pesq, stoi)
    return Scores(
        **scores,
        si_snri=_improvements(scores["si_snr"], scores["si_snr"]),
        sdri=_improvements(scores["sdr"], scores["sdr"]),
        permutation=tuple(range(len(references))),
    )


def perceptual_scores(
    estimates: np.ndarray, references: np.ndarray, rate: int, *, with_pesq: bool = True, with_stoi: bool = True
) -> dict[str, tuple[float | None, ...]]:
    """PESQ on both scales and STOI of `estimates` (C, T) in the references' (C, T) order, as fields of `Scores`.

    What is not asked for is None. Raises MetricsError as `evaluate` does.
    """
    estimates, references = _pairs(estimates, references)
    pairs = list(zip(references, estimates, strict=True))
    mos_lqo = tuple(pesq(s, s_hat, rate) if with_pesq else None for s, s_hat in pairs)
    return {
        "pesq": mos_lqo,
        "raw_pesq": tuple(raw_pesq(score) for score in mos_lqo),
        "stoi": tuple(stoi(s, s_hat, rate) if with_stoi else None for s, s_hat in pairs),
    }


def _scores(
    estimates: np.ndarray, references: np.ndarray, rate: int, with_pesq: bool, with_stoi: bool
) -> dict[str, tuple[float | None, ...]]:
    """The absolute scores of estimates in the references' order, as fields of `Scores`."""
    return {
        "si_snr": tuple(_defined(score) for score in si_snr(estimates, references)),
        "sdr": tuple(_defined(score) for score in sdr(estimates, references)),
        **perceptual_scores(estimates, references, rate, with_pesq=with_pesq, with_stoi=with_stoi),
    }


def _improvements(scores: Sequence[float | None], baseline: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(
        None if score is None or before is None else _defined(score - before)
        for score, before in zip(scores, baseline, strict=True)
    )


# --- Helpers -------------------------------------------------------------------------------------


def _zero_mean(signal: np.ndarray) -> np.ndarray:
    """`signal` (..., T) in float64 without its mean; exactly 0 where only rounding is left."""
    signal = np.asarray(signal, np.float64)
    if signal.shape[-1] == 0:
        raise MetricsError("There are no samples to score.")
    centred = signal - signal.mean(-1, keepdims=True)
    floor = 1e-24 * np.sum(signal**2, -1, keepdims=True)
    return np.where(np.sum(centred**2, -1, keepdims=True) <= floor, 0.0, centred)


def _ratio_db(target: np.ndarray, error: np.ndarray, ceiling_db: float) -> np.ndarray:
    """10 log10(target / error); +inf above the ceiling; 0/0 is nan."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 10 * np.log10(target / error)
    return np.where(ratio > ceiling_db, np.inf, ratio)[()]


def _check_rate(rate: float) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise MetricsError(
            f"Signals at {rate} Hz cannot be scored, only those from {LOWEST_RATE} to {HIGHEST_RATE} Hz."
        )


def _defined(score: float) -> float | None:
    return None if math.isnan(score) else float(score)


def _pairs(estimates: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 (C, T), checked. Raises MetricsError."""
    estimates, references = np.asarray(estimates, np.float64), np.asarray(references, np.float64)
    if estimates.ndim != 2 or references.ndim != 2:
        raise MetricsError("Separated and clean signals are scored as arrays of shape (C, T).")
    if len(estimates) != len(references):
        raise MetricsError(
            f"{len(estimates)} separated signals cannot be scored against {len(references)} "
            "clean ones: each needs its own."
        )
    if estimates.shape != references.shape:
        raise MetricsError(_lengths_differ(estimates.shape[-1], references.shape[-1]))
    if estimates.size == 0:
        raise MetricsError("There are no samples to score.")
    if not (np.isfinite(estimates).all() and np.isfinite(references).all()):
        raise MetricsError("A signal has samples that are not finite numbers, so it has no score.")
    return estimates, references


def _lengths_differ(estimate: int, reference: int) -> str:
    return f"The separated signal has {estimate} samples but the clean one {reference}: they must be equally long."
