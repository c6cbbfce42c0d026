"""PReLU, norm, D-conv of three taps and PReLU of a block (Fig. 1 C), forward and backward: one kernel each way.

Every program has `ROWS` frames and HC channels of one utterance. The taps of frame t lie at t + first, t + first + d
and t + first + 2 d; number PRESENT of them is frame t itself (the last in a causal network, else the middle one).
"""

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from .elements import (
    load_pair,
    load_rows,
    mark_sign,
    part_of_kernels,
    sloped,
    store_frame_sums,
    store_rows,
    store_sums,
    tuned,
    unmark_sign,
)

FREE = ["first", "d"]  # arguments that no variant of a kernel is made for
ANYWHERE = ["slope1", "slope2", "slope", "statistics", "coefficients"]  # addresses of any alignment


@part_of_kernels
def load_normed(u, statistics, slope, gamma, beta, b, t, T, columns, H, reached, PER_FRAME: tl.constexpr):
    """gamma (PReLU(u) - m) r + beta at the frames t (eqs. 9, 12); zero where they are not `reached`."""
    inside = reached[:, None]
    mean, rate = load_pair(statistics, b, t, T, reached, PER_FRAME)
    x = sloped(load_rows(u, b, t, T, columns, H, inside), slope)
    return tl.where(inside, (x - mean) * rate * gamma + beta, 0.0)


@triton.jit(do_not_specialize=FREE, do_not_specialize_on_alignment=ANYWHERE)
def depthwise_kernel(
    u,
    statistics,
    slope1,
    gamma,
    beta,
    weight,
    bias,
    slope2,
    v,
    sums,
    T,
    first,
    d,
    parts,
    H: tl.constexpr,
    SLICES: tl.constexpr,
    ROWS: tl.constexpr,
    PER_FRAME: tl.constexpr,
    MARKED: tl.constexpr,
    BT: tl.constexpr,
    HC: tl.constexpr,
):
    """u (batch, T, H) -> v = PReLU(D-conv(norm(PReLU(u)))), and v's sum and sum of squares.

    sums: (batch, parts SLICES, 2), or by frame (batch, SLICES, T, 2). MARKED: v gets the integers of `mark_sign`.
    """
    b = tl.program_id(0)
    part = tl.program_id(1)
    piece = tl.program_id(2)
    alpha1 = tl.load(slope1)
    alpha2 = tl.load(slope2)
    columns = piece * HC + tl.arange(0, HC)
    scale = tl.load(gamma + columns)[None, :]
    shift = tl.load(beta + columns)[None, :]
    w0 = tl.load(weight + columns)[None, :]
    w1 = tl.load(weight + H + columns)[None, :]
    w2 = tl.load(weight + 2 * H + columns)[None, :]
    constant = tl.load(bias + columns)[None, :]
    total = tl.zeros((BT, HC), tl.float32)
    power = tl.zeros((BT, HC), tl.float32)
    for start in range(0, ROWS, BT):
        t = part * ROWS + start + tl.arange(0, BT)
        there = t < T
        o = tl.zeros((BT, HC), tl.float32) + constant
        s = t + first
        reached = there & (s >= 0) & (s < T)
        o += w0 * load_normed(u, statistics, alpha1, scale, shift, b, s, T, columns, H, reached, PER_FRAME)
        s += d
        reached = there & (s >= 0) & (s < T)
        o += w1 * load_normed(u, statistics, alpha1, scale, shift, b, s, T, columns, H, reached, PER_FRAME)
        s += d
        reached = there & (s >= 0) & (s < T)
        o += w2 * load_normed(u, statistics, alpha1, scale, shift, b, s, T, columns, H, reached, PER_FRAME)
        y = sloped(o, alpha2)
        if MARKED:
            store_rows(v, b, t, T, columns, H, mark_sign(y, o < 0, v.dtype.element_ty), there[:, None])
        else:
            store_rows(v, b, t, T, columns, H, y, there[:, None])
        y = tl.where(there[:, None], y, 0.0)
        if PER_FRAME:
            store_frame_sums(sums, b, piece * HC // (H // SLICES), SLICES, t, T, y, y * y, there)
        else:
            total += y
            power += y * y
    if not PER_FRAME:
        store_sums(sums, b, part * SLICES + piece, parts * SLICES, total, power)


def depthwise_reference(
    u: Tensor,
    statistics: Tensor,
    slope1: Tensor,
    gamma: Tensor,
    beta: Tensor,
    weight: Tensor,
    bias: Tensor,
    slope2: Tensor,
    first: int,
    d: int,
) -> Tensor:
    """What `depthwise_kernel` computes, in plain PyTorch: (batch, T, H) -> (batch, T, H)."""
    pairs = statistics if statistics.ndim == 3 else statistics[:, None]
    z = (torch.where(u >= 0, u, slope1 * u) - pairs[..., :1]) * pairs[..., 1:] * gamma + beta
    padded = F.pad(z, (0, 0, -first, first + 2 * d))
    o = bias + sum(tap * padded[:, p * d : p * d + u.shape[1]] for p, tap in enumerate(weight))
    return torch.where(o >= 0, o, slope2 * o)


@part_of_kernels
def load_gradient(gradient, v, coefficients, slope, b, t, T, columns, H, reached, PER_FRAME: tl.constexpr):
    """At the frames t the gradients of the D-conv's output o and of its PReLU's slope; zero where not `reached`.

    That of v = PReLU(o) is what came back through the product, `gradient`, and c0 + c1 v for the norm's statistics.
    That of the slope is o dv where o < 0; as o = v / slope there, v dv is given, to be divided at the end.
    """
    inside = reached[:, None]
    c0, c1 = load_pair(coefficients, b, t, T, reached, PER_FRAME)
    at = v + b.to(tl.int64) * T * H + t[:, None] * H + columns[None, :]
    y, negative = unmark_sign(tl.load(at, mask=inside, other=0), v.dtype.element_ty)
    dv = load_rows(gradient, b, t, T, columns, H, inside) + c0 + c1 * y
    d_o = tl.where(inside, tl.where(negative, slope * dv, dv), 0.0)
    return d_o, tl.where(inside & negative, dv * y, 0.0)


@triton.jit(do_not_specialize=FREE, do_not_specialize_on_alignment=ANYWHERE)
def depthwise_backward_kernel(
    gradient,
    v,
    u,
    statistics,
    coefficients,
    slope1,
    gamma,
    beta,
    weight,
    slope2,
    dz,
    by_channel,
    passed,
    T,
    first,
    d,
    parts,
    H: tl.constexpr,
    SLICES: tl.constexpr,
    ROWS: tl.constexpr,
    PRESENT: tl.constexpr,
    PER_FRAME: tl.constexpr,
    BT: tl.constexpr,
    HC: tl.constexpr,
):
    """The gradient dz of the norm's output z: dz_s = sum_p w_p do_{s - first - p d}.

    v: as `mark_sign` gives it. by_channel (batch parts, 7, H): sums over a program's frames, for the gradients of the
    three taps, the bias, gamma, beta and the second slope. passed: the gradients of the first norm's mean and rate,
    (batch, parts SLICES, 2), or by frame (batch, SLICES, T, 2).
    """
    b = tl.program_id(0)
    part = tl.program_id(1)
    piece = tl.program_id(2)
    alpha1 = tl.load(slope1)
    alpha2 = tl.load(slope2)
    columns = piece * HC + tl.arange(0, HC)
    scale = tl.load(gamma + columns)[None, :]
    shift = tl.load(beta + columns)[None, :]
    w0 = tl.load(weight + columns)[None, :]
    w1 = tl.load(weight + H + columns)[None, :]
    w2 = tl.load(weight + 2 * H + columns)[None, :]
    d_w0 = tl.zeros((BT, HC), tl.float32)
    d_w1 = tl.zeros((BT, HC), tl.float32)
    d_w2 = tl.zeros((BT, HC), tl.float32)
    d_bias = tl.zeros((BT, HC), tl.float32)
    d_gamma = tl.zeros((BT, HC), tl.float32)
    d_beta = tl.zeros((BT, HC), tl.float32)
    d_slope = tl.zeros((BT, HC), tl.float32)
    for start in range(0, ROWS, BT):
        s = part * ROWS + start + tl.arange(0, BT)
        there = s < T
        inside = there[:, None]
        mean, rate = load_pair(statistics, b, s, T, there, PER_FRAME)
        centred = sloped(load_rows(u, b, s, T, columns, H, inside), alpha1) - mean
        normed = tl.where(inside, centred * rate, 0.0)
        z = tl.where(inside, normed * scale + shift, 0.0)
        t = s - first
        reached = there & (t >= 0) & (t < T)
        d_o0, _ = load_gradient(gradient, v, coefficients, alpha2, b, t, T, columns, H, reached, PER_FRAME)
        t -= d
        reached = there & (t >= 0) & (t < T)
        d_o1, slope_1 = load_gradient(gradient, v, coefficients, alpha2, b, t, T, columns, H, reached, PER_FRAME)
        t -= d
        reached = there & (t >= 0) & (t < T)
        d_o2, slope_2 = load_gradient(gradient, v, coefficients, alpha2, b, t, T, columns, H, reached, PER_FRAME)
        d_z = w0 * d_o0 + w1 * d_o1 + w2 * d_o2
        store_rows(dz, b, s, T, columns, H, d_z, inside)
        d_w0 += d_o0 * z
        d_w1 += d_o1 * z
        d_w2 += d_o2 * z
        if PRESENT == 1:
            d_bias += d_o1
            d_slope += slope_1
        else:
            d_bias += d_o2
            d_slope += slope_2
        d_gamma += d_z * normed
        d_beta += d_z
        if PER_FRAME:
            of_mean = -d_z * scale * rate
            of_rate = tl.where(inside, d_z * scale * centred, 0.0)
            store_frame_sums(passed, b, piece * HC // (H // SLICES), SLICES, s, T, of_mean, of_rate, there)
    if not PER_FRAME:  # the sums of the same, made of those that there are
        rate = tl.load(statistics + b * 2 + 1)
        store_sums(passed, b, part * SLICES + piece, parts * SLICES, -rate * scale * d_beta, scale * d_gamma / rate)
    at = by_channel + (b * parts + part) * 7 * H + columns
    tl.store(at, tl.sum(d_w0, 0))
    tl.store(at + H, tl.sum(d_w1, 0))
    tl.store(at + 2 * H, tl.sum(d_w2, 0))
    tl.store(at + 3 * H, tl.sum(d_bias, 0))
    tl.store(at + 4 * H, tl.sum(d_gamma, 0))
    tl.store(at + 5 * H, tl.sum(d_beta, 0))
    # A slope of exactly zero keeps no trace of o, and gets no gradient.
    tl.store(at + 6 * H, tl.sum(d_slope, 0) / tl.where(alpha2 == 0, 1.0, alpha2))


@triton.jit(do_not_specialize_on_alignment=ANYWHERE)
def norm_backward_kernel(
    dz,
    u,
    statistics,
    coefficients,
    slope,
    gamma,
    du,
    by_channel,
    T,
    parts,
    H: tl.constexpr,
    ROWS: tl.constexpr,
    PER_FRAME: tl.constexpr,
    BT: tl.constexpr,
    HC: tl.constexpr,
):
    """The gradient du of what the first norm's PReLU was given: (dz gamma r + c0 + c1 PReLU(u)) PReLU'(u).

    by_channel (batch parts, 2, H): the sums over a program's frames of du and, where u < 0, of u times the gradient
    after the PReLU, for the gradients of the 1x1-conv's bias and of the slope.
    """
    b = tl.program_id(0)
    part = tl.program_id(1)
    piece = tl.program_id(2)
    alpha = tl.load(slope)
    columns = piece * HC + tl.arange(0, HC)
    scale = tl.load(gamma + columns)[None, :]
    d_bias = tl.zeros((BT, HC), tl.float32)
    d_slope = tl.zeros((BT, HC), tl.float32)
    for start in range(0, ROWS, BT):
        t = part * ROWS + start + tl.arange(0, BT)
        there = t < T
        inside = there[:, None]
        _, rate = load_pair(statistics, b, t, T, there, PER_FRAME)
        c0, c1 = load_pair(coefficients, b, t, T, there, PER_FRAME)
        x = load_rows(u, b, t, T, columns, H, inside)
        d_y = load_rows(dz, b, t, T, columns, H, inside) * scale * rate + c0 + c1 * sloped(x, alpha)
        d_y = tl.where(inside, d_y, 0.0)
        d_x = tl.where(x >= 0, d_y, alpha * d_y)
        store_rows(du, b, t, T, columns, H, d_x, inside)
        d_bias += d_x
        d_slope += tl.where(x < 0, d_y * x, 0.0)
    at = by_channel + (b * parts + part) * 2 * H + columns
    tl.store(at, tl.sum(d_bias, 0))
    tl.store(at + H, tl.sum(d_slope, 0))


tuned_depthwise = tuned(depthwise_kernel, zeroed=["sums"])
tuned_depthwise_backward = tuned(depthwise_backward_kernel, zeroed=["passed"])
tuned_norm_backward = tuned(norm_backward_kernel)
