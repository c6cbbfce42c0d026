"""Convert trained weights from the research layout to the project's own.

    python -m tasnet.convert IN... --config JSON --info JSON -o OUT.safetensors

IN is one safetensors file, or the .pt files into which one state was split. The research layout:

    enc.weight (N, L)   dec.weight (L, N)   g0, b0 (N)   bott.*   p   mask.* (C N, Sc)
    rep.<r>.bl.<i>.inp.*, .a1, .g1, .b1, .w (P, H), .bias (H), .a2, .g2, .b2, .out.* (B + Sc, H)
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from .checkpoint import CheckpointError, check_tensors, save
from .config import ConvTasNetConfig
from .model import ConvTasNet

NAMES = {
    "enc.weight": "encoder.U",
    "dec.weight": "decoder.V",
    "g0": "separator.norm.gamma",
    "b0": "separator.norm.beta",
    "bott.weight": "separator.bottleneck.weight",
    "bott.bias": "separator.bottleneck.bias",
    "p": "separator.prelu.weight",
    "mask.weight": "separator.conv_mask.weight",
    "mask.bias": "separator.conv_mask.bias",
}
BLOCK_NAMES = {
    "inp.weight": "conv_in.weight",
    "inp.bias": "conv_in.bias",
    "a1": "prelu1.weight",
    "g1": "norm1.gamma",
    "b1": "norm1.beta",
    "w": "depthwise.weight",
    "bias": "depthwise.bias",
    "a2": "prelu2.weight",
    "g2": "norm2.gamma",
    "b2": "norm2.beta",
    "out.weight": "conv_out.weight",
    "out.bias": "conv_out.bias",
}


def convert(tensors: dict[str, Tensor], config: ConvTasNetConfig) -> ConvTasNet:
    """The network with these weights of the research layout. Raises CheckpointError."""
    model = ConvTasNet(config)
    state = {rename(name, config.X): value.float() for name, value in tensors.items()}
    for name, value in state.items():
        if name == "decoder.V":
            state[name] = value.T.contiguous()
        elif value.ndim == 0:
            state[name] = value.reshape(1)  # a PReLU slope
    check_tensors(state, model, "The input")
    model.load_state_dict(state)
    return model.eval()


def rename(name: str, X: int) -> str:
    """A tensor's name in the project. Raises CheckpointError where it is not of the layout."""
    if name in NAMES:
        return NAMES[name]
    parts = name.split(".", 4)
    if len(parts) == 5 and parts[0] == "rep" and parts[2] == "bl" and parts[4] in BLOCK_NAMES:
        return f"separator.blocks.{int(parts[1]) * X + int(parts[3])}.{BLOCK_NAMES[parts[4]]}"
    raise CheckpointError(f"The tensor {name} is not of the research layout.")


def read(paths: Sequence[Path]) -> dict[str, Tensor]:
    """All tensors of these files. Raises CheckpointError."""
    tensors = {}
    for path in paths:
        try:
            if path.suffix == ".safetensors":
                tensors |= safetensors.torch.load_file(path)
            else:
                tensors |= torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise CheckpointError(f"{path} cannot be read as weights: {error}") from error
    return tensors


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tasnet.convert", description=__doc__)
    parser.add_argument("weights", nargs="+", type=Path)
    parser.add_argument("--config", required=True, type=Path, help="JSON: the fields of the configuration")
    parser.add_argument("--info", required=True, type=Path, help="JSON: name, training, scores, licence")
    parser.add_argument("-o", "--output", required=True, type=Path)
    options = parser.parse_args(arguments)
    try:
        config = ConvTasNetConfig.from_dict(json.loads(options.config.read_text()))
        model = convert(read(options.weights), config)
        save(options.output, model, json.loads(options.info.read_text()))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.output}: {model.num_parameters():,} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
