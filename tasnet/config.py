"""The hyper-parameters of the networks, in the paper's symbols (Table I)."""

from dataclasses import asdict, dataclass, fields
from typing import ClassVar, TypeVar

NORMS = ("gLN", "cLN", "BN", "chLN")
ENCODERS = ("linear", "relu", "pinv")
MASKS = ("sigmoid", "softmax", "relu")
CONV_TASNET = "Conv-TasNet"
LSTM_TASNET = "LSTM-TasNet"
CHIMERA = "Chimera++"
OUTPUTS = ("masks", "clusters", "misi")
FEATURES = ("relative", "log", "magnitude")
WINDOWS = ("hann", "root hann")
ACTIVATIONS = ("tanh", "sigmoid", "linear")
WINDOW, HOP = 0.032, 0.008  # s, of the paper's STFT (section III-E)
PADDINGS = ("zeros", "reflect")
LOWEST_RATE, HIGHEST_RATE = 1_000, 384_000  # Hz, of any sound
EDGES = ("fill", "cut", "pad")
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
    "layers": 32,
    "D": 512,
}
MOST_BLOCKS = 256  # X R


@dataclass(frozen=True)
class ConvTasNetConfig:
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
        _check_tasnet(
            self,
            ("B", "H", "Sc", "P", "X", "R", "C", "sample_rate"),
            norm=NORMS,
            norm_in=("", *NORMS),
            padding=PADDINGS,
            edges=EDGES,
        )
        _check_booleans(self, ("second_norm", "coder_bias"))
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
    def hop(self) -> int:
        """Samples from one frame to the next: L/2 (section III-B)."""
        return self.L // 2

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

    def to_dict(self) -> dict:
        """The fields as a plain dict, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "ConvTasNetConfig":
        """The inverse of `to_dict`; missing fields take their defaults. Raises ValueError."""
        return _from_dict(cls, CONV_TASNET, values)


@dataclass(frozen=True)
class LSTMTasNetConfig:
    """One LSTM-TasNet, or BLSTM-TasNet where it is not causal: the paper's references [21] and [26].

    The defaults have the 32.0M and 23.6M parameters of Table IV, see `LSTMTasNet.num_parameters`. ReLU encoder and
    masks that sum to one are those of [21] and [26] (sections II-B and II-C).

    Raises ValueError where a value is unknown or where no such network can be built.
    """

    edges: ClassVar[str] = "fill"  # as in `ConvTasNetConfig`
    coder_bias: ClassVar[bool] = False
    lead: ClassVar[int] = 0

    network: str = LSTM_TASNET  # tells this configuration from Conv-TasNet's
    N: int = 256  # filters in the autoencoder
    L: int = 40  # length of the filters, in samples (5 ms, section IV-E); frames overlap by half
    H: int = 1024  # units in each LSTM layer, both directions together, and in the layer before the masks
    layers: int = 4  # LSTM layers; the output of the first half is added to that of the second
    C: int = 2  # speakers
    causal: bool = True  # LSTM; else BLSTM
    encoder: str = "relu"  # as in `ConvTasNetConfig`
    mask: str = "softmax"  # as in `ConvTasNetConfig`
    sample_rate: int = 8000  # Hz

    def __post_init__(self) -> None:
        _check_tasnet(self, ("H", "layers", "C", "sample_rate"), network=(LSTM_TASNET,))
        if self.layers % 2:
            raise ValueError(f"layers must be even, for a skip connection over half of them, not {self.layers}.")
        if self.H % 2 and not self.causal:
            raise ValueError(f"H must be even in a BLSTM, for two directions, not {self.H}.")

    @property
    def system(self) -> str:
        """What the literature calls such a system."""
        return LSTM_TASNET if self.causal else f"B{LSTM_TASNET}"

    @property
    def hears_level(self) -> bool:
        """Whether the level of the mixture matters: it does not, each frame is normalised by itself."""
        return False

    @property
    def hop(self) -> int:
        """Samples from one frame to the next: L/2 (section III-B)."""
        return self.L // 2

    def to_dict(self) -> dict:
        """The fields as a plain dict, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "LSTMTasNetConfig":
        """The inverse of `to_dict`; missing fields take their defaults. Raises ValueError."""
        return _from_dict(cls, LSTM_TASNET, values)


@dataclass(frozen=True)
class ChimeraConfig:
    """One network on spectrograms with two heads, masks and embeddings: see `tasnet.spectral.network`.

    The defaults have the 32.9M parameters that Table IV gives for Chimera++: four BLSTM layers of 600 units a
    direction, and 20 numbers for every cell (Wang, Le Roux and Hershey, "Alternative objective functions for deep
    clustering", 2018). The fields after `sample_rate` are those in which other programs' networks differ. Raises
    ValueError where a value is unknown or where no such network can be built.

    >>> ChimeraConfig().system, ChimeraConfig(output="clusters").system, ChimeraConfig(D=0).system
    ('Chimera++', 'DPCL', 'uPIT-BLSTM')
    """

    causal: ClassVar[bool] = False

    network: str = CHIMERA  # tells this configuration from the others
    layers: int = 4  # BLSTM layers
    H: int = 600  # units of each layer in each direction
    D: int = 20  # numbers that the embedding gives each cell; 0: there is no such head
    C: int = 2  # speakers
    mask: str = "sigmoid"  # as in `ConvTasNetConfig`
    output: str = "masks"  # what separates: the head "masks"; "clusters" of the embeddings; the masks and then "misi"
    sample_rate: int = 8000  # Hz
    has_masks: bool = True  # whether there is a head that makes masks
    features: str = "relative"  # log magnitudes re the mixture's level; or "log" or "magnitude" as they are
    floor: float = 1e-3  # the least magnitude, of the features
    window: str = "hann"  # of the STFT: "hann" or "root hann"
    activation: str = "tanh"  # of the embeddings: "tanh", "sigmoid" or "linear"
    unit: bool = True  # whether the embeddings have the length 1

    def __post_init__(self) -> None:
        _check(
            self,
            ("layers", "H", "D", "C", "sample_rate"),
            network=(CHIMERA,),
            mask=MASKS,
            output=OUTPUTS,
            features=FEATURES,
            window=WINDOWS,
            activation=ACTIVATIONS,
        )
        _check_booleans(self, ("has_masks", "unit"))
        if not isinstance(self.floor, float) or not 0 < self.floor < 1:
            raise ValueError(f"floor must be a small positive number, not {self.floor!r:.40}.")
        if self.output == "clusters" and not self.D:
            raise ValueError("Clusters need embeddings: D must be at least 1.")
        if self.output != "clusters" and not self.has_masks:
            raise ValueError("It has no head that makes masks: only clusters can separate.")

    @property
    def system(self) -> str:
        """What the literature calls such a system, by what is trained and what separates."""
        if self.output == "clusters":
            return "DPCL"
        base = CHIMERA if self.D else "uPIT-BLSTM"
        return f"{base} with MISI-5" if self.output == "misi" else base

    @property
    def hears_level(self) -> bool:
        """Whether the level of the mixture matters."""
        return self.features != "relative"

    @property
    def L(self) -> int:
        """Samples in a frame: 32 ms."""
        return round(WINDOW * self.sample_rate)

    @property
    def hop(self) -> int:
        """Samples from one frame to the next: 8 ms."""
        return round(HOP * self.sample_rate)

    @property
    def F(self) -> int:
        """Frequency bins."""
        return self.L // 2 + 1

    def to_dict(self) -> dict:
        """The fields as a plain dict, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "ChimeraConfig":
        """The inverse of `to_dict`; missing fields take their defaults. Raises ValueError."""
        return _from_dict(cls, CHIMERA, values)


TasNetConfig = ConvTasNetConfig | LSTMTasNetConfig  # with learned filters
Config = TasNetConfig | ChimeraConfig
AnyConfig = TypeVar("AnyConfig", ConvTasNetConfig, LSTMTasNetConfig, ChimeraConfig)
NETWORKS: dict[str, type[LSTMTasNetConfig] | type[ChimeraConfig]] = {
    LSTM_TASNET: LSTMTasNetConfig,
    CHIMERA: ChimeraConfig,
}


def config_from_dict(values: dict) -> Config:
    """The configuration whose `to_dict` gave `values`, whatever the network. Raises ValueError."""
    if not isinstance(values, dict) or "network" not in values:
        return ConvTasNetConfig.from_dict(values)
    name = values["network"]
    if not isinstance(name, str) or name not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, not {name!r:.40}.")
    return NETWORKS[name].from_dict(values)


def _check(config: Config, numbers: tuple[str, ...], **choices: tuple[str, ...]) -> None:
    """What all configurations have in common. Raises ValueError.

    By hand, where other data are checked by `typed`: this module imports nothing of ours, and these sentences tell
    whoever edits a recipe what the value may be.
    """
    for name in numbers:
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


def _check_booleans(config: Config, names: tuple[str, ...]) -> None:
    for name in names:
        if not isinstance(value := getattr(config, name), bool):
            raise ValueError(f"{name} must be true or false, not {value!r:.40}.")


def _check_tasnet(config: TasNetConfig, numbers: tuple[str, ...], **choices: tuple[str, ...]) -> None:
    """What configurations of a TasNet have in common. Raises ValueError."""
    _check(config, (*numbers, "N", "L"), **choices, encoder=ENCODERS, mask=MASKS)
    _check_booleans(config, ("causal",))
    if config.L % 2:
        raise ValueError(f"L must be even, for frames that overlap by half, not {config.L}.")
    if config.encoder == "pinv" and config.N < config.L:
        raise ValueError(f"The pinv encoder needs N of at least L, not N={config.N} and L={config.L}.")


def _from_dict(kind: type[AnyConfig], name: str, values: dict) -> AnyConfig:
    if not isinstance(values, dict):
        raise ValueError(f"A {name} configuration cannot be {values!r:.40}.")
    unknown = set(map(str, values)) - {field.name for field in fields(kind)}
    if unknown:
        raise ValueError(f"Unknown in a {name} configuration: {', '.join(sorted(unknown)):.80}.")
    return kind(**values)
