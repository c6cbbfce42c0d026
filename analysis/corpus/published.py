"""Conv-TasNet's published scores on LibriMix, to be shown beside ours with what it was trained on.

`tasnet.published` has those of models that can be downloaded; here are those found only in the literature.
"""

from __future__ import annotations

from dataclasses import dataclass

from tasnet.published import CATALOGUE, PublishedModel
from tasnet.training_facts import SPEAKERS


@dataclass(frozen=True)
class Published:
    """One system on the LibriMix test set of 3000 mixtures (8 kHz, min, clean)."""

    name: str
    training_set: str
    si_snri: float  # dB
    sdri: float  # dB
    stoi: float | None
    source: str


RATE = 8000  # Hz, of the sets that the scores are shown beside
# What a set contains, for those who do not know its name.
TRAINING_SETS = {
    "Libri2Mix train-100": "58 h of mixtures, 251 speakers",
    "Libri2Mix train-360": "212 h of mixtures, 921 speakers",
    "Libri3Mix train-360": "921 speakers",
}
# By the number of speakers; weights are not available.
LITERATURE = {
    2: (Published("asteroid", "Libri2Mix train-100", 13.0, 13.4, None, "https://github.com/JorisCos/LibriMix"),),
}


def published(speakers: int) -> tuple[Published, ...]:
    """Published scores for mixtures of so many speakers, from the lowest SI-SNRi to the highest."""
    test_set = f"Libri{speakers}Mix min test, clean"
    listed = (
        _entry(model)
        for model in CATALOGUE.values()
        if (model.task, model.rate, model.test_set) == (SPEAKERS, RATE, test_set)
    )
    return tuple(sorted((*LITERATURE.get(speakers, ()), *listed), key=lambda one: one.si_snri))


def _entry(model: PublishedModel) -> Published:
    training_set = model.training_data.partition(",")[0]
    return Published(model.name, training_set, model.si_snri, model.sdri, model.stoi, model.page)
