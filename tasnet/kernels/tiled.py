"""The network on a CPU, without gradients: what `ConvTasNet` computes, only faster.

Two things make it fast. The frames are worked on in tiles that stay in a core's cache on their way
through several layers, from one norm's statistics to the next. And the tiles are handed out one by
one to as many threads as PyTorch may use, each of which computes alone. PyTorch's own way, all
threads inside every operation, makes each wait for the slowest some hundred times: on a machine
that is busy with other work two of its threads are several times slower than one.

The result does not depend on the number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import threads
from ..model import ConvTasNet
from ..norms import AnyNorm, BatchNorm, ChannelLayerNorm, CumulativeLayerNorm, NoNorm
from ..tcn import Block, DepthwiseConv

TILE = 1 << 18  # values in the widest layer of a tile: 1 MB

_Norm = Callable[[Tensor, slice, Tensor], Tensor]  # features, their frames, where to put them normalised


@torch.inference_mode()
def forward(model: ConvTasNet, mixture: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """mixture (batch, T) -> sources (batch, C, T), both float32: `model(mixture)`.

    With `dtype` bfloat16 the factors of the matrix products are rounded to it and everything else
    is as before: on CPUs with instructions for such products it takes two thirds of the time.
    """
    config = model.config
    sources = mixture.new_empty(len(mixture), config.C, mixture.shape[-1])
    size = min(max(TILE // max(config.H, config.N), 64), 1024)
    with _team() as team:
        for x, out in zip(mixture, sources, strict=True):
            w = model.encode(x[None])[0]
            tiles = [slice(start, min(start + size, len(w))) for start in range(0, len(w), size)]
            frames = _Pass(model, w, dtype).run(partial(team.run, tiles))
            out.copy_(model.decoder.join(frames, x.shape[-1]))
    return sources


class _Pass:
    """One mixture on its way from w (K, N) to the frames of the sources (C, K, L)."""

    def __init__(self, model: ConvTasNet, w: Tensor, dtype: torch.dtype) -> None:
        config, K = model.config, len(w)
        self.model, self.separator, self.config = model, model.separator, config
        self.linear = partial(_Linear, dtype=dtype)
        self.statistics = _Statistics(K)
        self.w = w
        self.y = w.new_empty(K, config.B)
        self.skip_sum = w.new_zeros(K, config.Sc)
        self.sum = self.skip_sum if config.Sc else self.y  # what the masks are made of
        self.u = w.new_empty(K, config.H)  # after the first 1x1-conv of a block
        self.v = w.new_empty(K, config.H)  # after its D-conv

    def run(self, on_all_tiles: Callable[[Callable[[slice], object]], None]) -> Tensor:
        """`SeparationModule.forward` and `Block.forward`, cut where a norm needs its statistics of all frames.

        `on_all_tiles` calls a function on every tile of the K frames, and waits for the last. Each stage below ends
        what the one before it had to leave, for the statistics, and goes as far as the next norm.
        """
        on_all_tiles(lambda tile: self.statistics.take(self.w[tile], tile))
        norm = self.statistics.apply_to(self.separator.norm)
        finish = partial(self.bottleneck, norm, self.linear(self.separator.bottleneck))
        for block in self.separator.blocks:
            on_all_tiles(partial(self.widen, finish, block, self.linear(block.conv_in)))
            norm = self.statistics.apply_to(block.norm1)
            on_all_tiles(partial(self.normalise, norm))
            on_all_tiles(partial(self.convolve, block))
            norm = self.statistics.apply_to(block.norm2)
            finish = partial(self.add_paths, norm, block, self.linear(block.conv_out))
        frames = self.w.new_empty(self.config.C, len(self.w), self.config.L)
        on_all_tiles(partial(self.mask, finish, self.linear(self.separator.conv_mask), frames))
        return frames

    def bottleneck(self, norm: _Norm, linear: _Linear, tile: slice) -> None:
        # SeparationModule.forward: y = self.bottleneck(self.norm(w))
        linear(norm(self.w[tile], tile, torch.empty_like(self.w[tile])), out=self.y[tile])

    def widen(self, finish: Callable[[slice], None], block: Block, linear: _Linear, tile: slice) -> None:
        finish(tile)
        # Block.forward: u = self.norm1(self.prelu1(self.conv_in(y))), all but the norm
        wide = linear(self.y[tile], out=self.u[tile])
        self.statistics.take(F.leaky_relu_(wide, block.prelu1.weight.item()), tile)

    def normalise(self, norm: _Norm, tile: slice) -> None:
        # Block.forward: norm1; a stage of its own, as the D-conv reads frames of other tiles
        norm(self.u[tile], tile, self.u[tile])

    def convolve(self, block: Block, tile: slice) -> None:
        # Block.forward: v = self.norm2(self.prelu2(self.depthwise(u))), all but the norm
        convolved = depthwise(block.depthwise, self.u, tile, self.v[tile])
        self.statistics.take(F.leaky_relu_(convolved, block.prelu2.weight.item()), tile)

    def add_paths(self, norm: _Norm, block: Block, linear: _Linear, tile: slice) -> None:
        # Block.forward: norm2, conv_out and the two sums
        residual, skip = linear(norm(self.v[tile], tile, self.v[tile])).split(block.widths, dim=-1)
        self.y[tile] += residual
        self.skip_sum[tile] += skip

    def mask(self, finish: Callable[[slice], None], linear: _Linear, frames: Tensor, tile: slice) -> None:
        finish(tile)
        # SeparationModule.forward: m = self.conv_mask(self.prelu(skip_sum or y)), and self.limit
        m = linear(F.leaky_relu_(self.sum[tile], self.separator.prelu.weight.item()))
        m = m.float().unflatten(-1, (self.config.C, self.config.N)).transpose(0, 1)
        m = self.separator.limit(m[None])[0]
        # ConvTasNet.forward: d = m w (eq. 4); Decoder.forward: d V (eq. 5), not yet joined
        frames[:, tile] = (m * self.w[tile]) @ self.model.V


class _Linear:
    """A 1x1-conv: (frames, channels) -> (frames, channels), float32 where it is given `out`."""

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        self.weight, self.bias = linear.weight.T.to(dtype), linear.bias.to(dtype)

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        if out is None or out.dtype == self.weight.dtype:
            return torch.addmm(self.bias, x.to(self.weight.dtype), self.weight, out=out)
        return out.copy_(torch.addmm(self.bias, x.to(self.weight.dtype), self.weight))


def depthwise(conv: DepthwiseConv, features: Tensor, tile: slice, out: Tensor) -> Tensor:
    """`conv` of features (K, H) at the frames `tile`."""
    K = len(features)
    taps = dict(zip(conv.offsets, conv.weight, strict=True))
    torch.addcmul(conv.bias, features[tile], taps.pop(0), out=out)
    for offset, tap in taps.items():
        start, stop = max(tile.start, -offset), min(tile.stop, K - offset)
        if start < stop:  # or the tap meets nothing but padding
            out[start - tile.start : stop - tile.start].addcmul_(features[start + offset : stop + offset], tap)
        if conv.reflect and abs(offset) < K:
            _reflect(features, tile, offset, tap, out)
    return out


def _reflect(features: Tensor, tile: slice, offset: int, tap: Tensor, out: Tensor) -> None:
    """What the tap adds where it meets the reflection of the features (K, H) at their first or last frame."""
    K = len(features)
    start, stop = (tile.start, min(tile.stop, -offset)) if offset < 0 else (max(tile.start, K - offset), tile.stop)
    mirror = 0 if offset < 0 else 2 * (K - 1)  # frame t meets frame mirror - t - offset
    if start < stop:
        met = features[mirror - (stop - 1) - offset : mirror - start - offset + 1].flip(0)
        out[start - tile.start : stop - tile.start].addcmul_(met, tap)


class _Statistics:
    """Sum and length over the channels of every frame, and the norms they make."""

    def __init__(self, K: int) -> None:
        self.sum, self.length = torch.empty(K), torch.empty(K)

    def take(self, features: Tensor, tile: slice) -> None:
        torch.sum(features, -1, out=self.sum[tile])
        torch.linalg.vector_norm(features, dim=-1, out=self.length[tile])

    def apply_to(self, norm: AnyNorm) -> _Norm:
        """`norm` of the features that were taken. float64: there a difference of squares is exact enough."""
        if isinstance(norm, NoNorm):
            return lambda f, tile, out: f if out is f else out.copy_(f)
        if isinstance(norm, BatchNorm):
            gamma, beta, mean, variance = norm.weight, norm.bias, norm.running_mean, norm.running_var
            return _affine(gamma, beta, mean.double(), variance.double(), norm.eps)
        total, power = self.sum.double(), self.length.double().square()
        channels = len(norm.gamma)
        if not isinstance(norm, CumulativeLayerNorm | ChannelLayerNorm):  # eqs. 10, 11
            mean, square = total.mean() / channels, power.mean() / channels
            return _affine(norm.gamma, norm.beta, mean, square - mean.square(), norm.eps)
        if isinstance(norm, CumulativeLayerNorm):  # eqs. 13, 14
            frames = torch.arange(1, len(total) + 1, dtype=torch.float64)
            total, power = total.cumsum(0) / frames, power.cumsum(0) / frames
        mean, square = total / channels, power / channels
        rate = torch.rsqrt((square - mean.square()).clamp_min(0) + norm.eps)
        rate, shift = rate[:, None].float(), (mean * rate)[:, None].float()

        def by_frame(f: Tensor, tile: slice, out: Tensor) -> Tensor:
            normed = torch.mul(f, rate[tile], out=out).sub_(shift[tile])
            return torch.addcmul(norm.beta, normed, norm.gamma, out=out)

        return by_frame


def _affine(gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, eps: float) -> _Norm:
    scale = gamma * torch.rsqrt(variance.clamp_min(0) + eps)
    scale, shift = scale.float(), (beta - mean * scale).float()
    return lambda f, tile, out: torch.addcmul(shift, f, scale, out=out)


class _Team:
    """Threads that take the tiles of a task until none is left."""

    def __init__(self, size: int, pool: ThreadPoolExecutor) -> None:
        self.size, self.pool = size, pool

    def run(self, tiles: Sequence[slice], task: Callable[[slice], object]) -> None:
        """`task` on every tile, in any order; returns when all are done."""
        waiting, taking = iter(tiles), threading.Lock()

        def work() -> None:
            with torch.inference_mode():
                while True:
                    with taking:
                        tile = next(waiting, None)
                    if tile is None:
                        return
                    task(tile)

        others = [self.pool.submit(work) for _ in range(min(self.size, len(tiles)) - 1)]
        work()
        for other in others:
            other.result()


@contextmanager
def _team() -> Iterator[_Team]:
    """As many threads as PyTorch may have here, while it has but one inside each of them."""
    with threads.one_torch_thread() as size, ThreadPoolExecutor(size) as pool:
        yield _Team(size, pool)
