"""The hyper-parameters of the networks on spectrograms."""

from dataclasses import dataclass
from typing import ClassVar

from .values import MASKS, Stored, check, check_booleans

CHIMERA = "Chimera++"
OUTPUTS = ("masks", "clusters", "misi")
FEATURES = ("relative", "log", "magnitude")
WINDOWS = ("hann", "root hann")
ACTIVATIONS = ("tanh", "sigmoid", "linear")
WINDOW, HOP = 0.032, 0.008  # s, of the paper's STFT (section III-E)


@dataclass(frozen=True)
class ChimeraConfig(Stored):
    """One network on spectrograms with two heads, masks and embeddings: see `tasnet.spectral.network`.

    The defaults have the 32.9M parameters that Table IV gives for Chimera++: four BLSTM layers of 600 units a
    direction, and 20 numbers for every cell (Wang, Le Roux and Hershey, "Alternative objective functions for deep
    clustering", 2018). The fields after `sample_rate` are those in which other programs' networks differ. Raises
    ValueError where a value is unknown or where no such network can be built.

    >>> ChimeraConfig().system, ChimeraConfig(output="clusters").system, ChimeraConfig(D=0).system
    ('Chimera++', 'DPCL', 'uPIT-BLSTM')
    """

    called: ClassVar[str] = CHIMERA
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
        check(
            self,
            ("layers", "H", "D", "C"),
            network=(CHIMERA,),
            mask=MASKS,
            output=OUTPUTS,
            features=FEATURES,
            window=WINDOWS,
            activation=ACTIVATIONS,
        )
        check_booleans(self, ("has_masks", "unit"))
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
