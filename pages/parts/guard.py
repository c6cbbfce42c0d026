"""What browsers may send to the server itself, beyond what pages ask for; this too relies on Streamlit's internals.

Whoever reaches the server talks to Streamlit before any page does: by messages over the websocket, and by uploading
files to an address. `guard_server` lets only what this app's pages need through, once for the whole server.
"""

import gc
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from . import internals

logger = logging.getLogger(__name__)
# The browser's messages (BackMsg.proto) that concern only its own session. Not `clear_cache`, which empties all
# sessions' caches, nor `load_git_info`, which reveals the project's folder.
MESSAGES = {"rerun_script", "stop_script", "app_heartbeat", "file_urls_request", "backend_operation_request"}
OPERATIONS = {"deferred_file", "dataframe_chunk"}  # of the last; not those that write into the project's folder
UPLOAD_ROUTE = "upload_file/{session_id}/{file_id}"
TOO_MUCH = "There is no room for this file now: bring fewer at once, or try again later."


class TransitRoom:
    """Room for files that browsers have put and no page has taken yet: `size` bytes for all sessions together.

    When it is full, the session that holds most gives way to the others, its oldest file first; nothing of others gives
    way to it.
    """

    def __init__(self, files: MemoryUploadedFileManager, size: int) -> None:
        self.size = size
        self._files = files
        self._coming: dict[str, int] = {}  # bytes that are being received, by session
        self._lock = threading.Lock()

    def held(self) -> dict[str, int]:
        """Bytes by session, including those still arriving."""
        with self._files._lock:
            held = {
                session: sum(len(file.data) for file in files.values())
                for session, files in self._files.file_storage.items()
            }
        for session, size in self._coming.items():
            held[session] = held.get(session, 0) + size
        return held

    @contextmanager
    def admitted(self, session: str, size: int) -> Iterator[bool]:
        """Whether a file of so many bytes is accepted; room for it is reserved until the block ends."""
        with self._lock:
            good = self._make_way(session, size)
            if good:
                self._coming[session] = self._coming.get(session, 0) + size
        try:
            yield good
        finally:
            if good:
                with self._lock:
                    self._coming[session] -= size
                    if not self._coming[session]:
                        del self._coming[session]

    def _make_way(self, session: str, size: int) -> bool:
        while sum((held := self.held()).values()) + size > self.size:
            most = max(held, key=held.__getitem__, default=session)
            oldest = next(iter(self._files.file_storage.get(most, {})), None)
            if held.get(session, 0) + size >= held.get(most, 0) or oldest is None:
                return False
            self._files.remove_file(most, oldest)
        return True


def guard_server(transit: int) -> None:
    """Let only what this app needs into the server that runs it, `transit` bytes for files that no page has taken yet.

    Does nothing where there is no server, or where it is already guarded.
    """
    if (server := internals.running_server()) is None or getattr(AppSession.handle_backmsg, "guarded", False):
        return
    AppSession.handle_backmsg = _filtered(AppSession.handle_backmsg)  # type: ignore[method-assign]
    files = cast(MemoryUploadedFileManager, server.uploaded_file_mgr)
    room = TransitRoom(files, transit)
    # Nothing that a page can reach holds the application itself.
    routes = [one for one in gc.get_objects() if type(one) is Route and one.path.endswith(UPLOAD_ROUTE)]
    if not routes:
        raise RuntimeError("this version of Streamlit takes files at another address: guard it there")
    for route in routes:
        if "PUT" in route.methods:
            route.app = _bounded(route.app, room, files)


def _filtered(handle: Callable) -> Callable:
    def handle_known(self: AppSession, message: Any) -> None:
        kind = message.WhichOneof("type")
        if kind == "backend_operation_request":
            allowed = message.backend_operation_request.WhichOneof("payload") in OPERATIONS
        else:
            allowed = kind in MESSAGES
        if allowed:
            handle(self, message)
        else:
            logger.warning("a browser's message of the kind %s was not followed", kind)

    handle_known.guarded = True  # type: ignore[attr-defined]
    return handle_known


def _bounded(put: Callable, room: TransitRoom, files: MemoryUploadedFileManager) -> Callable:
    """The ASGI application `put` behind `room`: what does not fit is refused before it is read."""

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        session = scope["path_params"]["session_id"]
        length = dict(scope["headers"]).get(b"content-length", b"")
        if not length.isdigit():
            await PlainTextResponse("The file's length is not said.", 411)(scope, receive, send)
            return
        with room.admitted(session, int(length)) as good:
            if good:
                await put(scope, receive, send)
            else:
                await PlainTextResponse(TOO_MUCH, 413)(scope, receive, send)
        # The tab may have been closed for good while the file arrived: nobody else would remove it.
        if not internals.is_known(session):
            files.remove_session_files(session)

    return bounded


def remove_file(session: str, file_id: str) -> None:
    """A page has taken this file: remove Streamlit's own copy."""
    if (server := internals.running_server()) is not None:
        cast(MemoryUploadedFileManager, server.uploaded_file_mgr).remove_file(session, file_id)
