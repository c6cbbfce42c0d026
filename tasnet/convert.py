"""Convert trained weights from the research layout to the project's own.

    python -m tasnet.convert IN... --config JSON --info JSON -o OUT.safetensors

IN is one safetensors file, or the PyTorch files over which one state is spread. The research layout:

    enc.weight (N, L)    dec.weight (L, N)    g0, b0 (N)    bott.* (B, N)    p    mask.* (C N, Sc)
    rep.<r>.bl.<i>.inp.* (H, B)  .a1  .g1  .b1  .w (P, H)  .bias (H)  .a2  .g2  .b2  .out.* (B + Sc, H)

Its norm is gLN or, where causal, cLN; its encoder linear; its masks sigmoid.
"""

import argparse
import hashlib
import json
import pickle
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from .checkpoint import CheckpointError, check, save
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
    """The network with these weights of the research layout. Raises CheckpointError where they do not fit."""
    names = research_names(config)
    state = {names.get(name, name): value.float() for name, value in tensors.items()}
    for name, value in state.items():
        if value.ndim == 0:
            state[name] = value.reshape(1)  # a PReLU's slope
    if "decoder.V" in state:
        state["decoder.V"] = state["decoder.V"].T
    model = ConvTasNet(config)
    check(state, model, "This state")
    model.load_state_dict(state)
    return model.eval()


def research_names(config: ConvTasNetConfig) -> dict[str, str]:
    """Every tensor's name in the research layout -> its name here."""
    names = dict(NAMES)
    for n in range(config.X * config.R):
        r, i = divmod(n, config.X)
        for theirs, ours in BLOCK_NAMES.items():
            names[f"rep.{r}.bl.{i}.{theirs}"] = f"separator.blocks.{n}.{ours}"
    return names


def research_config(values: dict) -> ConvTasNetConfig:
    """The configuration in the JSON beside such weights, which also tells other things. Raises ValueError."""
    values = values.get("config", values)
    known = {field.name for field in fields(ConvTasNetConfig)}
    default = {"norm": "cLN" if values.get("causal") else "gLN"}
    return ConvTasNetConfig.from_dict(default | {name: value for name, value in values.items() if name in known})


def read(paths: Sequence[Path]) -> dict[str, Tensor]:
    """All tensors of these files together. Raises CheckpointError."""
    tensors = {}
    for path in paths:
        try:
            if path.suffix == ".safetensors":
                tensors |= safetensors.torch.load_file(path)
            else:
                tensors |= torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, EOFError, RuntimeError, TypeError, pickle.UnpicklingError, safetensors.SafetensorError):
            raise CheckpointError(f"{path} cannot be read as a file of plain tensors.") from None
    if not all(isinstance(value, Tensor) for value in tensors.values()):
        raise CheckpointError("The input holds more than the weights: give the weights alone.")
    return tensors


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tasnet.convert", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", nargs="+", type=Path, help="safetensors or PyTorch files")
    parser.add_argument("--config", required=True, type=Path, help="JSON with the hyper-parameters")
    parser.add_argument("--info", required=True, type=Path, help="JSON: name, training data, steps, scores, licence")
    parser.add_argument("-o", "--output", required=True, type=Path)
    options = parser.parse_args(arguments)
    try:
        config = research_config(json.loads(options.config.read_text()))
        info = json.loads(options.info.read_text())
        info["source_sha256"] = [hashlib.sha256(path.read_bytes()).hexdigest() for path in options.weights]
        model = convert(read(options.weights), config)
        save(options.output, model, info)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.output}: {model.num_parameters():,} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
