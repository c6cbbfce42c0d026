"""The file with the state of a run, `last.pt`, as it comes from a disk that may hold anything."""

import io
import json
from pathlib import Path

import torch

from .recipe import RecipeError


def read_state(path: Path) -> dict:
    """What `Trainer._save` has written, as plain data. Raises RecipeError for anything else, and OSError."""
    content = io.BytesIO(path.read_bytes())
    try:
        state = torch.load(content, map_location="cpu", weights_only=True)
        recipe = json.loads(state["recipe"])
    except Exception:  # random bytes are read as pickles of anything, which may raise anything
        raise RecipeError(not_a_state(path)) from None
    if not isinstance(recipe, dict):
        raise RecipeError(not_a_state(path))
    return state


def not_a_state(path: Path) -> str:
    """The sentence for such a file."""
    return (
        f"{path} is not the state of a training, or it is damaged: choose another folder with --out, or move this "
        "file away to begin anew."
    )
