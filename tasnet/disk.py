"""Arrays on disk, so that the length of a recording costs no memory."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from types import EllipsisType
from typing import TypeVar, overload

import numpy as np

from .errors import opening

BLOCK = 1 << 20  # samples that are in memory at a time


class DiskArray:
    """float32 of `shape` (T,) or (C, T), at first zeros; read and written as array[..., begin:end].

    The files have no name: they are gone with the process, however it ends. Raises PathError where the disk is full.
    """

    def __init__(self, shape: tuple[int, ...], folder: str | Path) -> None:
        self.shape, self._folder = shape, folder
        with opening(folder, "be written to"):
            self._files = [tempfile.TemporaryFile(dir=folder) for _ in range(math.prod(shape[:-1]))]  # noqa: SIM115 - closed with it
            for file in self._files:
                file.truncate(4 * shape[-1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, stretch: tuple[EllipsisType, slice]) -> np.ndarray:
        begin, end, _ = stretch[1].indices(self.shape[-1])
        rows = np.zeros((len(self._files), max(0, end - begin)), np.float32)
        for file, row in zip(self._files, rows, strict=True):
            file.seek(4 * begin)
            file.readinto(row.view(np.uint8).data) if row.size else None
        return rows.reshape(*self.shape[:-1], -1)

    def __setitem__(self, stretch: tuple[EllipsisType, slice], samples: np.ndarray) -> None:
        begin, end, _ = stretch[1].indices(self.shape[-1])
        rows = np.broadcast_to(samples, (*self.shape[:-1], end - begin)).reshape(len(self._files), -1)
        for file, row in zip(self._files, rows, strict=True):
            with opening(self._folder, "be written to"):
                file.seek(4 * begin)
                file.write(np.ascontiguousarray(row, np.float32).data)

    def row(self, number: int) -> DiskArray:
        """Row `number` of an array (C, T), as an array (T,) on the same file."""
        one = object.__new__(DiskArray)
        one.shape, one._folder, one._files = self.shape[1:], self._folder, [self._files[number]]
        return one

    def like(self) -> DiskArray:
        """Zeros of the same shape, in the same folder."""
        return DiskArray(self.shape, self._folder)

    def blocks(self) -> list[slice]:
        """The stretches of at most BLOCK samples that cover the array."""
        return [slice(k, min(k + BLOCK, self.shape[-1])) for k in range(0, self.shape[-1], BLOCK)]


Sound = TypeVar("Sound", np.ndarray, DiskArray)  # (T,) or (C, T), in memory or on the disk


@overload
def zeros_like(sound: DiskArray) -> DiskArray: ...
@overload
def zeros_like(sound: np.ndarray) -> np.ndarray: ...
def zeros_like(sound: np.ndarray | DiskArray) -> np.ndarray | DiskArray:
    """float32 zeros of the shape of `sound`, in memory or on the disk as it is."""
    return sound.like() if isinstance(sound, DiskArray) else np.zeros(sound.shape, np.float32)
