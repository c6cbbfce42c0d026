"""The networks of Tables II and III: the paper's figures for each, and the configuration that rebuilds it."""

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
