"""One store for heavy results, shared by all browser sessions and keyed by the content they were made from.

While an upload is on show they are kept with it instead, and are removed with it; while the session's own model is in
use, with the session.
"""

import hashlib
import threading
from collections.abc import Hashable
from typing import Any

import numpy as np
import streamlit as st
from cachetools import LRUCache

from . import own_model, uploads

MAX_RESULTS = 48


@st.cache_resource
def _shared() -> tuple[LRUCache, threading.Lock]:
    return LRUCache(maxsize=MAX_RESULTS), threading.Lock()


@st.cache_resource(scope="session")
def _private() -> LRUCache:
    return LRUCache(maxsize=uploads.MAX_RESULTS)


def _store() -> tuple[LRUCache, threading.Lock]:
    shared, lock = _shared()
    if own_model.in_use():
        return _private(), lock
    upload = uploads.current()
    return (upload.results if upload else shared), lock


def fingerprint(*arrays: np.ndarray | None) -> str:
    """A short content hash of arrays: equal for equal shapes and samples."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array is not None:
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def find_result(key: Hashable) -> Any | None:
    """The result kept under `key`, or None."""
    store, lock = _store()
    with lock:
        return store.get(key)


def keep_result(key: Hashable, value: Any) -> Any:
    """Keep `value` under `key` and return it."""
    store, lock = _store()
    with lock:
        store[key] = value
    return value
