"""Training in legs: each begins from the best weights of the previous one, and only weights are carried over."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .log import END, read_log
from .machine import Machine
from .recipe import Recipe

BEST = "best.safetensors"


@dataclass(frozen=True)
class Leg:
    """One leg of a run; a run without legs is itself one."""

    recipe: Recipe
    folder: Path
    title: str = ""  # "leg 2 of 3"; "" where there are none


def legs_to_go(recipe: Recipe, out: Path, machine: Machine) -> Iterator[Leg]:
    """The unfinished legs in the folder `out`, one after the other; each is prepared when its turn comes.

    Raises RecipeError.
    """
    if not recipe.legs:
        yield Leg(recipe, out)
        return
    folders = [out / f"leg-{number}" for number in range(1, len(recipe.legs) + 1)]
    done = next((number for number, folder in enumerate(folders) if not finished(folder)), len(folders))
    for number in range(int(machine.agree([done])[0]), len(folders)):
        leg = recipe.leg(number)
        if number:
            leg = leg.changed({"begin_from": str(folders[number - 1] / BEST)})
        yield Leg(leg, folders[number], f"leg {number + 1} of {len(folders)}")


def finished(folder: Path) -> bool:
    """Whether the run in that folder is complete."""
    return any(record["event"] == END for record in read_log(folder / "log.jsonl"))
