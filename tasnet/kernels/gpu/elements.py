"""What all kernels do with single values, and how kernels with tuned tiles are launched.

Features are (batch, frames, channels), contiguous. Two numbers that belong to a norm (mean and rate, or the
coefficients of its gradient) are (batch, 2) for gLN and (batch, frames, 2) for cLN: `PER_FRAME` says which.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import triton
import triton.language as tl
from torch import Tensor

INTERPRETED = triton.knobs.runtime.interpret
ROWS = 32 if INTERPRETED else 128  # frames of one program of the depthwise kernels
SLICE = 32  # the fewest channels of one of their programs: sums are kept by such slices
# Frames and channels of a tile, and warps: what the tuner has to choose from.
TILES = [(16, 64, 4), (8, 64, 2), (8, 128, 4), (16, 128, 8), (16, 32, 2)]


Grid = tuple[int, ...] | Callable[[dict], tuple[int, ...]]  # of programs; where it depends on the tile, by its choice


class Kernel(Protocol):
    """What Triton makes of a function: kernel[grid](arguments) launches it."""

    def __getitem__(self, grid: Grid) -> Callable[..., object]: ...


def part_of_kernels(function: Callable) -> Callable:
    """`triton.jit`; but a plain function for Triton's interpreter, which is slow to enter a compiled one."""
    return function if INTERPRETED else triton.jit(function)


@part_of_kernels
def sloped(x, slope):
    """Eq. 8."""
    return tl.where(x >= 0, x, slope * x)


@part_of_kernels
def load_rows(pointer, b, t, T, columns, width, inside):
    """The float32 tile (frames t, columns) of utterance b in (batch, T, width); zero where it is not `inside`."""
    rows = pointer + b.to(tl.int64) * T * width
    return tl.load(rows + t[:, None] * width + columns[None, :], mask=inside, other=0.0).to(tl.float32)


@part_of_kernels
def store_rows(pointer, b, t, T, columns, width, values, inside):
    """Writes a tile of `load_rows`, rounded to the type of the memory."""
    rows = pointer + b.to(tl.int64) * T * width
    values = values.to(pointer.dtype.element_ty)
    tl.store(rows + t[:, None] * width + columns[None, :], values, mask=inside)


@part_of_kernels
def load_pair(pointer, b, t, T, inside, PER_FRAME: tl.constexpr):
    """The two numbers of a norm: columns (frames, 1) of those of every frame t, or the scalars of the utterance b."""
    if PER_FRAME:
        at = pointer + (b * T + t) * 2
        one = tl.load(at, mask=inside, other=0.0)[:, None]
        other = tl.load(at + 1, mask=inside, other=0.0)[:, None]
    else:
        one = tl.load(pointer + b * 2)
        other = tl.load(pointer + b * 2 + 1)
    return one, other


@part_of_kernels
def store_frame_sums(pointer, b, part, parts, t, T, one, other, inside):
    """Adds up two tiles (frames, channels) over their channels, into (batch, parts, T, 2)."""
    at = pointer + ((b * parts + part) * T + t) * 2
    tl.store(at, tl.sum(one, 1), mask=inside)
    tl.store(at + 1, tl.sum(other, 1), mask=inside)


@part_of_kernels
def store_sums(pointer, b, part, parts, one, other):
    """Adds up two tiles whole, into (batch, parts, 2)."""
    at = pointer + (b * parts + part) * 2
    tl.store(at, tl.sum(tl.sum(one, 0), 0))
    tl.store(at + 1, tl.sum(tl.sum(other, 0), 0))


@part_of_kernels
def mark_sign(y, negative, kind: tl.constexpr):
    """y as an integer of its own bits, the lowest of which says `negative`.

    So the value after a PReLU shows on which side of zero its input was, whatever the sign of the slope.
    """
    if kind == tl.int32:
        bits = y.to(tl.int32, bitcast=True)
    else:
        bits = y.to(tl.bfloat16).to(tl.int16, bitcast=True)
    return (bits & -2) | tl.where(negative, 1, 0).to(kind)


@part_of_kernels
def unmark_sign(bits, kind: tl.constexpr):
    """What `mark_sign` made, as a float32 value, and whether it was negative."""
    if kind == tl.int32:
        y = bits.to(tl.float32, bitcast=True)
    else:
        y = bits.to(tl.bfloat16, bitcast=True).to(tl.float32)
    return y, (bits & 1) != 0


def as_bits(features: Tensor) -> Tensor:
    """float32 or bfloat16 features as the integers of their bits: a view."""
    return features.view(torch.int32 if features.dtype == torch.float32 else torch.int16)


class Fixed:
    """A kernel with tiles that are not tuned: for Triton's interpreter."""

    TILE = {"BT": 16, "HC": SLICE}  # noqa: RUF012

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    def __getitem__(self, grid: Grid) -> Callable[..., object]:
        launch = self.kernel[grid(self.TILE) if callable(grid) else grid]
        return lambda *arguments, **options: launch(*arguments, **options, **self.TILE)


def tuned(kernel: Kernel, zeroed: Sequence[str] = ()) -> Kernel:
    """`kernel`, launched with the fastest of `TILES`; `zeroed` are arguments that hold one sum for each slice.

    The choice is kept on disk, in Triton's cache: another run on the same machine sums in the same order.
    """
    if INTERPRETED:
        return Fixed(kernel)
    configs = [triton.Config({"BT": rows, "HC": columns}, num_warps=w, num_stages=2) for rows, columns, w in TILES]
    return triton.autotune(
        configs,
        key=["T", "H", "PER_FRAME"],
        prune_configs_by={"early_config_prune": _that_fit},
        reset_to_zero=list(zeroed),
        cache_results=True,
    )(kernel)


def _that_fit(configs: list, arguments: dict, **options: object) -> list:
    H = {**arguments, **options}["H"]
    return [config for config in configs if config.kwargs["HC"] <= H]
