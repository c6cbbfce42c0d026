"""Conv-TasNet, Fig. 1: encoder, separation module, decoder.

Everything between the waveforms is channels-last, (batch, frames, channels), so that every 1x1-conv
is one matrix product.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

from .coders import Decoder, Encoder, PinvEncoder
from .config import Config, ConvTasNetConfig, TasNetConfig
from .tcn import Block, SeparationModule
from .training_facts import TrainingFacts


class MaskingNetwork(nn.Module):
    """Separates a mixture of C speakers, x(t) = s_1(t) + ... + s_C(t) (eq. 1), by masks on what K frames hold.

    What every network here is: a TasNet, whose representation is learned, or one on spectrograms (`tasnet.spectral`).
    """

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config

    def forward(self, mixture: Tensor) -> Tensor:
        """mixture (batch, T) -> sources (batch, C, T), for any T >= 1."""
        w = self.encode(mixture)
        return self.through_masks(self.masks(w), w, mixture.shape[-1])

    def encode(self, mixture: Tensor) -> Tensor:
        """mixture (batch, T) -> representation w (batch, K, N), eq. 2."""
        raise NotImplementedError

    def masks(self, w: Tensor) -> Tensor:
        """w (batch, K, N) -> masks m (batch, C, K, N), section II-C."""
        raise NotImplementedError

    def decode(self, d: Tensor, length: int) -> Tensor:
        """d (..., K, N) -> waveforms (..., length), eq. 5."""
        raise NotImplementedError

    def through_masks(self, m: Tensor, w: Tensor, length: int) -> Tensor:
        """What the masks m (batch, C, K, N) leave of w (batch, K, N): sources (batch, C, length)."""
        return self.decode(m * w[:, None], length)  # eq. 4

    def for_loss(self, mixture: Tensor) -> Any:
        """mixture (batch, T) -> what the network's training objective takes: the sources, as `forward`."""
        return self(mixture)

    def passes(self, part: str) -> int:
        """How often each frame goes through the part (a module) of this name: once, in most networks; 0 if never."""
        return 1

    def num_parameters(self) -> int:
        """The paper's 'model size': every trained value."""
        return sum(parameter.numel() for parameter in self.parameters())

    @classmethod
    def from_pretrained(cls, name: str | Path, *, revision: str | None = None) -> Self:
        """The network called `name`, in float32, for evaluation, on the CPU; see `pretrained.read_pretrained`.

        name: of a model that is here, a file, a folder that `save_pretrained` wrote, or a repository of the Hugging
        Face Hub. Raises CheckpointError where there is none, or one of another class.
        """
        from .checkpoint import CheckpointError  # they know every network, this one too
        from .pretrained import read_pretrained

        network, _ = read_pretrained(name, revision)
        if not isinstance(network, cls):
            raise CheckpointError(f"{name} is of the class {type(network).__name__}, not {cls.__name__}.")
        return network

    def save_pretrained(
        self,
        folder: str | Path,
        facts: TrainingFacts | None = None,
        *,
        card: str | None = None,
        dtype: str = "float16",
    ) -> None:
        """Writes config.json, model.safetensors and README.md to `folder`; see `pretrained.write_pretrained`.

        facts: of the training. card: README.md, else made of the facts where there is none. Raises PathError.
        """
        from .pretrained import write_pretrained

        write_pretrained(folder, self, facts, card, dtype)


class TasNet(MaskingNetwork):
    """A network whose representation is learned.

    What Conv-TasNet, LSTM-TasNet and DPRNN-TasNet share; they differ in the separation module, `separator`.

    >>> import torch
    >>> from tasnet import ConvTasNet, ConvTasNetConfig
    >>> network = ConvTasNet(ConvTasNetConfig(N=32, L=16, B=16, H=32, Sc=16, X=2, R=1))
    >>> network(torch.zeros(1, 800)).shape  # (batch, C, T)
    torch.Size([1, 2, 800])
    >>> network.encode(torch.zeros(1, 800)).shape  # (batch, K, N)
    torch.Size([1, 99, 32])
    """

    config: TasNetConfig
    encoder: Encoder | PinvEncoder
    separator: nn.Module

    def __init__(self, config: TasNetConfig) -> None:
        super().__init__(config)
        self.decoder = Decoder(config)
        self.encoder = PinvEncoder(self.decoder) if config.encoder == "pinv" else Encoder(config)

    def encode(self, mixture: Tensor) -> Tensor:
        """mixture (batch, T) -> representation w (batch, K, N), eq. 2."""
        return self.encoder(mixture)

    def masks(self, w: Tensor) -> Tensor:
        """w (batch, K, N) -> masks m (batch, C, K, N), section II-C."""
        return self.separator(w)

    def decode(self, d: Tensor, length: int) -> Tensor:
        """d (..., K, N) -> waveforms (..., length), eq. 5."""
        return self.decoder(d, length)

    @property
    def U(self) -> Tensor:
        """(N, L): encoder basis functions, one a row."""
        return self.encoder.U

    @property
    def V(self) -> Tensor:
        """(N, L): decoder basis functions, one a row."""
        return self.decoder.V


class ConvTasNet(TasNet):
    """TasNet whose separation module is a temporal convolutional network."""

    config: ConvTasNetConfig
    separator: SeparationModule

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__(config)
        self.separator = SeparationModule(config)

    def blocks(self) -> Iterator[Block]:
        """The X R 1-D conv blocks in order, each a callable (y, skip_sum) -> (y, skip_sum)."""
        return iter(self.separator.blocks)

    def num_parameters(self) -> int:
        """The paper's 'model size': every trained value.

        With biases, norms, PReLU slopes and the last block's unused residual path, it agrees with Table II to the
        printed digit in every row but one; without biases, norms or that path, in less than half of them. The odd
        row, N512 L40 B128 H256 Sc256, is 2.24M here and 2.4M in the paper: no convention explains it, as rows that
        differ only in Sc or only in B agree. Table III does not name its hyper-parameters; the row of Table II
        with the same scores (N256 L40 B128 H256 Sc128) gives its 1.5M with every encoder.
        """
        return super().num_parameters()
