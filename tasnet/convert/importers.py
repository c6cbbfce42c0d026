"""Weights in the names and layouts of other programs: the research layout, and those of `layouts`.

The research layout (its norm is gLN or, where causal, cLN; its encoder linear; its masks sigmoid):

    enc.weight (N, L)    dec.weight (L, N)    g0, b0 (N)    bott.* (B, N)    p    mask.* (C N, Sc)
    rep.<r>.bl.<i>.inp.* (H, B)  .a1  .g1  .b1  .w (P, H)  .bias (H)  .a2  .g2  .b2  .out.* (B + Sc, H)
"""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import cast

import torch
from torch import Tensor

from tasnet.checkpoint import CheckpointError, check_tensors
from tasnet.config import LARGEST, Config, ConvTasNetConfig
from tasnet.model import ConvTasNet, MaskingNetwork
from tasnet.networks import make_network

from .layouts import Layout

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
SIZES = ("N", "L", "B", "H", "Sc", "P", "X", "R", "C")
NORM = {"weight": "gamma", "bias": "beta"}
BN_EPS = 1e-5  # of torch.nn.BatchNorm1d

Setting = int | float | str | bool
_Part = dict[str, Tensor]  # tensors by their names in the network or in a block of it


@dataclass(frozen=True)
class Imported:
    """A network from another program.

    untold: the settings that the file does not state, with the values chosen for them; trial: in words, what a trial
    showed about these (see `trials`). used: how many tensors were used; beside: names of those left over; choice: a
    sentence on which of several sets of weights was taken; passed_over: classes of objects that were not opened.
    """

    model: MaskingNetwork
    program: str
    untold: dict[str, Setting] = field(default_factory=dict)
    trial: str = ""
    predicts_noise: bool = False  # whether the last output is the noise
    used: int = 0
    beside: tuple[str, ...] = ()
    choice: str = ""
    passed_over: tuple[str, ...] = ()

    @property
    def assumed(self) -> str:
        """A sentence on the settings that the file leaves out and how they were chosen; "" where it has them all."""
        if not self.untold:
            return ""
        values = ", ".join(f"{name} {value}" for name, value in self.untold.items())
        if self.trial:
            return f"Not stated in the file, and found by trial: {values}; {self.trial}."
        return f"Not stated in the file, so {self.program}'s own defaults were taken: {values}."

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was assumed, which weights were chosen and what was skipped."""
        objects = (
            f"Left unopened, because these objects are not tensors: {', '.join(self.passed_over):.200}."
            if self.passed_over
            else ""
        )
        return tuple(sentence for sentence in (self.assumed, self.choice, objects) if sentence)


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
    if "decoder.V" in state and state["decoder.V"].ndim == 2:
        state["decoder.V"] = state["decoder.V"].T
    return cast(ConvTasNet, built(state, config))


def research_config(values: dict) -> ConvTasNetConfig:
    """The configuration in the JSON beside research weights, which also holds other things.

    Raises CheckpointError.
    """
    values = values.get("config", values)
    if not isinstance(values, dict):
        raise CheckpointError(f"A configuration cannot be {values!r:.40}.")
    known = {field.name for field in fields(ConvTasNetConfig)}
    default = {"norm": "cLN" if values.get("causal") else "gLN"}
    return _config(default | {name: value for name, value in values.items() if name in known})


def from_layout(layout: Layout, tensors: dict[str, Tensor], settings: dict) -> Imported:
    """The network with these tensors of `layout` and these settings (see `settings.stored_settings`).

    It computes what the other program's network does, for every mixture of at least L samples. Raises CheckpointError
    for features that this project's network lacks: other strides, filterbanks, activations.
    """
    _refuse(layout, settings)
    network, blocks = _sort(layout, tensors)
    config, untold = _configuration(layout, tensors, network, blocks, settings)
    state = dict(network)
    for n, block in enumerate(blocks.values()):
        state |= {f"separator.blocks.{n}.{name}": value for name, value in _with_one_output(block, config).items()}
    relu = any(".network.4." in name for name in tensors)  # espnet's, for which it needs no tensor
    state.setdefault("separator.prelu.weight", torch.tensor([0.0 if relu else 1.0]))  # or nothing before the masks
    with torch.device("meta"):
        wanted = ConvTasNet(config).state_dict()
    for name in wanted.keys() - state.keys():
        if name.endswith(".bias") and "norm" not in name:  # a program without biases
            state[name] = torch.zeros(wanted[name].shape)
        elif name.endswith("prelu2.weight") and not config.second_norm:
            state[name] = torch.ones(1)
        elif name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
    for name in state:
        if name.endswith("running_var"):
            state[name] = state[name] + (BN_EPS - config.norm_eps)
    noise = layout.program == "espnet" and settings.get("predict_noise") is True
    return Imported(
        built(state, config, f"This {layout.program} network"), layout.program, untold, predicts_noise=noise
    )


def _refuse(layout: Layout, settings: dict) -> None:
    """Raise CheckpointError where the settings describe a network that cannot be represented here."""
    that = f"of this {layout.program} network"
    speechbrain = layout.program == "speechbrain"
    for wrong, sentence in (
        (settings.get("fb_name", "free") not in ("free", "FreeFB"), "The filterbank {fb_name} {that} is not learned."),
        (
            settings.get("encoder_activation", "linear") not in ("linear", "relu"),
            "The encoder activation {encoder_activation} {that} is neither linear nor relu.",
        ),
        (
            settings.get("pre_mask", "prelu") not in ("prelu", "relu", "linear"),
            "The activation {pre_mask} before the masks {that} is none of prelu, relu and linear.",
        ),
        (settings.get("masking") is False, "The outputs {that} are not made by masks."),
        (
            bool(layout.norms) and settings.get("norm_type", "gLN") not in layout.norms,
            "The norm {norm_type} {that} is not known here.",
        ),
        (
            speechbrain and settings.get("causal") is True,
            "The causal convolutions {that} leave the present frame out, which this network cannot.",
        ),
        (
            speechbrain and settings.get("mask") == "softmax",
            "The softmax {that} goes over the filters, not over the speakers.",
        ),
    ):
        if wrong:
            raise CheckpointError(sentence.format(that=that, **settings))


def _sort(layout: Layout, tensors: dict[str, Tensor]) -> tuple[_Part, dict[tuple[int, ...], _Part]]:
    """The tensors under our names and in our shapes: of the network, and of each block by its number or numbers."""
    patterns = []
    for theirs, ours in layout.names(tensors).items():
        pattern = re.sub(r"\\{(\w)\\}", r"(?P<\1>\\d{1,4})", re.escape(theirs))
        patterns.append((re.compile(rf"{pattern}(?:\.(?P<last>\w+))?"), ours))
    network: _Part = {}
    blocks: defaultdict[tuple[int, ...], _Part] = defaultdict(dict)
    batch = any(name.endswith(".running_mean") for name in tensors)
    for name, value in tensors.items():
        match, ours = next(((m, ours) for p, ours in patterns if (m := p.fullmatch(name))), (None, ""))
        if match is None:
            raise CheckpointError(f"This {layout.program} network has a part that is not known here: {name:.80}.")
        if ours == "unused":
            continue
        of_block = tuple(int(match[place]) for place in "brx" if match.groupdict().get(place))
        part, last = blocks[of_block] if of_block else network, match["last"]
        is_norm = ours.rpartition(".")[2].startswith("norm")
        if is_norm and not (batch and _is_batch_norm(name, tensors)):
            last = NORM.get(last, last)
        part[f"{ours}.{last}" if last else ours] = _reshape(ours, value, f"{name:.80}")
    numbers = sorted(blocks)
    wide = 1 + max((number[-1] for number in numbers), default=0)
    if numbers != [(n,) if len(numbers[0]) == 1 else divmod(n, wide) for n in range(len(numbers))]:
        raise CheckpointError(f"This {layout.program} network lacks some of its blocks.")
    return network, {number: blocks[number] for number in numbers}


def _is_batch_norm(name: str, tensors: dict[str, Tensor]) -> bool:
    return f"{name.rpartition('.')[0]}.running_mean" in tensors


def _reshape(ours: str, value: Tensor, name: str) -> Tensor:
    """`value` in the shape that the tensors of our module `ours` have here."""
    if ours in ("encoder.U", "decoder.V") and value.ndim == 3 and value.shape[1] == 1:
        return value[:, 0]
    if ours == "decoder.V" and value.ndim == 2:  # of a linear layer
        return value.T
    if ours.endswith("depthwise") and value.ndim == 3 and value.shape[1] == 1:
        return value[:, 0].T
    if value.ndim == 3 and value.shape[2] == 1 and value.shape[0] > 1:
        return value[..., 0]  # a 1x1-conv
    if value.ndim == 0 or value.numel() == max(value.shape) > 0:
        return value if value.ndim == 0 else value.reshape(-1)  # of a norm or PReLU, or a bias
    raise CheckpointError(f"{name} has a shape that does not belong to a Conv-TasNet: {tuple(value.shape)}.")


def _with_one_output(block: _Part, config: ConvTasNetConfig) -> _Part:
    """Merge the 1x1-convs of the residual and the skip path; a path that is missing gives zeros."""
    rest = {name: value for name, value in block.items() if name.partition(".")[0] not in ("residual", "skip")}
    for kind, shape in (("weight", (config.H,)), ("bias", ())):
        paths = [block.get(f"residual.{kind}", torch.zeros(config.B, *shape))]
        if config.Sc:
            paths.append(block.get(f"skip.{kind}", torch.zeros(config.Sc, *shape)))
        if any(path.ndim != 1 + len(shape) or path.shape[1:] != shape for path in paths):
            raise CheckpointError("The paths out of a block have shapes that do not belong to a Conv-TasNet.")
        rest[f"conv_out.{kind}"] = torch.cat(paths)
    return rest


def _configuration(
    layout: Layout,
    tensors: dict[str, Tensor],
    network: _Part,
    blocks: dict[tuple[int, ...], _Part],
    settings: dict,
) -> tuple[ConvTasNetConfig, dict[str, Setting]]:
    """The configuration that tensors and settings give, and the fields that neither states."""
    that = f"this {layout.program} network"
    values, untold = dict(layout.fixed), dict[str, Setting | None]()

    def known(name: str, setting: str = "") -> Setting:
        if (setting or name) not in settings:
            untold[name] = layout.assumed[name]
        return settings.get(setting or name, layout.assumed[name])

    first = next(iter(blocks.values()), {})
    values["N"], values["L"] = _shape(network, "encoder.U", that)
    values["H"], values["B"] = _shape(first, "conv_in.weight", that)
    values["P"], _ = _shape(first, "depthwise.weight", that)
    values["Sc"] = _shape(first, "skip.weight", that)[0] if "skip.weight" in first else 0
    masks, _ = _shape(network, "separator.conv_mask.weight", that)
    values["C"], rest = divmod(masks, values["N"])
    if rest:
        raise CheckpointError(f"The masks of {that} are not as wide as its encoder.")
    if len(next(iter(blocks))) == 2:
        values["X"] = 1 + next(reversed(blocks))[1]
    else:
        values["X"] = _blocks_in_a_repeat(layout, len(blocks), settings, untold, that)
    values["R"] = len(blocks) // values["X"]
    values["coder_bias"] = bool({"encoder.bias", "decoder.bias"} & network.keys())
    causal = layout.causal(tensors)
    if "causal" not in values:
        values["causal"] = known("causal") is True if causal is None else causal
    if "norm" not in values:
        values["norm"] = _norm(layout, tensors, first, settings, known)
    if layout.program == "asteroid" and values["causal"] and values["norm"] in ("gLN", "BN"):
        values["norm"] = "chLN"  # as asteroid changes it
    if values.get("norm_in") == values["norm"]:
        del values["norm_in"]
    values["mask"] = known("mask")
    rate = known("sample_rate") or 8000
    values["sample_rate"] = int(rate) if isinstance(rate, float) and rate.is_integer() else rate
    if layout.program == "asteroid":
        values["encoder"] = known("encoder", "encoder_activation")
    for name in SIZES:
        if isinstance(settings.get(name), int) and settings[name] != values[name]:
            raise CheckpointError(f"The tensors of {that} make {name} {values[name]}, but it says {settings[name]}.")
    config = _config(values)
    # Where the settings tell L alone, the program's own default holds.
    stride = settings.get("stride", layout.stride if "L" in settings else 0)
    if stride not in (0, config.hop):
        raise CheckpointError(f"The frames of {that} do not overlap by half: L {config.L}, stride {stride}.")
    if layout.program == "torchaudio" and config.P != 3:
        raise CheckpointError(f"torchaudio itself cannot run such a network: its blocks need P 3, not {config.P}.")
    return config, {name: getattr(config, name) for name in untold}


def _shape(part: _Part, name: str, that: str) -> tuple[int, int]:
    """Rows and columns of the tensor `name`, at least one of each. Raises CheckpointError otherwise."""
    if name not in part:
        raise CheckpointError(f"Parts of {that} are missing.")
    shape = tuple(part[name].shape)
    if len(shape) != 2 or 0 in shape:
        raise CheckpointError(f"Parts of {that} have shapes that do not belong to a Conv-TasNet.")
    return shape


def _blocks_in_a_repeat(layout: Layout, blocks: int, settings: dict, untold: dict, that: str) -> int:
    """X of a network whose names number all its blocks in one sequence. Raises CheckpointError."""
    R = settings.get("R")
    if "X" in settings:
        X = settings["X"]
        if not isinstance(X, int) or X < 1:
            raise CheckpointError(f"X of {that} cannot be {X!r:.40}.")
    elif isinstance(R, int) and R > 0:
        X = blocks // R or 1
    else:
        untold["X"] = None
        return next(n for n in (layout.assumed["X"], *range(LARGEST["X"], 0, -1)) if blocks % n == 0)
    if blocks % X:
        raise CheckpointError(f"The {blocks} blocks of {that} do not make repeats of {X}.")
    return X


def _config(values: dict) -> ConvTasNetConfig:
    try:
        return ConvTasNetConfig.from_dict(values)
    except ValueError as error:  # what a configuration of ours cannot be
        raise CheckpointError(str(error)) from None


def _norm(
    layout: Layout, tensors: dict[str, Tensor], block: _Part, settings: dict, known: Callable[[str], Setting]
) -> str:
    """The norm of the blocks: as their tensors show, or else as the settings say."""
    if "norm1.running_mean" in block:
        return "BN"
    if layout.program == "funcwj/conv-tasnet":
        return "gLN" if any(name.endswith("lnorm1.gamma") for name in tensors) else "chLN"
    if layout.program == "JusperLee/Conv-TasNet":
        return "gLN" if any(n.endswith("norm_1.weight") and t.ndim == 2 for n, t in tensors.items()) else "chLN"
    if "norm_type" in settings:
        return layout.norms[settings["norm_type"]]
    return str(known("norm"))


def _rename(name: str, names: dict[str, str]) -> str:
    """The name here of a tensor or of the module that it is in; what is unknown keeps its name."""
    module, _, last = name.rpartition(".")
    return names.get(name) or (f"{names[module]}.{last}" if module in names else name)


def built(state: dict[str, Tensor], config: Config, name: str = "This state") -> MaskingNetwork:
    """The network of `config` with the tensors of `state`, by our names. Raises CheckpointError where they do not fit.

    name: what a message calls them.
    """
    with torch.device("meta"):
        model = make_network(config)
    state = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    check_tensors(state, model, name)
    if not all(value.isfinite().all() for value in state.values()):
        raise CheckpointError(f"{name} holds weights that are not finite numbers.")
    # Contiguous copies, so that the file's content can be freed.
    model.load_state_dict(
        {key: value.clone(memory_format=torch.contiguous_format) for key, value in state.items()}, assign=True
    )
    return model.eval()
