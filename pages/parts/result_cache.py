"""One store for heavy results, shared by all browser sessions and keyed by the content they were made from.

While an upload is on show, results are kept with it instead and removed with it; while the session's own model is in
use, with the session. All stores are limited in bytes.
"""

import hashlib
from collections.abc import Hashable
from typing import Any

import numpy as np
import streamlit as st

from . import internals, own_model, uploads
from .background import BackgroundTask
from .memory import SizedCache

MAX_BYTES = 2**29  # for what is computed from examples and corpora


@st.cache_resource
def _shared() -> SizedCache:
    return SizedCache(MAX_BYTES)


@st.cache_resource(scope="session")
def _private() -> SizedCache:
    return SizedCache(uploads.MAX_RESULTS)


def _store() -> SizedCache:
    if own_model.in_use():
        return _private()
    upload = uploads.current()
    return upload.results if upload else _shared()


def fingerprint(*arrays: np.ndarray | None) -> str:
    """A short content hash of arrays: equal for equal shapes and samples."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array is not None:
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def background_task(key: Hashable) -> BackgroundTask:
    """A task that may finish after its page was left: the value is kept here under `key`, and is no longer wanted once
    its upload, or the session whose own model it uses, is gone."""
    store, session, private = _store(), internals.session_id(), own_model.in_use()
    upload = None if private else uploads.token()

    def keep(value: Any) -> None:
        store.put(key, value)
        uploads.make_room_for_all()

    def wanted() -> bool:
        return internals.is_known(session) if private else upload is None or uploads.is_kept(upload)

    return BackgroundTask((upload, session if private else None, key), keep, wanted)


def keep_for_all(key: Hashable, value: Any) -> None:
    """Keep `value` under `key` for all sessions; not for anything private."""
    _shared().put(key, value)


def find_result(key: Hashable) -> Any | None:
    """The result kept under `key`, or None."""
    return _store().get(key)


def keep_result(key: Hashable, value: Any) -> Any:
    """Keep `value` under `key` and return it."""
    _store().put(key, value)
    uploads.make_room()
    return value
