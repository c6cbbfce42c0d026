"""Encoder and decoder (section II-B): waveform to frames of N coefficients, and back."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import GATED, TasNetConfig


class Encoder(nn.Module):
    """w = H(x U), eq. 2: frames of L samples, overlapping by half, against N basis functions.

    Gated, it is ReLU(x U) times sigmoid(x G), as in the paper's reference [21].
    """

    def __init__(self, config: TasNetConfig) -> None:
        super().__init__()
        self.relu, self.edges = config.encoder in ("relu", GATED), config.edges
        self.U = nn.Parameter(uniform((config.N, config.L), config.L**-0.5))
        self.bias = nn.Parameter(torch.zeros(config.N)) if config.coder_bias else None
        self.G = nn.Parameter(uniform((config.N, config.L), config.L**-0.5)) if config.encoder == GATED else None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, T) -> w (batch, K, N)."""
        return self.filter(frames(x, self.U.shape[1], self.edges))

    def filter(self, frames: Tensor) -> Tensor:
        """Frames (batch, K, L) -> w (batch, K, N)."""
        w = F.linear(frames, self.U, self.bias)
        w = F.relu(w) if self.relu else w
        return w if self.G is None else w * torch.sigmoid(F.linear(frames, self.G))


class PinvEncoder(nn.Module):
    """w = x (V^T V)^-1 V^T (section IV-A): the decoder's pseudo-inverse, no weights of its own."""

    def __init__(self, decoder: "Decoder") -> None:
        super().__init__()
        self.decoder_of = (decoder,)  # a tuple, or V would be counted and saved twice

    @property
    def U(self) -> Tensor:
        """(N, L): the pseudo-inverse, transposed as the other encoders' basis functions are."""
        V = self.decoder_of[0].V
        return torch.linalg.pinv(V.float()).T.to(V.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, T) -> w (batch, K, N)."""
        decoder = self.decoder_of[0]
        return self.filter(frames(x, decoder.V.shape[1], decoder.edges))

    def filter(self, frames: Tensor) -> Tensor:
        """Frames (batch, K, L) -> w (batch, K, N)."""
        return F.linear(frames, self.U)


class Decoder(nn.Module):
    """s = d V, eqs. 3 and 5: overlapping frames of L samples, summed."""

    def __init__(self, config: TasNetConfig) -> None:
        super().__init__()
        self.edges = config.edges
        self.V = nn.Parameter(uniform((config.N, config.L), config.N**-0.5))
        self.bias = nn.Parameter(torch.zeros(1)) if config.coder_bias else None

    def forward(self, d: Tensor, length: int) -> Tensor:
        """(..., K, N) -> (..., length)."""
        return self.join(d @ self.V, length)

    def join(self, frames: Tensor, length: int) -> Tensor:
        """Frames (..., K, L) -> (..., length)."""
        return overlap_add(frames, length, self.edges, self.bias)


def uniform(shape: tuple[int, ...], bound: float) -> Tensor:
    """Initial weights, uniform between -bound and bound."""
    weights = torch.empty(shape).uniform_(-1, 1)
    # On the device "meta", where networks are built whose weights come from a file, a product would load all of
    # PyTorch's compiler: seconds, for nothing.
    return weights if weights.is_meta else weights * bound


def frames(x: Tensor, L: int, edges: str = "fill") -> Tensor:
    """(batch, T) -> (batch, K, L), overlapping by half; `edges` as in `ConvTasNetConfig`."""
    return cover(x, L, edges).unfold(-1, L, L // 2)


def cover(x: Tensor, L: int, edges: str = "fill") -> Tensor:
    """(batch, T) -> (batch, (K + 1) L/2): the samples of all frames, with zeros where the sound has none."""
    hop, T = L // 2, x.shape[-1]
    if edges == "pad":
        return F.pad(x, (hop, hop + -T % hop))
    K = 1 + max(0, (T - L) // hop if edges == "cut" else -(-(T - L) // hop))
    return F.pad(x, (0, L + (K - 1) * hop - T))  # "cut" drops samples, unless there is only one frame


def overlap_add(frames: Tensor, length: int, edges: str = "fill", bias: Tensor | None = None) -> Tensor:
    """(..., K, L) -> (..., length): frames that overlap by half, summed, and `bias` on what they cover."""
    first, second = frames.chunk(2, dim=-1)
    x = F.pad(first, (0, 0, 0, 1)) + F.pad(second, (0, 0, 1, 0))
    x = x.flatten(-2)
    if bias is not None:
        x = x + bias
    start = frames.shape[-1] // 2 if edges == "pad" else 0
    x = x[..., start : start + length]
    return F.pad(x, (0, length - x.shape[-1])) if x.shape[-1] < length else x


def coder_biases(encoder: Encoder | PinvEncoder, decoder: Decoder) -> tuple[Tensor, Tensor]:
    """The constants (N,) that the encoder adds to a frame and (1,) that the decoder adds to the sources."""
    V, constant = decoder.V.detach(), getattr(encoder, "bias", None)
    return (
        V.new_zeros(len(V)) if constant is None else constant.detach(),
        V.new_zeros(1) if decoder.bias is None else decoder.bias.detach(),
    )
