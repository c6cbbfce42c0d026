"""The C++ network, compiled for this processor, once: a library in the user's cache folder."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from filelock import FileLock

from tasnet.errors import UserError
from tasnet.places import cache_folder

from ...atomic import replacing

SOURCE = Path(__file__).parent / "source"
NATIVE = ("-march=native", "-mprefer-vector-width=512")
# Not -ffast-math, which would hide NaNs, and make the whole process flush small numbers to zero.
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-w")
COMPILERS = ("g++", "c++", "clang++")
NO_COMPILER = "There is no C++ compiler here (g++ or clang++)."
SEAL = hashlib.sha256().digest_size  # bytes at the end of a library: the hash of what comes before

UNFINISHED = ".build-"  # prefix of the folders of builds
STALE = 3600.0  # s: after that a build must have ended

_lock = threading.Lock()
_failed: dict[tuple[str, ...], str] = {}  # flags -> why there is no library, where this process has tried
_loaded: dict[tuple[str, ...], ctypes.CDLL] = {}


class BuildError(UserError):
    """There is no compiled network; the message is one sentence that says why."""


def library_folder() -> Path:
    """Where compiled libraries are kept."""
    return cache_folder("kernels")


@cache
def processor() -> frozenset[str]:
    """The instruction sets of this processor, by Linux's names; none on other kinds of processor."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64"):
        return frozenset()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split(":", 1)[1] for line in lines if line.startswith("flags")), "").split())


def compiler() -> list[str] | None:
    """The command of the C++ compiler: $CXX, else the first of `COMPILERS` that exists."""
    own = shlex.split(os.environ.get("CXX", ""))
    if own and shutil.which(own[0]):
        return own
    return next(([name] for name in COMPILERS if shutil.which(name)), None)


def library_path(flags: tuple[str, ...] = NATIVE) -> Path:
    """Where the library lies, or will: its name changes with sources, flags, compiler and processor.

    Without a compiler it is the most recently built one.
    """
    folder, command = library_folder(), compiler()
    sources = [path.name + path.read_text() for kind in ("*.h", "*.cpp") for path in sorted(SOURCE.glob(kind))]
    key = _hash(*FLAGS, *flags, *sorted(processor()), *sources)
    if command is None:
        return max(folder.glob(f"{key}-*.so"), key=_age, default=folder / f"{key}.so")
    return folder / f"{key}-{_hash(_version(tuple(command)))}.so"


def is_built(flags: tuple[str, ...] = NATIVE) -> bool:
    """Whether the library is there, so that `library` takes no time."""
    return flags in _loaded or _is_whole(library_path(flags))


def why_not_built(flags: tuple[str, ...] = NATIVE) -> str:
    """Empty where there is a library, or a compiler that has not failed in this process; else one sentence."""
    if flags in _failed:
        return _failed[flags]
    return "" if compiler() or is_built(flags) else NO_COMPILER


def library(flags: tuple[str, ...] = NATIVE) -> ctypes.CDLL:
    """The library, built if necessary (some seconds). Raises BuildError, at once where it failed before."""
    with _lock:
        if flags not in _loaded:
            if flags in _failed:
                raise BuildError(_failed[flags])
            try:
                _loaded[flags] = _load(_build(flags))
            except BuildError as error:
                _failed[flags] = str(error)
                raise
        return _loaded[flags]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@cache
def _version(command: tuple[str, ...]) -> str:
    try:
        return f"{command} {subprocess.run([*command, '--version'], capture_output=True, text=True).stdout}"
    except OSError as error:  # `_run` says it
        return str(error)


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _is_whole(path: Path) -> bool:
    """Whether the library is complete: a truncated one could crash the process that loads it."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return len(content) > SEAL and hashlib.sha256(content[:-SEAL]).digest() == content[-SEAL:]


def _build(flags: tuple[str, ...]) -> Path:
    path = library_path(flags)
    if _is_whole(path):
        return path
    command = compiler()
    if command is None:
        raise BuildError(NO_COMPILER)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _turn(path):
            if not _is_whole(path):  # or another process has built it meanwhile
                _clear_old_builds(path.parent)
                with tempfile.TemporaryDirectory(dir=path.parent, prefix=UNFINISHED) as folder:
                    content = _compile(command, flags, Path(folder)).read_bytes()
                with replacing(path) as unfinished:
                    unfinished.write_bytes(content + hashlib.sha256(content).digest())
    except OSError as error:
        raise BuildError(f"The compiled network cannot be kept in {path.parent}: {error.strerror or error}.") from None
    return path


@contextlib.contextmanager
def _turn(path: Path) -> Iterator[None]:
    """One process at a time builds; a killed one releases the lock. Where locks do not work, all of them build."""
    lock = FileLock(path.with_suffix(".lock"))
    with contextlib.suppress(NotImplementedError):  # a file system without locks
        lock.acquire()
    try:
        yield
    finally:
        lock.release(force=True)


def _clear_old_builds(folder: Path) -> None:
    """Remove what killed builds have left behind."""
    for left in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):  # another process may do the same
            if time.time() - _age(left) > STALE:
                shutil.rmtree(left)


def _compile(command: list[str], flags: tuple[str, ...], folder: Path) -> Path:
    """Compile the units in parallel, then link them into one library in `folder`."""
    units = sorted(SOURCE.glob("*.cpp"), key=lambda path: -path.stat().st_size)  # the longest first
    objects = [folder / f"{unit.stem}.o" for unit in units]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = [[*command, *FLAGS, *flags, "-c", unit, "-o", made] for unit, made in zip(units, objects, strict=True)]
        list(pool.map(_run, jobs))
    library = folder / "library.so"
    _run([*command, "-shared", "-pthread", *objects, "-o", library])
    return library


def _run(command: list[str | Path]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error.strerror}.") from None
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[-200:])
        raise BuildError(f"{command[0]} could not build the compiled network: {first.strip()[:300]}")


def _load(path: Path) -> ctypes.CDLL:
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise BuildError(f"The compiled network cannot be loaded: {error}.") from None
    integer, long, address, real = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p, ctypes.c_float
    signatures = {
        "network": (address, [address, real, address]),
        "network_free": (None, [address]),
        "pack": (integer, [address, address, integer, integer]),
        "workspace": (address, [address, long, integer, integer]),
        "workspace_free": (None, [address]),
        "workspace_bytes": (long, [address]),
        "separate": (integer, [address, address, address, long, address]),
        "add_gradients": (None, [address, address, address, address]),
        "lanes": (integer, []),
        "bfloat16": (integer, []),
        "matrix_unit": (integer, []),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(loaded, f"tasnet_{name}")
        function.restype, function.argtypes = result, arguments
    return loaded
