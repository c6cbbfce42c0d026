"""Growing: trained weights as the starting point of another network that computes the same, or nearly.

Each step takes the tensors of a Conv-TasNet (its `state_dict`) and its configuration and gives those of another one:

    wider       more N, H, B, Sc: the same outputs (N and H: exactly where they are whole multiples)
    deeper      more X, R: the same outputs, for what is new adds nothing yet
    shorter     a shorter frame L: nearly the same masks, guessed from the middle of the longer frame
    causal      no future: the same filters for what does not change from frame to frame
    with_voices more or fewer outputs C: those that were there stay as they are
"""

import torch
from torch import Tensor

from tasnet.config import Config, ConvTasNetConfig
from tasnet.errors import UserError

State = dict[str, Tensor]
JITTER = 0.1  # how unequally weights are divided between the copies of a channel, which would otherwise stay identical
NEW_VOICE = 0.3  # noise on a new voice's mask, to the standard deviation of the others'
RIDGE = 1e-3  # of the least squares for a shorter frame, to the mean power of a sample
BLOCKS = "separator.blocks."
LAYERED = ("norm1", "norm2")  # of a block: norms over H
PAPERS = ("second_norm", "padding", "edges", "coder_bias", "norm_in")  # fields that must be as in the paper


class GrowingError(UserError):
    """A network that cannot be grown to another; the message is one sentence for the user."""


def grow(
    state: State, config: Config, wanted: Config, *, speech: Tensor | None = None, seed: int = 0
) -> tuple[State, ConvTasNetConfig]:
    """The tensors of `config`, grown to those of `wanted`, step by step in the order of the module's head.

    speech: (T,) at the network's rate, for a shorter frame; without it the frame's edges are guessed to be silent.
    Raises GrowingError where no step leads there.
    """
    if not (isinstance(config, ConvTasNetConfig) and isinstance(wanted, ConvTasNetConfig)):
        raise GrowingError("Only a Conv-TasNet can be grown, and only to a Conv-TasNet.")
    plain = ConvTasNetConfig()
    for name in PAPERS:
        if getattr(config, name) != getattr(plain, name):
            raise GrowingError(f"Only networks of the paper's kind can be grown: {name} is {getattr(config, name)!r}.")
    if config.encoder == "pinv" and (config.N, config.L) != (wanted.N, wanted.L):
        raise GrowingError("The pinv encoder has no basis functions of its own that could be grown.")
    random = torch.Generator().manual_seed(seed)
    state = {name: value.detach().clone() for name, value in state.items()}
    if wanted.L < config.L:
        state, config = shorter(state, config, wanted.L, speech)
        if wanted.X > config.X:
            state, config = deeper(state, config, wanted.X, config.R, random, first=True)
    if (wanted.X, wanted.R) != (config.X, config.R):
        state, config = deeper(state, config, wanted.X, wanted.R, random)
    if any(getattr(wanted, name) != getattr(config, name) for name in ("N", "B", "H", "Sc")):
        sizes = {name: getattr(wanted, name) for name in ("N", "B", "H", "Sc")}
        state, config = wider(state, config, random, **sizes)
    if wanted.causal and not config.causal:
        state, config = causal(state, config, wanted.norm)
    if wanted.C != config.C:
        state, config = with_voices(state, config, wanted.C, random)
    for name, value in wanted.to_dict().items():
        if getattr(config, name) != value:
            raise GrowingError(f"A network cannot be grown from {name}={getattr(config, name)!r} to {value!r}.")
    return state, config


def wider(
    state: State, config: ConvTasNetConfig, random: torch.Generator, *, N: int, B: int, H: int, Sc: int
) -> tuple[State, ConvTasNetConfig]:
    """More channels.

    N and H: each channel is repeated, so that the norms see the same, and its outgoing weights are divided between the
    copies. B and Sc: new channels are added that nothing reads yet.
    """
    old = {"N": config.N, "B": config.B, "H": config.H, "Sc": config.Sc}
    fewer = [name for name, size in (("N", N), ("B", B), ("H", H), ("Sc", Sc)) if size < old[name]]
    if fewer or (Sc and not config.Sc):
        raise GrowingError(f"A network can be grown only to more channels: {', '.join(fewer) or 'Sc'}.")
    n, h = torch.arange(N) % config.N, torch.arange(H) % config.H
    grown = dict(state)
    if "encoder.U" in state:
        grown["encoder.U"] = state["encoder.U"][n]
    grown["decoder.V"] = state["decoder.V"][n] * _shares(n, random)[:, None]
    grown |= {name: state[name][n] for name in state if name.startswith("separator.norm.")}
    bottleneck = state["separator.bottleneck.weight"][:, n] * _shares(n, random)
    grown["separator.bottleneck.weight"] = torch.cat([bottleneck, _drawn(random, B - config.B, N)])
    grown["separator.bottleneck.bias"] = _longer(state["separator.bottleneck.bias"], B)
    for name, value in state.items():
        if not name.startswith(BLOCKS):
            continue
        layer, kind = name.split(".")[3:5]
        if layer == "conv_in" and kind == "weight":
            grown[name] = torch.cat([value[h], torch.zeros(H, B - config.B)], 1)
        elif layer == "depthwise" and kind == "weight":
            grown[name] = value[:, h]
        elif layer == "conv_out" and kind == "weight":
            residual, skip = value[:, h].split((config.B, config.Sc))
            grown[name] = torch.cat(
                [
                    residual * _shares(h, random),
                    _drawn(random, B - config.B, H),
                    skip * _shares(h, random),
                    _drawn(random, Sc - config.Sc, H),
                ]
            )
        elif layer == "conv_out":
            residual, skip = value.split((config.B, config.Sc))
            grown[name] = torch.cat([_longer(residual, B), _longer(skip, Sc)])
        elif layer in ("conv_in", "depthwise", *LAYERED) and value.ndim:
            grown[name] = value[h]
    masks, biases = _masks(state, config)
    masks = masks[:, n]
    grown["separator.conv_mask.weight"] = torch.cat(
        [masks, torch.zeros(*masks.shape[:2], (Sc or B) - masks.shape[2])], 2
    ).flatten(0, 1)
    grown["separator.conv_mask.bias"] = biases[:, n].flatten()
    return grown, _changed(config, N=N, B=B, H=H, Sc=Sc)


def deeper(
    state: State, config: ConvTasNetConfig, X: int, R: int, random: torch.Generator, *, first: bool = False
) -> tuple[State, ConvTasNetConfig]:
    """More blocks a repeat, at its end, or at its beginning where they are to be `first`; more repeats, at the end.

    Their outputs are zero. Where they come first, every new one doubles the dilation of the existing ones.
    """
    if X < config.X or R < config.R:
        raise GrowingError("A network can be grown only to more blocks and repeats: X, R.")
    grown = {name: value for name, value in state.items() if not name.startswith(BLOCKS)}
    fresh = {name.split(".", 3)[3]: value for name, value in state.items() if name.startswith(f"{BLOCKS}0.")}
    skipped = X - config.X if first else 0
    for repeat in range(R):
        for block in range(X):
            there = repeat < config.R and 0 <= block - skipped < config.X
            was = f"{BLOCKS}{repeat * config.X + block - skipped}."
            for name, like in fresh.items():
                value = state[was + name] if there else _new(name, like, random)
                grown[f"{BLOCKS}{repeat * X + block}.{name}"] = value
    return grown, _changed(config, X=X, R=R)


def shorter(
    state: State, config: ConvTasNetConfig, L: int, speech: Tensor | None = None
) -> tuple[State, ConvTasNetConfig]:
    """A shorter frame, from which the longer one around it is guessed by least squares on `speech` (T,).

    The encoder then gives what the longer one gave for the guess; the decoder keeps its middle. Dilations stay as they
    are in frames: `deeper` with `first` makes up for that.
    """
    if (config.L - L) % 2:
        raise GrowingError(f"A frame of {config.L} samples has no middle of {L}.")
    margin = (config.L - L) // 2
    middle = slice(margin, margin + L)
    power = torch.eye(config.L, dtype=torch.float64)
    if speech is not None:
        frames = speech.double().unfold(0, config.L, max(1, config.L // 2 - 3))
        power = frames.T @ frames / len(frames)
    ridge = RIDGE * power.trace() / config.L * torch.eye(L, dtype=torch.float64)
    guess = torch.linalg.solve(power[middle, middle] + ridge, power[middle]).T  # (long, short)
    if speech is None:
        guess = power[:, middle]
    grown = dict(state)
    if "encoder.U" in state:
        grown["encoder.U"] = (state["encoder.U"].double() @ guess).float()
    grown["decoder.V"] = state["decoder.V"][:, middle].clone()
    return grown, _changed(config, L=L)


def causal(state: State, config: ConvTasNetConfig, norm: str = "cLN") -> tuple[State, ConvTasNetConfig]:
    """No future: the D-convs' taps for future frames are added to the tap for the present; norms become cumulative."""
    grown = dict(state)
    for name, taps in state.items():
        if name.startswith(BLOCKS) and name.endswith(".depthwise.weight"):
            present = (config.P - 1) // 2
            moved = torch.zeros_like(taps)
            moved[present:-1] = taps[:present]
            moved[-1] = taps[present:].sum(0)
            grown[name] = moved
    return grown, _changed(config, causal=True, norm=norm)


def with_voices(
    state: State, config: ConvTasNetConfig, C: int, random: torch.Generator
) -> tuple[State, ConvTasNetConfig]:
    """Further outputs, whose masks are the mean of the others' with some noise; or only the first `C`."""
    masks, biases = _masks(state, config)
    more = C - config.C
    if more > 0:
        noise = torch.randn(more, *masks.shape[1:], generator=random)
        masks = torch.cat([masks, masks.mean(0).expand(more, -1, -1) + NEW_VOICE * masks.std() * noise])
        biases = torch.cat([biases, biases.mean(0).expand(more, -1)])
    grown = dict(state)
    grown["separator.conv_mask.weight"] = masks[:C].flatten(0, 1)
    grown["separator.conv_mask.bias"] = biases[:C].flatten()
    return grown, _changed(config, C=C)


def _masks(state: State, config: ConvTasNetConfig) -> tuple[Tensor, Tensor]:
    """(C, N, Sc or B) and (C, N): the layer that gives the masks, speaker by speaker."""
    weight, bias = (state[f"separator.conv_mask.{part}"] for part in ("weight", "bias"))
    return weight.view(config.C, config.N, -1), bias.view(config.C, config.N)


def _shares(copies: Tensor, random: torch.Generator) -> Tensor:
    """(copies,) that sum to one over the copies of each channel, not quite equal."""
    count = torch.bincount(copies)[copies]
    share = 1 + JITTER * torch.randn(len(copies), generator=random) * (count > 1)
    return share / torch.zeros(int(copies.max()) + 1).index_add_(0, copies, share)[copies]


def _drawn(random: torch.Generator, rows: int, columns: int) -> Tensor:
    """(rows, columns) as a new layer begins."""
    return (2 * torch.rand(rows, columns, generator=random) - 1) * columns**-0.5


def _longer(vector: Tensor, length: int) -> Tensor:
    """The vector, followed by zeros."""
    return torch.cat([vector, vector.new_zeros(length - len(vector))])


def _new(name: str, like: Tensor, random: torch.Generator) -> Tensor:
    """A tensor of a block that adds nothing yet, named as in the block."""
    layer, kind = name.split(".")
    if layer == "conv_in" and kind == "weight":
        return _drawn(random, *like.shape)
    if layer == "depthwise" and kind == "weight":
        return (2 * torch.rand(like.shape, generator=random) - 1) * len(like) ** -0.5
    if layer.startswith("prelu"):
        return torch.full_like(like, 0.25)
    return torch.ones_like(like) if kind in ("gamma", "running_var") else torch.zeros_like(like)


def _changed(config: ConvTasNetConfig, **values: float | str) -> ConvTasNetConfig:
    try:
        return ConvTasNetConfig.from_dict(config.to_dict() | values)
    except ValueError as error:  # what no configuration can be
        raise GrowingError(str(error)) from None
