"""What a checkpoint tells of its training, in the one form in which every file is written and read."""

from dataclasses import asdict, dataclass, field, fields

VALID = "valid_si_snri_db"  # the score by which models are ranked
SPEAKERS, SPEECH_FROM_NOISE = "speakers", "speech from noise"
LARGEST = 1e15  # of any figure
LOUDEST_DBFS = 200
LEVEL_DBFS = -26.0  # RMS of the mixtures that the ready recipes train with, see train/mixing.py

# What a value of a field's type is in Python: a whole number is a figure too.
KINDS: dict[object, type | tuple[type, ...]] = {
    str: str,
    bool: bool,
    int: int,
    float: (int, float),
    tuple[str, ...]: tuple,
    dict: dict,
    dict[str, float]: dict,
}


def output_names(task: str, count: int) -> tuple[str, ...]:
    """What the outputs of a network are called: Speaker 1, Speaker 2, ..., or Speech and Noise."""
    if task == SPEECH_FROM_NOISE and count <= 2:
        return ("Speech", "Noise")[:count]
    return tuple(f"Speaker {number}" for number in range(1, count + 1))


@dataclass(frozen=True)
class TrainingFacts:
    """Facts about the training of one network."""

    name: str = ""
    description: str = ""
    task: str = SPEAKERS  # or SPEECH_FROM_NOISE, whose outputs have an order of their own
    training_data: str = ""
    recipe: str = ""
    hours_of_mixtures: float = 0.0  # seen in training
    steps: int = 0
    level_dbfs: float = LEVEL_DBFS  # RMS of the mixtures in training: matters where the norm is BN
    keeps_level: bool = False  # the outputs have the level of what they are: trained with SNR, not with SI-SNR
    scores: dict[str, float] = field(default_factory=dict)  # dB by set and measure, such as VALID
    licence: str = ""
    credits: str = ""
    source_sha256: tuple[str, ...] = ()  # of the files that were converted
    more: dict = field(default_factory=dict)  # whatever else there is to tell: JSON

    def __post_init__(self) -> None:
        for known in fields(self):
            value = getattr(self, known.name)
            wanted = KINDS[known.type]
            if not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool):
                raise ValueError(f"{known.name} cannot be {value!r:.60}")
        if not all(isinstance(score, int | float) for score in self.scores.values()):
            raise ValueError("scores must be numbers")
        for name, value in {**vars(self), **self.scores}.items():
            if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:  # NaN fails as well
                raise ValueError(f"{name} cannot be {value!r:.60}")
        if abs(self.level_dbfs) > LOUDEST_DBFS:
            raise ValueError(f"level_dbfs cannot be {self.level_dbfs!r:.60}")

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
        for name, kind in (("scores", dict), ("more", dict), ("source_sha256", (list, tuple))):
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
        if "source_sha256" in values:
            values["source_sha256"] = tuple(values["source_sha256"])
        known = {name: values.pop(name) for name in cls.__dataclass_fields__ if name != "more" and name in values}
        return cls(**known, more={**values.pop("more", {}), **values})
