"""Compile the browser's engine, `assets/web/browser/engine.wasm`, and tell which sources an engine was built from."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tasnet.atomic import replacing
from tasnet.errors import UserError
from tasnet.places import WEB

SOURCE = Path(__file__).parent / "source"
ENGINE = WEB / "browser" / "engine.wasm"
COMPILERS = ("clang++", "clang++-19", "clang++-16", "clang++-14")
# No -ffast-math: it would take (x + c) - c for x. The four lanes are written out, so nothing is lost without it.
# fmt: off
FLAGS = (
    "--target=wasm32", "-std=c++20", "-O3", "-msimd128", "-mbulk-memory", "-ffreestanding", "-nostdlib",
    "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-Wl,--no-entry",
    "-Wl,--strip-all", "-Wl,-z,stack-size=65536",
)
# fmt: on
STAMP = b"sources"  # the name of the section that holds their hash
MAGIC = b"\0asm\1\0\0\0"


class EngineError(UserError):
    """The engine cannot be built here, or a file is not an engine; the message is one sentence."""


def sources_hash() -> str:
    """SHA-256 of the sources and of how they are compiled."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for path in sorted(SOURCE.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def stamp(engine: bytes) -> str:
    """The hash of the sources that an engine was built from. Raises EngineError where it has none."""
    place = len(MAGIC)
    if engine[:place] != MAGIC:
        raise EngineError("This is not a WebAssembly module.")
    while place < len(engine):
        kind, place = engine[place], place + 1
        size, place = _number(engine, place)
        if kind == 0:
            length, begin = _number(engine, place)
            if engine[begin : begin + length] == STAMP:
                return engine[begin + length : place + size].decode()
        place += size
    raise EngineError("The engine does not say of which sources it was made.")


def clang_for_wasm() -> str | None:
    """A clang that has the linker for WebAssembly beside it; None where there is none."""
    if not any(shutil.which(name) for name in ("wasm-ld", "wasm-ld-19", "wasm-ld-16", "wasm-ld-14")):
        return None
    return next((name for name in COMPILERS if shutil.which(name)), None)


def compiled() -> bytes:
    """A newly built engine with the hash of its sources. Raises EngineError."""
    clang = clang_for_wasm()
    if clang is None:
        raise EngineError("The engine needs clang and lld: apt-get install clang lld.")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "engine.wasm"
        command = [clang, *FLAGS, "-o", str(made), str(SOURCE / "engine.cpp")]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise EngineError(f"{clang} failed: {done.stderr.strip()[-2000:]}")
        content = STAMP + sources_hash().encode()
        body = bytes([len(STAMP)]) + content
        return made.read_bytes() + bytes([0, *_bytes_of(len(body))]) + body


def write_engine(path: Path = ENGINE) -> int:
    """Builds the engine into `path`; its size in bytes. Raises EngineError and OSError."""
    made = compiled()
    with replacing(path) as unfinished:
        unfinished.write_bytes(made)
    return len(made)


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A LEB128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        shift, place = shift + 7, place + 1
        if byte < 128:
            return value, place


def _bytes_of(value: int) -> list[int]:
    """The inverse of `_number`."""
    parts = [value & 127]
    while value := value >> 7:
        parts[-1] |= 128
        parts.append(value & 127)
    return parts
