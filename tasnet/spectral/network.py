"""A BLSTM on the spectrogram with two heads: the network of deep clustering, uPIT-BLSTM and Chimera++ (Table IV).

What differs from the published systems: the features are relative to the mixture's level and need no statistics of a
training set; there is no dropout; k-means begins without chance; and MISI follows a trained network, where WA-MISI-5
(Wang et al., "End-to-end speech separation with unfolded iterative phase reconstruction", 2018) trains through its
iterations.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tasnet.config import ChimeraConfig
from tasnet.errors import UserError
from tasnet.model import MaskingNetwork
from tasnet.tcn import limit_masks

from .clusters import cluster_cells
from .phase import misi
from .stft import STFT

CENTRE, SPREAD = -2.5, 2.0  # about the mean and the deviation of speech's log magnitudes, re that power
TINY = 1e-12
ACTIVATION: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": lambda V: V,
}
ITERATIONS = 5  # of MISI, as in WA-MISI-5


class Heads(NamedTuple):
    """What the network finds in a batch of mixtures."""

    X: Tensor  # (b, K, F) complex, the mixtures' STFT
    masks: Tensor | None  # (b, C, K, F)
    embeddings: Tensor | None  # (b, K, F, D), each of length 1 unless the configuration says otherwise


class ChimeraNet(MaskingNetwork):
    """STFT -> (log) magnitudes -> BLSTM layers -> a mask for every voice, and D numbers for every cell.

    The configuration says which head separates: `ChimeraConfig.output`.

    >>> network = ChimeraNet(ChimeraConfig(H=4, layers=1, D=2)).eval()
    >>> network(torch.zeros(1, 800)).shape  # (batch, C, T)
    torch.Size([1, 2, 800])
    """

    config: ChimeraConfig

    def __init__(self, config: ChimeraConfig) -> None:
        super().__init__(config)
        self.stft = STFT.of(config)
        self.blstm = nn.LSTM(config.F, config.H, config.layers, batch_first=True, bidirectional=True)
        self.conv_mask = nn.Linear(2 * config.H, config.C * config.F) if config.has_masks else None
        self.embedding = nn.Linear(2 * config.H, config.F * config.D) if config.D else None

    def become(self, output: str) -> None:
        """Let another output separate, see `ChimeraConfig`. Raises UserError where the network has no such head."""
        try:
            self.config = replace(self.config, output=output)
        except ValueError as error:
            raise UserError(f"This network cannot be that system. {error}") from None

    def passes(self, part: str) -> int:
        """As in every network; none of the head that does not separate."""
        return 0 if part == ("conv_mask" if self.config.output == "clusters" else "embedding") else 1

    def encode(self, mixture: Tensor) -> Tensor:
        """mixture (b, T) -> X (b, K, F), complex."""
        return self.stft.forward(mixture)

    def decode(self, d: Tensor, length: int) -> Tensor:
        """Masked spectrograms (..., K, F) -> waveforms (..., length)."""
        return self.stft.inverse(d, length)

    def masks(self, w: Tensor) -> Tensor:
        """X (b, K, F) -> masks (b, C, K, F), of the head that the configuration names."""
        hidden = self._hidden(w)
        if self.config.output != "clusters" or self.embedding is None:
            return self._masks(hidden)
        return torch.stack([self._clusters(*one) for one in zip(w, self._embeddings(hidden).float(), strict=True)])

    def through_masks(self, m: Tensor, w: Tensor, length: int) -> Tensor:
        """As every network, with the mixture's phase; where the output is "misi", after five iterations of MISI."""
        if self.config.output != "misi":
            return super().through_masks(m, w, length)
        voices = []
        for one_m, one_w in zip(m, w, strict=True):
            mixture = self.decode(one_w, length)
            *_, last = misi(one_m * one_w.abs(), mixture, ITERATIONS, self.encode, lambda X: self.decode(X, length))
            voices.append(last)
        return torch.stack(voices)

    def for_loss(self, mixture: Tensor) -> Heads:
        """mixture (b, T) -> what both heads find, to be trained."""
        X = self.encode(mixture)
        hidden = self._hidden(X)
        masks = None if self.conv_mask is None else self._masks(hidden)
        return Heads(X, masks, None if self.embedding is None else self._embeddings(hidden))

    def features(self, X: Tensor) -> Tensor:
        """X (b, K, F) -> what the BLSTM hears: magnitudes, their logarithms, or these re the mean power of all cells.

        The last have about mean 0 and deviation 1.
        """
        power, floor = X.abs().square(), self.config.floor
        if not self.config.hears_level:
            mean = power.mean((-2, -1), keepdim=True)
            return ((power / (mean + TINY)).sqrt().add(floor).log() - CENTRE) / SPREAD
        magnitudes = (power + floor**2).sqrt()
        return magnitudes.log() if self.config.features == "log" else magnitudes

    def _hidden(self, X: Tensor) -> Tensor:
        return self.blstm(self.features(X))[0]

    def _masks(self, hidden: Tensor) -> Tensor:
        assert self.conv_mask is not None
        m = self.conv_mask(hidden).unflatten(-1, (self.config.C, self.config.F)).transpose(1, 2)
        return limit_masks(m, self.config.mask)

    def _embeddings(self, hidden: Tensor) -> Tensor:
        assert self.embedding is not None
        V = ACTIVATION[self.config.activation](self.embedding(hidden)).unflatten(-1, (self.config.F, self.config.D))
        return F.normalize(V, dim=-1) if self.config.unit else V

    def _clusters(self, X: Tensor, V: Tensor) -> Tensor:
        """X (K, F), embeddings (K, F, D) -> binary masks (C, K, F), a cluster each."""
        labels, _ = cluster_cells(X.abs(), V, self.config.C)
        return F.one_hot(labels, self.config.C).movedim(-1, 0).to(V)
