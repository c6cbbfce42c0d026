"""Table IV of what runs here: every network and ideal mask as printed for WSJ0-2mix, as measured here, and its cost."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from analysis import paper
from analysis.scores.ideal_masks import MASKS
from tasnet import TasNet
from tasnet.config import GATED, Config, ConvTasNetConfig
from tasnet.networks import make_network

from .cost import multiply_adds

TABLES = {2: paper.TABLE_IV, 3: paper.TABLE_V}
# What the paper calls the published system that is nearest to one of ours; of Conv-TasNet it has two.
PRINTED = {
    "DPCL": "DPCL++",
    "uPIT-BLSTM": "uPIT-BLSTM-ST",
    "Chimera++": "Chimera++",
    "Chimera++ with MISI-5": "WA-MISI-5",
    "BLSTM-TasNet": "BLSTM-TasNet",
    "LSTM-TasNet": "LSTM-TasNet",
    **{mask: mask for mask in MASKS},
}


@dataclass(frozen=True)
class SystemRow:
    """One system.

    name:          a model's name, or an ideal mask's.
    title:         what it is called where it is chosen.
    printed:       the row of Table IV or V that is nearest to it; None where there is none.
    measured:      mean SI-SNRi (dB) over the set that comes with its results; None where it was not measured.
    parameters, multiply_adds (a second of sound), causal: None for an ideal mask; multiply_adds also for a network that
                   is built unlike the paper's.
    latency:       s of sound that it has to hear before the first sample comes out; None where that is all of it.
    """

    name: str
    title: str
    printed: paper.Result | None
    measured: float | None
    parameters: int | None = None
    multiply_adds: float | None = None
    causal: bool | None = None
    latency: float | None = None


def network_row(name: str, title: str, config: Config, measured: float | None) -> SystemRow:
    """The row of a network."""
    latency = config.L / config.sample_rate if config.causal else None
    size, cost = parameters_of(config), products(config)
    return SystemRow(name, title, _printed(config), measured, size, cost, config.causal, latency)


def mask_row(mask: str, voices: int, measured: float | None) -> SystemRow:
    """The row of an ideal mask."""
    return SystemRow(mask, mask, _result(PRINTED[mask], voices), measured)


def parameters_of(config: Config) -> int:
    """The paper's model size of any network."""
    with torch.device("meta"):
        return make_network(config).num_parameters()


def products(config: Config) -> float | None:
    """Multiply-adds for a second of sound, of matrices and convolutions; FFTs and k-means are not counted.

    None for a Conv-TasNet whose parts `cost.parts` does not know.
    """
    if isinstance(config, ConvTasNetConfig):
        try:
            return multiply_adds(config)
        except ValueError:
            return None
    with torch.device("meta"):
        model = make_network(config)
    coders = 0
    if isinstance(model, TasNet):
        banks = (2 if model.config.encoder == GATED else 1) + config.C
        coders = banks * config.L * model.config.N
    matrices = sum(
        model.passes(name) * parameter.numel()
        for name, module in model.named_modules()
        if isinstance(module, nn.LSTM | nn.Linear)
        for parameter in module.parameters(recurse=False)
        if parameter.dim() == 2
    )
    return (coders + matrices) * config.sample_rate / config.hop


def reversed_pairs(rows: Sequence[SystemRow]) -> tuple[int, list[tuple[str, str]]]:
    """Of how many pairs of rows both orders are known, printed and measured; and which the two order differently.

    (better here, better in print), by their titles.
    """
    known = [(row, row.printed.si_snri, row.measured) for row in rows if row.printed and row.measured is not None]
    scored = [(row, printed, measured) for row, printed, measured in known if printed is not None]
    count, other = 0, []
    for (a, printed_a, here_a), (b, printed_b, here_b) in itertools.combinations(scored, 2):
        if printed_a == printed_b or here_a == here_b:
            continue
        count += 1
        if (printed_a > printed_b) != (here_a > here_b):
            other.append((a.title, b.title) if here_a > here_b else (b.title, a.title))
    return count, other


def best_of(scores: Mapping[str, float]) -> str | None:
    """The name with the highest score."""
    return max(scores, key=scores.__getitem__, default=None)


def _printed(config: Config) -> paper.Result | None:
    if isinstance(config, ConvTasNetConfig):
        return _result("Conv-TasNet-cLN" if config.causal else "Conv-TasNet-gLN", config.C)
    return _result(PRINTED.get(config.system, ""), config.C)


def _result(method: str, voices: int) -> paper.Result | None:
    rows = TABLES[voices].rows if voices in TABLES else ()
    return next((row for row in rows if row.method == method), None)
