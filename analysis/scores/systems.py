"""The systems that are compared and the measures used, each named once; and the one loop that scores them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from . import ideal_masks
from .metrics import Scores, evaluate, mixture_scores

NETWORK = "Conv-TasNet"  # also the key, in tables of scores, of whatever network was measured
MIXTURE = "Mixture"
CLEAN = "Clean"
ANCHOR = "Low-pass"  # the low anchor of a MUSHRA test
SYSTEMS = (NETWORK, *ideal_masks.MASKS)


@dataclass(frozen=True)
class Measure:
    """A measure as tables show it; its key in `MEASURES` is a field of `Scores`."""

    title: str  # with its unit or its scale: the head of a column
    decimals: int  # of one sound
    mean_decimals: int  # of a mean over a set
    unprocessed: str = ""  # what it improves on: the field with the mixture's own score, if not of the same name

    @property
    def name(self) -> str:
        """The measure in a sentence."""
        return self.title.removesuffix(" (dB)")

    @property
    def unit(self) -> str:
        """What follows a value in a sentence."""
        return " dB" if self.title.endswith(" (dB)") else ""


# STOI as the published scores have it: not extended.
MEASURES = {
    "si_snri": Measure("SI-SNRi (dB)", 1, 2, "si_snr"),
    "sdri": Measure("SDRi (dB)", 1, 2, "sdr"),
    "pesq": Measure("PESQ (MOS-LQO)", 2, 2),
    "raw_pesq": Measure("PESQ (raw P.862)", 2, 2),
    "stoi": Measure("STOI", 2, 3),
}
PESQ_MEASURES = ("pesq", "raw_pesq")
PERCEPTUAL = (*PESQ_MEASURES, "stoi")  # of what people hear, not of the waveform
LEAKAGE = "leakage"  # of the network's outputs and of the clean voices: `metrics.leakage`


@dataclass(frozen=True)
class ScoredSystem:
    """What one system made of a mixture.

    `estimates` (C, T) are in the order of the references where `scores` exist. `masks` (C, F, frames) are the ideal
    mask itself in whole per cents, one byte each, as they are drawn (ten minutes in float64 would be 150 MB a system);
    None for the network and the mixture. `scores` is None where the network separates another number of
    voices than the mixture has.
    """

    name: str
    estimates: np.ndarray
    masks: np.ndarray | None
    scores: Scores | None

    def score(self, measure: str, speaker: int | None = None) -> float | None:
        """The `measure` of a speaker, or its mean over the speakers; None where undefined."""
        if self.scores is None:
            return None
        return self.scores.mean(measure) if speaker is None else getattr(self.scores, measure)[speaker]


def score_systems(
    separated: np.ndarray | None,
    references: np.ndarray,
    mixture: np.ndarray,
    rate: int,
    *,
    permute: bool = True,
    pesq: bool = True,
    stoi: bool = False,
    system: str = NETWORK,
) -> Iterator[ScoredSystem]:
    """The unprocessed mixture, the network's `separated` (C, T) if given, and every ideal mask, as they are scored.

    references (C, T), mixture (T,). permute: whether the network's outputs have no order of their own; a mask's are in
    order. system: what the network is called. Raises MetricsError as `evaluate` does.
    """
    baseline = mixture_scores(references, mixture, rate, pesq=pesq, stoi=stoi)
    yield ScoredSystem(MIXTURE, np.broadcast_to(mixture, references.shape), None, baseline)

    def score(estimates: np.ndarray, permute: bool) -> Scores:
        return evaluate(estimates, references, mixture, rate, permute=permute, pesq=pesq, stoi=stoi, baseline=baseline)

    if separated is not None:
        scores = score(separated, permute)
        yield ScoredSystem(system, separated[list(scores.permutation)], None, scores)
    for kind in ideal_masks.MASKS:
        masks = ideal_masks.ideal_mask(kind, references, rate, mixture=mixture)
        estimates = ideal_masks.apply(masks, mixture, rate)
        yield ScoredSystem(kind, estimates, per_cent(masks), score(estimates, permute=False))


def per_cent(masks: np.ndarray) -> np.ndarray:
    """Masks in [0, 1] as whole per cents, one byte each; zeros and ones stay exact."""
    return np.clip(masks * 100, 0, 100).round().astype(np.uint8)
