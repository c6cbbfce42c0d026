"""Separation while the sound arrives: what a causal `ConvTasNet` computes, from packets of any size.

Every layer keeps what its next frame needs of the past: the encoder the samples of an incomplete frame, each D-conv its
last (P-1) 2^x inputs, each cLN two sums, the decoder half a frame. That is all: memory does not grow.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .coders import coder_biases
from .errors import UserError
from .model import ConvTasNet
from .norms import AnyNorm, CumulativeLayerNorm, at_least_float32
from .tcn import Block

try:
    from .kernels.fused import FusedFrames
except ImportError:  # without Numba there is PyTorch
    HAS_NUMBA = False
else:
    HAS_NUMBA = True

PIECE = 256  # frames processed at a time, which bounds the memory of a long push


class StreamingConvTasNet:
    """Separates one or several mixtures while they arrive piece by piece.

    The sources are those of `model` for the whole mixture: put together, what the calls return equals
    `model(mixture)` but for rounding, however the mixture is cut into packets. A sample comes out with the push that
    completes the `latency` = L samples from it on (2 ms at L = 16 and 8 kHz): the frame it belongs to must be complete,
    and nothing else is waited for.

    model: a causal network in evaluation; its weights must not change while a stream runs. streams: mixtures side by
    side, independent of each other. fused: one compiled function (see `kernels.fused`), or PyTorch, which works on
    every device and in every precision; None chooses the faster one available. Raises UserError for a network that is
    not causal, and where a device has no float64, which the sums of cLN need.
    """

    def __init__(self, model: ConvTasNet, streams: int = 1, fused: bool | None = None) -> None:
        config, weight = model.config, model.V
        if not config.causal:
            raise UserError("Only a causal network can separate a sound that is still arriving; this one is not.")
        if weight.device.type == "mps":
            raise UserError("Streaming needs float64, which the device mps does not have: choose the device cpu.")
        can_fuse = HAS_NUMBA and weight.device.type == "cpu" and weight.dtype == torch.float32
        if fused and not can_fuse:
            raise ValueError("The fused function needs Numba and a float32 network on the CPU.")
        self.config, self.streams, self.latency = config, streams, config.L
        self.fused = can_fuse if fused is None else fused
        self._frames: FusedFrames | PlainFrames = (FusedFrames if self.fused else PlainFrames)(model, streams)
        self._type = torch.float64 if weight.dtype == torch.float64 else torch.float32
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample is the first of a new mixture."""
        self._waiting = np.zeros((self.streams, 0), str(self._type).split(".")[1])  # of frames that are not complete
        self._frames.reset()

    def push(self, samples: Tensor) -> Tensor:
        """The next samples (streams, T) -> what is complete of the sources, (streams, C, T'); T and T' may be 0.

        Raises ValueError where `samples` has another shape.
        """
        if samples.ndim != 2 or len(samples) != self.streams:
            raise ValueError(f"The samples must have the shape ({self.streams}, T), not {tuple(samples.shape)}.")
        # NumPy, as each of PyTorch's operations lets other threads of the process run first.
        x = np.concatenate([self._waiting, samples.to(self._type).numpy(force=True)], 1)
        hop, L = self.config.hop, self.config.L
        K = max(0, (x.shape[1] - L) // hop + 1)
        self._waiting = x[:, K * hop :].copy()
        firsts = range(0, K, PIECE)
        pieces = [self._frames(x[:, first * hop : (min(first + PIECE, K) + 1) * hop]) for first in firsts]
        if len(pieces) == 1:
            return pieces[0]
        return torch.cat(pieces, -1) if pieces else self._frames.overlap[..., :0]

    def flush(self) -> Tensor:
        """The mixture has ended: what is left of its sources (streams, C, T'); then as after `reset`."""
        hop, left = self.config.hop, self._waiting.shape[1]
        rest = self._frames.overlap  # all that is left where the last frame ended with the mixture
        if not self._frames.before or (left > hop and self.config.edges == "fill"):  # as in `coders.cover`
            first = self._frames(np.pad(self._waiting, ((0, 0), (0, self.config.L - left))))
            rest = torch.cat([first, self._frames.overlap], -1)
        rest = F.pad(rest, (0, max(0, left - rest.shape[-1])))[..., :left].clone()
        self.reset()
        return rest


class PlainFrames:
    """`ConvTasNet.forward`, frames after frames, in PyTorch."""

    def __init__(self, model: ConvTasNet, streams: int) -> None:
        self.config, self.streams = model.config, streams
        self.separator, self.V = model.separator, model.V.detach()
        self.U = model.U.detach()  # made once: of the pinv encoder it is a pseudo-inverse
        self.bias_in, self.bias_out = coder_biases(model.encoder, model.decoder)
        self.norm = StreamingNorm(self.separator.norm)
        self.blocks = [StreamingBlock(block, streams) for block in self.separator.blocks]

    def reset(self) -> None:
        self.before = 0  # frames so far
        # Of the last frame with the next; the decoder's constant is on it already.
        self.overlap = self.bias_out.expand(self.streams, self.config.C, self.config.hop)
        self.norm.reset()
        for block in self.blocks:
            block.reset()

    @torch.no_grad()
    def __call__(self, x: np.ndarray) -> Tensor:
        """Samples of K whole frames, (streams, (K+1) hop), to the K hops they complete, (streams, C, K hop)."""
        # Eq. 2
        w = F.linear(torch.from_numpy(x).to(self.V).unfold(-1, self.config.L, self.config.hop), self.U, self.bias_in)
        if self.config.encoder == "relu":
            w = F.relu_(w)
        y = self.separator.bottleneck(self.norm(w.clone(), self.before))
        skip_sum = y.new_zeros(*y.shape[:2], self.config.Sc)
        for block in self.blocks:
            y, skip_sum = block(y, skip_sum, self.before)
        d = self.separator.estimate(skip_sum if self.config.Sc else y) * w[:, None]  # eq. 4
        first, second = (d @ self.V).chunk(2, dim=-1)  # eq. 5
        second = torch.cat([self.overlap[:, :, None], second + self.bias_out], 2)
        self.overlap = second[:, :, -1].clone()
        self.before += w.shape[1]
        return (first + second[:, :, :-1]).flatten(-2)


class StreamingNorm:
    """A norm of a causal network whose features (streams, K, channels) come a few frames at a time.

    cLN needs the sums of all features so far and of their squares. In float64 they stay good for years: added up
    frame by frame, their relative error after n frames is about sqrt(n) 1e-16, after a day of 1 ms hops 1e-12.
    """

    def __init__(self, norm: AnyNorm) -> None:
        self.norm = norm
        self.sums: Tensor | None = None

    def reset(self) -> None:
        self.sums = None

    def __call__(self, features: Tensor, before: int) -> Tensor:
        """(streams, K, channels), which may be overwritten -> the same normalised; `before`: frames before these."""
        if not isinstance(self.norm, CumulativeLayerNorm):
            return self.norm(features)  # BN in evaluation knows its statistics, chLN looks at one frame
        f = at_least_float32(features)
        sums = torch.stack([f.sum(-1).double(), torch.linalg.vector_norm(f, dim=-1).double().square()]).cumsum(-1)
        if self.sums is not None:
            sums += self.sums
        self.sums = sums[..., -1:].clone()
        k = torch.arange(before + 1, before + 1 + f.shape[1], dtype=torch.float64, device=f.device)
        mean, square = sums / (k * f.shape[2])  # eqs. 13, 14
        rate = torch.rsqrt((square - mean.square()).clamp_min_(0) + self.norm.eps)
        normed = f.sub_(mean[..., None]).mul_(rate[..., None])
        return torch.addcmul(self.norm.beta, normed, self.norm.gamma).to(features.dtype)  # eq. 12


class StreamingBlock:
    """`tcn.Block` with the past that its D-conv reaches back to."""

    def __init__(self, block: Block, streams: int) -> None:
        self.block, self.streams = block, streams
        self.norm1, self.norm2 = StreamingNorm(block.norm1), StreamingNorm(block.norm2)
        self.span = -min(block.depthwise.offsets)  # frames of the past
        self.reset()

    def reset(self) -> None:
        weight = self.block.depthwise.weight
        self.past = weight.new_zeros(self.streams, self.span, weight.shape[1])
        self.norm1.reset()
        self.norm2.reset()

    def __call__(self, y: Tensor, skip_sum: Tensor, before: int) -> tuple[Tensor, Tensor]:
        block = self.block
        u = self.norm1(block.prelu1(block.conv_in(y), inplace=True), before)
        v = self.norm2(block.prelu2(self._convolve(u), inplace=True), before)
        residual, skip = block.conv_out(v).split(block.widths, dim=-1)
        return y + residual, skip_sum + skip

    def _convolve(self, u: Tensor) -> Tensor:
        """The D-conv, eq. 6: u (streams, K, H) after the frames in `past`."""
        conv, K = self.block.depthwise, u.shape[1]
        line = torch.cat([self.past, u], 1)
        self.past = line[:, K:]
        out: Tensor = conv.bias
        for offset, tap in zip(conv.offsets, conv.weight, strict=True):
            first = self.span + offset
            out = torch.addcmul(out, line[:, first : first + K], tap)
        return out
