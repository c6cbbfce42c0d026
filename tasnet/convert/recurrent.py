"""LSTM-TasNet and DPRNN-TasNet of asteroid: what their networks are called, and how they become ours.

Consulted: asteroid 0.7, models/lstm_tasnet.py, models/dprnn_tasnet.py, masknn/recurrent.py.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tasnet.checkpoint import CheckpointError
from tasnet.config import DPRNN_TASNET, GATED, LSTM_TASNET, DPRNNTasNetConfig, LSTMTasNetConfig

from .importers import Imported, Setting, built

NORMS = {"gLN": "gLN", "cLN": "chLN"}
Known = Callable[[str, Setting], Setting]  # a setting, or the default for what is not told
PROGRAM = "asteroid"
STRIDE = 8  # asteroid's own, where the settings tell L alone


@dataclass(frozen=True)
class RecurrentLayout:
    """One network of asteroid, by what the literature calls it.

    mark:  a tensor that it has and no other network.
    names: name of a module or tensor -> ours, "" for what is there twice; {b} is the number of a block.
    """

    system: str
    mark: str
    names: dict[str, str]


LSTM = RecurrentLayout(
    LSTM_TASNET,
    "masker.masker.0.rnn.weight_ih_l0",
    {
        "encoder.filterbank._filters": "",
        "encoder.encoder_relu.filterbank._filters": "encoder.U",
        "encoder.encoder_sig.filterbank._filters": "encoder.G",
        "decoder.filterbank._filters": "decoder.V",
        "masker.bn_layer": "separator.norm",
        "masker.masker.0.rnn": "separator.lower",
        "masker.masker.1": "separator.conv_mask",
    },
)
DPRNN = RecurrentLayout(
    DPRNN_TASNET,
    "masker.net.0.intra_linear.weight",
    {
        "encoder.filterbank._filters": "encoder.U",
        "decoder.filterbank._filters": "decoder.V",
        "masker.bottleneck.0": "separator.norm",
        "masker.bottleneck.1": "separator.bottleneck",
        "masker.net.{b}.intra_RNN.rnn": "separator.blocks.{b}.within.rnn",
        "masker.net.{b}.intra_linear": "separator.blocks.{b}.within.linear",
        "masker.net.{b}.intra_norm": "separator.blocks.{b}.within.norm",
        "masker.net.{b}.inter_RNN.rnn": "separator.blocks.{b}.across.rnn",
        "masker.net.{b}.inter_linear": "separator.blocks.{b}.across.linear",
        "masker.net.{b}.inter_norm": "separator.blocks.{b}.across.norm",
        "masker.first_out.0": "separator.prelu",
        "masker.first_out.1": "separator.conv_mask",
        "masker.net_out.0": "separator.out",
        "masker.net_gate.0": "separator.gate",
        "masker.mask_net": "separator.expand",
    },
)
RECURRENT_LAYOUTS = (LSTM, DPRNN)


def from_recurrent(layout: RecurrentLayout, tensors: dict[str, Tensor], settings: dict) -> Imported:
    """The network with these tensors of `layout`; `settings` as of `settings.stored_settings`.

    It computes what asteroid's does, for every mixture of at least L samples. Raises CheckpointError for what this
    project's network lacks.
    """
    it = f"this {layout.system} of asteroid"
    state, untold = _renamed(layout, tensors, it), dict[str, Setting]()

    def known(name: str, default: Setting) -> Setting:
        if name not in settings:
            untold[name] = default
        return settings.get(name, default)

    (N, L), (masks, width) = (_matrix(state, name, it) for name in ("encoder.U", "separator.conv_mask.weight"))
    C, rest = divmod(masks, N if layout is LSTM else width)
    rate = known("sample_rate", 8000)
    common: dict[str, Any] = {"N": N, "L": L, "C": C, "mask": known("mask", "sigmoid"), "edges": "cut"}
    common["sample_rate"] = int(rate) if isinstance(rate, float) and rate.is_integer() else rate
    for wrong, sentence in (
        (rest or settings.get("C", C) != C, f"The masks of {it} do not fit its filters and speakers."),
        (common["mask"] == "softmax", f"The softmax of {it} does not go over the speakers."),
        (settings.get("fb_name", "free") not in ("free", "FreeFB"), f"The filterbank of {it} is not learned."),
        (
            settings.get("encoder_activation", "linear") not in ("linear", "relu"),
            f"The encoder activation of {it} is neither linear nor relu.",
        ),
        (
            settings.get("stride", STRIDE if "L" in settings else 0) not in (0, L // 2),
            f"The frames of {it} do not overlap by half.",
        ),
    ):
        if wrong:
            raise CheckpointError(sentence)
    try:
        config = (_lstm if layout is LSTM else _dprnn)(state, common, known, it)
    except ValueError as error:
        raise CheckpointError(str(error)) from None
    return Imported(built(state, config, f"T{it[1:]}"), PROGRAM, untold)


def _lstm(state: dict[str, Tensor], common: dict[str, Any], known: Known, it: str) -> LSTMTasNetConfig:
    """Each direction has H units there; which norm there is depends on the directions. The activation changes nothing:
    what the gates let through is not negative."""
    H, both = _units(state, "separator.lower", it)
    layers = sum(re.fullmatch(r"separator\.lower\.weight_ih_l\d+", name) is not None for name in state)
    norm = "gLN" if both else "cLN"
    values: dict[str, Any] = {"H": (1 + both) * H, "layers": layers, "causal": not both, "norm": norm, "skip": False}
    return LSTMTasNetConfig(**common, **values, encoder=GATED)


def _dprnn(state: dict[str, Tensor], common: dict[str, Any], known: Known, it: str) -> DPRNNTasNetConfig:
    H, _ = _units(state, "separator.blocks.0.within.rnn", it)
    _, both = _units(state, "separator.blocks.0.across.rnn", it)
    B, _ = _matrix(state, "separator.blocks.0.within.linear.weight", it)
    R = sum(name.endswith("within.linear.weight") for name in state)
    K, norm = known("chunk_size", 100), str(known("norm_type", "gLN"))
    if norm not in NORMS:
        raise CheckpointError(f"The norm {norm:.40} of {it} is not known here.")
    if not isinstance(K, int) or known("hop_size", K // 2) != K // 2:
        raise CheckpointError(f"The chunks of {it} do not overlap by half.")
    encoder = str(known("encoder_activation", "linear"))
    return DPRNNTasNetConfig(**common, B=B, H=H, K=K, R=R, norm=NORMS[norm], both_ways=both, encoder=encoder)


def _renamed(layout: RecurrentLayout, tensors: dict[str, Tensor], it: str) -> dict[str, Tensor]:
    """The tensors under our names, 1x1-convs and filters as matrices."""
    patterns = {
        re.compile(re.escape(theirs).replace(r"\{b\}", r"(?P<b>\d{1,3})") + r"(?P<last>\.\w+)?"): ours
        for theirs, ours in layout.names.items()
    }
    state = {}
    for name, value in tensors.items():
        match, ours = next(((m, ours) for p, ours in patterns.items() if (m := p.fullmatch(name))), (None, ""))
        if match is None:
            raise CheckpointError(f"T{it[1:]} has a part that is not known here: {name:.80}.")
        if ours:
            new = ours.format(**match.groupdict()) + (match["last"] or "")
            state[new] = value.flatten(1) if value.ndim > 2 else value
    return state


def _matrix(state: dict[str, Tensor], name: str, it: str) -> tuple[int, int]:
    """Rows and columns of a tensor, at least one of each. Raises CheckpointError otherwise."""
    if name not in state or state[name].ndim != 2 or 0 in state[name].shape:
        raise CheckpointError(f"T{it[1:]} lacks its {name}, or it has a shape that does not belong there.")
    rows, columns = state[name].shape
    return rows, columns


def _units(state: dict[str, Tensor], rnn: str, it: str) -> tuple[int, bool]:
    """Units in each direction of the LSTM called `rnn`, and whether there are two. Raises CheckpointError."""
    gates, H = _matrix(state, f"{rnn}.weight_hh_l0", it)
    if gates != 4 * H:
        raise CheckpointError(f"The layers of {it} are no LSTMs.")
    return H, f"{rnn}.weight_hh_l0_reverse" in state
