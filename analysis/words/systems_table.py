"""What the page Ideal masks says of the table of systems: the best on this sound, and the paper's order."""

from collections.abc import Mapping, Sequence

from analysis.network.systems_table import SystemRow, best_of, reversed_pairs
from analysis.scores.ideal_masks import MASKS

from .say import counted, listed, number, same

TOLD = 3  # pairs


def explain_systems(rows: Sequence[SystemRow], here: Mapping[str, float]) -> list[str]:
    """Sentences about `rows`; here: {name of a row: SI-SNRi (dB) on the sound at hand} of those that ran."""
    titles = {row.name: row.title for row in rows}
    networks = {name: score for name, score in here.items() if name not in MASKS}
    masks = {name: score for name, score in here.items() if name in MASKS}
    said = []
    if (best := best_of(networks)) and (mask := best_of(masks)):
        own, ideal = networks[best], masks[mask]
        of = f" of {counted(len(networks), 'network')}" if len(networks) > 1 else ""
        gap = f"{number(abs(own - ideal), 1)} dB {'above' if own > ideal else 'below'}"
        gap = "level with" if same(own, ideal, 1) else gap
        said.append(
            f"On this sound {titles.get(best, best)} ({number(own, 1)} dB) is the best{of} by SI-SNRi, {gap} the best "
            f"ideal mask, {mask} ({number(ideal, 1)} dB)."
        )
    count, other = reversed_pairs(rows)
    if count:
        pairs = [f"{better} above {worse}" for better, worse in other[:TOLD]]
        more = f" and {len(other) - TOLD} more" if len(other) > TOLD else ""
        order = (
            f"{len(other)} {'stands' if len(other) == 1 else 'stand'} the other way round here ({listed(pairs)}{more})"
            if other
            else "all stand so here too"
        )
        said.append(f"Of {counted(count, 'pair')} of systems that the paper puts in an order, {order}.")
    return said
