"""Compile every kernel for a GPU that need not be present, and show what the compiler makes of it.

    python -m tasnet.kernels.gpu.ahead [--arch 90] [--quick]

Training and separation run once on the CPU, with kernels not launched but only compiled, for each of the tuner's
choices: so the compiler sees each kernel as it would be launched. The results of that run are meaningless. --quick: one
size, one type, one choice.
"""

import argparse
import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tasnet.config import ConvTasNetConfig
from tasnet.model import ConvTasNet

if TYPE_CHECKING:
    from triton.compiler import CompiledKernel

# The paper's best widths, those of the bundled small network, and the extremes that the kernels support.
WIDTHS: tuple[dict[str, int], ...] = (
    {},
    {"B": 64, "H": 128, "Sc": 64},
    {"B": 16, "H": 32, "Sc": 16},
    {"B": 256, "H": 1024, "Sc": 256},
)
KINDS: tuple[dict, ...] = ({"norm": "gLN"}, {"norm": "cLN", "causal": True})


@dataclass(frozen=True)
class Compiled:
    """One variant of a kernel; bytes are of one thread's stack (registers that did not fit) and of shared memory."""

    name: str
    warps: int
    registers: int
    stack: int
    shared: int

    def __str__(self) -> str:
        return (
            f"{self.name:34} warps {self.warps}  registers {self.registers:3}  stack {self.stack:5}  "
            f"shared {self.shared / 1024:5.1f} KB"
        )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--arch", type=int, default=90, help="compute capability, 90 for H100 and H200")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(argv)
    count = compile_ahead(options.arch, options.quick, tell=lambda kernel: print(kernel, flush=True))
    print(f"{count} kernels for sm_{options.arch}")


def compile_ahead(arch: int, quick: bool, tell: Callable[["Compiled"], None]) -> int:
    """Compiles all kernels of training and separation, and tells of each; their number. Raises what the compiler does.

    It changes what this process computes from then on: run it in a separate process.
    """
    import triton

    if triton.knobs.runtime.interpret:
        raise RuntimeError("TRITON_INTERPRET is set, and so nothing can be compiled.")
    from . import elements

    if quick:
        del elements.TILES[1:]
    from .network import forward_with_gradient
    from .separation import FusedForward

    found: set[str] = set()
    with _compiling_only(arch, found, tell), torch.random.fork_rng(devices=[]):
        for widths in WIDTHS[:1] if quick else WIDTHS:
            for kind in KINDS:
                model = ConvTasNet(ConvTasNetConfig.from_dict({**widths, **kind, "X": 2, "R": 1}))
                mixture = torch.randn(2, 4000)
                for dtype in (torch.bfloat16,) if quick else (torch.bfloat16, torch.float32):
                    forward_with_gradient(model, mixture, dtype).sum().backward()
                for dtype in (torch.bfloat16,) if quick else (torch.bfloat16, torch.float16, torch.float32):
                    FusedForward(model, dtype)(mixture)
    return len(found)


class _Target:
    """All that Triton needs from a driver before it launches anything."""

    def __init__(self, arch: int) -> None:
        from triton.backends.compiler import GPUTarget

        self.target = GPUTarget("cuda", arch, 32)

    def get_current_target(self) -> object:
        return self.target

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_benchmarker(self) -> Callable:
        return lambda call, quantiles: (call(), [1.0] * len(quantiles))[1]


@contextlib.contextmanager
def _compiling_only(arch: int, found: set[str], tell: Callable[[Compiled], None]) -> Iterator[None]:
    """Make every launch only compile, into its own cache; new kernels are reported, and their hashes put in `found`."""
    import triton
    from triton.runtime.jit import JITFunction

    launch = JITFunction.run

    def compile_only(self: JITFunction, *arguments: object, grid: object, warmup: bool, **options: object) -> object:
        kernel = launch(self, *arguments, grid=grid, warmup=True, **options)
        if kernel.hash not in found:
            found.add(kernel.hash)
            tell(_describe(kernel))
        return kernel

    cache = triton.knobs.cache.dir
    with tempfile.TemporaryDirectory() as folder:
        triton.knobs.cache.dir = folder
        JITFunction.run = compile_only
        triton.runtime.driver.set_active(_Target(arch))
        try:
            yield
        finally:
            JITFunction.run = launch
            triton.knobs.cache.dir = cache


def _describe(kernel: "CompiledKernel") -> Compiled:
    """What the binary of a compiled kernel says about itself."""
    import triton

    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "kernel.cubin"
        binary.write_bytes(kernel.asm["cubin"])
        command = [triton.knobs.nvidia.cuobjdump.path, "--dump-resource-usage", str(binary)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    usage = dict(word.split(":") for word in said.split() if word.startswith(("REG:", "STACK:")))
    return Compiled(
        kernel.name, kernel.metadata.num_warps, int(usage["REG"]), int(usage["STACK"]), kernel.metadata.shared
    )


if __name__ == "__main__":
    main()
