"""A mixture with its clean voices: one type for a test set, an example and an upload alike."""

from dataclasses import dataclass

import numpy as np

from .errors import UserError


@dataclass(frozen=True)
class Mixture:
    """A mixture and, where they are known, the clean voices that sum to it (eq. 1); float32, nothing rescaled.

    mixture: (T,). references: (C, T), or None. labels: what the voices are called, in that order. snr_db: voice 1
    against each other voice; None where it is not known. notes: whole sentences on what was done to the sounds.
    name: of the mixture in its set. speakers: who they are, in the order of the references; empty where unknown.
    source, source_rate: the name of the user's recording, and its rate where that is not `rate`. task: the task of the
    models that suit it (`training_facts`); "": any with as many outputs.
    """

    mixture: np.ndarray
    references: np.ndarray | None
    rate: int  # Hz
    labels: tuple[str, ...] = ()
    snr_db: float | None = None
    notes: tuple[str, ...] = ()
    name: str = ""
    speakers: tuple[str, ...] = ()
    source: str = ""
    source_rate: int | None = None  # Hz
    task: str = ""

    @property
    def sources(self) -> np.ndarray:
        """The references (C, T), where they are needed. Raises UserError where they are not known."""
        if self.references is None:
            raise UserError("The clean voices of this mixture are not known.")
        return self.references

    def suits(self, task: str, outputs: int) -> bool:
        """Whether the references are known and are what a network for `task` with so many outputs gives."""
        return self.references is not None and len(self.references) == outputs and self.task in ("", task)
