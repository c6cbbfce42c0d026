"""Find the weights in a file: every set of tensors that is a network of a known program, and which one to take.

A set may lie anywhere in nested dictionaries, or in a network that was pickled whole, and one dictionary may hold
several under prefixes. An optimiser's state is not a set. Of several sets the plain one is taken, with which training
continues, rather than averages and copies of it (ema, swa, best ...); among equals the least nested one, then the
first.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tasnet.checkpoint import CheckpointError

from .layouts import LAYOUTS, Layout
from .pickles import Stub
from .recurrent import RECURRENT_LAYOUTS, RecurrentLayout
from .spectral import SPECTRAL_LAYOUTS, SpectralLayout

DEEPEST = 8  # dictionaries in each other
AnyLayout = Layout | RecurrentLayout | SpectralLayout
RESEARCH = "enc.weight"  # a tensor of the research layout
OPTIMISER = re.compile(r"(?i)optim|^opt$|exp_avg|momentum|^grad|schedul")
COPY = re.compile(r"(?i)(^|[^a-z])(ema|swa|avg|averaged?|shadow|teacher|target|best|old|initial)([^a-z]|$)")
# What tools that count operations leave in the states of PyTorch modules beside the weights.
NO_WEIGHTS = ("total_ops", "total_params")


@dataclass(frozen=True)
class WeightSet:
    """A network's tensors by the names of its program, `layout` None for the research layout.

    name: where it was found, as model.state_dict. beside: names in the same dictionary that are not of the network.
    """

    name: str
    tensors: dict[str, Tensor]
    layout: AnyLayout | None
    beside: tuple[str, ...] = ()
    holder: object = None  # the dictionary itself

    @property
    def order(self) -> tuple[bool, int]:
        return bool(COPY.search(self.name)), self.name.count(".")

    def equals(self, other: "WeightSet") -> bool:
        return self.tensors.keys() == other.tensors.keys() and all(
            torch.equal(value, other.tensors[name]) for name, value in self.tensors.items()
        )


def weight_sets(content: dict) -> list[WeightSet]:
    """The sets of weights in a file, the one to take first, without duplicates.

    Raises CheckpointError for tensors that are not plain numbers, or that claim more values than the file holds.
    """
    found = [one for path, held in _dictionaries(content) for one in _sets("/".join(path), path, held)]
    if not found and (joined := _joined(content)):  # modules in a dictionary each
        found = _sets("", (), joined)
    for one in found:
        _refuse_odd_tensors(one.tensors)
    found.sort(key=lambda one: one.order)
    different: list[WeightSet] = []
    for one in found:
        if not any(one.equals(other) for other in different):
            different.append(one)
    return different


def _refuse_odd_tensors(tensors: dict[str, Tensor]) -> None:
    for name, value in tensors.items():
        if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.is_meta:
            raise CheckpointError(f"{name:.80} is not a plain tensor of numbers.")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise CheckpointError(f"{name:.80} claims more values than the file holds.")


def take_one(sets: list[WeightSet], wanted: str | None) -> tuple[WeightSet, str]:
    """The set called `wanted`, else the first, and a sentence about the others. Raises CheckpointError."""
    names = [one.name or "the file's top" for one in sets]
    if wanted is not None:
        taken = next((one for one in sets if one.name == wanted), None)
        if taken is None:
            raise CheckpointError(f"There is no set of weights {wanted:.80} in the file; there are: {_listed(names)}.")
    else:
        taken = sets[0]
    if len(sets) == 1:
        return taken, ""
    others = [name for one, name in zip(sets, names, strict=True) if one is not taken]
    why = "as it was asked for" if wanted is not None else "the plain one before averages and copies of it"
    return taken, (
        f"The file holds {len(sets)} different sets of weights: {names[sets.index(taken)]} was taken, {why}; "
        f"the others are {_listed(others)} (python -m tasnet.convert --take NAME takes another)."
    )


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"{name:.60}" for name in names[:most]) + more


def _dictionaries(content: dict) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Every dictionary in `content` with its path, each once; a pickled network as its `state_dict` would be."""
    seen: set[int] = set()
    level: list[tuple[tuple[str, ...], dict]] = [((), content)]
    for _ in range(DEEPEST):
        below = []
        for path, held in level:
            if id(held) in seen or any(OPTIMISER.search(part) for part in path):
                continue
            seen.add(id(held))
            if isinstance(held, Stub) and isinstance(held.get("_modules"), dict):
                yield path, dict(_of_module(held))
                continue
            yield path, held
            for name, value in held.items():
                if isinstance(value, dict):
                    below.append(((*path, str(name)), value))
                elif isinstance(value, list | tuple):
                    below += [((*path, str(name), str(n)), one) for n, one in enumerate(value) if isinstance(one, dict)]
        level = below


def _of_module(module: dict, prefix: str = "", deepest: int = 32) -> Iterator[tuple[str, Tensor]]:
    """What `state_dict()` of a network that was pickled whole would give."""
    for kind in ("_parameters", "_buffers"):
        held = module.get(kind)
        for name, value in held.items() if isinstance(held, dict) else ():
            if isinstance(value, Tensor):
                yield f"{prefix}{name}", value
    parts = module.get("_modules")
    for name, part in parts.items() if isinstance(parts, dict) and deepest else ():
        if isinstance(part, dict):
            yield from _of_module(part, f"{prefix}{name}.", deepest - 1)


def _joined(content: dict, prefix: str = "", deepest: int = DEEPEST) -> dict[str, Tensor]:
    """The tensors of dictionaries in each other under one name each, as `encoder.conv1d.weight`."""
    found = {}
    for name, value in content.items():
        if isinstance(value, Tensor):
            found[f"{prefix}{name}"] = value
        elif isinstance(value, dict) and deepest and not OPTIMISER.search(str(name)):
            found |= _joined(value, f"{prefix}{name}.", deepest - 1)
    return found


def _sets(where: str, path: tuple[str, ...], held: dict) -> list[WeightSet]:
    """The networks in one dictionary: without a prefix, or each under its own."""
    tensors = {name: value for name, value in held.items() if isinstance(name, str) and isinstance(value, Tensor)}
    marks = {prefix: layout for name in tensors for layout, prefix in _marked(name, tensors)}
    if not marks and RESEARCH in tensors:
        return [WeightSet(".".join(path), tensors, None, holder=held)]
    found = []
    for prefix, layout in marks.items():
        inner = [other for other in marks if len(other) > len(prefix) and other.startswith(prefix)]
        own = {
            name.removeprefix(prefix): value
            for name, value in tensors.items()
            if name.startswith(prefix) and not name.startswith(tuple(inner)) and not name.endswith(NO_WEIGHTS)
        }
        beside = tuple(n for n in tensors if not n.startswith(tuple(marks)) or n.endswith(NO_WEIGHTS))
        label = ".".join([*path, prefix.rstrip(".")] if len(marks) > 1 and prefix else path)
        found.append(WeightSet(label, own, layout, beside, held))
    return found


def _marked(name: str, tensors: Container[str]) -> Iterator[tuple[AnyLayout, str]]:
    """The layout whose mark ends `name`, and what comes before it."""
    for recurrent in RECURRENT_LAYOUTS:
        if f".{name}".endswith(f".{recurrent.mark}"):
            yield recurrent, name.removesuffix(recurrent.mark)
            return
    for layout in LAYOUTS:
        if f".{name}".endswith(f".{layout.mark}"):
            # Where speechbrain's modules are merged into one, the mark is a name in the second of them.
            yield layout, name.removesuffix(layout.mark).removesuffix("masknet.")
            return
    for spectral in SPECTRAL_LAYOUTS:
        prefix = name.removesuffix(spectral.mark)
        if f".{name}".endswith(f".{spectral.mark}") and f"{prefix}{spectral.lstm}.weight_ih_l0" in tensors:
            yield spectral, prefix
            return
