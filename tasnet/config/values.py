"""What the fields of a configuration may be, and what all configurations do alike."""

from dataclasses import asdict, fields
from typing import Any, ClassVar, Self

NORMS = ("gLN", "cLN", "BN", "chLN")
ENCODERS = ("linear", "relu", "pinv")
GATED = "gated"
MASKS = ("sigmoid", "softmax", "relu")
LOWEST_RATE, HIGHEST_RATE = 1_000, 384_000  # Hz, of any sound
# Far beyond any network ever trained; a file that asks for more would only fill the memory.
LARGEST = {
    "N": 8192,
    "L": 8192,
    "B": 4096,
    "H": 8192,
    "Sc": 4096,
    "P": 255,
    "X": 16,
    "R": 64,
    "C": 16,
    "K": 4096,
    "layers": 32,
    "D": 512,
}


class Stored:
    """A configuration, a dataclass, that goes into a file and comes back."""

    called: ClassVar[str]  # the network's name in messages

    def to_dict(self: Any) -> dict:
        """The fields as a plain dict, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> Self:
        """The inverse of `to_dict`; missing fields take their defaults. Raises ValueError."""
        if not isinstance(values, dict):
            raise ValueError(f"A {cls.called} configuration cannot be {values!r:.40}.")
        known: Any = cls
        unknown = set(map(str, values)) - {field.name for field in fields(known)}
        if unknown:
            raise ValueError(f"Unknown in a {cls.called} configuration: {', '.join(sorted(unknown)):.80}.")
        return cls(**values)


class HalfOverlapping(Stored):
    """The configuration of a network with learned filters."""

    L: int

    @property
    def hop(self) -> int:
        """Samples from one frame to the next: L/2 (section III-B)."""
        return self.L // 2


def check(config: Any, numbers: tuple[str, ...], **choices: tuple[str, ...]) -> None:
    """Raises ValueError where one of these numbers, the rate or a choice is none of what it can be.

    By hand, where other data are checked by `typed`: this package imports nothing of ours, and these sentences tell
    whoever edits a recipe what the value may be.
    """
    for name in (*numbers, "sample_rate"):
        value = getattr(config, name)
        least = 0 if name in ("Sc", "D") else 1
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r:.40}.")
        if value > LARGEST.get(name, value):
            raise ValueError(f"{name} can be {LARGEST[name]} at most, not {value!r:.40}.")
    if not LOWEST_RATE <= config.sample_rate <= HIGHEST_RATE:
        raise ValueError(
            f"sample_rate must lie between {LOWEST_RATE} and {HIGHEST_RATE} Hz, not {config.sample_rate!r:.40}."
        )
    for name, known in choices.items():
        if getattr(config, name) not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(config, name)!r:.40}.")


def check_booleans(config: Any, names: tuple[str, ...]) -> None:
    """Raises ValueError unless all of these fields are true or false."""
    for name in names:
        if not isinstance(value := getattr(config, name), bool):
            raise ValueError(f"{name} must be true or false, not {value!r:.40}.")


def check_tasnet(config: Any, numbers: tuple[str, ...], **choices: tuple[str, ...]) -> None:
    """What configurations of a TasNet have in common. Raises ValueError."""
    check(config, (*numbers, "N", "L"), **{"encoder": ENCODERS, "mask": MASKS} | choices)
    check_booleans(config, ("causal",))
    if config.L % 2:
        raise ValueError(f"L must be even, for frames that overlap by half, not {config.L}.")
    if config.encoder == "pinv" and config.N < config.L:
        raise ValueError(f"The pinv encoder needs N of at least L, not N={config.N} and L={config.L}.")
