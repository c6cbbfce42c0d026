"""Weights on disk: safetensors, with the configuration and the training facts in a JSON header.

A file without tensors may name another one beside it, whose weights are then another system: see `save_variant`.

Weights are stored in 16 bits and computed with in 32. `python -m benchmarks.weight_precision` measures what that costs;
the cards of the bundled models state it.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from .atomic import replacing
from .config import ChimeraConfig, Config, config_from_dict
from .errors import UserError, opening
from .model import MaskingNetwork
from .networks import make_network
from .places import WEIGHTS
from .training_facts import SPEECH_FROM_NOISE, TrainingFacts
from .typed import fitted

HEADER = "tasnet"  # the key in the safetensors metadata
LONGEST_HEADER = 1 << 20  # characters
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
OF, OUTPUT = "of", "output"  # the keys of a variant's header: whose weights, and what separates
NAME = re.compile(r"\w[\w.-]*")
STORED = "float16"  # 11 significant bits; bfloat16 has 8, for a range that weights do not need


# Earlier names of bundled models, which links and commands still use: the model that replaced each.
ALIASES = {"convtasnet_small_gln_3spk_8k": "convtasnet_medium_gln_3spk_8k"}


class CheckpointError(UserError):
    """A file that does not hold weights of this network; the message is for the user."""


def bundled() -> dict[str, Path]:
    """The weights that come with the project: name -> file.

    Those that separate speakers come first, the best on the validation speakers before others. A variant is there as
    long as the weights are of which it is one.
    """
    return dict(_ranked(str(WEIGHTS), tuple(_states(WEIGHTS))))


def _states(folder: Path) -> Iterator[tuple[str, int, int]]:
    """(name, time of its last change in ns, bytes) of the weights in a folder; a page asks dozens of times."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".safetensors"):
                with contextlib.suppress(OSError):  # it has gone meanwhile
                    state = entry.stat()
                    yield entry.name, state.st_mtime_ns, state.st_size


@lru_cache(maxsize=8)
def _ranked(folder: str, files: tuple[tuple[str, int, int], ...]) -> tuple[tuple[str, Path], ...]:
    """What `bundled` finds in these files, which are looked into again only when one of them has changed."""
    paths = [Path(folder, name) for name, *_ in sorted(files)]
    whole = [path for path in paths if (of := trunk_of(path)) is None or of.is_file()]
    return tuple((path.stem, path) for path in sorted(whole, key=_rank, reverse=True))


def _rank(path: Path) -> tuple[bool, float]:
    return not is_for_noise(path), validation_score(path)


def trunk_of(path: Path) -> Path | None:
    """The file whose weights a variant's file uses; None where a file has its own, or cannot be read."""
    try:
        state = path.stat()
        return _trunk_of(path, state.st_mtime_ns, state.st_size)
    except (OSError, CheckpointError):
        return None


@lru_cache
def _trunk_of(path: Path, _mtime_ns: int, _size: int) -> Path | None:
    return _read_header(path).behind


def is_for_noise(path: Path) -> bool:
    """Whether a file holds a model that takes speech out of noise; False where it cannot be read."""
    try:
        state = path.stat()
        return _header_facts(path, state.st_mtime_ns, state.st_size).task == SPEECH_FROM_NOISE
    except (OSError, CheckpointError):
        return False


def validation_score(path: Path) -> float:
    """The SI-SNRi in dB that a file's header states; -inf where it states none or cannot be read."""
    try:
        state = path.stat()
        score = _header_facts(path, state.st_mtime_ns, state.st_size).valid_si_snri
    except (OSError, CheckpointError):
        return -math.inf
    return -math.inf if score is None else score


@lru_cache
def _header_facts(path: Path, _mtime_ns: int, _size: int) -> TrainingFacts:
    """The facts in a file's header, read again only when the file has changed. Raises CheckpointError."""
    return describe(path)[1]


def describe(path: str | Path) -> tuple[Config, TrainingFacts]:
    """Configuration and training facts in the header of a file, without its tensors. Raises CheckpointError."""
    return _parse(_read_header(Path(path)))


class _Header(NamedTuple):
    """What a file says of itself, read once."""

    path: Path
    content: Any  # a dict; None where it says nothing, as files of other programs
    behind: Path | None  # the file beside it whose weights a variant uses


def _read_header(path: Path) -> _Header:
    _refuse_other_than_files(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return _understood((file.metadata() or {}).get(HEADER), path)
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is not a safetensors file, or it cannot be read.") from error


def save(path: str | Path, model: MaskingNetwork, facts: TrainingFacts | None = None, *, dtype: str = STORED) -> None:
    """Writes the weights of `model`, its configuration and the facts of its training to `path`.

    dtype: of DTYPES, in which the weights are stored, see `rounded`; float32 is exact. The file appears whole or, where
    something fails, not at all. Raises PathError.
    """
    info = (facts or TrainingFacts()).to_dict()
    header = json.dumps({"config": model.config.to_dict(), "info": info}, ensure_ascii=False)
    tensors = {name: rounded(value.detach().cpu(), dtype).contiguous() for name, value in model.state_dict().items()}
    with replacing(path) as unfinished:
        unfinished.write_bytes(safetensors.torch.save(tensors, {HEADER: header}))


def save_variant(path: str | Path, of: str, output: str, scores: dict[str, float] | None = None) -> None:
    """Writes to `path` that the weights `of` the file of this name beside it are another system, and nothing else.

    output: what separates, see `ChimeraConfig`; scores: its own, as in `TrainingFacts`. All other facts are those of
    the weights. Raises PathError.
    """
    header = json.dumps({OF: of, OUTPUT: output, "info": {"scores": scores or {}}})
    with replacing(path) as unfinished:
        unfinished.write_bytes(safetensors.torch.save({}, {HEADER: header}))


def rounded(values: Tensor, dtype: str = STORED) -> Tensor:
    """`values` in `dtype`, of DTYPES, or in float32 where it lacks the range for them; integers as they are.

    Rounding to n significant bits moves a number by 2^-n of itself at most. A tensor that loses more holds numbers
    beyond the largest of `dtype`, which would become infinite, or too many below its smallest normal one.
    """
    wanted = DTYPES[dtype]
    if not values.is_floating_point() or values.dtype == wanted:
        return values
    exact, short = values.double(), values.to(wanted)
    bound = torch.finfo(wanted).eps / 2 * exact.norm()
    return short if (short.double() - exact).norm() <= bound else values.float()


def weights_hash(path: str | Path) -> str:
    """The name of the weights in a file, 16 hexadecimal digits: equal where the network computes the same.

    The beginning of the SHA-256 of all that its output depends on, the weights as `rounded` has them: a file in 16 bits
    and the one in 32 from which it was made have one name. Raises CheckpointError.
    """
    path = Path(path)
    with opening(path):
        states = [path.stat(), *([_there(of, path).stat()] if (of := trunk_of(path)) else [])]
    return _weights_hash(path, tuple((state.st_mtime_ns, state.st_size) for state in states))


@lru_cache
def _weights_hash(path: Path, _states: tuple[tuple[int, int], ...]) -> str:
    tensors, header = _read(path)
    config, facts = _parse(header)
    known = {"config": config.to_dict(), "task": facts.task, "level_dbfs": facts.level_dbfs}
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    for name in sorted(tensors):
        values = rounded(tensors[name]).contiguous()
        digest.update(f"{name} {_describe(values)}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def load(path: str | Path, config: Config | None = None) -> tuple[MaskingNetwork, TrainingFacts]:
    """The network in a file written by `save`, in float32, for evaluation, on the CPU; and the facts of its training.

    config: what else is known of the network, which a file of tensors alone needs. Raises CheckpointError where the
    file is missing, damaged, or not of this network.
    """
    path = Path(path)
    tensors, header = _read(path)
    if header.content is None and config is not None:
        facts = TrainingFacts()
    else:
        stated, facts = _parse(header)
        if config not in (None, stated):
            raise CheckpointError(f"{path.name} describes another network than the configuration beside it.")
        config = stated
    with torch.device("meta"):
        model = make_network(config)
    check_tensors(tensors, model, path.name)
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}, assign=True)
    return model.eval(), facts


def check_tensors(tensors: dict[str, Tensor], model: MaskingNetwork, name: str) -> None:
    """Raises CheckpointError unless `tensors`, from a file called `name`, are those of `model`, and all are numbers."""
    expected = model.state_dict()
    for what, names in (
        ("lacks", expected.keys() - tensors.keys()),
        ("has the foreign", tensors.keys() - expected.keys()),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise CheckpointError(f"{name} does not fit its configuration: it {what} tensor {min(names)}{more}.")
    for key, value in expected.items():
        found = tensors[key]
        if found.shape != value.shape or found.is_floating_point() != value.is_floating_point():
            raise CheckpointError(
                f"{name} does not fit its configuration: {key} is {_describe(found)}, not {_describe(value)}."
            )
        values = found.double()  # of any type that a file can have, such as float8
        if not torch.isfinite(values).all():
            raise CheckpointError(f"{name} is damaged: {key} holds values that are not numbers (NaN or infinity).")
        if not torch.isfinite(values.float()).all():
            raise CheckpointError(f"{name} cannot be used: {key} holds numbers beyond the range of float32.")


def _read(path: Path) -> tuple[dict[str, Tensor], _Header]:
    """Tensors, those of its trunk in a variant, and header of a safetensors file."""
    tensors, text = _read_file(path)
    header = _understood(text, path)
    return (tensors if header.behind is None else _read_file(_there(header.behind, path))[0]), header


def _read_file(path: Path) -> tuple[dict[str, Tensor], str | None]:
    _refuse_other_than_files(path)
    try:
        with path.open("rb") as file:
            start = file.read(2)
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, (file.metadata() or {}).get(HEADER)  # noqa: SIM118
    except safetensors.SafetensorError:
        if start == b"PK" or start[:1] == b"\x80":  # a zip archive or a pickle
            problem = (
                "seems to be a pickled PyTorch file, which may run code when opened and is not read here: convert it "
                f"first, `python -m tasnet.convert {path} -o {path.stem}.safetensors`"
            )
        else:
            problem = "is not a safetensors file, or it is damaged or incomplete"
        raise CheckpointError(f"{path.name} {problem}.") from None
    except FileNotFoundError:
        raise CheckpointError(f"There is no file of weights at {path}.") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder, not a file of weights.") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from None


def _refuse_other_than_files(path: Path) -> None:
    """Reading from a pipe or a device would block, or never end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise CheckpointError(f"{path} is a pipe or a device, not a file of weights.")


def _parse(header: _Header) -> tuple[Config, TrainingFacts]:
    """Configuration and facts in a header. Raises CheckpointError."""
    if header.content is None:
        raise CheckpointError(
            f"{header.path.name} holds tensors but no description of a Conv-TasNet: it is of another program."
        )
    if header.behind is not None:
        return _parse_variant(header.content, header.behind, header.path)
    try:
        return config_from_dict(header.content.get("config")), TrainingFacts.from_dict(header.content.get("info"))
    except ValueError as error:
        raise _unclear(header.path, error) from None


def _parse_variant(content: Any, behind: Path, path: Path) -> tuple[Config, TrainingFacts]:
    header = _read_header(_there(behind, path))
    if header.behind is not None:
        raise CheckpointError(f"{path.name} is a variant of {behind.name}, which is itself one.")
    config, facts = _parse(header)
    try:
        if not isinstance(config, ChimeraConfig):
            raise ValueError(f"{behind.name} is no {ChimeraConfig.network}")
        own = TrainingFacts.from_dict(content.get("info"))
        return (
            dataclasses.replace(config, output=content.get(OUTPUT)),
            dataclasses.replace(facts, name=path.stem, scores=own.scores),
        )
    except ValueError as error:
        raise _unclear(path, error) from None


def _there(behind: Path, path: Path) -> Path:
    if not behind.is_file():
        raise CheckpointError(f"{path.name} is another system of the weights {behind.stem}, which are not beside it.")
    return behind


def _understood(text: str | None, path: Path) -> _Header:
    """The JSON `text` in the file `path`. Raises CheckpointError."""
    if text is None:
        return _Header(path, None, None)
    try:
        if len(text) > LONGEST_HEADER:
            raise ValueError(f"in {len(text)} characters")
        content = fitted("what it says", json.loads(text), dict)
    except (ValueError, RecursionError) as error:
        raise _unclear(path, error) from None
    if OF not in content:
        return _Header(path, content, None)
    if not isinstance(name := content[OF], str) or not NAME.fullmatch(name):
        raise CheckpointError(f"{path.name} names weights {name!s:.40}, which is no name of a file.")
    return _Header(path, content, path.with_name(f"{name}.safetensors"))


def _unclear(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path.name} describes its network in a way that cannot be understood ({error!s:.200}).")


def _describe(tensor: Tensor) -> str:
    return f"{tensor.dtype} {tuple(tensor.shape)}".removeprefix("torch.")
