"""What follows the last product of a block: its norm and the two sums (residual and skip path), forward and backward.

The second norm stands before conv_out. As a norm only scales and shifts a frame, the product is taken first, of the
features v as they are and of the weights W gamma: norm(v) W + b = r (v W gamma) + (b + W beta) - r m <W gamma>, where
<> sums over the channels.
"""

import triton
import triton.language as tl
from torch import Tensor

from .elements import load_pair, load_rows, part_of_kernels, store_frame_sums, store_rows, store_sums

ROWS_JOINED = 16  # frames of one program


@part_of_kernels
def load_both(product, b, t, T, columns_y, columns_skip, B: tl.constexpr, Sc: tl.constexpr, inside):
    """Residual and skip half of a tile of conv_out's product (batch, T, B + Sc)."""
    residual = load_rows(product, b, t, T, columns_y, B + Sc, inside)
    skip = load_rows(product, b, t, T, B + columns_skip, B + Sc, inside)
    return residual, skip


@triton.jit(do_not_specialize_on_alignment=["statistics"])
def add_paths_kernel(
    product,
    statistics,
    constant,
    weight_sum,
    y,
    skip_sum,
    y_out,
    T,
    B: tl.constexpr,
    Sc: tl.constexpr,
    ROWS: tl.constexpr,
    PER_FRAME: tl.constexpr,
):
    """y_out = y + r product + constant - r m weight_sum in its first B channels; skip_sum gains the same of the rest.

    product (batch, T, B + Sc); y, y_out (batch, T, B); skip_sum (batch, T, Sc), changed in place.
    """
    b = tl.program_id(0)
    t = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    there = t < T
    inside = there[:, None]
    columns_y = tl.arange(0, B)
    columns_skip = tl.arange(0, Sc)
    mean, rate = load_pair(statistics, b, t, T, there, PER_FRAME)
    residual, skip = load_both(product, b, t, T, columns_y, columns_skip, B, Sc, inside)
    residual = residual * rate + tl.load(constant + columns_y)[None, :]
    residual -= rate * mean * tl.load(weight_sum + columns_y)[None, :]
    skip = skip * rate + tl.load(constant + B + columns_skip)[None, :]
    skip -= rate * mean * tl.load(weight_sum + B + columns_skip)[None, :]
    before = load_rows(y, b, t, T, columns_y, B, inside)
    store_rows(y_out, b, t, T, columns_y, B, before + residual, inside)
    before = load_rows(skip_sum, b, t, T, columns_skip, Sc, inside)
    store_rows(skip_sum, b, t, T, columns_skip, Sc, before + skip, inside)


def add_paths(
    product: Tensor,
    statistics: Tensor,
    constant: Tensor,
    weight_sum: Tensor,
    y: Tensor,
    skip_sum: Tensor,
    y_out: Tensor,
) -> None:
    """See `add_paths_kernel`."""
    batch, T, B = y.shape
    grid = (batch, triton.cdiv(T, ROWS_JOINED))
    add_paths_kernel[grid](
        product,
        statistics,
        constant,
        weight_sum,
        y,
        skip_sum,
        y_out,
        T,
        B,
        skip_sum.shape[2],
        ROWS_JOINED,
        statistics.ndim == 3,
        num_warps=8,
    )


def add_paths_reference(
    product: Tensor,
    statistics: Tensor,
    constant: Tensor,
    weight_sum: Tensor,
    y: Tensor,
    skip_sum: Tensor,
) -> tuple[Tensor, Tensor]:
    """What `add_paths_kernel` computes, in plain PyTorch, nothing changed: the new y and skip_sum."""
    pairs = statistics if statistics.ndim == 3 else statistics[:, None]
    mean, rate = pairs[..., :1], pairs[..., 1:]
    residual, skip = (rate * product + constant - rate * mean * weight_sum).split([y.shape[2], skip_sum.shape[2]], -1)
    return y + residual, skip_sum + skip


@triton.jit(do_not_specialize_on_alignment=["statistics"])
def add_paths_backward_kernel(
    dy,
    d_skip,
    product,
    statistics,
    weight_sum,
    d_product,
    by_channel,
    passed,
    T,
    parts,
    B: tl.constexpr,
    Sc: tl.constexpr,
    ROWS: tl.constexpr,
    BT: tl.constexpr,
    PER_FRAME: tl.constexpr,
):
    """With g = [dy, d_skip]: d_product = r g, and the gradients of r and m, <g product> - m <g weight_sum> and
    -r <g weight_sum>.

    by_channel (batch parts, 2 (B + Sc)): the sums over a program's frames of g, and of r m g, for the gradients of
    constant and weight_sum. passed: (batch, parts, 2), or by frame (batch, 1, T, 2).
    """
    b = tl.program_id(0)
    part = tl.program_id(1)
    columns_y = tl.arange(0, B)
    columns_skip = tl.arange(0, Sc)
    sum_y = tl.load(weight_sum + columns_y)[None, :]
    sum_skip = tl.load(weight_sum + B + columns_skip)[None, :]
    d_constant_y = tl.zeros((BT, B), tl.float32)
    d_constant_skip = tl.zeros((BT, Sc), tl.float32)
    d_sum_y = tl.zeros((BT, B), tl.float32)
    d_sum_skip = tl.zeros((BT, Sc), tl.float32)
    d_mean = tl.zeros((BT,), tl.float32)
    d_rate = tl.zeros((BT,), tl.float32)
    for start in range(0, ROWS, BT):
        t = part * ROWS + start + tl.arange(0, BT)
        there = t < T
        inside = there[:, None]
        mean, rate = load_pair(statistics, b, t, T, there, PER_FRAME)
        residual, skip = load_both(product, b, t, T, columns_y, columns_skip, B, Sc, inside)
        g_y = load_rows(dy, b, t, T, columns_y, B, inside)
        g_skip = load_rows(d_skip, b, t, T, columns_skip, Sc, inside)
        store_rows(d_product, b, t, T, columns_y, B + Sc, g_y * rate, inside)
        store_rows(d_product, b, t, T, B + columns_skip, B + Sc, g_skip * rate, inside)
        d_constant_y += g_y
        d_constant_skip += g_skip
        d_sum_y += g_y * rate * mean
        d_sum_skip += g_skip * rate * mean
        of_product = tl.sum(g_y * residual, 1) + tl.sum(g_skip * skip, 1)
        of_sum = tl.sum(g_y * sum_y, 1) + tl.sum(g_skip * sum_skip, 1)
        if PER_FRAME:
            of_mean = -rate * of_sum[:, None]
            of_rate = of_product[:, None] - mean * of_sum[:, None]
            store_frame_sums(passed, b, 0, 1, t, T, of_mean, of_rate, there)
        else:
            d_mean += -rate * of_sum
            d_rate += of_product - mean * of_sum
    if not PER_FRAME:
        store_sums(passed, b, part, parts, d_mean[:, None], d_rate[:, None])
    at = by_channel + (b * parts + part) * 2 * (B + Sc)
    tl.store(at + columns_y, tl.sum(d_constant_y, 0))
    tl.store(at + B + columns_skip, tl.sum(d_constant_skip, 0))
    tl.store(at + B + Sc + columns_y, tl.sum(d_sum_y, 0))
    tl.store(at + B + Sc + B + columns_skip, tl.sum(d_sum_skip, 0))
