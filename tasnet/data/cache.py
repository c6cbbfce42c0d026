"""Packs of utterances, decoded once into a file that is mapped into memory: a start then takes seconds."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock

from tasnet.places import cache_folder

from .packs import packs_at
from .utterances import UtteranceSet, at_rms, open_utterances

KEPT = 2  # sets of packs that stay decoded: the most recently used
SAMPLES, UTTERANCES = "samples.npy", "utterances.json"
VERSION = 1  # of what is stored, and of how it is made


def speech_cache() -> Path:
    """Where decoded speech is kept."""
    return cache_folder("speech")


def cached_utterances(
    paths: Sequence[str | Path],
    rate: int,
    rms: float,
    on_decode: Callable[[], None] = lambda: None,
) -> UtteranceSet:
    """`open_utterances(paths, rate).levelled(rms)`, whose samples, where all are packs, are kept decoded.

    on_decode: called before packs are decoded, which takes a second for every quarter of an hour of speech. Where
    nothing can be kept, the samples are in memory. Raises CorpusError.
    """
    packs = [packs_at(Path(path)) for path in paths]
    if not all(packs):
        return open_utterances(paths, rate).levelled(rms)
    try:
        folder = speech_cache() / _key([pack for part in packs for pack in part], rate, rms)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not (folder / UTTERANCES).is_file():
                on_decode()
                _store(open_utterances(paths, rate), rms, folder)
            os.utime(folder)
            _forget_old(folder)
            return _mapped(folder, rate, rms)
    except OSError:
        return open_utterances(paths, rate).levelled(rms)


def _key(packs: list[Path], rate: int, rms: float) -> str:
    """A name for what the packs hold now."""
    files = [file for pack in packs for file in sorted(pack.parent.glob(f"{pack.stem}.*"))]
    states = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(json.dumps([VERSION, rate, rms, states]).encode()).hexdigest()[:24]


def _store(utterances: UtteranceSet, rms: float, folder: Path) -> None:
    """Writes the folder, which appears whole or not at all."""
    unfinished = folder.with_name(f".{uuid.uuid4().hex}.unfinished")
    try:
        unfinished.mkdir()
        shape = utterances.pcm.shape
        samples = np.lib.format.open_memmap(unfinished / SAMPLES, mode="w+", dtype=np.int16, shape=shape)
        for start, length in zip(utterances.starts, utterances.lengths, strict=True):
            samples[start : start + length] = at_rms(utterances.pcm[start : start + length], rms)
        samples.flush()
        told = {name: getattr(utterances, name) for name in ("name", "speakers", "bad")}
        (unfinished / UTTERANCES).write_text(json.dumps({**told, "lengths": utterances.lengths.tolist()}))
        os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _mapped(folder: Path, rate: int, rms: float) -> UtteranceSet:
    told = json.loads((folder / UTTERANCES).read_text())
    return UtteranceSet(
        name=told["name"],
        rate=rate,
        pcm=np.load(folder / SAMPLES, mmap_mode="c"),  # nothing is written back
        lengths=np.array(told["lengths"], dtype=np.int64),
        speakers=tuple(told["speakers"]),
        bad=told["bad"],
        rms=rms,
    )


def _forget_old(used: Path) -> None:
    """Remove what has not been used for longest; what is still mapped stays readable for whoever maps it."""
    folders = [path for path in used.parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for old in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
