"""Reading other programs' files of weights, and the network they hold."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from tasnet.checkpoint import CheckpointError
from tasnet.errors import opening

from . import pickles
from .importers import Imported, Setting, from_layout, from_research, research_config
from .recurrent import RecurrentLayout, from_recurrent
from .settings import read_settings, stored_settings
from .spectral import STATISTICS, SpectralLayout, from_spectral
from .states import take_one, weight_sets
from .trials import settled

BESIDE = (".json", ".yaml", ".yml")  # files with settings


def read_tensors(paths: Sequence[Path]) -> dict:
    """All that these files hold; of pickles: tensors, plain values and stubs. Raises CheckpointError and PathError."""
    content: dict = {}
    for path in paths:
        with opening(path):
            held = path.read_bytes()
        content |= decode(held, str(path))
    return content


def decode(content: bytes, name: str) -> dict:
    """The content of a file of weights called `name`; of a pickle: tensors, plain values and stubs (see `pickles`).

    What kind of file it is depends on its content, not on its suffix. Raises CheckpointError.
    """
    pickled = content[:2] == b"PK" or content[:1] == b"\x80"
    try:
        held = _unpickled(content) if pickled else safetensors.torch.load(content)
    except Exception as error:  # the readers raise whatever damaged bytes lead them to
        if isinstance(error, MemoryError):
            raise
        raise CheckpointError(f"{name} cannot be read as a file of plain tensors.") from None
    if isinstance(held, list | tuple):
        held = dict(enumerate(held))
    if isinstance(held, pickles.Stub):  # a network that was pickled whole
        held = {"": held}
    if not isinstance(held, dict):
        raise CheckpointError(f"{name} holds no tensors by name.")
    return {str(key): value for key, value in held.items()}


def _unpickled(content: bytes) -> object:
    """Unpickled by PyTorch's own safe reader, which knows every kind of tensor; where that refuses, by ours."""
    pickles.check_size(content)
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception:
        return pickles.read_pickle(content)


def imported(content: dict, config: dict | None = None, take: str | None = None) -> Imported:
    """The network in the content of a file, recognised by the names of its tensors (see `states`).

    `config` holds the settings of a file beside it; the research layout needs them. `take` names the set of weights
    where there are several. Raises CheckpointError.
    """
    if not isinstance(config, dict | None):
        raise CheckpointError(f"Settings beside weights cannot be {config!r:.40}.")
    sets = weight_sets(content)
    passed_over = tuple(sorted({stub.of for stub in pickles.stubs(content) if "_modules" not in stub}))
    also = f" It also holds objects that were not opened: {', '.join(passed_over):.200}." if passed_over else ""
    if not sets:
        raise CheckpointError(f"These are not the weights of a network of a program that is known here.{also}")
    taken, choice = take_one(sets, take)
    tensors = {name: value.float() if value.is_floating_point() else value for name, value in taken.tensors.items()}
    layout = taken.layout
    about = {name: value for name, value in content.items() if not isinstance(value, Tensor)}
    if isinstance(layout, SpectralLayout):
        statistics = {name: content[name] for name in STATISTICS if isinstance(content.get(name), Tensor)}
        found = from_spectral(layout, tensors, stored_settings(about, config) | statistics)
    elif isinstance(layout, RecurrentLayout):
        found = from_recurrent(layout, tensors, stored_settings(about, config))
    elif layout is not None:
        settings = stored_settings(about, config)

        def again(more: dict[str, Setting]) -> Imported:
            return from_layout(layout, tensors, settings | more)

        try:
            found = settled(layout, settings, again)
        except CheckpointError as error:
            raise CheckpointError(f"{error}{also}") from None
    elif config is None:
        raise CheckpointError("These weights come without their hyper-parameters: give them with --config.")
    else:
        found = Imported(from_research(tensors, research_config(config)), "research")
    return replace(found, used=len(tensors), beside=taken.beside, choice=choice, passed_over=passed_over)


def opened(files: Sequence[tuple[str, bytes]]) -> Imported:
    """The network in files (name, content) that belong together: weights, and settings in JSON or YAML beside them."""
    content: dict = {}
    config: dict | None = None
    for name, held in files:
        if Path(name).suffix.lower() in BESIDE:
            config = (config or {}) | read_settings(held.decode(errors="replace"), name)
        else:
            content |= decode(held, name)
    return imported(content, config)
