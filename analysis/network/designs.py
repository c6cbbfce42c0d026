"""The networks of Tables II and III: the paper's figures for each, and the configuration that rebuilds it.

And what came after it: figures from elsewhere, each with its source.
"""

from dataclasses import dataclass
from functools import cache

from analysis import paper
from tasnet import ConvTasNetConfig, DPRNNTasNetConfig
from tasnet.train.recipes import recipes

from .systems_table import parameters_of, products


@dataclass(frozen=True)
class PrintedDesign:
    """A row of Table II or III.

    `table` is its place ("II.14"), `recipe` the name under which `python -m tasnet.train` knows it.
    """

    table: str
    recipe: str
    title: str
    config: ConvTasNetConfig
    receptive_field: float | None  # s, as printed
    model_size: float  # million parameters, as printed
    si_snri: float  # dB on WSJ0-2mix
    sdri: float  # dB on WSJ0-2mix


def printed_designs() -> tuple[PrintedDesign, ...]:
    """Table II, then Table III, which does not name its hyper-parameters: see `ConvTasNet.num_parameters`."""
    ready = {name: one.model for name, one in recipes().items() if isinstance(one.model, ConvTasNetConfig)}
    found = []
    for number, row in enumerate(paper.TABLE_II.rows, 1):
        title = f"N{row.N} L{row.L} B{row.B} H{row.H} Sc{row.Sc} X{row.X} R{row.R} {row.norm}"
        recipe = f"table2-{number}"
        found.append(
            PrintedDesign(
                f"II.{number}",
                recipe,
                f"{title}{' causal' if row.causal else ''}",
                ready[recipe],
                row.receptive_field,
                row.model_size,
                row.si_snri,
                row.sdri,
            )
        )
    for number, row in enumerate(paper.TABLE_III.rows, 1):
        recipe = f"table3-{number}"
        title = f"{row.encoder} encoder, {row.mask} mask"
        config = ready[recipe]
        found.append(PrintedDesign(f"III.{number}", recipe, title, config, None, row.model_size, row.si_snri, row.sdri))
    return tuple(found)


@dataclass(frozen=True)
class LaterSystem:
    """A system that came after the paper. Their test sets are not all the paper's.

    `multiply_adds`: G for a second of sound; None where no figure is known. `config`: of the network here that rebuilds
    it, whose multiply-adds are then counted as those of Conv-TasNet are. Those of SuDoRM-RF and SepFormer, and their
    sizes, are counted in asteroid's and SpeechBrain's networks, on 4 s; the scores are printed.
    """

    name: str
    year: int
    model_size: float  # million parameters
    multiply_adds: float | None
    si_snri: float  # dB
    corpus: str  # on whose two-speaker test set
    source: str  # where these figures stand
    link: str
    config: DPRNNTasNetConfig | None = None


def _counted(name: str, year: int, config: DPRNNTasNetConfig, si_snri: float, source: str, link: str) -> LaterSystem:
    """A system that there is a network of here: its size and multiply-adds are this network's."""
    size, cost = parameters_of(config) / 1e6, products(config)
    return LaterSystem(name, year, size, cost and cost / 1e9, si_snri, "WSJ0-2mix", source, link, config)


@cache
def later_systems() -> tuple[LaterSystem, ...]:
    """By year. `tests/test_later_systems.py` counts what installed programs build of them."""
    return (
        _counted(
            "DPRNN-TasNet",
            2020,
            DPRNNTasNetConfig(),
            18.8,
            "Luo et al.; counted here",
            "https://arxiv.org/abs/1910.06379",
        ),
        LaterSystem(
            "DPTNet",
            2020,
            2.7,
            None,
            20.2,
            "WSJ0-2mix",
            "Chen, Mao, Liu",
            "https://arxiv.org/abs/2007.13975",
        ),
        LaterSystem(
            "SuDoRM-RF, improved",
            2021,
            5.0,
            3.8,
            17.3,
            "WSJ0-2mix",
            "Tzinis et al.: 16 blocks, 512 bases",
            "https://github.com/etzinis/sudo_rm_rf",
        ),
        LaterSystem(
            "SepFormer",
            2021,
            25.7,
            59.2,
            20.4,
            "WSJ0-2mix",
            "its authors' recipe; with new mixtures 22.4 dB",
            "https://github.com/speechbrain/speechbrain/tree/develop/recipes/WSJ0Mix/separation",
        ),
        LaterSystem(
            "TF-GridNet",
            2023,
            14.4,
            323.8,
            23.5,
            "WSJ0-2mix",
            "Wang et al.; cost by TIGER's, at 16 kHz",
            "https://arxiv.org/abs/2211.12433",
        ),
        LaterSystem(
            "TIGER (large)",
            2025,
            0.82,
            15.3,
            18.0,
            "Libri2Mix",
            "Xu et al.; at 16 kHz, TF-GridNet 19.2 dB",
            "https://arxiv.org/abs/2410.01469",
        ),
    )
