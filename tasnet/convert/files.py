"""The content of foreign files of weights, and the network in it."""

import io
from collections.abc import Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from tasnet.checkpoint import CheckpointError
from tasnet.model import ConvTasNet

from .importers import Imported, from_layout, from_research, recognise, research_config
from .settings import read_settings, told

STATES = ("state_dict", "model_state_dict", "model", "network", "net")  # where training programs put the weights
BESIDE = (".json", ".yaml", ".yml")  # files with settings


def read_tensors(paths: Sequence[Path]) -> dict:
    """What these files hold together, pickles as plain data only. Raises CheckpointError."""
    content = {}
    for path in paths:
        try:
            content |= decode(path.read_bytes(), str(path))
        except FileNotFoundError:
            raise CheckpointError(f"There is no file {path}.") from None
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from None
    return content


def decode(content: bytes, name: str) -> dict:
    """What a file of weights called `name` holds, a pickle as plain data only. Raises CheckpointError."""
    try:
        if name.endswith(".safetensors"):
            held = safetensors.torch.load(content)
        else:
            held = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch's readers raise whatever damaged bytes lead them to
        if isinstance(error, MemoryError):
            raise
        raise CheckpointError(f"{name} cannot be read as a file of plain tensors.") from None
    if not isinstance(held, dict) or not all(isinstance(key, str) for key in held):
        raise CheckpointError(f"{name} holds no tensors by name.")
    return held


def imported(content: dict, config: dict | None = None) -> Imported:
    """The network in the content of a file, recognised by the names of its tensors.

    `config` holds the settings of a file beside it; the research layout needs them. Raises ValueError in a sentence.
    """
    try:
        return _imported(content, config)
    except (AttributeError, IndexError, KeyError, OverflowError, RuntimeError, TypeError):  # of odd shapes and types
        raise CheckpointError("The weights are not laid out as those of a Conv-TasNet.") from None


def _imported(content: dict, config: dict | None) -> Imported:
    state = next((content[name] for name in STATES if isinstance(content.get(name), dict)), content)
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    for name, value in tensors.items():
        if value.is_sparse or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise CheckpointError(f"{name:.80} claims more values than the file holds.")
    found = recognise(tensors)
    if found is not None:
        about = {name: value for name, value in content.items() if value is not state and not isinstance(value, Tensor)}
        return from_layout(*found, told(about, config))
    if "enc.weight" not in tensors:
        raise CheckpointError("These are not the weights of a Conv-TasNet of a program that is known here.")
    if config is None:
        raise CheckpointError("These weights come without their hyper-parameters: give them with --config.")
    return Imported(from_research(tensors, research_config(config)), "research")


def convert(content: dict, config: dict | None) -> ConvTasNet:
    """The network alone of `imported`."""
    return imported(content, config).model


def opened(files: Sequence[tuple[str, bytes]]) -> Imported:
    """The network in files (name, content) that belong together: weights, and settings in JSON or YAML beside them."""
    content, config = {}, None
    for name, held in files:
        if Path(name).suffix.lower() in BESIDE:
            config = (config or {}) | read_settings(held.decode(errors="replace"), name)
        else:
            content |= decode(held, name)
    return imported(content, config)
