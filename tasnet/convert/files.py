"""The content of foreign files of weights, and the network in it."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from tasnet.checkpoint import CheckpointError
from tasnet.model import ConvTasNet

from .importers import from_asteroid, from_research, research_config


def read_tensors(paths: Sequence[Path]) -> dict:
    """What these files hold together, pickles as plain data only. Raises CheckpointError."""
    content = {}
    for path in paths:
        try:
            if path.suffix == ".safetensors":
                content |= safetensors.torch.load_file(path)
            else:
                content |= torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            raise CheckpointError(f"There is no file {path}.") from None
        except (OSError, EOFError, RuntimeError, TypeError, pickle.UnpicklingError, safetensors.SafetensorError):
            raise CheckpointError(f"{path} cannot be read as a file of plain tensors.") from None
    return content


def convert(content: dict, config: dict | None) -> ConvTasNet:
    """The network in the content of a file; `config` for the research layout. Raises ValueError."""
    if "model_args" in content and "state_dict" in content:
        return from_asteroid(content)
    if not all(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError("The input holds other things than weights: give the weights alone.")
    if config is None:
        raise CheckpointError("These weights come without their hyper-parameters: give them with --config.")
    return from_research(content, research_config(config))
