"""The hyper-parameters of Conv-TasNet, in the paper's symbols (Table I)."""

from dataclasses import dataclass
from typing import ClassVar

from .values import NORMS, HalfOverlapping, check_booleans, check_tasnet

CONV_TASNET = "Conv-TasNet"
PADDINGS = ("zeros", "reflect")
EDGES = ("fill", "cut", "pad")
MOST_BLOCKS = 256  # X R


@dataclass(frozen=True)
class ConvTasNetConfig(HalfOverlapping):
    """One Conv-TasNet. The defaults are the paper's best system (Table II, 15.3 dB SI-SNRi).

    The fields after `sample_rate` are those in which other programs' networks differ from the paper's. Raises
    ValueError where a value is unknown or where no such network can be built.

    >>> config = ConvTasNetConfig()
    >>> config.receptive_field  # s
    1.532
    >>> ConvTasNetConfig(causal=True)
    Traceback (most recent call last):
    ...
    ValueError: A causal network cannot use gLN, which looks at the whole input: use cLN or BN.
    """

    called: ClassVar[str] = CONV_TASNET

    N: int = 512  # filters in the autoencoder
    L: int = 16  # length of the filters, in samples; frames overlap by half
    B: int = 128  # channels in the bottleneck and the residual paths
    H: int = 512  # channels in the convolutional blocks
    Sc: int = 128  # channels in the skip-connection paths; 0: none, the last residual path gives the masks
    P: int = 3  # kernel size in the convolutional blocks
    X: int = 8  # convolutional blocks in each repeat, dilated by 1, 2, ..., 2^(X-1)
    R: int = 3  # repeats
    C: int = 2  # speakers
    norm: str = "gLN"  # "gLN" (eqs. 9-11), "cLN" (eqs. 12-14), "BN" (batch) or "chLN" (each frame by itself)
    causal: bool = False
    encoder: str = "linear"  # H of eq. 2: "linear" or "relu"; "pinv": U is V's pseudo-inverse
    mask: str = "sigmoid"  # "sigmoid", "softmax" (over the speakers) or "relu"
    sample_rate: int = 8000  # Hz
    norm_in: str = ""  # the norm of w, where it is not `norm`
    norm_eps: float = 1e-8  # what the norms add to a variance
    second_norm: bool = True  # whether PReLU and norm follow the D-conv
    padding: str = "zeros"  # what the D-conv meets beyond the first and last frame: "zeros" or "reflect"
    edges: str = "fill"  # zeros "fill" the last frame; or it is "cut"; or "pad": half a frame of zeros at both ends
    coder_bias: bool = False  # whether encoder and decoder add a constant

    def __post_init__(self) -> None:
        check_tasnet(
            self,
            ("B", "H", "Sc", "P", "X", "R", "C"),
            norm=NORMS,
            norm_in=("", *NORMS),
            padding=PADDINGS,
            edges=EDGES,
        )
        check_booleans(self, ("second_norm", "coder_bias"))
        if not isinstance(self.norm_eps, float) or not 0 < self.norm_eps < 1:
            raise ValueError(f"norm_eps must be a small positive number, not {self.norm_eps!r}.")
        if self.X * self.R > MOST_BLOCKS:
            raise ValueError(f"There can be {MOST_BLOCKS} convolutional blocks at most, not {self.X * self.R}.")
        if self.P % 2 == 0 and not self.causal:
            raise ValueError(f"P must be odd in a non-causal network, not {self.P}.")
        if self.causal and "gLN" in (self.norm, self.norm_in):
            raise ValueError("A causal network cannot use gLN, which looks at the whole input: use cLN or BN.")
        if self.causal and (self.padding == "reflect" or self.edges == "pad"):
            raise ValueError("A causal network cannot reflect frames or begin before the sound, which looks ahead.")
        if self.encoder == "pinv" and self.coder_bias:
            raise ValueError("The pinv encoder has no bias.")

    @property
    def system(self) -> str:
        """What the literature calls such a system."""
        return CONV_TASNET

    @property
    def lead(self) -> int:
        """Samples by which the first frame begins before the sound."""
        return self.hop if self.edges == "pad" else 0

    @property
    def hears_level(self) -> bool:
        """Whether the level of the mixture matters: gLN and cLN ignore it, BN expects the one it was trained at."""
        return self.norm == "BN" or self.coder_bias or self.norm_eps > 1e-6

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
