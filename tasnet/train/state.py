"""What a run resumes from, `last.pt`: written atomically, and checked when read, as the file may hold anything."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tasnet.atomic import replacing
from tasnet.errors import opening
from tasnet.typed import fitted, from_plain

from .recipe import Recipe, RecipeError

# Settings that may change when a run is resumed.
FREE = (
    *("name", "train", "noise", "background", "rooms", "valid", "begin_from", "legs"),
    *("epochs", "hours", "total_seconds"),
    *("learning_rate", "matrix_rate", "clip", "compile", "precision", "engine"),
)


@dataclass
class Counters:
    """Where a run is, beside its weights."""

    step: int = 0
    seconds: float = 0.0  # spent in steps and validation, over all starts
    best: float | None = None  # SI-SNRi of the best epoch, dB
    stale: int = 0  # epochs since then, or since the learning rate was halved
    halvings: int = 0
    loss_sum: float = 0.0  # of the epoch so far, dB
    validated: int = 0  # the step of the last validation
    skipped: int = 0  # steps whose gradient was not finite
    hours_before: float = 0.0  # of mixtures, seen by the weights that the run began from


def write_state(path: Path, state: dict) -> None:
    """Raises PathError."""
    content = io.BytesIO()  # not into the file: torch.save does not say why a disk accepts no more
    torch.save(state, content)
    with replacing(path) as unfinished:
        unfinished.write_bytes(content.getbuffer())


def read_state(path: Path) -> dict:
    """What `write_state` has written, its counters as `Counters`. Raises RecipeError for anything else; PathError."""
    with opening(path):
        content = io.BytesIO(path.read_bytes())
    try:
        state = torch.load(content, map_location="cpu", weights_only=True)
    except Exception:  # random bytes can be pickles of anything, and raise anything
        raise RecipeError(not_a_state(path)) from None
    try:
        return _parsed(state)
    except (ValueError, RecursionError):
        raise RecipeError(not_a_state(path)) from None


def _parsed(state: object) -> dict:
    """Raises ValueError where the parts of a state are not what they should be."""
    held = fitted("the state", state, dict[str, Any])
    for name, hint in (("recipe", str), ("model", dict[str, Tensor]), ("kept", dict[str, Tensor]), ("optimiser", dict)):
        fitted(name, held.get(name), hint)
    fitted("recipe", json.loads(held["recipe"]), dict)
    return {**held, "counters": from_plain(Counters, held.get("counters"))}


def check_same_run(state: dict, recipe: Recipe, out: Path) -> None:
    """Raise RecipeError unless the state is of a run with this recipe, apart from settings that may change.

    A setting missing from the state had its default.
    """
    old, new = json.loads(state["recipe"]), json.loads(json.dumps(recipe.to_dict()))
    default = json.loads(json.dumps(Recipe().to_dict()))
    for group in ("mixing", "scenes"):
        if isinstance(old.get(group), dict):
            old[group] = default[group] | old[group]
    changed = [name for name in new if name not in FREE and new[name] != old.get(name, default[name])]
    if changed:
        raise RecipeError(
            f"{out} holds a run with another {changed[0]}: "
            "choose another folder with --out, or go on with the same recipe."
        )


def not_a_state(path: Path) -> str:
    """The sentence for such a file."""
    return (
        f"{path} is not the state of a training, or it is damaged: choose another folder with --out, or move this "
        "file away to begin anew."
    )
