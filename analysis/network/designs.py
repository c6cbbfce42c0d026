"""The networks of Tables II and III: the paper's figures for each, and the configuration that rebuilds it.

And what came after it: figures from elsewhere, each with its source.
"""

from dataclasses import dataclass

from analysis import paper
from tasnet import ConvTasNetConfig
from tasnet.train.recipes import recipes


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
    """A system that came after the paper; none of them runs here. Their test sets are not all the paper's."""

    name: str
    year: int
    model_size: float  # million parameters
    si_snri: float  # dB
    corpus: str  # on whose two-speaker test set
    source: str  # where these figures stand
    link: str


LATER = (
    LaterSystem(
        "DPRNN-TasNet",
        2020,
        2.6,
        18.8,
        "WSJ0-2mix",
        "Luo, Chen, Yoshioka: Dual-path RNN",
        "https://arxiv.org/abs/1910.06379",
    ),
    LaterSystem(
        "DPTNet",
        2020,
        2.7,
        20.2,
        "WSJ0-2mix",
        "Chen, Mao, Liu: Dual-path transformer network",
        "https://arxiv.org/abs/2007.13975",
    ),
    LaterSystem(
        "SuDoRM-RF, improved",
        2021,
        5.0,
        17.3,
        "WSJ0-2mix",
        "Tzinis et al.: their repository, 16 blocks and 512 bases",
        "https://github.com/etzinis/sudo_rm_rf",
    ),
    LaterSystem(
        "SepFormer",
        2021,
        26.0,
        20.4,
        "WSJ0-2mix",
        "Subakan et al.: Attention is all you need in speech separation; 22.3 dB with mixtures made anew in training",
        "https://arxiv.org/abs/2010.13154",
    ),
    LaterSystem(
        "TF-GridNet",
        2023,
        14.4,
        23.5,
        "WSJ0-2mix",
        "Wang et al.: TF-GridNet; its size as TIGER's authors count it",
        "https://arxiv.org/abs/2211.12433",
    ),
    LaterSystem(
        "TIGER (large)",
        2025,
        0.82,
        18.0,
        "Libri2Mix",
        "Xu et al.: TIGER; at 16 kHz, where TF-GridNet has 19.2 dB",
        "https://arxiv.org/abs/2410.01469",
    ),
)
