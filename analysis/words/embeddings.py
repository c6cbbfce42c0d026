"""What the page Inside says of a network on spectrograms: its embeddings, one cell of them, and where its masks err."""

from collections.abc import Mapping, Sequence

from analysis.network.embeddings import EmbeddedCells

from .say import listed, number, share_text


def explain_embeddings(cells: EmbeddedCells, shown: int) -> list[str]:
    """How many of the cells are drawn, what three axes hold, and how the clusters agree with the voices."""
    count = len(cells.level)
    said = [
        f"{shown:,} of the {count:,} cells that are within 40 dB of the loudest one are drawn, chosen without "
        f"regard to where they lie; the three axes hold {share_text(cells.explained.sum(), 0)} of the embeddings' "
        "variance."
    ]
    if cells.owners is not None:
        said.append(
            f"{share_text(cells.agreement)} of these cells' energy is in the cluster of the voice that is loudest "
            "there."
        )
    return said


def explain_cell(cells: EmbeddedCells, k: int, names: Sequence[str]) -> str:
    """Where cell number `k` is, and whose."""
    where = f"{number(cells.seconds[k], 2)} s and {cells.hertz[k]:.0f} Hz, {number(cells.level[k], 0)} dB"
    cluster = names[cells.clusters[k]]
    said = f"Marked: the cell at {where} re the loudest, in the cluster of {cluster}"
    if cells.owners is None:
        return f"{said}."
    owner = names[cells.owners[k]]
    return f"{said}, as it should be." if owner == cluster else f"{said}; but the loudest voice there is {owner}."


def explain_errors(shares: Mapping[str, float]) -> str:
    """What the errors of each system amount to; shares: as `SpectralInside.error_share`, the network's first."""
    system, *_ = shares
    own = shares[system]
    rest = [f"{name} {share_text(share)}" for name, share in shares.items() if name != system]
    below = [name for name, share in shares.items() if name != system and share > own]
    said = (
        f"With the mixture's phase, what {system}'s masks let through differs from the voices by {share_text(own)} of "
    )
    said += f"their energy; the ideal masks': {listed(rest)}."
    return said + (f" It errs less than {listed(below)}." if below else "")
