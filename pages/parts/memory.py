"""Values kept in memory, limited by the bytes they take."""

import dataclasses
import threading
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
from cachetools import LRUCache


def size_of(value: Any) -> int:
    """Bytes of the arrays and byte strings in `value`, each counted once; networks, which all share, are left out."""
    seen: set[int] = set()

    def visit(part: Any) -> int:
        while isinstance(part, np.ndarray) and part.base is not None:
            part = part.base  # the array that a view keeps alive
        if id(part) in seen:
            return 0
        seen.add(id(part))
        if isinstance(part, np.ndarray | memoryview):
            return part.nbytes
        if isinstance(part, bytes | bytearray):
            return len(part)
        if isinstance(part, dict):
            return sum(map(visit, list(part.values())))
        if isinstance(part, list | tuple):
            return sum(map(visit, part))
        if dataclasses.is_dataclass(part) and not isinstance(part, type):
            return sum(map(visit, vars(part).values()))
        return 0

    return visit(value)


class SizedCache:
    """Values by key, for any number of threads; the longest unused are dropped once all take more than `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._values: LRUCache = LRUCache(max_bytes, getsizeof=size_of)
        self._lock = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[Hashable]:
        return iter(list(self._values))

    @property
    def size(self) -> int:
        """Bytes that are taken."""
        return int(self._values.currsize)

    def get(self, key: Hashable) -> Any | None:
        """The value, or None."""
        with self._lock:
            return self._values.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Keep `value`, unless it alone exceeds the limit."""
        with self._lock:
            if size_of(value) <= self._values.maxsize:
                self._values[key] = value

    def take(self, other: "SizedCache") -> None:
        """Take over what `other` keeps."""
        for key in other:
            self.put(key, other.get(key))

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._values.clear()
