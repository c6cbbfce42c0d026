"""All 1-D conv blocks of the separation module (Fig. 1 B and C) as one autograd function.

Their weights are stacked, the blocks along the first dimension. The 1x1-convs are PyTorch's own matrix products; all
else is in the kernels beside. Features, and the factors of products, have the type of y (float32 or bfloat16); norms,
sums and the gradients of the weights are float32. All sums are in a fixed order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
import triton
from torch import Tensor
from torch.autograd.function import FunctionCtx

from tasnet.config import ConvTasNetConfig
from tasnet.tcn import Block

from .depthwise import tuned_depthwise, tuned_depthwise_backward, tuned_norm_backward
from .elements import ROWS, SLICE, as_bits
from .paths import add_paths, add_paths_backward_kernel
from .statistics import Norm

ROWS_SPLIT = 32  # frames of one program of `add_paths_backward_kernel`


class Stacked(NamedTuple):
    """The weights of n blocks, each of the fields with the blocks along its first dimension."""

    conv_in_weight: Tensor  # (n, H, B)
    conv_in_bias: Tensor  # (n, H)
    slope1: Tensor  # (n, 1)
    gamma1: Tensor  # (n, H)
    beta1: Tensor  # (n, H)
    taps: Tensor  # (n, 3, H)
    taps_bias: Tensor  # (n, H)
    slope2: Tensor  # (n, 1)
    gamma2: Tensor  # (n, H)
    beta2: Tensor  # (n, H)
    conv_out_weight: Tensor  # (n, B + Sc, H)
    conv_out_bias: Tensor  # (n, B + Sc)


# The parameters of `tasnet.tcn.Block` that the fields of `Stacked` are made of, in their order.
PARAMETERS = (
    "conv_in.weight",
    "conv_in.bias",
    "prelu1.weight",
    "norm1.gamma",
    "norm1.beta",
    "depthwise.weight",
    "depthwise.bias",
    "prelu2.weight",
    "norm2.gamma",
    "norm2.beta",
    "conv_out.weight",
    "conv_out.bias",
)


def stack(blocks: Iterable[Block]) -> Stacked:
    """The weights of these blocks, stacked; gradients find their way back to them."""
    blocks = list(blocks)
    return Stacked(*(torch.stack([block.get_parameter(name) for block in blocks]) for name in PARAMETERS))


@dataclass(frozen=True)
class Shape:
    """What the blocks' weights do not show."""

    dilations: Sequence[int]
    causal: bool
    per_frame: bool  # cLN, else gLN
    eps: float  # what the norms add to a variance

    @classmethod
    def of(cls, config: ConvTasNetConfig) -> "Shape":
        return cls(config.dilations, config.causal, config.norm == "cLN", config.norm_eps)

    @property
    def present(self) -> int:
        """Which of the three taps meets the present frame."""
        return 2 if self.causal else 1


def run_blocks(y: Tensor, weights: Stacked, kind: Shape, skip_channels: int) -> Tensor:
    """y (batch, T, B), the output of the bottleneck -> the sum of all skip paths (batch, T, Sc).

    Differentiable by y and the weights, once. Every size as `why_not` demands.
    """
    return _Blocks.apply(y.contiguous(), kind, skip_channels, *weights)


class _Context(FunctionCtx):
    """What PyTorch hands from forward to backward."""

    saved_tensors: tuple[Tensor, ...]
    kind: Shape
    norm: Norm


class _Blocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Context, y: Tensor, kind: Shape, Sc: int, *stacked: Tensor) -> Tensor:
        w = Stacked(*stacked)
        batch, T, H = *y.shape[:2], w.gamma1.shape[1]
        n, parts, slices = len(w.gamma1), triton.cdiv(T, ROWS), H // SLICE
        made = Products.of(w, y.dtype)
        norm = Norm(y.new_empty(batch, T, H), kind.eps, kind.per_frame)
        sums1 = norm.numbers(parts=norm.parts)
        sums2 = norm.numbers(parts=slices if kind.per_frame else parts * slices, zero=True)
        statistics1, statistics2 = norm.numbers(n), norm.numbers(n)
        skip_sum = y.new_zeros(batch, T, Sc)
        kept = []
        for k, d in enumerate(kind.dilations):
            u = F.linear(y, made.conv_in_weight[k], made.conv_in_bias[k])
            norm.take(u, w.slope1[k], sums1)
            norm.finish(sums1, statistics1[k])
            v = torch.empty_like(u)
            tuned_depthwise[lambda meta: (batch, parts, H // meta["HC"])](
                u,
                statistics1[k],
                w.slope1[k],
                w.gamma1[k],
                w.beta1[k],
                w.taps[k],
                w.taps_bias[k],
                w.slope2[k],
                as_bits(v),
                sums2,
                T,
                -kind.present * d,
                d,
                parts,
                H,
                slices,
                ROWS,
                kind.per_frame,
                True,
            )
            norm.finish(sums2, statistics2[k])
            product = F.linear(v, made.conv_out_weight[k])
            kept.append((y, u, v, product))
            y_out = torch.empty_like(y)
            add_paths(product, statistics2[k], made.constant[k], made.weight_sum[k], y, skip_sum, y_out)
            y = y_out
        ctx.save_for_backward(*stacked, *made, statistics1, statistics2, *(x for four in kept for x in four))
        ctx.kind, ctx.norm = kind, norm
        return skip_sum

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: _Context, d_skip: Tensor) -> tuple[Tensor | None, ...]:
        saved = list(ctx.saved_tensors)
        w, made = Stacked(*saved[:12]), Products(*saved[12:17])
        statistics1, statistics2, *features = saved[17:]
        kind, norm = ctx.kind, ctx.norm
        (batch, T, Sc), (n, H), B = d_skip.shape, w.gamma1.shape, w.conv_in_weight.shape[2]
        parts, pieces, slices = triton.cdiv(T, ROWS), triton.cdiv(T, ROWS_SPLIT), H // SLICE
        dtype, rows, width = d_skip.dtype, batch * T, B + Sc

        def new(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.empty(shape, device=d_skip.device, dtype=dtype)

        d_skip = d_skip.contiguous()
        dy = d_skip.new_zeros(batch, T, B)
        d_product, dz = new(rows, width, dtype=dtype), new(batch, T, H, dtype=dtype)
        d_conv_in, d_conv_out = new(n, H, B, dtype=dtype), new(n, width, H, dtype=dtype)
        of_paths, of_taps = new(n, batch * pieces, 2, width), new(n, batch * parts, 7, H)
        of_norm = new(n, batch * parts, 2, H)
        passed2 = norm.numbers(parts=1 if kind.per_frame else pieces)
        passed1 = norm.numbers(parts=slices if kind.per_frame else parts * slices, zero=True)
        coefficients = norm.numbers()
        grid = lambda meta: (batch, parts, H // meta["HC"])  # noqa: E731
        for k in reversed(range(n)):
            y, u, v, product = features[4 * k : 4 * k + 4]
            d = kind.dilations[k]
            add_paths_backward_kernel[(batch, pieces)](
                dy,
                d_skip,
                product,
                statistics2[k],
                made.weight_sum[k],
                d_product,
                of_paths[k],
                passed2,
                T,
                pieces,
                B,
                Sc,
                ROWS_SPLIT,
                16,
                kind.per_frame,
                num_warps=8,
            )
            norm.coefficients(passed2, statistics2[k], coefficients)
            torch.mm(d_product.t(), v.view(rows, H), out=d_conv_out[k])
            du = d_product @ made.conv_out_weight[k]  # the gradient of v so far, and of u after the kernels
            tuned_depthwise_backward[grid](
                du,
                as_bits(v),
                u,
                statistics1[k],
                coefficients,
                w.slope1[k],
                w.gamma1[k],
                w.beta1[k],
                w.taps[k],
                w.slope2[k],
                dz,
                of_taps[k],
                passed1,
                T,
                -kind.present * d,
                d,
                parts,
                H,
                slices,
                ROWS,
                kind.present,
                kind.per_frame,
            )
            norm.coefficients(passed1, statistics1[k], coefficients)
            tuned_norm_backward[grid](
                dz,
                u,
                statistics1[k],
                coefficients,
                w.slope1[k],
                w.gamma1[k],
                du,
                of_norm[k],
                T,
                parts,
                H,
                ROWS,
                kind.per_frame,
            )
            torch.mm(du.t(), y.view(rows, B), out=d_conv_in[k])
            dy = torch.addmm(dy.view(rows, B), du, made.conv_in_weight[k]).view(batch, T, B)
        of_paths, of_taps, of_norm = of_paths.sum(1), of_taps.sum(1), of_norm.sum(1)
        d_constant = of_paths[:, 0]
        d_scaled = d_conv_out.float() - of_paths[:, 1, :, None]  # of W gamma: as factor, and as <W gamma>
        gradients = Stacked(
            conv_in_weight=d_conv_in.float(),
            conv_in_bias=of_norm[:, 0],
            slope1=of_norm[:, 1].sum(1, keepdim=True),
            gamma1=of_taps[:, 4],
            beta1=of_taps[:, 5],
            taps=of_taps[:, :3],
            taps_bias=of_taps[:, 3],
            slope2=of_taps[:, 6].sum(1, keepdim=True),
            gamma2=(d_scaled * w.conv_out_weight).sum(1),
            beta2=(d_constant[:, None] @ w.conv_out_weight)[:, 0],
            conv_out_weight=d_scaled * w.gamma2[:, None] + d_constant[..., None] * w.beta2[:, None],
            conv_out_bias=d_constant,
        )
        return dy, None, None, *gradients


class Products(NamedTuple):
    """The weights as the matrix products take them, with what the second norm makes of conv_out (see `paths`)."""

    conv_in_weight: Tensor  # (n, H, B)
    conv_in_bias: Tensor  # (n, H)
    conv_out_weight: Tensor  # (n, B + Sc, H): W gamma
    constant: Tensor  # (n, B + Sc), float32: b + W beta
    weight_sum: Tensor  # (n, B + Sc), float32: <W gamma>

    @classmethod
    def of(cls, w: Stacked, dtype: torch.dtype) -> "Products":
        scaled = (w.conv_out_weight * w.gamma2[:, None]).to(dtype)
        constant = w.conv_out_bias + (w.conv_out_weight @ w.beta2[..., None])[..., 0]
        return cls(w.conv_in_weight.to(dtype), w.conv_in_bias.to(dtype), scaled, constant, scaled.float().sum(2))
