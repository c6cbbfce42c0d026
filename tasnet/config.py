"""The hyper-parameters of Conv-TasNet, in the paper's symbols (Table I)."""

from dataclasses import asdict, dataclass, fields

NORMS = ("gLN", "cLN", "BN")
ENCODERS = ("linear", "relu", "pinv")
MASKS = ("sigmoid", "softmax", "relu")


@dataclass(frozen=True)
class ConvTasNetConfig:
    """One Conv-TasNet. The defaults are the paper's best system (Table II, 15.3 dB SI-SNRi).

    Raises ValueError where a value is unknown or where no such network can be built.
    """

    N: int = 512  # filters in the autoencoder
    L: int = 16  # length of the filters, in samples; frames overlap by half
    B: int = 128  # channels in the bottleneck and the residual paths
    H: int = 512  # channels in the convolutional blocks
    Sc: int = 128  # channels in the skip-connection paths
    P: int = 3  # kernel size in the convolutional blocks
    X: int = 8  # convolutional blocks in each repeat, dilated by 1, 2, ..., 2^(X-1)
    R: int = 3  # repeats
    C: int = 2  # speakers
    norm: str = "gLN"  # "gLN" (eqs. 9-11), "cLN" (eqs. 12-14) or "BN" (batch normalisation)
    causal: bool = False
    encoder: str = "linear"  # H of eq. 2: "linear" or "relu"; "pinv": U is V's pseudo-inverse
    mask: str = "sigmoid"  # "sigmoid", "softmax" (over the speakers) or "relu"
    sample_rate: int = 8000  # Hz

    def __post_init__(self) -> None:
        for name in ("N", "L", "B", "H", "Sc", "P", "X", "R", "C", "sample_rate"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}.")
        for name, choices in (("norm", NORMS), ("encoder", ENCODERS), ("mask", MASKS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}.")
        if not isinstance(self.causal, bool):
            raise ValueError(f"causal must be true or false, not {self.causal!r}.")
        if self.L % 2:
            raise ValueError(f"L must be even, for frames that overlap by half, not {self.L}.")
        if self.P % 2 == 0 and not self.causal:
            raise ValueError(f"P must be odd in a non-causal network, not {self.P}.")
        if self.causal and self.norm == "gLN":
            raise ValueError("A causal network cannot use gLN, which looks at the whole input: use cLN or BN.")
        if self.encoder == "pinv" and self.N < self.L:
            raise ValueError(f"The pinv encoder needs N of at least L, not N={self.N} and L={self.L}.")

    @property
    def hop(self) -> int:
        """Samples from one frame to the next: L/2 (section III-B)."""
        return self.L // 2

    @property
    def dilations(self) -> tuple[int, ...]:
        """The dilation of every 1-D conv block, in order."""
        return tuple(2**i for i in range(self.X)) * self.R

    @property
    def receptive_field_frames(self) -> int:
        """Frames of the mixture that one frame of the masks depends on: 1 + R (P-1) (2^X - 1)."""
        return 1 + (self.P - 1) * sum(self.dilations)

    @property
    def receptive_field_samples(self) -> int:
        """Samples that these frames cover, the last one to its end."""
        return (self.receptive_field_frames - 1) * self.hop + self.L

    @property
    def receptive_field(self) -> float:
        """Seconds; rounded half up to two digits this is Table II's column in every row.

        The norms look further: gLN at the whole input, cLN at everything so far.
        """
        return self.receptive_field_samples / self.sample_rate

    def to_dict(self) -> dict:
        """The fields as a plain dict, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "ConvTasNetConfig":
        """The inverse of `to_dict`; missing fields take their defaults. Raises ValueError."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"Unknown in a Conv-TasNet configuration: {', '.join(sorted(unknown))}.")
        return cls(**values)
