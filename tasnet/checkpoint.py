"""Weights on disk: safetensors, with the configuration and the training facts in a JSON header."""

import json
import os
import uuid
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from .config import ConvTasNetConfig
from .model import ConvTasNet

WEIGHTS = Path(__file__).parents[1] / "assets" / "weights"
HEADER = "tasnet"  # the key in the safetensors metadata


class CheckpointError(ValueError):
    """A file that cannot be read as weights of this network; the message is for the user."""


def available() -> dict[str, Path]:
    """The weights that come with the project: name -> file."""
    return {path.stem: path for path in sorted(WEIGHTS.glob("*.safetensors"))}


def save(path: str | Path, model: ConvTasNet, info: dict) -> None:
    """Writes the weights of `model` and `info` (anything JSON can hold: name, training data, steps,
    scores, licence) to `path`, atomically: the file is whole or not there."""
    path = Path(path)
    header = json.dumps({"config": model.config.to_dict(), "info": info}, ensure_ascii=False)
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        unfinished.write_bytes(safetensors.torch.save(tensors, {HEADER: header}))
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: str | Path) -> tuple[ConvTasNet, dict]:
    """The network in a file of `save`, in float32 and evaluation mode on the CPU, and its `info`.

    Raises CheckpointError where the file is missing, damaged, or not of this network.
    """
    path = Path(path)
    tensors, header = read(path)
    config, info = parse_header(header, path.name)
    with torch.device("meta"):
        model = ConvTasNet(config)
    check_tensors(tensors, model, path.name)
    tensors = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    model.load_state_dict(tensors, assign=True)
    return model.eval(), info


def read(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """Tensors and JSON header of a safetensors file. Raises CheckpointError."""
    try:
        with path.open("rb") as file:
            start = file.read(2)
        if start in (b"PK", b"\x80\x02"):
            raise CheckpointError(
                f"{path.name} is a pickled PyTorch file, which is not safe to open here: "
                "convert it to safetensors first."
            )
        with safetensors.safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(HEADER)
            if header is None:
                raise CheckpointError(
                    f"{path.name} holds tensors but no header of TasNet Lens: it belongs to another program."
                )
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118
    except FileNotFoundError:
        raise CheckpointError(f"There is no file of weights at {path}.") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder, not a file of weights.") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from None
    except safetensors.SafetensorError:
        raise CheckpointError(f"{path.name} is not a safetensors file, or it is damaged or incomplete.") from None


def parse_header(header: str, name: str) -> tuple[ConvTasNetConfig, dict]:
    """Configuration and info in the JSON header of the file `name`. Raises CheckpointError."""
    try:
        content = json.loads(header)
        return ConvTasNetConfig.from_dict(content["config"]), dict(content["info"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"The header of {name} cannot be understood: {error}") from None


def check_tensors(tensors: dict[str, torch.Tensor], model: ConvTasNet, name: str) -> None:
    """Raises CheckpointError unless `tensors` are exactly those of `model`."""
    expected = model.state_dict()
    missing, foreign = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    for what, names in (("lacks", missing), ("has the foreign", foreign)):
        if names:
            raise CheckpointError(
                f"{name} does not fit its configuration: it {what} tensor {min(names)}"
                + (f" and {len(names) - 1} more." if len(names) > 1 else ".")
            )
    for key, value in expected.items():
        if tensors[key].shape != value.shape:
            raise CheckpointError(
                f"{name} does not fit its configuration: {key} has the shape "
                f"{tuple(tensors[key].shape)} instead of {tuple(value.shape)}."
            )
