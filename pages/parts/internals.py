"""Everything that relies on Streamlit's internals, which may change with its versions: nothing else does."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import streamlit as st
from streamlit import runtime
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer
from streamlit.runtime import Runtime
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state.session_state_proxy import get_session_state
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFile
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from tasnet.places import WEB

PACKAGE = "tasnet_lens"
FRAME = "player/frame.css"
HELD_SECONDS = 30  # how long, at least, a file can still be fetched after the run that served it


def pages_are_named() -> None:
    """Before any visit: say that `app.py` lists the pages itself.

    Because of the folder pages/, Streamlit treats the first visit to a new server as an app of the older kind, which
    runs a page without `app.py`, its sidebar and its selection.
    """
    PagesManager.uses_pages_directory = False


def serve(content: bytes, mime: str, coordinates: str, name: str) -> str:
    """The address under which the browser fetches `content` as the file `name`.

    It is valid until the next run of the page, and half a minute longer, for Streamlit drops a file as soon as a run
    ends that has not served it again, while a busy browser is still about to fetch it: call this on every run.
    `coordinates` distinguish the places on the page.
    """
    manager = runtime.get_instance().media_file_mgr
    url = manager.add(content, mime, coordinates, file_name=name)
    with manager._lock:
        users = manager._files_by_session_and_coord
        users[_holder(time.monotonic())][url] = users[session_id()][coordinates]
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}{url}" if base else url


def release_served() -> None:
    """Let Streamlit drop what was served over half a minute ago, unless a page still shows it; called now and then."""
    if not runtime.exists():
        return
    manager, now = runtime.get_instance().media_file_mgr, time.monotonic()
    kept = (_holder(now), _holder(now - HELD_SECONDS))
    with manager._lock:
        old = [user for user in manager._files_by_session_and_coord if user.startswith(_HOLDER) and user not in kept]
    for holder in old:
        manager.clear_session_refs(holder)
    if old:
        manager.remove_orphaned_files()


_HOLDER = "served since "


def _holder(now: float) -> str:
    """The name of what stands, among the sessions that use files, for all that was served within half a minute."""
    return f"{_HOLDER}{int(now // HELD_SECONDS)}"


def web_component(name: str, script: str, look: str, *, framed: bool = False) -> ComponentRenderer:
    """The component `name` of assets/web: the module `script`, and the files `look`.html and `look`.css.

    framed: with the look of the frame that is around the player and both live views.

    The browser fetches the script, and what that imports, by their relative paths. Streamlit offers this to installed
    packages, which say it in their pyproject.toml; the app is one only where it does not run from a checkout.
    """
    manager = get_bidi_component_manager()
    whole = f"{PACKAGE}.{name}"
    if manager.get_component_asset_root(whole) is None:
        manifest = ComponentManifest(PACKAGE, version="", components=[ComponentConfig(name, WEB.name)])
        manager.register_from_manifest(manifest, WEB.parent)
    html, css = _read(f"{look}.html"), (_read(FRAME) if framed else "") + _read(f"{look}.css")
    return st.components.v2.component(whole, html=html, css=css, js=script, isolate_styles=False)


@cache
def _read(name: str) -> str:
    return (WEB / name).read_text()


def still_here(held: Any) -> list[UploadedFile]:
    """The files of a file widget, without those that are gone: taken in the previous run, or no longer kept."""
    files = held if isinstance(held, list) else [held] if held else []
    return [file for file in files if not isinstance(file, DeletedFile)]


@contextmanager
def drawn_anew() -> Iterator[None]:
    """In the block, what this run has already drawn may be drawn again, in its old place."""
    shared = get_script_run_ctx().shared
    known = (shared.widget_ids_this_run, shared.widget_user_keys_this_run)
    before = [names.snapshot() for names in known]
    for names in known:
        names.clear()
    try:
        yield
    finally:
        for names, old in zip(known, before, strict=True):
            for name in old:
                names.check_and_add(name)


def note_address(values: dict[str, str | None]) -> None:
    """Treat `values` (None: absent) as what the browser's address says, without sending the browser anything.

    For what a component has itself put into the address: sent back late, it would undo what the user did since.
    """
    with get_session_state().query_params() as parameters:
        for name, value in values.items():
            if value:
                parameters.set_with_no_forward_msg(name, value)
            else:
                parameters.discard_param_no_forward_msg(name)


def session_id() -> str:
    """The name of the tab's session; "" where no page runs, as in tests of its parts."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def running_server() -> Runtime | None:
    """What runs the pages; None where one runs alone, as in tests, which put something else in its place."""
    server = runtime.get_instance() if runtime.exists() else None
    return server if type(server) is Runtime else None


def on_error(handle: Callable[[Exception], bool]) -> None:
    """Let `handle` show what no page has caught, in this run and all later ones; it returns whether it has.

    Does nothing where a page runs without a server: a test should see the error itself.
    """
    if (server := running_server()) is None:
        return
    context = get_script_run_ctx()
    context.on_script_error = handle
    manager: Any = server._session_mgr
    manager._on_script_error = handle  # of sessions to come
    if (info := manager.get_active_session_info(context.session_id)) is not None:
        info.session._on_script_error = handle  # of this one's callbacks, which run before its pages


@contextmanager
def outside_of_visits() -> Iterator[None]:
    """In the block, use outside of a page's run what pages use, without Streamlit's warnings."""
    logger = logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def is_open(session: str) -> bool:
    """Whether a tab of this session is connected."""
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def is_known(session: str) -> bool:
    """Whether a tab of this session is connected or may come back."""
    if (server := running_server()) is None:
        return True
    return server._session_mgr.get_session_info(session) is not None


def close_expired_sessions(manager: object = None) -> None:
    """Shut down the sessions that no tab can return to.

    Streamlit itself does so only when another tab opens or closes; until then their files stay in memory.
    """
    if manager is None and runtime.exists():
        manager = getattr(runtime.get_instance(), "_session_mgr", None)
    if not isinstance(manager, WebsocketSessionManager):
        return
    with manager._storage_lock:
        expired = cast(Any, manager._session_storage)._cache.expire()
    for _, stored in expired:
        stored.session.shutdown()
