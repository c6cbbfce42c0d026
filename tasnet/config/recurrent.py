"""The hyper-parameters of the TasNets whose masks come from recurrent layers."""

from dataclasses import dataclass
from typing import ClassVar

from .values import ENCODERS, GATED, HalfOverlapping, check_booleans, check_tasnet

LSTM_TASNET = "LSTM-TasNet"
DPRNN_TASNET = "DPRNN-TasNet"
EDGES = ("fill", "cut")


@dataclass(frozen=True)
class LSTMTasNetConfig(HalfOverlapping):
    """One LSTM-TasNet, or BLSTM-TasNet where it is not causal: the paper's references [21] and [26].

    The defaults have the 32.0M and 23.6M parameters of Table IV, see `LSTMTasNet.num_parameters`. ReLU encoder and
    masks that sum to one are those of [21] and [26] (sections II-B and II-C). The fields after `sample_rate` are those
    in which other programs' networks differ.

    Raises ValueError where a value is unknown or where no such network can be built.
    """

    called: ClassVar[str] = LSTM_TASNET
    coder_bias: ClassVar[bool] = False
    lead: ClassVar[int] = 0

    network: str = LSTM_TASNET  # tells this configuration from Conv-TasNet's
    N: int = 256  # filters in the autoencoder
    L: int = 40  # length of the filters, in samples (5 ms, section IV-E); frames overlap by half
    H: int = 1024  # units in each LSTM layer, both directions together, and in the layer before the masks
    layers: int = 4  # LSTM layers; the output of the first half is added to that of the second
    C: int = 2  # speakers
    causal: bool = True  # LSTM; else BLSTM
    encoder: str = "relu"  # as in `ConvTasNetConfig`; or "gated": ReLU times the sigmoid of filters of their own ([21])
    mask: str = "softmax"  # as in `ConvTasNetConfig`
    sample_rate: int = 8000  # Hz
    norm: str = "chLN"  # of w, as in `ConvTasNetConfig`
    skip: bool = True  # whether there is that sum, and a layer of its own before the masks
    edges: str = "fill"  # as in `ConvTasNetConfig`: "fill" or "cut"

    def __post_init__(self) -> None:
        check_tasnet(
            self,
            ("H", "layers", "C"),
            network=(LSTM_TASNET,),
            encoder=(*ENCODERS, GATED),
            norm=("chLN", "cLN", "gLN"),
            edges=EDGES,
        )
        check_booleans(self, ("skip",))
        if self.layers % 2 and self.skip:
            raise ValueError(f"layers must be even, for a skip connection over half of them, not {self.layers}.")
        if self.H % 2 and not self.causal:
            raise ValueError(f"H must be even in a BLSTM, for two directions, not {self.H}.")
        if self.causal and self.norm == "gLN":
            raise ValueError("A causal network cannot use gLN, which looks at the whole input: use chLN or cLN.")

    @property
    def system(self) -> str:
        """What the literature calls such a system."""
        return LSTM_TASNET if self.causal else f"B{LSTM_TASNET}"

    @property
    def hears_level(self) -> bool:
        """Whether the level of the mixture matters: the norms ignore it, the sigmoid of a gated encoder does not."""
        return self.encoder == GATED


@dataclass(frozen=True)
class DPRNNTasNetConfig(HalfOverlapping):
    """One TasNet with a dual-path RNN: Luo, Chen and Yoshioka, "Dual-path RNN", 2020 (arXiv 1910.06379).

    N, L, B, H, R and C as in Table I; K and P are that paper's. Its N, the width of what goes through the blocks, is B
    here, and its B, how many blocks there are, is R. The defaults are its best system, of 2.6M parameters. The fields
    after `sample_rate` are those in which other programs' networks differ. Raises ValueError where a value is unknown
    or where no such network can be built.

    >>> DPRNNTasNetConfig().P
    125
    """

    called: ClassVar[str] = DPRNN_TASNET
    causal: ClassVar[bool] = False
    coder_bias: ClassVar[bool] = False
    lead: ClassVar[int] = 0
    hears_level: ClassVar[bool] = False  # the first norm ignores it

    network: str = DPRNN_TASNET  # tells this configuration from the others
    N: int = 64  # filters in the autoencoder
    L: int = 2  # length of the filters, in samples; frames overlap by half
    B: int = 64  # channels in the bottleneck and between the blocks
    H: int = 128  # units of each RNN in each direction
    K: int = 250  # frames in a chunk; chunks overlap by half
    R: int = 6  # DPRNN blocks
    C: int = 2  # speakers
    encoder: str = "linear"  # as in `ConvTasNetConfig`
    mask: str = "sigmoid"  # as in `ConvTasNetConfig`
    sample_rate: int = 8000  # Hz
    norm: str = "gLN"  # "gLN" or "chLN", as in `ConvTasNetConfig`
    both_ways: bool = True  # whether the RNNs across chunks run in both directions, as those within them do
    edges: str = "fill"  # as in `ConvTasNetConfig`: "fill" or "cut"

    def __post_init__(self) -> None:
        check_tasnet(self, ("B", "H", "K", "R", "C"), network=(DPRNN_TASNET,), norm=("gLN", "chLN"), edges=EDGES)
        check_booleans(self, ("both_ways",))
        if self.K % 2:
            raise ValueError(f"K must be even, for chunks that overlap by half, not {self.K}.")

    @property
    def system(self) -> str:
        """What the literature calls such a system."""
        return DPRNN_TASNET

    @property
    def P(self) -> int:
        """Frames from one chunk to the next."""
        return self.K // 2
