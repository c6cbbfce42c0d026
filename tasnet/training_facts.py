"""What a checkpoint says about its training, in the one form in which every file is written and read."""

from dataclasses import asdict, dataclass, field
from typing import Annotated

from msgspec import Meta

from .typed import check_types, from_plain

VALID = "valid_si_snri_db"  # the score by which models are ranked
SPEAKERS, SPEECH_FROM_NOISE = "speakers", "speech from noise"
LARGEST = 1e15  # of any figure
LOUDEST_DBFS = 200
Figure = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
LEVEL_DBFS = -26.0  # RMS of the mixtures that the ready recipes train with, see train/mixing.py


def output_names(task: str, count: int) -> tuple[str, ...]:
    """What the outputs of a network are called: Speaker 1, Speaker 2, ..., or Speech and Noise."""
    if task == SPEECH_FROM_NOISE and count <= 2:
        return ("Speech", "Noise")[:count]
    return tuple(f"Speaker {number}" for number in range(1, count + 1))


def any_order(task: str) -> bool:
    """Whether the outputs of a network for `task` are of one kind, so that a score takes the best order of them."""
    return task != SPEECH_FROM_NOISE


@dataclass(frozen=True)
class TrainingFacts:
    """Facts about the training of one network."""

    name: str = ""
    description: str = ""
    task: str = SPEAKERS  # or SPEECH_FROM_NOISE, whose outputs have an order of their own
    training_data: str = ""
    recipe: str = ""
    hours_of_mixtures: Figure = 0.0  # seen in training
    steps: Annotated[int, Meta(ge=-int(LARGEST), le=int(LARGEST))] = 0
    level_dbfs: Annotated[float, Meta(ge=-LOUDEST_DBFS, le=LOUDEST_DBFS)] = (
        LEVEL_DBFS  # RMS of the mixtures in training: matters where the norm is BN
    )
    keeps_level: bool = False  # the outputs have the level of what they are: trained with SNR, not with SI-SNR
    any_sound: bool = False  # trained with noise, rooms, one voice alone and none besides clean mixtures
    scores: dict[str, Figure] = field(default_factory=dict)  # dB by set and measure, such as VALID
    licence: str = ""
    credits: str = ""
    source_sha256: tuple[str, ...] = ()  # of the files that were converted
    more: dict = field(default_factory=dict)  # anything else: JSON

    def __post_init__(self) -> None:
        check_types(self)

    @property
    def valid_si_snri(self) -> float | None:
        """SI-SNRi in dB on the validation set; None where it was not measured."""
        return self.scores.get(VALID)

    def to_dict(self) -> dict:
        """Plain values, ready for JSON, without what is not known."""
        known = {name: value for name, value in asdict(self).items() if value}
        return {**known.pop("more", {}), **known}

    @classmethod
    def from_dict(cls, values: dict) -> "TrainingFacts":
        """The inverse of `to_dict`, also for the keys of earlier versions. Raises ValueError."""
        if not isinstance(values, dict):
            raise ValueError(f"the facts of a training cannot be {values!r:.60}")
        for name, kind in (("scores", dict), ("more", dict)):
            if name in values and not isinstance(values[name], kind):
                raise ValueError(f"{name} cannot be {values[name]!r:.60}")
        values = dict(values)
        if "hours_of_mixtures_seen" in values:
            values["hours_of_mixtures"] = values.pop("hours_of_mixtures_seen")
        score = values.pop("valid_si_snri", None)
        if score is not None:
            values["scores"] = {VALID: score, **values.get("scores", {})}
        if isinstance(values.get("recipe"), dict):
            values["settings"] = values.pop("recipe")
        known = {name: values.pop(name) for name in cls.__dataclass_fields__ if name != "more" and name in values}
        return from_plain(cls, {**known, "more": {**values.pop("more", {}), **values}})
