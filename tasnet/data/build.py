"""Build a set of mixtures from plans, one for each mixture, on all CPU cores.

Each file is written under a temporary name and then renamed, the mixture last: whatever a stopped build
leaves behind is intact, and building again continues where it stopped.
"""

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile

from tasnet.atomic import make_folder, replacing
from tasnet.excerpts import read_excerpt, read_sound_header
from tasnet.sound_files import AudioError
from tasnet.worker_lifetime import end_with_parent

from .mixture_sets import BadRow, is_file

MODES = ("min", "max")
MADE, FOUND = "made", "found"
WSJ0_SUFFIX = ".wv1"


class Plan(Protocol):
    """How one mixture is made."""

    @property
    def name(self) -> str: ...

    @property
    def rate(self) -> int:
        """Hz, of what is made."""

    @property
    def folders(self) -> tuple[str, ...]:
        """Where its files go, the mixtures last."""

    def make(self) -> list[np.ndarray]:
        """The samples for each folder: floats, or int16 where the rounding is the set's own.

        Raises BadRow.
        """


@dataclass
class Report:
    """What a build did."""

    folder: Path
    made: int = 0
    found: int = 0  # there already
    bad: dict[str, str] = field(default_factory=dict)  # {mixture: why it was left out}


def build(
    plans: Sequence[Plan],
    folder: Path,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Writes every plan's files below `folder`, as 16-bit WAV; `workers` processes, one for each
    core by default. on_progress(done, total) is called as mixtures are finished."""
    report = Report(folder)
    with ProcessPoolExecutor(workers, initializer=end_with_parent, initargs=(os.getpid(),)) as pool:
        outcomes = pool.map(partial(_make, folder=folder), plans, chunksize=8)
        for done, (plan, outcome) in enumerate(zip(plans, outcomes, strict=True), 1):
            if outcome == MADE:
                report.made += 1
            elif outcome == FOUND:
                report.found += 1
            else:
                report.bad[plan.name] = outcome
            on_progress(done, len(plans))
    return report


def _make(plan: Plan, folder: Path) -> str:
    """Make one mixture: MADE, FOUND, or why it cannot be made."""
    paths = [folder / name / f"{plan.name}.wav" for name in plan.folders]
    if all(path.is_file() for path in paths):
        return FOUND
    try:
        parts = plan.make()
    except BadRow as error:
        return str(error)
    for path, samples in zip(paths, parts, strict=True):
        make_folder(path.parent)
        with replacing(path) as unfinished:
            wav = io.BytesIO()  # not into the file: libsndfile does not say why a disk accepts no more
            soundfile.write(wav, samples, plan.rate, subtype="PCM_16", format="WAV")
            unfinished.write_bytes(wav.getbuffer())
    return MADE


def read_recording(path: Path, rate: int, stop: int | None = None) -> np.ndarray:
    """(T,) float32 of the first channel, up to sample `stop`; raises BadRow.

    The first, as the recipes take it: WHAM!'s noise has two, which are two microphones. Where a list names a .wav
    but the original release of WSJ0 lies there, the first microphone's file is read (.wv1, SPHERE with shorten).
    """
    if not is_file(path) and is_file(path.with_suffix(WSJ0_SUFFIX)):
        path = path.with_suffix(WSJ0_SUFFIX)
    if not is_file(path):
        raise BadRow(f"The file {path} is missing.")
    try:
        header = read_sound_header(path)
        samples = read_excerpt(path, 0, header.frames if stop is None else min(stop, header.frames))
    except AudioError as error:
        raise BadRow(str(error)) from None
    if header.rate != rate:
        raise BadRow(f"The file {path} is sampled at {header.rate} Hz instead of {rate} Hz.")
    if not len(samples):
        raise BadRow(f"The file {path} is empty.")
    if not np.isfinite(samples[:, 0]).all():
        raise BadRow(f"The file {path} holds samples that are not numbers (NaN or infinity).")
    return samples[:, 0]


def fit(sources: Sequence[np.ndarray], mode: str) -> list[np.ndarray]:
    """Cut to the shortest ("min"), or filled up with zeros to the longest ("max")."""
    lengths = [len(source) for source in sources]
    if mode == "min":
        return [source[: min(lengths)] for source in sources]
    return [np.pad(source, (0, max(lengths) - len(source))) for source in sources]
