"""How other programs name the parts of a Conv-TasNet, and where their networks differ from the paper's.

In a name {b} is the number of a block among all, {r} that of its repeat and {x} its number there. Consulted:
asteroid 0.7, torchaudio 2.11, espnet 202511, speechbrain 1.1, github.com/kaituoxu/Conv-TasNet,
github.com/funcwj/conv-tasnet, github.com/JusperLee/Conv-TasNet.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Layout:
    """The networks of one program.

    mark:    a tensor that all of them have and no other program's. A prefix before it precedes every name.
    names:   name of a module or tensor -> ours; of a block's part where it has {b} or {r} and {x}.
    fixed:   where all of them differ from the paper.
    assumed: the program's defaults for what the tensors do not show.
    norms:   the norms by the program's names, where the tensors do not show which.
    stride:  of the encoder, where the settings give the rest but not the stride; 0 for half a filter.
    causal:  whether the names are those of a causal network; None where they do not show it.
    """

    program: str
    mark: str
    names: Callable[[Collection[str]], dict[str, str]]
    fixed: dict = field(default_factory=dict)
    assumed: dict = field(default_factory=dict)
    norms: dict[str, str] = field(default_factory=dict)
    causal: Callable[[Collection[str]], bool | None] = lambda names: None
    stride: int = 0


def _asteroid(names: Collection[str]) -> dict[str, str]:
    return {
        "encoder.filterbank._filters": "encoder.U",
        "decoder.filterbank._filters": "decoder.V",
        "masker.bottleneck.0": "separator.norm",
        "masker.bottleneck.1": "separator.bottleneck",
        "masker.TCN.{b}.shared_block.0": "conv_in",
        "masker.TCN.{b}.shared_block.1": "prelu1",
        "masker.TCN.{b}.shared_block.2": "norm1",
        "masker.TCN.{b}.shared_block.3": "depthwise",
        "masker.TCN.{b}.shared_block.3.0": "depthwise",  # in causal networks
        "masker.TCN.{b}.shared_block.4": "prelu2",
        "masker.TCN.{b}.shared_block.5": "norm2",
        "masker.TCN.{b}.res_conv": "residual",
        "masker.TCN.{b}.skip_conv": "skip",
        "masker.mask_net.0": "separator.prelu",
        "masker.mask_net.1": "separator.conv_mask",
    }


def _torchaudio(names: Collection[str]) -> dict[str, str]:
    return {
        "encoder.weight": "encoder.U",
        "decoder.weight": "decoder.V",
        "mask_generator.input_norm": "separator.norm",
        "mask_generator.input_conv": "separator.bottleneck",
        "mask_generator.conv_layers.{b}.conv_layers.0": "conv_in",
        "mask_generator.conv_layers.{b}.conv_layers.1": "prelu1",
        "mask_generator.conv_layers.{b}.conv_layers.2": "norm1",
        "mask_generator.conv_layers.{b}.conv_layers.3": "depthwise",
        "mask_generator.conv_layers.{b}.conv_layers.4": "prelu2",
        "mask_generator.conv_layers.{b}.conv_layers.5": "norm2",
        "mask_generator.conv_layers.{b}.res_out": "residual",
        "mask_generator.conv_layers.{b}.skip_out": "skip",
        "mask_generator.output_prelu": "separator.prelu",
        "mask_generator.output_conv": "separator.conv_mask",
    }


def _temporal_conv_net(network: str, names: Collection[str]) -> dict[str, str]:
    """kaituoxu's separator, which espnet uses too, with optional skip paths and an optional layer before the masks."""
    block, last = f"{network}.2.{{r}}.{{x}}.net", 4 if _chomps(network, names) else 3
    masks = 4 if any(name.startswith(f"{network}.4.") for name in names) else 3
    return {
        f"{network}.0": "separator.norm",
        f"{network}.1": "separator.bottleneck",
        f"{block}.0": "conv_in",
        f"{block}.1": "prelu1",
        f"{block}.2": "norm1",
        f"{block}.3.net.0": "depthwise",
        f"{block}.3.net.{last - 2}": "prelu2",
        f"{block}.3.net.{last - 1}": "norm2",
        f"{block}.3.net.{last}": "residual",
        f"{block}.3.skip_conv": "skip",
        **({f"{network}.3": "separator.prelu"} if masks == 4 else {}),
        f"{network}.{masks}": "separator.conv_mask",
    }


def _chomps(network: str, names: Collection[str]) -> bool:
    """Whether frames are cut off after the D-conv, as in causal networks; this shifts the following numbers by one."""
    return f"{network}.2.0.0.net.3.net.4.weight" in names


def _kaituoxu(names: Collection[str]) -> dict[str, str]:
    coders = {"encoder.conv1d_U.weight": "encoder.U", "decoder.basis_signals.weight": "decoder.V"}
    return coders | _temporal_conv_net("separator.network", names)


def _espnet(names: Collection[str]) -> dict[str, str]:
    coders = {"encoder.conv1d.weight": "encoder.U", "decoder.convtrans1d.weight": "decoder.V"}
    return coders | _temporal_conv_net("separator.tcn.network", names)


def _funcwj(names: Collection[str]) -> dict[str, str]:
    return {
        "encoder_1d.weight": "encoder.U",
        "encoder_1d.bias": "encoder.bias",
        "decoder_1d.weight": "decoder.V",
        "decoder_1d.bias": "decoder.bias",
        "ln": "separator.norm",
        "proj": "separator.bottleneck",
        "repeats.{r}.{x}.conv1x1": "conv_in",
        "repeats.{r}.{x}.prelu1": "prelu1",
        "repeats.{r}.{x}.lnorm1": "norm1",
        "repeats.{r}.{x}.dconv": "depthwise",
        "repeats.{r}.{x}.prelu2": "prelu2",
        "repeats.{r}.{x}.lnorm2": "norm2",
        "repeats.{r}.{x}.sconv": "residual",
        "mask": "separator.conv_mask",
    }


def _jusperlee(names: Collection[str]) -> dict[str, str]:
    return {
        "encoder.weight": "encoder.U",
        "encoder.bias": "encoder.bias",
        "decoder.weight": "decoder.V",
        "decoder.bias": "decoder.bias",
        "LayerN_S": "separator.norm",
        "BottleN_S": "separator.bottleneck",
        "separation.{r}.{x}.conv1x1": "conv_in",
        "separation.{r}.{x}.PReLU_1": "prelu1",
        "separation.{r}.{x}.norm_1": "norm1",
        "separation.{r}.{x}.dwconv": "depthwise",
        "separation.{r}.{x}.PReLU_2": "unused",  # made, trained and saved there, but not called
        "separation.{r}.{x}.norm_2": "unused",
        "separation.{r}.{x}.Sc_conv": "residual",
        "gen_masks": "separator.conv_mask",
    }


def _speechbrain(names: Collection[str]) -> dict[str, str]:
    block = "temporal_conv_net.temporalblock_{r}_{x}.layers"
    separator = {
        "layer_norm": "separator.norm",
        "bottleneck_conv1x1.conv": "separator.bottleneck",
        f"{block}.conv.conv": "conv_in",
        f"{block}.act": "prelu1",
        f"{block}.norm": "norm1",
        f"{block}.DSconv.conv_0.conv": "depthwise",
        f"{block}.DSconv.act": "prelu2",
        f"{block}.DSconv.act_0": "norm2",
        f"{block}.DSconv.conv_1.conv": "residual",
        "mask_conv1x1.conv": "separator.conv_mask",
    }
    coders = {
        "conv1d.weight": "encoder.U",  # speechbrain.lobes.models.dual_path, as in the recipes
        "weight": "decoder.V",
        "conv1d_U.conv.weight": "encoder.U",  # speechbrain.lobes.models.conv_tasnet
        "basis_signals.w.weight": "decoder.V",
    }
    modules = {f"{module}.{name}": ours for module in ("encoder", "decoder") for name, ours in coders.items()}
    return coders | modules | separator | {f"masknet.{name}": ours for name, ours in separator.items()}


_CHANNEL = {"gLN": "gLN", "cLN": "chLN", "BN": "BN", "batchnorm": "BN", "GN": "gLN"}  # of most programs
_TCN = {"edges": "cut", "encoder": "relu", "norm_in": "chLN"}

LAYOUTS = (
    Layout(
        "asteroid",
        "masker.mask_net.1.weight",
        _asteroid,
        {"edges": "cut"},
        {"mask": "sigmoid", "norm": "gLN", "encoder": "linear", "X": 8, "sample_rate": 8000},
        {"gLN": "gLN", "cLN": "chLN", "cgLN": "cLN", "bN": "BN", "BatchNorm": "BN"},
        lambda names: any(".shared_block.3.0." in name for name in names),
        stride=8,
    ),
    Layout(
        "torchaudio",
        "mask_generator.output_conv.weight",
        _torchaudio,
        {"edges": "pad", "norm": "gLN", "causal": False},
        {"mask": "relu", "X": 8, "sample_rate": 8000},
    ),
    Layout(
        "kaituoxu/Conv-TasNet",
        "encoder.conv1d_U.weight",
        _kaituoxu,
        _TCN,
        {"mask": "relu", "norm": "gLN", "sample_rate": 8000},
        _CHANNEL,
        lambda names: _chomps("separator.network", names),
    ),
    Layout(
        "espnet",
        "separator.tcn.network.1.weight",
        _espnet,
        _TCN | {"norm_eps": 2.0**-23},
        {"mask": "relu", "norm": "gLN", "sample_rate": 8000},
        _CHANNEL,
        lambda names: _chomps("separator.tcn.network", names),
    ),
    Layout(
        "funcwj/conv-tasnet",
        "encoder_1d.weight",
        _funcwj,
        _TCN | {"norm_eps": 1e-5, "coder_bias": True},
        {"mask": "relu", "causal": False, "sample_rate": 8000},
    ),
    Layout(
        "JusperLee/Conv-TasNet",
        "BottleN_S.weight",
        _jusperlee,
        _TCN | {"encoder": "linear", "norm_eps": 1e-5, "coder_bias": True, "second_norm": False},
        {"mask": "relu", "causal": False, "sample_rate": 8000},
    ),
    Layout(
        "speechbrain",
        "temporal_conv_net.temporalblock_0_0.layers.conv.conv.weight",
        _speechbrain,
        _TCN | {"padding": "reflect"},
        {"mask": "relu", "norm": "gLN", "causal": False, "sample_rate": 8000},
        {"gLN": "gLN", "cLN": "chLN"},
    ),
)
