"""The sounds users bring: kept in memory under unguessable tokens, gone soon after the last tab that uses them.

A token is in the URL, so that a reload or a link restores an upload; without it nobody reaches a file. What was
computed from an upload is kept with it and removed with it (see `result_cache`). `server.maxUploadSize` (MB, in
.streamlit/config.toml or after `streamlit run app.py`) limits each file, and `server.disconnectedSessionTTL` (s) is how
long an upload outlives the last tab that showed it.
"""

import contextlib
import ctypes
import gc
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import streamlit as st
from streamlit.typing import UploadedFile

from analysis.sounds.inputs import decode_upload
from tasnet.audio import Audio
from tasnet.errors import UserError

from . import guard, internals, links
from .budgeted import nursery, read_within_budget
from .memory import SizedCache, size_of

# Room for all uploads together, in files of the largest size: including what is made from them; not yet taken by a
# page.
MAX_LARGEST_FILES = 6
MAX_IN_TRANSIT = 4
MAX_RESULTS = 2**30  # bytes kept with an upload
MAX_FILES = 4  # from one widget: no view uses more than three voices

File = tuple[str, bytes]  # name, content


class UploadError(UserError):
    """An upload does not exist, or no longer does."""


@dataclass
class Upload:
    """The files of one view by the widget they came through; never changed, so that a token means one sound."""

    files: dict[str, list[File]]
    sessions: set[str] = field(default_factory=set)  # the tabs that use it
    left: float | None = None  # when it was first seen without an open tab
    decoded: dict[tuple[str, int | None], list[Audio]] = field(default_factory=dict)
    results: SizedCache = field(default_factory=lambda: SizedCache(MAX_RESULTS))

    @property
    def size(self) -> int:
        """Bytes of the files, of the decoded sound and of the results."""
        return size_of(self.files) + size_of(self.decoded) + self.results.size

    def audio(self, widget: str, channel: int | None = None) -> list[Audio]:
        """The sounds that came through `widget`, or one channel of each, decoded once.

        Raises AudioError, BudgetError, and UploadError for too many.
        """
        files = self.files.get(widget, [])
        if len(files) > MAX_FILES:
            raise UploadError(f"{len(files)} files are too many: at most three voices can be used at once.")
        decoded = self.decoded.get((widget, channel))
        if decoded is None:
            decoded = self.decoded[widget, channel] = [
                read_within_budget(decode_upload, content, name, channel) for name, content in files
            ]
        return decoded

    def slim(self) -> None:
        """Drop what can be made from the files again."""
        self.decoded = {}
        self.results.clear()


class UploadStore:
    """Uploads by token. `max_size` (bytes) is room for all with what was made from them: see `make_room`."""

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size
        self._uploads: OrderedDict[str, Upload] = OrderedDict()  # the longest unused first
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._uploads)

    def put(self, files: dict[str, list[File]], session: str) -> str:
        """Keep `files` for `session`; returns their token."""
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._uploads[token] = Upload(files, {session})
        self.make_room()
        return token

    def make_room(self) -> None:
        """While all take too much: drop what was made from uploads, then uploads; the last one used stays.

        Whoever holds most loses first, what is longest unused: nobody takes up the room of others.
        """
        with self._lock:
            sizes = {token: upload.size for token, upload in self._uploads.items()}
            *others, _ = sizes or [None]
            for give_up in (self._slim, self._drop):
                left = list(others)
                while left and sum(sizes.values()) > self.max_size:
                    token = self._heaviest(left, sizes)
                    left.remove(token)
                    sizes[token] = give_up(token)
                others = [token for token in others if token in self._uploads]

    def _heaviest(self, tokens: list[str], sizes: dict[str, int]) -> str:
        """The longest unused of `tokens` among those whose users hold most."""
        held: dict[frozenset[str], int] = {}
        users = {token: frozenset(upload.sessions) for token, upload in self._uploads.items()}
        for token, who in users.items():
            held[who] = held.get(who, 0) + sizes[token]
        return max(tokens, key=lambda token: held[users[token]])

    def _slim(self, token: str) -> int:
        self._uploads[token].slim()
        return self._uploads[token].size

    def _drop(self, token: str) -> int:
        del self._uploads[token]
        return 0

    def get(self, token: str, session: str) -> Upload | None:
        """The upload of `token`, or None; from now on `session` uses it too."""
        with self._lock:
            if (upload := self._uploads.get(token)) is not None:
                upload.sessions.add(session)
                upload.left = None
                self._uploads.move_to_end(token)
            return upload

    def holds(self, token: str) -> bool:
        """Whether the upload of `token` is here."""
        return token in self._uploads

    def release(self, token: str, session: str) -> None:
        """`session` has replaced this upload by another: remove it, unless others use it."""
        with self._lock:
            if (upload := self._uploads.get(token)) is not None:
                upload.sessions.discard(session)
                if not upload.sessions:
                    del self._uploads[token]

    def sweep(self, now: float, grace: float, is_open: Callable[[str], bool]) -> None:
        """Remove what no open tab has used for `grace` s: a reload ends a session before the next one begins."""
        with self._lock:
            for token, upload in list(self._uploads.items()):
                if any(is_open(session) for session in upload.sessions):
                    upload.left = None
                elif upload.left is None:
                    upload.left = now
                elif now - upload.left >= grace:
                    del self._uploads[token]


@st.cache_resource(show_spinner=False)
def _store() -> UploadStore:
    store = UploadStore(MAX_LARGEST_FILES * st.get_option("server.maxUploadSize") * 2**20)

    def watch() -> None:
        while True:
            grace = st.get_option("server.disconnectedSessionTTL")
            time.sleep(max(grace / 4, 1))
            store.sweep(time.monotonic(), grace, internals.is_open)
            internals.close_expired_sessions()
            internals.release_served()
            give_memory_back()

    threading.Thread(target=watch, name="uploads", daemon=True).start()
    return store


def watch_over_server() -> None:
    """Keep what visitors bring within its limits, and let none of it outlive them; called before any page."""
    guard.guard_server(MAX_IN_TRANSIT * st.get_option("server.maxUploadSize") * 2**20)
    _store()
    nursery()


def give_memory_back() -> None:
    """Return free memory to the operating system; the C library would keep it for later."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # of glibc only
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _kind() -> str:
    """The kind of sound on show: each has its own upload, which a link to another kind does not give away."""
    return st.session_state.get("sound", "")


def _tokens() -> dict[str, str]:
    """The session's token for every kind of sound, starting with the one in the URL."""
    if "upload_tokens" not in st.session_state:
        linked = st.query_params.get("upload") or links.complete().get("upload")
        st.session_state.upload_tokens = {_kind(): linked} if linked else {}
    return st.session_state.upload_tokens


def follow_upload() -> None:
    """Show the upload in the URL after a step in the browser's history."""
    if linked := st.query_params.get("upload"):
        _tokens()[st.query_params.get("sound", "")] = linked


def token() -> str | None:
    """The token of the upload on show."""
    return _tokens().get(_kind())


def current() -> Upload | None:
    """The upload on show; None where the user has brought nothing yet, or it is gone."""
    known = token()
    return _store().get(known, internals.session_id()) if known else None


def keep_files(widget: str, files: list[File]) -> None:
    """What came through `widget` is now `files`: an upload of its own, with a new token."""
    old = current()
    if token():
        _store().release(token(), internals.session_id())
    together = {**(old.files if old else {}), widget: files}
    if any(together.values()):
        _tokens()[_kind()] = _store().put(together, internals.session_id())
        if old and files:  # a mixture is not separated again for voices that come later
            current().results.take(old.results)
    else:
        _tokens().pop(_kind(), None)


def forget_transit(files: Sequence[UploadedFile]) -> None:
    """`files` of a widget that will not be shown again are kept here now: Streamlit's own copies go."""
    for file in files:
        guard.remove_file(internals.session_id(), file.file_id)


def make_room() -> None:
    """Call after something was kept with an upload."""
    if token():
        _store().make_room()


def make_room_for_all() -> None:
    """`make_room` from a thread that does not belong to a page."""
    _store().make_room()


def is_kept(known: str) -> bool:
    """Whether the upload of this token is still here; asking does not count as use."""
    return _store().holds(known)


def check_link() -> None:
    """Raise UploadError where a link's upload is gone, or was never here."""
    if token() and current() is None:
        raise UploadError(
            "This upload is no longer here: uploads are removed when the tab that shows them is closed. "
            "Please choose the file again."
        )
