"""Check the kernels on this machine's GPU, and print the numbers. Exits with 1 if one is off, with 2 without a GPU.

    python -m tasnet.kernels.gpu

First outputs and gradients beside float64, for gLN and cLN in float32 and bfloat16, at the paper's widths; then times:
a separation, and a batch of training. Without a GPU it runs small in Triton's interpreter: TRITON_INTERPRET=1.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch

from tasnet.config import ConvTasNetConfig
from tasnet.model import ConvTasNet

from . import interpreted, prepare, why_not

KINDS: dict[str, dict] = {"gLN": {}, "cLN, causal": {"norm": "cLN", "causal": True}}
DTYPES = (torch.float32, torch.bfloat16)


def main(argv: Sequence[str] | None = None) -> None:
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args(argv)
    began = time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}")
        reason = why_not(ConvTasNetConfig(), device)
        bad = reason or _check(ConvTasNetConfig(X=4, R=1), 8000, device)
        if not reason:
            _time(device)
    else:
        reason = "" if interpreted() else why_not(ConvTasNetConfig(), device)
        bad = reason or _check(ConvTasNetConfig(N=24, L=8, B=16, H=32, Sc=32, X=3, R=1), 300, device)
    if reason:
        print(reason, file=sys.stderr)
        sys.exit(2)
    print(f"{time.perf_counter() - began:.0f} s in all. {'DO NOT TRAIN: see above.' if bad else 'All is well.'}")
    sys.exit(1 if bad else 0)


def _check(base: ConvTasNetConfig, samples: int, device: torch.device) -> list[str]:
    """Prints the errors; the names of the kinds that are too far off."""
    from .check import errors, varied

    bad = []
    mixture = torch.randn(2, samples, generator=torch.Generator().manual_seed(2)).to(device)
    for name, kind in KINDS.items():
        model = varied(replace(base, **kind), device)
        for dtype in DTYPES:
            found = errors(model, dtype, mixture)
            print(
                f"{name:12} {str(dtype).removeprefix('torch.'):9} separated {found.separated:.1e} "
                f"(PyTorch {found.plain_separated:.1e})  gradient {found.gradient:.1e} "
                f"(PyTorch {found.plain_gradient:.1e}), worst parameter {found.worst:.1e}  "
                f"{'good' if found.good else 'TOO FAR OFF'}",
                flush=True,
            )
            if not found.good:
                bad.append(name)
    return bad


def _time(device: torch.device) -> None:
    """Prints how long the paper's best size takes, in bfloat16, for mixtures of 4 s."""
    from .check import seconds, varied
    from .network import forward_with_gradient

    for name, kind in KINDS.items():
        model = varied(ConvTasNetConfig(**kind), device)
        separate = prepare(model, torch.bfloat16)
        for batch in (1, 16):
            mixture = torch.randn(batch, 32000, device=device)
            took = seconds(partial(separate, mixture))
            print(f"{name:12} separates {batch:2} x 4 s in {took * 1e3:.2f} ms", flush=True)
        mixture = torch.randn(4, 32000, device=device)

        def step(model: ConvTasNet, mixture: torch.Tensor) -> None:
            forward_with_gradient(model, mixture, torch.bfloat16).square().mean().backward()

        took = seconds(partial(step, model, mixture))
        print(f"{name:12} forward and backward of 4 x 4 s, kernels launched one by one: {took * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
