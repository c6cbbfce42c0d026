"""Read PyTorch's pickled files without running anything: tensors, plain values, and harmless stubs for all else.

A checkpoint often holds other objects beside its tensors: an `argparse.Namespace`, a path, a callback, or a whole
network instead of its weights. PyTorch's safe reader refuses such a file; here each such object becomes a `Stub`, a
dictionary of what the file says about it. No name in the file is ever looked up: a class that is not in the short list
below becomes a new empty one, and no function is ever called.
"""

import io
import pickle
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, ClassVar

import numpy as np
import torch
from torch import Tensor

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # of files before PyTorch 1.6, which are several pickles and the storages
NUMBERS = re.compile("[iuf][1248]|b1")  # what numpy calls the types of numbers
# A zip may claim any size. Weights do not compress: what claims many times its file's size is not weights.
MOST_TIMES_ITS_FILE = 20
LITTLE = 1 << 20  # bytes that any may unfold to

STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}


class Stub(dict):
    """What a file says about an object: its attributes or items by name. `of` is its class as the file names it."""

    of = ""

    def __new__(cls, *_: object, **__: object) -> "Stub":
        return dict.__new__(cls)

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(named)
        if len(arguments) == 1 and isinstance(arguments[0], dict):
            self.update(arguments[0])

    def append(self, value: object) -> None:
        self[len(self)] = value

    def add(self, value: object) -> None:
        self.append(value)

    def extend(self, values: list) -> None:
        self.update(enumerate(values, len(self)))


class _Unpickler(pickle._Unpickler):
    """The Python implementation: the one in C would allocate all memory for a made-up memo index."""

    stack: list  # these three `load` makes
    read: Callable[[int], bytes]
    append: Callable[[object], None]
    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: BinaryIO, storage: Callable[[tuple], Tensor]) -> None:
        super().__init__(file, encoding="utf-8", errors="replace")
        self._storage = storage
        self._stubs: dict[str, type[Stub]] = {}

    def find_class(self, module: str, name: str) -> object:
        full = f"{module}.{name}"
        if name in STORAGES:
            return STORAGES[name]
        if module == "torch" and isinstance(found := vars(torch).get(name), torch.dtype):
            return found
        if full in KNOWN:
            return KNOWN[full]
        if full not in self._stubs:
            self._stubs[full] = type("Stub", (Stub,), {"of": full})
        return self._stubs[full]

    def persistent_load(self, place: tuple) -> Tensor:
        return self._storage(place)

    def load_build(self) -> None:
        """The state of a stub is its content; other objects that are made here have none."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Stub):
            if isinstance(self.stack[-1], _Array):
                self.stack[-1] = _values_of_array(state)
                return
            for part in state if isinstance(state, tuple) else (state,):
                if isinstance(part, dict):
                    self.stack[-1].update(part)

    def load_bytearray8(self) -> None:
        """Bytes that are there; pickle's own takes the memory first for as many as the file claims."""
        (length,) = struct.unpack("<Q", self.read(8))
        held = self.read(length)
        if len(held) < length:
            raise pickle.UnpicklingError("More bytes than the file has.")
        self.append(bytearray(held))

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


def _tensor(storage: Tensor, offset: int, size: tuple, stride: tuple, *_: object) -> Tensor:
    """In place of `torch._utils._rebuild_tensor_v2`. PyTorch itself checks that it lies within the storage."""
    if len(storage) == 0 and 0 in size:
        return storage.new_zeros(size)
    return torch.as_strided(storage, size, stride, offset)


def _parameter(value: Tensor, *_: object) -> Tensor:
    return value


def _number(kind: object, content: object) -> object:
    """In place of `numpy.core.multiarray.scalar`: a plain number; None for anything else."""
    name = kind.get("kind") if isinstance(kind, Stub) else None
    if not isinstance(name, str) or not isinstance(content, bytes) or not NUMBERS.fullmatch(name):
        return None
    return np.frombuffer(content, name)[0].item() if np.dtype(name).itemsize == len(content) else None


class _Array(Stub):
    """A numpy array whose values have not been read yet."""

    of = "numpy.ndarray"


def _array(*_: object) -> _Array:
    """In place of `numpy.core.multiarray._reconstruct`."""
    return _Array()


def _values_of_array(state: object) -> Tensor | None:
    """The numbers that numpy stores as (version, shape, type, whether columns come first, bytes); None for others."""
    if not isinstance(state, tuple) or len(state) != 5:
        return None
    _, shape, kind, columns_first, content = state
    name = kind.get("kind") if isinstance(kind, Stub) else None
    if not isinstance(name, str) or not isinstance(content, bytes) or not NUMBERS.fullmatch(name):
        return None
    values = np.frombuffer(content, name)
    return torch.from_numpy(values.reshape(shape, order="F" if columns_first else "C").copy())


def _kind(name: object, *_: object) -> Stub:
    """In place of `numpy.dtype`."""
    return Stub(kind=name)


def _encode(text: str, encoding: str = "latin1", *_: object) -> bytes:
    """In place of `_codecs.encode`, with which Python 2 wrote bytes."""
    return text.encode("latin1")


def _object(kind: object, *_: object) -> Stub:
    """In place of `copyreg._reconstructor`."""
    return kind() if isinstance(kind, type) and issubclass(kind, Stub) else Stub()


KNOWN = {
    "collections.OrderedDict": dict,
    "torch.Size": tuple,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "numpy.core.multiarray.scalar": _number,
    "numpy._core.multiarray.scalar": _number,
    "numpy.core.multiarray._reconstruct": _array,
    "numpy._core.multiarray._reconstruct": _array,
    "numpy.dtype": _kind,
    "_codecs.encode": _encode,
    "copy_reg._reconstructor": _object,
    "copyreg._reconstructor": _object,
}


def check_size(content: bytes) -> None:
    """Raises UnpicklingError for an archive that claims to hold much more than it can, before anything is unfolded."""
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            held = sum(entry.file_size for entry in archive.infolist())
        if held > max(MOST_TIMES_ITS_FILE * len(content), LITTLE):
            raise pickle.UnpicklingError("The archive claims to hold more than it can.")


def read_pickle(content: bytes) -> Any:
    """The content of a file of `torch.save`, with stubs. Raises whatever damaged bytes lead to; runs nothing in it."""
    check_size(content)
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _load_zip(archive)
    return _load_legacy(io.BytesIO(content))


def _load_zip(archive: zipfile.ZipFile) -> Any:
    names = set(archive.namelist())
    (main,) = (name for name in names if name.count("/") == 1 and name.endswith("/data.pkl"))
    folder = main.removesuffix("data.pkl")
    if f"{folder}constants.pkl" in names:
        raise pickle.UnpicklingError("This is TorchScript, which is a program.")
    swap = f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") == b"big"
    known: dict[str, Tensor] = {}

    def storage(place: tuple) -> Tensor:
        _, kind, key, _, _ = place
        if key not in known:
            held = bytearray(archive.read(f"{folder}data/{key}"))
            known[key] = _values(held, kind, swap)
        return known[key]

    return _Unpickler(io.BytesIO(archive.read(main)), storage).load()


def _load_legacy(file: BinaryIO) -> Any:
    known: dict[str, Tensor] = {}

    def storage(place: tuple) -> Tensor:
        if place[0] != "storage":  # a class with its source: no tensor
            return place[1]
        kind, key, _, length, view = place[1:]
        if not isinstance(kind, torch.dtype):
            raise pickle.UnpicklingError("No type of a storage.")
        if key not in known:  # the values come after the pickle
            if length * kind.itemsize > _left(file):
                raise pickle.UnpicklingError("More values than the file has.")
            known[key] = torch.zeros(length, dtype=kind)
        return known[key] if view is None else known[key][view[1] : view[1] + view[2]]

    def one() -> Any:
        return _Unpickler(file, storage).load()

    first = one()
    if isinstance(first, dict):  # of pickle itself, such as the statistics of features
        return first
    if first != LEGACY_MAGIC:
        raise pickle.UnpicklingError("Not a file of PyTorch's.")
    one(), one()  # version, and machine
    held = one()
    for key in one():
        target = known[key]
        (length,) = struct.unpack("<q", file.read(8))
        if length != len(target):
            raise pickle.UnpicklingError("A storage of another length.")
        target.copy_(_values(bytearray(file.read(length * target.element_size())), target.dtype, False))
    return held


def _left(file: BinaryIO) -> int:
    here = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(here)
    return end - here


def _values(held: bytearray, kind: torch.dtype, swap: bool) -> Tensor:
    if not held:
        return torch.zeros(0, dtype=kind)
    if swap:
        width = kind.itemsize
        held = bytearray(np.frombuffer(held, np.uint8).reshape(-1, width)[:, ::-1].tobytes())
    return torch.frombuffer(held, dtype=kind)


def stubs(content: object, deepest: int = 12) -> Iterator[Stub]:
    """The stubs in `content`, at any depth down to `deepest`; a class by which something is stored counts as one."""
    seen: set[int] = set()
    level: list = [content]
    for _ in range(deepest):
        below: list = []
        for value in level:
            if id(value) in seen or not isinstance(value, dict | list | tuple):
                continue
            seen.add(id(value))
            if isinstance(value, Stub):
                yield value
            if isinstance(value, dict):
                yield from (key() for key in value if isinstance(key, type) and issubclass(key, Stub))
            below += value.values() if isinstance(value, dict) else value
        level = below
