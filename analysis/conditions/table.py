"""What each everyday condition costs each model, over a test set: the bundled results, as a table.

`python -m analysis.conditions DIR` measures them.
"""

from dataclasses import dataclass

from analysis.corpus.intervals import Estimate
from analysis.start_point.probe_set import FOLDER, SHIPPED, ProbeResults, curve, known_results, of_one_set
from analysis.words.say import number, short, signed

from .everyday import CONDITIONS

SUFFIX = ".conditions.jsonl"


@dataclass(frozen=True)
class ConditionRow:
    """A condition at one of its values.

    score, cost: {model: SI-SNR in dB, and its loss relative to the first value}; unprocessed: the mixture's own.
    """

    condition: str  # key of `CONDITIONS`
    value: float
    score: dict[str, Estimate | None]
    cost: dict[str, Estimate | None]
    unprocessed: Estimate | None


def condition_results() -> dict[str, ProbeResults]:
    """{model: its results}, bundled ones and those in `runs/probes`."""
    return known_results((SHIPPED, FOLDER), SUFFIX)


def condition_rows(results: dict[str, ProbeResults]) -> list[ConditionRow]:
    """Every condition at every value at which all of `results` were measured."""
    rows = []
    for name in CONDITIONS:
        if not results or not all(name in found.network for found in results.values()):
            continue
        curves = {model: curve(found, name) for model, found in results.items()}
        first = next(iter(curves.values()))
        if any(one.values != first.values for one in curves.values()):
            continue
        for k, value in enumerate(first.values):
            rows.append(
                ConditionRow(
                    name,
                    value,
                    {model: one.network[k] for model, one in curves.items()},
                    {model: one.costs[k] for model, one in curves.items()},
                    first.unprocessed[k],
                )
            )
    return rows


def beside_table(model: str, other: str) -> str:
    """What `model`'s card says of it in every condition beside the `other`: mean SI-SNR in dB, as a table."""
    known = condition_results()
    lines = [f"| | this model | {other} | difference |", "|---|---|---|---|"]
    for row in condition_rows(of_one_set({name: known[name] for name in (model, other)})):
        here, there = row.score[model], row.score[other]
        if here is not None and there is not None:
            condition = CONDITIONS[row.condition]
            cells = number(here.mean, 1), number(there.mean, 1), signed(here.mean - there.mean, 1)
            lines.append(f"| {condition.title}, {short(row.value)} {condition.unit} | {' | '.join(cells)} |")
    return "\n".join(lines)
