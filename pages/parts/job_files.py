"""What jobs need and leave on disk: recordings with their voices, and the weights that a visitor brought.

Each lies in a folder of its own under a key that cannot be guessed, in what is private (see `folders`); it goes with
its job, or after `DAYS`, and makes way, the oldest first, once all take more than there is room for.
"""

import re
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import streamlit as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from analysis.keys import new_key
from tasnet.atomic import make_folder, replacing
from tasnet.errors import UserError

from . import folders

FOLDER = "files"
DAYS = 7
ROOM = 8 << 30  # bytes of all
COMING = 600.0  # s within which a file's job will exist
LONGEST_NAME = 60
Needed = Mapping[str, bool]  # {key that jobs know: whether an unfinished job needs its files}
PATH = "/job_files"


class JobFileError(UserError):
    """Files of a job that do not exist, or for which there is no room; the message is one sentence for the user."""


def keep_file(name: str, content: bytes, needed: Needed, key: str = "") -> str:
    """Keep a file; the key of its folder: a new one, or `key`, under which it may be here already.

    Raises JobFileError and PathError.
    """
    sweep(needed, len(content))
    root = folders.private_folder(FOLDER)
    if key and files_of(key):
        return key
    if _size(root) + len(content) > ROOM or shutil.disk_usage(root).free < 2 * len(content):
        raise JobFileError("There is no room for this file now: try again when other jobs are over.")
    folder = root / (key or new_key())
    make_folder(folder)
    with replacing(folder / safe_name(name)) as unfinished:
        unfinished.write_bytes(content)
    return folder.name


def folder_of(key: str) -> Path:
    """The folder of `key`. Raises JobFileError."""
    if not re.fullmatch(r"[\w-]{16,64}", key) or not (folder := folders.private_folder(FOLDER) / key).is_dir():
        raise JobFileError("The files of this job are no longer here.")
    return folder


def files_of(key: str) -> list[Path]:
    """The files of `key` by name; none where they are no longer here."""
    try:
        return sorted(path for path in folder_of(key).iterdir() if path.is_file() and not path.name.startswith("."))
    except (JobFileError, OSError):
        return []


def remove(keys: Collection[str]) -> None:
    """Remove the files of these keys."""
    for key in keys:
        for folder in {file.parent for file in files_of(key)}:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(needed: Needed, coming: int = 0) -> None:
    """Remove what no job knows any more or what is old, and the oldest while there is no room for `coming` bytes."""
    root = folders.private_folder(FOLDER)
    by_age = sorted((path for path in root.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    full = _size(root) + coming - ROOM
    for path in by_age:
        age = time.time() - path.stat().st_mtime
        forgotten = path.name not in needed and age > COMING
        if forgotten or (not needed.get(path.name) and (age > DAYS * 24 * 3600 or full > 0) and age > COMING):
            full -= _size(path)
            shutil.rmtree(path, ignore_errors=True)


def address(path: Path) -> str:
    """Where a browser gets a file of a job, straight from the disk."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"{base and f'/{base}'}{PATH}/{path.parent.name}/{path.name}"


async def _serve(request: Request) -> FileResponse:
    found = {path.name: path for path in files_of(request.path_params["key"])}
    if (path := found.get(request.path_params["name"])) is None:
        raise HTTPException(404)
    return FileResponse(path, filename=path.name)


# Relative to whatever address the server has.
ROUTES = [Route(f"{base}{PATH}/{{key}}/{{name}}", _serve, methods=["GET"]) for base in ("", "/{base:path}")]


def safe_name(name: str) -> str:
    """A file name without anything that has a meaning to a file system or a browser."""
    stem = re.sub(r"[^\w-]+", "_", Path(name).stem)[:LONGEST_NAME] or "sound"
    return stem + re.sub(r"[^.\w]", "", Path(name).suffix)[:8].lower()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
