"""Conv-TasNet beside the ideal masks on one mixture: the rows of Tables IV and VI for a single sound."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.sounds.mixing import Mixture

from . import ideal_masks
from .metrics import Scores, evaluate, mixture_scores

NETWORK = "Conv-TasNet"
MEASURES = {
    "si_snri": "SI-SNRi (dB)",
    "sdri": "SDRi (dB)",
    "pesq": "PESQ (MOS-LQO)",
    "raw_pesq": "PESQ (raw P.862)",
}


@dataclass(frozen=True)
class Row:
    """One system on the mixture.

    `estimates` (C, T) are in the order of the references where `scores` exist. `masks` (C, F, frames) are what the
    system did in the STFT domain: the ideal mask itself or, for the network, the ratio |estimate| / |mixture|.
    `scores` is None where the network separates another number of voices than the mixture has.
    """

    name: str
    estimates: np.ndarray
    masks: np.ndarray
    scores: Scores | None
    in_paper: bool = True


@dataclass(frozen=True)
class Comparison:
    """Rows of systems on `mixture`, the network first."""

    mixture: Mixture
    rows: tuple[Row, ...]

    @property
    def network(self) -> Row:
        """The row of the network."""
        return self.rows[0]

    @property
    def ideal(self) -> tuple[Row, ...]:
        """The rows of the ideal masks."""
        return self.rows[1:]

    def best(self, measure: str, speaker: int | None = None) -> str | None:
        """Name of the system with the highest `measure` (key of `MEASURES`) for a speaker or on the mean."""
        scored = {row.name: score(row, measure, speaker) for row in self.rows}
        scored = {name: value for name, value in scored.items() if value is not None}
        return max(scored, key=scored.get, default=None)


def score(row: Row, measure: str, speaker: int | None = None) -> float | None:
    """A row's `measure` for a speaker, or its mean over the speakers; None where undefined."""
    if row.scores is None:
        return None
    return row.scores.mean(measure) if speaker is None else getattr(row.scores, measure)[speaker]


def effective_masks(estimates: np.ndarray, mixture: np.ndarray, rate: int) -> np.ndarray:
    """(C, F, frames): |STFT of the estimate| / |STFT of the mixture|, at most 1.

    The network's own masks live on its learned filters; this is what they amount to in the STFT domain.
    """
    magnitude = np.abs(ideal_masks.stft(mixture, rate))
    floor = 1e-6 * magnitude.max() + 1e-12
    return np.minimum(np.abs(ideal_masks.stft(estimates, rate)) / np.maximum(magnitude, floor), 1.0)


def compare(sound: Mixture, separated: np.ndarray, *, progress: Callable[[float], None] | None = None) -> Comparison:
    """Score the network's sources `separated` (C, T) and every ideal mask on a sound with references."""
    report = progress or (lambda done: None)
    steps = 1 + len(ideal_masks.MASKS)
    truth = sound.references, sound.mixture, sound.rate
    baseline = mixture_scores(*truth)
    scores = None
    if len(separated) == len(sound.references):
        scores = evaluate(separated, *truth, baseline=baseline)
        separated = separated[list(scores.permutation)]
    network_masks = effective_masks(separated, sound.mixture, sound.rate)
    rows = [Row(NETWORK, separated, network_masks, scores)]
    report(1 / steps)
    for done, kind in enumerate(ideal_masks.MASKS, start=2):
        masks = ideal_masks.ideal_mask(kind, sound.references, sound.rate, mixture=sound.mixture)
        estimates = ideal_masks.apply(masks, sound.mixture, sound.rate)
        scores = evaluate(estimates, *truth, permute=False, baseline=baseline)
        rows.append(Row(kind, estimates, masks, scores, in_paper=kind != "PSM"))
        report(done / steps)
    return Comparison(sound, tuple(rows))


def explain(found: Comparison) -> str:
    """What the comparison shows for this sound and why, in words."""
    network = score(found.network, "si_snri")
    if found.network.scores is None:
        return (
            f"The model separates {len(found.network.estimates)} voices and this mixture has "
            f"{len(found.mixture.references)}, so only the ideal masks can be scored."
        )
    paper_rows = [row for row in found.ideal if row.in_paper and score(row, "si_snri") is not None]
    if network is None or not paper_rows:
        return "The scores of this sound are undefined: a voice or an estimate is silent."
    strongest = max(paper_rows, key=lambda row: score(row, "si_snri"))
    ideal = score(strongest, "si_snri")
    beaten = [row.name for row in paper_rows if network > score(row, "si_snri")]
    if len(beaten) == len(paper_rows):
        verdict = (
            f"Conv-TasNet ({network:.1f} dB SI-SNRi) surpasses all three ideal masks of the paper, the best being "
            f"{strongest.name} ({ideal:.1f} dB): it also repairs the phase, which a magnitude mask leaves as it is "
            "in the mixture"
        )
    elif beaten:
        verdict = (
            f"Conv-TasNet ({network:.1f} dB SI-SNRi) surpasses {' and '.join(beaten)} and stays "
            f"{ideal - network:.1f} dB below {strongest.name}: the masks are computed from the clean voices but keep "
            "the mixture's phase, the network hears only the mixture but works on the waveform"
        )
    else:
        verdict = (
            f"Conv-TasNet improves this mixture by {network:.1f} dB SI-SNRi, {ideal - network:.1f} dB less than the "
            f"best ideal mask of the paper ({strongest.name}, {ideal:.1f} dB): the masks are computed from the clean "
            "voices, which no real system has, and the network hears only the mixture"
        )
    return f"{verdict}{_quality(found)}."


def _quality(found: Comparison) -> str:
    """A clause on PESQ, where it ranks the systems differently from SI-SNRi."""
    by_pesq, by_snr = found.best("pesq"), found.best("si_snri")
    if by_pesq is None or by_pesq == by_snr:
        return ""
    return f"; by PESQ the best is {by_pesq}, since PESQ compares magnitude spectra and is mild on wrong phase"
