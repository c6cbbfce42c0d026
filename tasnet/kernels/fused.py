"""A causal network as one compiled function, for packets of a few frames on a CPU.

A packet is so little work that PyTorch spends most of its time between operations; and its matrix products are made
for many rows, whereas here every weight is needed for a handful of frames and reading the weights takes longest. So
each weight is read once and used for all frames, with no calls in between. Numba compiles it on first use.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..coders import coder_biases
from ..config import MASKS
from ..model import ConvTasNet
from ..norms import AnyNorm, BatchNorm, ChannelLayerNorm, CumulativeLayerNorm, NoNorm

AFFINE, CUMULATIVE, CHANNEL = 0, 1, 2  # a norm whose statistics are known (BN, none), cLN, chLN
SIGMOID, SOFTMAX = MASKS.index("sigmoid"), MASKS.index("softmax")

# Sums may be reordered, as vector instructions require; NaN and infinity stay what they are.
_compiled = njit(fastmath={"reassoc", "contract", "nsz"}, error_model="numpy", nogil=True, cache=True)


class Weights(NamedTuple):
    """The factors for `_separate`. Of each norm these are gain and shift, which are applied after its statistics."""

    U: np.ndarray  # (N, L)
    bias_U: np.ndarray  # (N,)
    gain: np.ndarray  # (N,), of the first norm
    shift: np.ndarray  # (N,)
    bottleneck: np.ndarray  # (B, N)
    bias_bottleneck: np.ndarray  # (B,)
    conv_in: np.ndarray  # (i, H, B), of all blocks i
    bias_in: np.ndarray  # (i, H)
    taps: np.ndarray  # (i, P, H)
    bias: np.ndarray  # (i, H)
    conv_out: np.ndarray  # (i, B + Sc, H)
    bias_out: np.ndarray  # (i, B + Sc)
    slopes: np.ndarray  # (i, 2)
    gains: np.ndarray  # (i, 2, H)
    shifts: np.ndarray  # (i, 2, H)
    slope: np.ndarray  # (1,), after the blocks
    conv_mask: np.ndarray  # (C N, Sc)
    bias_mask: np.ndarray  # (C N,)
    V: np.ndarray  # (L, N)
    bias_V: np.ndarray  # (L,): the decoder's constant on a frame's second half, where the next is added to it


class State(NamedTuple):
    """The past that a stream keeps."""

    sums: np.ndarray  # float64 (norms, streams, 2): of all features, of their squares
    past: np.ndarray  # (streams, frames, H): the rings of all blocks, one after the other
    overlap: np.ndarray  # (streams, C, hop): of the last frame with the next


class FusedFrames:
    """What `streaming.PlainFrames` computes, for float32 networks on the CPU."""

    def __init__(self, model: ConvTasNet, streams: int) -> None:
        config, separator = model.config, model.separator
        blocks = list(separator.blocks)
        gain, shift = _affine(separator.norm, config.N)
        bias_in, constant = coder_biases(model.encoder, model.decoder)
        self.constant = constant.item()
        affine = [[_affine(norm, config.H) for norm in (block.norm1, block.norm2)] for block in blocks]
        self.weights = Weights(
            U=_array(model.U),
            bias_U=_array(bias_in),
            gain=_array(gain),
            shift=_array(shift),
            bottleneck=_array(separator.bottleneck.weight),
            bias_bottleneck=_array(separator.bottleneck.bias),
            conv_in=_stack(block.conv_in.weight for block in blocks),
            bias_in=_stack(block.conv_in.bias for block in blocks),
            taps=_stack(block.depthwise.weight for block in blocks),
            bias=_stack(block.depthwise.bias for block in blocks),
            conv_out=_stack(block.conv_out.weight for block in blocks),
            bias_out=_stack(block.conv_out.bias for block in blocks),
            slopes=_stack(torch.cat([block.prelu1.weight, block.prelu2.weight]) for block in blocks),
            gains=_stack(torch.stack([gain for gain, _ in pair]) for pair in affine),
            shifts=_stack(torch.stack([shift for _, shift in pair]) for pair in affine),
            slope=_array(separator.prelu.weight),
            conv_mask=_array(separator.conv_mask.weight),
            bias_mask=_array(separator.conv_mask.bias),
            V=_array(model.V.T),
            bias_V=np.repeat(np.array([0, self.constant], np.float32), config.hop),
        )
        self.dilations = np.array(config.dilations)
        first = blocks[0]
        self.kinds = tuple(_kind(norm) for norm in (separator.norm, first.norm1, first.norm2))
        self.options = (config.norm_eps, config.encoder == "relu", MASKS.index(config.mask))
        self.state = State(
            np.empty((1 + 2 * len(blocks), streams, 2)),
            np.empty((streams, (config.P - 1) * self.dilations.sum(), config.H), np.float32),
            np.empty((streams, config.C, config.hop), np.float32),
        )

    def reset(self) -> None:
        self.before = 0  # frames so far
        for array in self.state:
            array.fill(0)
        self.state.overlap[:] = self.constant  # the decoder's constant is on it already

    @property
    def overlap(self) -> Tensor:
        return torch.from_numpy(self.state.overlap)

    def __call__(self, x: np.ndarray) -> Tensor:
        """Samples of K whole frames, (streams, (K+1) hop), to the K hops they complete, (streams, C, K hop)."""
        x = np.ascontiguousarray(x)
        streams, C, hop = self.state.overlap.shape
        out = np.empty((streams, C, x.shape[1] - hop), np.float32)
        _separate(x, out, self.weights, self.state, self.dilations, self.kinds, self.options, self.before)
        self.before += out.shape[2] // hop
        return torch.from_numpy(out)


@_compiled
def _separate(
    x: np.ndarray,
    out: np.ndarray,
    weights: Weights,
    state: State,
    dilations: np.ndarray,
    kinds: tuple[int, ...],
    options: tuple[float, bool, int],
    before: int,
) -> None:
    """`ConvTasNet.forward`, Fig. 1. The frames of all streams are the rows of one matrix: first K of the first one."""
    eps, relu, mask = options
    streams, C, hop = state.overlap.shape
    N, L = weights.U.shape
    K = out.shape[2] // hop
    rows, one = streams * K, np.float32(1)
    frames = np.empty((rows, L), np.float32)
    for r in range(rows):
        for n in range(L):
            frames[r, n] = x[r // K, r % K * hop + n]
    w = _linear(frames, weights.U, weights.bias_U)  # eq. 2
    if relu:
        _prelu(w, np.float32(0))
    normed = w.copy()
    _prelu_norm(normed, one, weights.gain, weights.shift, state.sums[0], kinds[0], eps, before)
    y = _linear(normed, weights.bottleneck, weights.bias_bottleneck)
    summed = _blocks(y, weights, state, dilations, kinds, eps, before)
    _prelu(summed, weights.slope[0])
    m = _linear(summed, weights.conv_mask, weights.bias_mask)
    masked = np.empty((rows * C, N), np.float32)
    for r in range(rows):
        _limit(m[r], C, mask)
        for c in range(C):
            for n in range(N):
                masked[r * C + c, n] = m[r, c * N + n] * w[r, n]  # eq. 4
    d = _linear(masked, weights.V, weights.bias_V)  # eq. 5, and the overlap-add
    for r in range(rows):
        for c in range(C):
            for n in range(hop):
                out[r // K, c, r % K * hop + n] = d[r * C + c, n] + state.overlap[r // K, c, n]
                state.overlap[r // K, c, n] = d[r * C + c, hop + n]


@_compiled
def _blocks(
    y: np.ndarray,
    weights: Weights,
    state: State,
    dilations: np.ndarray,
    kinds: tuple[int, ...],
    eps: float,
    before: int,
) -> np.ndarray:
    """All of `tcn.Block.forward`: y (streams K, B), overwritten -> skip sum (streams K, Sc), or y where Sc is 0."""
    rows, B = y.shape
    Sc = weights.conv_out.shape[1] - B
    skip_sum = np.zeros((rows, Sc), np.float32)
    start = 0
    for i in range(len(dilations)):
        slopes, gains, shifts = weights.slopes[i], weights.gains[i], weights.shifts[i]
        u = _linear(y, weights.conv_in[i], weights.bias_in[i])
        _prelu_norm(u, slopes[0], gains[0], shifts[0], state.sums[1 + 2 * i], kinds[1], eps, before)
        v = _depthwise(u, state.past, start, weights.taps[i], weights.bias[i], dilations[i], before)
        _prelu_norm(v, slopes[1], gains[1], shifts[1], state.sums[2 + 2 * i], kinds[2], eps, before)
        paths = _linear(v, weights.conv_out[i], weights.bias_out[i])
        for r in range(rows):
            for n in range(B):
                y[r, n] += paths[r, n]
            for n in range(Sc):
                skip_sum[r, n] += paths[r, B + n]
        start += (weights.taps.shape[1] - 1) * dilations[i]
    return skip_sum if Sc else y


@_compiled
def _linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """x (rows, in) -> (rows, outs); weight (outs, in) goes once through the cache, for eight rows at a time."""
    rows = len(x)
    eights = rows - rows % 8
    out = np.empty((rows, len(weight)), np.float32)
    for o in range(len(weight)):
        w = weight[o]
        for r in range(0, eights, 8):  # one by one, the rows would wait for each other's sums
            x0, x1, x2, x3, x4, x5, x6, x7 = x[r], x[r + 1], x[r + 2], x[r + 3], x[r + 4], x[r + 5], x[r + 6], x[r + 7]
            y0 = y1 = y2 = y3 = y4 = y5 = y6 = y7 = bias[o]
            for j in range(len(w)):
                y0 += w[j] * x0[j]
                y1 += w[j] * x1[j]
                y2 += w[j] * x2[j]
                y3 += w[j] * x3[j]
                y4 += w[j] * x4[j]
                y5 += w[j] * x5[j]
                y6 += w[j] * x6[j]
                y7 += w[j] * x7[j]
            out[r, o], out[r + 1, o], out[r + 2, o], out[r + 3, o] = y0, y1, y2, y3
            out[r + 4, o], out[r + 5, o], out[r + 6, o], out[r + 7, o] = y4, y5, y6, y7
        for r in range(eights, rows):
            x0, y0 = x[r], bias[o]
            for j in range(len(w)):
                y0 += w[j] * x0[j]
            out[r, o] = y0
    return out


@_compiled
def _prelu(x: np.ndarray, slope: np.float32) -> None:
    """Eq. 8 on x (rows, channels), in place."""
    for r in range(x.shape[0]):
        for n in range(x.shape[1]):
            x[r, n] = max(x[r, n], np.float32(0)) + slope * min(x[r, n], np.float32(0))


@_compiled
def _prelu_norm(
    features: np.ndarray,
    slope: np.float32,
    gain: np.ndarray,
    shift: np.ndarray,
    sums: np.ndarray,
    kind: int,
    eps: float,
    before: int,
) -> None:
    """Eq. 8 on features (streams K, H), in place; then cLN (eqs. 12-14), chLN or gain and shift alone."""
    rows, H = features.shape
    K = rows // len(sums)
    for r in range(rows):
        f, mean, rate = features[r], np.float32(0), np.float32(1)
        total, power = np.float32(0), np.float32(0)
        for h in range(H):
            f[h] = max(f[h], np.float32(0)) + slope * min(f[h], np.float32(0))
            total += f[h]
            power += f[h] * f[h]
        if kind == CUMULATIVE:
            so_far, count = sums[r // K], (before + r % K + 1) * H
            so_far[0] += total
            so_far[1] += power
            exact = so_far[0] / count
            mean, rate = np.float32(exact), np.float32(1 / np.sqrt(max(so_far[1] / count - exact * exact, 0.0) + eps))
        elif kind == CHANNEL:
            mean, power = np.float32(total / H), np.float32(0)
            for h in range(H):
                power += (f[h] - mean) * (f[h] - mean)
            rate = np.float32(1 / np.sqrt(power / H + eps))
        for h in range(H):
            f[h] = (f[h] - mean) * rate * gain[h] + shift[h]


@_compiled
def _depthwise(
    u: np.ndarray, past: np.ndarray, start: int, taps: np.ndarray, bias: np.ndarray, dilation: int, before: int
) -> np.ndarray:
    """Eq. 6: u (streams K, H) -> the same shape.

    past[stream, start:] begins with a ring of span = (P-1) dilation frames, the frame of time t at t modulo span. The
    tap that reaches back (P-1-p) dilation frames so finds its frame at t + p dilation modulo span.
    """
    (rows, H), P = u.shape, len(taps)
    K, span = rows // len(past), (P - 1) * dilation
    out = np.empty((rows, H), np.float32)
    for r in range(rows):
        t = before + r % K
        for h in range(H):
            out[r, h] = bias[h] + taps[P - 1, h] * u[r, h]
        for p in range(P - 1):
            old = past[r // K, start + (t + p * dilation) % span]
            for h in range(H):
                out[r, h] += taps[p, h] * old[h]
        if span:
            now = past[r // K, start + t % span]
            for h in range(H):
                now[h] = u[r, h]
    return out


@_compiled
def _limit(m: np.ndarray, C: int, mask: int) -> None:
    """`SeparationModule.limit` of m (C N,), in place; `mask` is the number of its kind in `config.MASKS`."""
    N, one = len(m) // C, np.float32(1)
    for n in range(N):
        if mask == SOFTMAX:
            most, total = m[n], np.float32(0)
            for c in range(1, C):
                most = max(most, m[c * N + n])
            for c in range(C):
                m[c * N + n] = np.exp(m[c * N + n] - most)
                total += m[c * N + n]
            for c in range(C):
                m[c * N + n] /= total
        else:
            for c in range(C):
                value = m[c * N + n]
                m[c * N + n] = one / (one + np.exp(-value)) if mask == SIGMOID else max(value, np.float32(0))


def _kind(norm: AnyNorm) -> int:
    if isinstance(norm, BatchNorm | NoNorm):
        return AFFINE
    return {CumulativeLayerNorm: CUMULATIVE, ChannelLayerNorm: CHANNEL}[type(norm)]


def _affine(norm: AnyNorm, channels: int) -> tuple[Tensor, Tensor]:
    """Gain and shift (channels,) of a norm: of cLN and chLN after its statistics, of BN with them."""
    if isinstance(norm, NoNorm):
        return torch.ones(channels), torch.zeros(channels)
    if not isinstance(norm, BatchNorm):
        return norm.gamma, norm.beta
    gain = norm.weight.double() * torch.rsqrt(norm.running_var.double() + norm.eps)
    return gain.float(), (norm.bias - norm.running_mean.double() * gain).float()


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


def _stack(tensors: Iterable[Tensor]) -> np.ndarray:
    return _array(torch.stack(list(tensors)))
