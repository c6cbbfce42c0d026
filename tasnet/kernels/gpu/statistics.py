"""Mean and deviation of the norms (eqs. 10, 11, 13, 14), and what their gradient adds to that of the features.

Sums are float32, first over tiles, then over the tiles; a variance is the mean square less the squared mean.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .elements import load_rows, sloped, store_frame_sums, store_sums

ROWS_SUMMED = 32  # frames of one program
SCANNED = 2048  # frames at a time in a cumulative sum


@triton.jit
def sums_kernel(
    u,
    slope,
    sums,
    T,
    parts,
    H: tl.constexpr,
    ROWS: tl.constexpr,
    BT: tl.constexpr,
    PER_FRAME: tl.constexpr,
):
    """Sum and sum of squares of PReLU(u), u (batch, T, H): into (batch, parts, 2), or (batch, 1, T, 2) by frame."""
    b = tl.program_id(0)
    part = tl.program_id(1)
    alpha = tl.load(slope)
    columns = tl.arange(0, H)
    total = tl.zeros((BT, H), tl.float32)
    power = tl.zeros((BT, H), tl.float32)
    for start in range(0, ROWS, BT):
        t = part * ROWS + start + tl.arange(0, BT)
        x = sloped(load_rows(u, b, t, T, columns, H, (t < T)[:, None]), alpha)
        if PER_FRAME:
            store_frame_sums(sums, b, 0, 1, t, T, x, x * x, t < T)
        else:
            total += x
            power += x * x
    if not PER_FRAME:
        store_sums(sums, b, part, parts, total, power)


@triton.jit
def global_statistics_kernel(sums, statistics, count, eps, parts, PARTS: tl.constexpr):
    """gLN: sums (batch, parts, 2) -> E[F] and 1 / sqrt(Var[F] + eps) of every utterance, (batch, 2); eqs. 10, 11."""
    b = tl.program_id(0)
    part = tl.arange(0, PARTS)
    at = sums + (b * parts + part) * 2
    mean = tl.sum(tl.load(at, mask=part < parts, other=0.0), 0) / count
    square = tl.sum(tl.load(at + 1, mask=part < parts, other=0.0), 0) / count
    variance = tl.maximum(square - mean * mean, 0.0)
    tl.store(statistics + b * 2, mean)
    tl.store(statistics + b * 2 + 1, 1.0 / tl.sqrt(variance + eps))


@triton.jit
def cumulative_statistics_kernel(sums, statistics, T, H, eps, parts, BLOCK: tl.constexpr):
    """cLN: sums (batch, parts, T, 2) -> mean and rate of every frame over all until it, (batch, T, 2); eqs. 13, 14."""
    b = tl.program_id(0)
    total = 0.0
    power = 0.0
    for start in range(0, T, BLOCK):
        t = start + tl.arange(0, BLOCK)
        sum_of = tl.zeros((BLOCK,), tl.float32)
        square_of = tl.zeros((BLOCK,), tl.float32)
        for part in range(parts):
            at = sums + ((b * parts + part) * T + t) * 2
            sum_of += tl.load(at, mask=t < T, other=0.0)
            square_of += tl.load(at + 1, mask=t < T, other=0.0)
        count = (t + 1).to(tl.float32) * H
        mean = (total + tl.cumsum(sum_of, 0)) / count
        square = (power + tl.cumsum(square_of, 0)) / count
        variance = tl.maximum(square - mean * mean, 0.0)
        at = statistics + (b * T + t) * 2
        tl.store(at, mean, mask=t < T)
        tl.store(at + 1, 1.0 / tl.sqrt(variance + eps), mask=t < T)
        total += tl.sum(sum_of, 0)
        power += tl.sum(square_of, 0)


@triton.jit
def global_coefficients_kernel(passed, statistics, coefficients, count, parts, PARTS: tl.constexpr):
    """gLN: c0 and c1, where c0 + c1 F is what the gradient of mean and rate adds to that of F: (batch, 2).

    passed (batch, parts, 2): the gradients of the mean m and of the rate r, in parts. With r = (Var + eps)^-1/2 and
    Var = <F^2> - m^2: dVar = -r^3 dr / 2, c1 = 2 dVar / n, c0 = (dm - 2 m dVar) / n.
    """
    b = tl.program_id(0)
    part = tl.arange(0, PARTS)
    at = passed + (b * parts + part) * 2
    d_mean = tl.sum(tl.load(at, mask=part < parts, other=0.0), 0)
    d_rate = tl.sum(tl.load(at + 1, mask=part < parts, other=0.0), 0)
    mean = tl.load(statistics + b * 2)
    rate = tl.load(statistics + b * 2 + 1)
    d_variance = -0.5 * d_rate * rate * rate * rate
    tl.store(coefficients + b * 2, (d_mean - 2.0 * mean * d_variance) / count)
    tl.store(coefficients + b * 2 + 1, 2.0 * d_variance / count)


@triton.jit
def cumulative_coefficients_kernel(passed, statistics, coefficients, T, H, parts, BLOCK: tl.constexpr):
    """cLN: c0 and c1 of every frame, (batch, T, 2): as for gLN, summed over the frames from it on, whose mean it is in.

    passed (batch, parts, T, 2). The frames are taken from the last to the first.
    """
    b = tl.program_id(0)
    later0 = 0.0
    later1 = 0.0
    for start in range(0, T, BLOCK):
        t = T - 1 - start - tl.arange(0, BLOCK)
        d_mean = tl.zeros((BLOCK,), tl.float32)
        d_rate = tl.zeros((BLOCK,), tl.float32)
        for part in range(parts):
            at = passed + ((b * parts + part) * T + t) * 2
            d_mean += tl.load(at, mask=t >= 0, other=0.0)
            d_rate += tl.load(at + 1, mask=t >= 0, other=0.0)
        at = statistics + (b * T + t) * 2
        mean = tl.load(at, mask=t >= 0, other=0.0)
        rate = tl.load(at + 1, mask=t >= 0, other=0.0)
        count = tl.maximum(t + 1, 1).to(tl.float32) * H
        d_variance = -0.5 * d_rate * rate * rate * rate
        own0 = (d_mean - 2.0 * mean * d_variance) / count
        own1 = 2.0 * d_variance / count
        at = coefficients + (b * T + t) * 2
        tl.store(at, later0 + tl.cumsum(own0, 0), mask=t >= 0)
        tl.store(at + 1, later1 + tl.cumsum(own1, 0), mask=t >= 0)
        later0 += tl.sum(own0, 0)
        later1 += tl.sum(own1, 0)


def statistics_reference(features: Tensor, eps: float, per_frame: bool) -> Tensor:
    """Features (batch, T, H) -> mean and rate, (batch, 2), or (batch, T, 2) by frame: eqs. 10, 11, 13, 14."""
    total, power = features.sum(-1), features.square().sum(-1)
    if per_frame:
        count = torch.arange(1, features.shape[1] + 1, device=features.device) * features.shape[2]
        mean, square = total.cumsum(-1) / count, power.cumsum(-1) / count
    else:
        mean, square = features.mean((1, 2)), features.square().mean((1, 2))
    return torch.stack([mean, torch.rsqrt((square - mean.square()).clamp_min(0) + eps)], -1)


class Norm:
    """Launches the kernels of one kind of norm over H channels: gLN, or cLN where `per_frame`.

    `new(...)` are the buffers of the kernels that add up: `sums` and `passed` (batch, parts[, T], 2).
    """

    def __init__(self, features: Tensor, eps: float, per_frame: bool) -> None:
        self.batch, self.T, self.H = features.shape
        self.eps, self.per_frame, self.device = eps, per_frame, features.device

    def numbers(self, *before: int, parts: int = 0, zero: bool = False) -> Tensor:
        """Memory for two numbers of every utterance, or frame, with or without parts: (*before, batch[, parts], 2)."""
        frames = [self.T] if self.per_frame else []
        shape = [*before, self.batch, *([parts] if parts else []), *frames, 2]
        return (torch.zeros if zero else torch.empty)(shape, device=self.device, dtype=torch.float32)

    @property
    def parts(self) -> int:
        """Of what `take` adds up."""
        return 1 if self.per_frame else triton.cdiv(self.T, ROWS_SUMMED)

    def take(self, u: Tensor, slope: Tensor, sums: Tensor) -> None:
        """Sum and sum of squares of PReLU(u) into `sums`, of `parts` parts."""
        grid = (self.batch, triton.cdiv(self.T, ROWS_SUMMED))
        sums_kernel[grid](u, slope, sums, self.T, self.parts, self.H, ROWS_SUMMED, 8, self.per_frame, num_warps=8)

    def finish(self, sums: Tensor, statistics: Tensor) -> None:
        """Sums -> mean and rate."""
        parts = sums.shape[1]
        if self.per_frame:
            cumulative_statistics_kernel[(self.batch,)](
                sums, statistics, self.T, self.H, self.eps, parts, self._block, num_warps=8
            )
        else:
            count, most = float(self.T * self.H), triton.next_power_of_2(parts)
            global_statistics_kernel[(self.batch,)](sums, statistics, count, self.eps, parts, most)

    def coefficients(self, passed: Tensor, statistics: Tensor, coefficients: Tensor) -> None:
        """The gradients of mean and rate -> what they add to the gradient of the features."""
        parts = passed.shape[1]
        if self.per_frame:
            cumulative_coefficients_kernel[(self.batch,)](
                passed, statistics, coefficients, self.T, self.H, parts, self._block, num_warps=8
            )
        else:
            count, most = float(self.T * self.H), triton.next_power_of_2(parts)
            global_coefficients_kernel[(self.batch,)](passed, statistics, coefficients, count, parts, most)

    @property
    def _block(self) -> int:
        return min(SCANNED, triton.next_power_of_2(self.T))
