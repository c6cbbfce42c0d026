"""Weights in the names and layouts of other programs: the research layout, and asteroid's Conv-TasNet.

The research layout (its norm is gLN or, where causal, cLN; its encoder linear; its masks sigmoid):

    enc.weight (N, L)    dec.weight (L, N)    g0, b0 (N)    bott.* (B, N)    p    mask.* (C N, Sc)
    rep.<r>.bl.<i>.inp.* (H, B)  .a1  .g1  .b1  .w (P, H)  .bias (H)  .a2  .g2  .b2  .out.* (B + Sc, H)
"""

from dataclasses import fields

import torch
from torch import Tensor

from tasnet.checkpoint import CheckpointError, check_tensors
from tasnet.config import ConvTasNetConfig
from tasnet.model import ConvTasNet

RESEARCH = {
    "enc.weight": "encoder.U",
    "dec.weight": "decoder.V",
    "g0": "separator.norm.gamma",
    "b0": "separator.norm.beta",
    "bott": "separator.bottleneck",
    "p": "separator.prelu.weight",
    "mask": "separator.conv_mask",
}
RESEARCH_BLOCK = {
    "inp": "conv_in",
    "a1": "prelu1.weight",
    "g1": "norm1.gamma",
    "b1": "norm1.beta",
    "w": "depthwise.weight",
    "bias": "depthwise.bias",
    "a2": "prelu2.weight",
    "g2": "norm2.gamma",
    "b2": "norm2.beta",
    "out": "conv_out",
}
ASTEROID = {
    "encoder.filterbank._filters": "encoder.U",
    "decoder.filterbank._filters": "decoder.V",
    "masker.bottleneck.0": "separator.norm",
    "masker.bottleneck.1": "separator.bottleneck",
    "masker.mask_net.0": "separator.prelu",
    "masker.mask_net.1": "separator.conv_mask",
}
ASTEROID_BLOCK = {
    "shared_block.0": "conv_in",
    "shared_block.1": "prelu1",
    "shared_block.2": "norm1",
    "shared_block.3": "depthwise",
    "shared_block.3.0": "depthwise",  # in causal networks
    "shared_block.4": "prelu2",
    "shared_block.5": "norm2",
}
ASTEROID_ARGUMENTS = {
    "n_filters": "N",
    "kernel_size": "L",
    "bn_chan": "B",
    "hid_chan": "H",
    "skip_chan": "Sc",
    "conv_kernel_size": "P",
    "n_blocks": "X",
    "n_repeats": "R",
    "n_src": "C",
    "causal": "causal",
    "mask_act": "mask",
}
ASTEROID_NORMS = {"gLN": "gLN", "cgLN": "cLN"}  # asteroid's cLN is not the paper's
ASTEROID_ENCODERS = {None: "linear", "linear": "linear", "relu": "relu"}


def from_research(tensors: dict[str, Tensor], config: ConvTasNetConfig) -> ConvTasNet:
    """The network with these weights of the research layout. Raises CheckpointError where they do not fit."""
    names = dict(RESEARCH)
    for n in range(config.X * config.R):
        r, i = divmod(n, config.X)
        names |= {f"rep.{r}.bl.{i}.{k}": f"separator.blocks.{n}.{v}" for k, v in RESEARCH_BLOCK.items()}
    state = {_rename(name, names): value for name, value in tensors.items()}
    for name, value in state.items():
        if value.ndim == 0:
            state[name] = value.reshape(1)  # a PReLU's slope
    if "decoder.V" in state:
        state["decoder.V"] = state["decoder.V"].T
    return _network(state, config)


def research_config(values: dict) -> ConvTasNetConfig:
    """The configuration in the JSON beside research weights, which also tells other things. Raises ValueError."""
    values = values.get("config", values)
    known = {field.name for field in fields(ConvTasNetConfig)}
    default = {"norm": "cLN" if values.get("causal") else "gLN"}
    return ConvTasNetConfig.from_dict(default | {name: value for name, value in values.items() if name in known})


def from_asteroid(checkpoint: dict) -> ConvTasNet:
    """The network in a checkpoint of asteroid's ConvTasNet: {"model_args": ..., "state_dict": ...}.

    Both give the same output where T = L + k L/2; elsewhere asteroid leaves the last samples out. Raises
    CheckpointError for what the paper's network does not have: other filterbanks, strides and norms.
    """
    config = _asteroid_config(checkpoint["model_args"])
    names = dict(ASTEROID)
    for n in range(config.X * config.R):
        names |= {f"masker.TCN.{n}.{k}": f"separator.blocks.{n}.{v}" for k, v in ASTEROID_BLOCK.items()}
    state = {_rename(name, names): value for name, value in checkpoint["state_dict"].items()}
    for name, value in state.items():
        if name in ("encoder.U", "decoder.V"):
            state[name] = value[:, 0]
        elif name.endswith("depthwise.weight"):
            state[name] = value[:, 0].T
        elif value.ndim == 3:
            state[name] = value[..., 0]  # a 1x1-conv
    for n in range(config.X * config.R):
        for kind in ("weight", "bias"):
            paths = [state.pop(f"masker.TCN.{n}.{path}_conv.{kind}", None) for path in ("res", "skip")]
            if all(path is not None for path in paths):
                state[f"separator.blocks.{n}.conv_out.{kind}"] = torch.cat(paths)
    return _network(state, config)


def _asteroid_config(arguments: dict) -> ConvTasNetConfig:
    values = {ours: arguments[theirs] for theirs, ours in ASTEROID_ARGUMENTS.items() if theirs in arguments}
    norm, encoder = arguments.get("norm_type", "gLN"), arguments.get("encoder_activation")
    if norm not in ASTEROID_NORMS:
        raise CheckpointError(f"The norm {norm} of this asteroid network is none of the paper's.")
    if encoder not in ASTEROID_ENCODERS:
        raise CheckpointError(f"The encoder activation {encoder} of this asteroid network is not the paper's.")
    if arguments.get("fb_name", "free") not in ("free", "FreeFB"):
        raise CheckpointError(f"The filterbank {arguments['fb_name']} of this asteroid network is not a learned one.")
    config = ConvTasNetConfig(
        **values,
        norm=ASTEROID_NORMS[norm],
        encoder=ASTEROID_ENCODERS[encoder],
        sample_rate=int(arguments.get("sample_rate") or 8000),
    )
    if arguments.get("stride", config.hop) != config.hop:
        raise CheckpointError(f"The frames of this asteroid network do not overlap by half (L {config.L}).")
    return config


def _rename(name: str, names: dict[str, str]) -> str:
    """The name here of a tensor or of the module that it is in; what is unknown keeps its name."""
    module, _, last = name.rpartition(".")
    return names.get(name) or (f"{names[module]}.{last}" if module in names else name)


def _network(state: dict[str, Tensor], config: ConvTasNetConfig) -> ConvTasNet:
    model = ConvTasNet(config)
    check_tensors(state, model, "This state")
    model.load_state_dict(state)
    return model.eval()
