"""The network without gradients, in as few kernels as its norms allow: two a block, cut where a norm needs all frames.

`between_kernel` goes from the D-conv of one block to that of the next: conv_out, norm, the two sums, conv_in, PReLU.
`depthwise_kernel` does the rest. Nothing of a block is kept. The factors of the products have the type that is asked
for; the residual and the skip path, norms and sums are float32.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from tasnet.config import ConvTasNetConfig
from tasnet.model import ConvTasNet
from tasnet.tcn import limit_masks

from .blocks import Products, Shape, stack
from .depthwise import depthwise_kernel
from .elements import (
    INTERPRETED,
    ROWS,
    SLICE,
    load_pair,
    load_rows,
    part_of_kernels,
    sloped,
    store_frame_sums,
    store_rows,
    store_sums,
)
from .network import norm_and_product
from .paths import add_paths_reference
from .statistics import Norm

BETWEEN = 16 if INTERPRETED else 64  # frames of one program of `between_kernel` at most
SUMS = 1 << 15  # bytes of a row of both paths times frames, at most: what it sums up has to stay in registers
# Channels of its products at a time, and how many loads are under way: the first that fits the shared memory.
DEPTHS = ((64, 3), (64, 2), (32, 3), (32, 2), (32, 1), (16, 1))
CHANNELS = SLICE if INTERPRETED else 64  # of one program of the depthwise kernel
WIDENED = tl.constexpr(INTERPRETED)
ROOM = 227 * 1024  # bytes of shared memory, where no GPU says: those of an H100
GRAPHS = 4  # shapes of input for which a CUDA graph is kept
CAPTURED = 1 << 20  # samples of a batch at most: with more the launches cost nothing, and a graph keeps its memory


@part_of_kernels
def load_matrix(pointer, rows, columns, width):
    """The tile (rows, columns) of a matrix (anything, width), in its own type."""
    return tl.load(pointer + rows[:, None] * width + columns[None, :])


@part_of_kernels
def product(x, matrix, added):
    """x @ matrix + added, in float32. (Triton's interpreter would multiply the bits of bfloat16 as integers.)"""
    if WIDENED:
        x = x.to(tl.float32)
        matrix = matrix.to(tl.float32)
    return tl.dot(x, matrix, added, input_precision="ieee")


@triton.jit(do_not_specialize_on_alignment=["statistics", "slope"])
def between_kernel(
    v,
    statistics,
    conv_out,
    constant,
    weight_sum,
    y,
    skip_sum,
    conv_in,
    conv_in_bias,
    slope,
    u,
    sums,
    T,
    parts,
    B: tl.constexpr,
    Sc: tl.constexpr,
    H: tl.constexpr,
    BT: tl.constexpr,
    BH: tl.constexpr,
    PER_FRAME: tl.constexpr,
    FIRST: tl.constexpr,
    LAST: tl.constexpr,
):
    """What v (batch, T, H) adds to y (batch, T, B) and skip_sum (batch, T, Sc), in place; then u (batch, T, H).

    u is what conv_in makes of y. sums: of PReLU(u) and its square, (batch, parts, 2), or by frame (batch, 1, T, 2).
    conv_out (H, B + Sc) and conv_in (B, H) are transposed; constant and weight_sum are those of `paths`. Before the
    FIRST block there is no v, behind the LAST one no u.
    """
    b = tl.program_id(0)
    part = tl.program_id(1)
    t = part * BT + tl.arange(0, BT)
    there = t < T
    inside = there[:, None]
    columns_y = tl.arange(0, B)
    columns_skip = tl.arange(0, Sc)
    row_y = load_rows(y, b, t, T, columns_y, B, inside)
    if not FIRST:
        residual = tl.zeros((BT, B), tl.float32)
        skip = tl.zeros((BT, Sc), tl.float32)
        for h in range(0, H, BH):
            wide = h + tl.arange(0, BH)
            at = v + b.to(tl.int64) * T * H + t[:, None] * H + wide[None, :]
            x = tl.load(at, mask=inside, other=0.0)
            to_y = load_matrix(conv_out, wide, columns_y, B + Sc)
            to_skip = load_matrix(conv_out, wide, B + columns_skip, B + Sc)
            residual = product(x, to_y, residual)
            skip = product(x, to_skip, skip)
        mean, rate = load_pair(statistics, b, t, T, there, PER_FRAME)
        skip = skip * rate + tl.load(constant + B + columns_skip)[None, :]
        skip -= rate * mean * tl.load(weight_sum + B + columns_skip)[None, :]
        skip += load_rows(skip_sum, b, t, T, columns_skip, Sc, inside)
        store_rows(skip_sum, b, t, T, columns_skip, Sc, skip, inside)
        residual = residual * rate + tl.load(constant + columns_y)[None, :]
        row_y += residual - rate * mean * tl.load(weight_sum + columns_y)[None, :]
    if not LAST:
        if not FIRST:
            store_rows(y, b, t, T, columns_y, B, row_y, inside)
        alpha = tl.load(slope)
        narrow = row_y.to(conv_in.dtype.element_ty)
        total = tl.zeros((BT,), tl.float32)
        power = tl.zeros((BT,), tl.float32)
        for h in range(0, H, BH):
            wide = h + tl.arange(0, BH)
            bias = tl.zeros((BT, BH), tl.float32) + tl.load(conv_in_bias + wide)[None, :]
            x = product(narrow, load_matrix(conv_in, columns_y, wide, H), bias)
            store_rows(u, b, t, T, wide, H, x, inside)
            x = tl.where(inside, sloped(x, alpha), 0.0)
            total += tl.sum(x, 1)
            power += tl.sum(x * x, 1)
        if PER_FRAME:
            store_frame_sums(sums, b, 0, 1, t, T, total[:, None], power[:, None], there)
        else:
            store_sums(sums, b, part, parts, total[:, None], power[:, None])


def between_reference(
    v: Tensor,
    statistics: Tensor,
    conv_out: Tensor,
    constant: Tensor,
    weight_sum: Tensor,
    y: Tensor,
    skip_sum: Tensor,
    conv_in: Tensor,
    conv_in_bias: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """What `between_kernel` computes, in plain PyTorch, nothing changed: y, skip_sum and u."""
    y, skip_sum = add_paths_reference(v @ conv_out, statistics, constant, weight_sum, y, skip_sum)
    return y, skip_sum, y @ conv_in + conv_in_bias


class FusedForward:
    """`model(mixture)` in `dtype` (float32, bfloat16, float16), for a network whose weights stay as they are.

    On a GPU, a shape that comes twice running is captured as a CUDA graph, and replayed from then on.
    """

    @torch.no_grad()
    def __init__(self, model: ConvTasNet, dtype: torch.dtype) -> None:
        self.model, self.dtype, self.config, self.kind = model, dtype, model.config, Shape.of(model.config)
        self.weights = stack(model.blocks())
        made = Products.of(self.weights, dtype)
        self.conv_in = made.conv_in_weight.transpose(1, 2).contiguous()
        self.conv_out = made.conv_out_weight.transpose(1, 2).contiguous()
        self.constant, self.weight_sum = made.constant, made.weight_sum
        self.rows = _rows(self.config, dtype)
        self.wide, self.stages = _depth(self.config, self.rows, dtype, self.constant.device)
        self.last: tuple[int, ...] = ()
        self.graphs: OrderedDict[tuple[int, ...], _Graph] = OrderedDict()
        self.turn = threading.Lock()

    @torch.inference_mode()
    def __call__(self, mixture: Tensor) -> Tensor:
        """mixture (batch, T) -> sources (batch, C, T), both float32."""
        if not mixture.is_cuda:
            return self.run(mixture)
        shape = tuple(mixture.shape)
        with self.turn, torch.cuda.device(mixture.device):
            again, self.last = shape == self.last, shape
            if shape not in self.graphs:
                if not again or mixture.numel() > CAPTURED:
                    return self.run(mixture)
                self._capture(mixture)
            self.graphs.move_to_end(shape)
            return self.graphs[shape](mixture)

    def _capture(self, mixture: Tensor) -> None:
        while len(self.graphs) >= GRAPHS:
            self.graphs.popitem(last=False)
        try:
            graph = _Graph(self.run, mixture)
        except torch.OutOfMemoryError:
            self.graphs.clear()  # whose memory is missing
            graph = _Graph(self.run, mixture)
        self.graphs[tuple(mixture.shape)] = graph

    def run(self, mixture: Tensor) -> Tensor:
        """As a call, every kernel launched by itself."""
        config, separator = self.config, self.model.separator
        w = self.model.encode(mixture)
        y = norm_and_product(w.to(self.dtype), w, separator.norm, separator.bottleneck).float()
        summed = self.run_blocks(y)
        summed = torch.where(summed >= 0, summed, separator.prelu.weight * summed).to(self.dtype)
        weight, bias = separator.conv_mask.weight.to(self.dtype), separator.conv_mask.bias.to(self.dtype)
        m = F.linear(summed, weight, bias).float().unflatten(-1, (config.C, config.N)).transpose(1, 2)
        return self.model.decode(limit_masks(m, config.mask) * w[:, None], mixture.shape[-1])

    def run_blocks(self, y: Tensor) -> Tensor:
        """y (batch, T, B), overwritten -> the sum of the skip paths (batch, T, Sc), both float32."""
        way = _Way(self, y)
        for k in range(len(self.kind.dilations)):
            way.widen(k)
            way.convolve(k)
        way.end()
        return way.skip_sum


def _rows(config: ConvTasNetConfig, dtype: torch.dtype) -> int:
    """Frames of one program of `between_kernel`: a power of two."""
    rows = BETWEEN
    while rows > 16 and rows * (config.B + config.Sc) * dtype.itemsize > SUMS:
        rows //= 2
    return rows


def _depth(config: ConvTasNetConfig, rows: int, dtype: torch.dtype, device: torch.device) -> tuple[int, int]:
    """Which of `DEPTHS` `between_kernel` has room for."""
    room = ROOM
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        room = gpu.shared_memory_per_block_optin  # type: ignore[attr-defined]  # PyTorch's stubs lack it
    for wide, loads in DEPTHS:
        values = loads * wide * (rows + config.B + config.Sc) + rows * config.B
        if wide <= config.H and values * dtype.itemsize <= room:
            return wide, loads
    return DEPTHS[-1]


class _Way:
    """The features of one batch on their way through the blocks: memory that all blocks share, and the launches."""

    def __init__(self, network: FusedForward, y: Tensor) -> None:
        (self.batch, self.T, self.B), H = y.shape, network.config.H
        self.network, self.kind, self.weights, self.y = network, network.kind, network.weights, y
        self.skip_sum = y.new_zeros(self.batch, self.T, network.config.Sc)
        self.u = torch.empty(self.batch, self.T, H, device=y.device, dtype=network.dtype)
        self.v = torch.empty_like(self.u)
        self.norm = norm = Norm(self.u, self.kind.eps, self.kind.per_frame)
        self.pieces, self.parts = triton.cdiv(self.T, network.rows), triton.cdiv(self.T, ROWS)
        self.slices = H // min(CHANNELS, H)
        self.sums1 = norm.numbers(parts=1 if norm.per_frame else self.pieces)
        self.sums2 = norm.numbers(parts=self.slices if norm.per_frame else self.parts * self.slices)
        self.statistics1, self.statistics2 = norm.numbers(), norm.numbers()

    def widen(self, k: int) -> None:
        """To the u of block k, and the statistics of its first norm."""
        self._between(max(k - 1, 0), k, first=k == 0)
        self.norm.finish(self.sums1, self.statistics1)

    def convolve(self, k: int) -> None:
        """To the v of block k, and the statistics of its second norm."""
        w, d, H = self.weights, self.kind.dilations[k], self.norm.H
        depthwise_kernel[(self.batch, self.parts, self.slices)](
            self.u,
            self.statistics1,
            w.slope1[k],
            w.gamma1[k],
            w.beta1[k],
            w.taps[k],
            w.taps_bias[k],
            w.slope2[k],
            self.v,
            self.sums2,
            self.T,
            -self.kind.present * d,
            d,
            self.parts,
            H,
            self.slices,
            ROWS,
            self.kind.per_frame,
            False,
            16,
            min(CHANNELS, H),
            num_warps=4,
        )
        self.norm.finish(self.sums2, self.statistics2)

    def end(self) -> None:
        """To the end of the last block."""
        last = len(self.kind.dilations) - 1
        self._between(last, last, last=True)

    def _between(self, ends: int, begins: int, first: bool = False, last: bool = False) -> None:
        network, w = self.network, self.weights
        between_kernel[(self.batch, self.pieces)](
            self.v,
            self.statistics2,
            network.conv_out[ends],
            network.constant[ends],
            network.weight_sum[ends],
            self.y,
            self.skip_sum,
            network.conv_in[begins],
            w.conv_in_bias[begins],
            w.slope1[begins],
            self.u,
            self.sums1,
            self.T,
            self.pieces,
            self.B,
            self.skip_sum.shape[2],
            self.norm.H,
            network.rows,
            network.wide,
            self.kind.per_frame,
            first,
            last,
            num_warps=8,
            num_stages=network.stages,
        )


class _Graph:
    """One shape of input as a CUDA graph: all its kernels are one launch."""

    def __init__(self, run: Callable[[Tensor], Tensor], mixture: Tensor) -> None:
        self.mixture = mixture.clone()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.sources = run(self.mixture)

    def __call__(self, mixture: Tensor) -> Tensor:
        self.mixture.copy_(mixture)
        self.graph.replay()
        return self.sources.clone()
