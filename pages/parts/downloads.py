"""Sounds as files: one by one and all in a zip."""

import io
import re
import zipfile
from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from tasnet.audio import resample, wav

from . import handout
from .text import plain

SUBTYPE = "FLOAT"  # 32 bits: nothing is clipped and nothing rounded


def file_name(name: str) -> str:
    """A file name that every system accepts."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower() + ".wav"


def _as_wav(samples: np.ndarray, rate: int, wanted: int) -> bytes:
    return wav(resample(samples, rate, wanted), wanted, SUBTYPE)


def _archive(files: dict[str, tuple[np.ndarray, int]], about: str) -> bytes:
    """A zip of {path: (samples, rate)} and a README."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("README.txt", about)
        for path, (samples, rate) in files.items():
            archive.writestr(path, wav(samples, rate, SUBTYPE))
    return file.getvalue()


def files_at(signals: dict[str, np.ndarray], rates: Sequence[int]) -> dict[str, tuple[np.ndarray, int]]:
    """{path: (samples, rate)} of `signals`, which have the first of `rates`; of several rates each has a folder."""
    first, *others = rates
    folder = f"{first}_hz/" if others else ""
    files = {folder + file_name(name): (samples, first) for name, samples in signals.items()}
    for rate in others:
        for name, samples in signals.items():
            files[f"{rate}_hz/{file_name(name)}"] = resample(samples, first, rate), rate
    return files


def readme(signals: dict[str, np.ndarray], rates: Sequence[int], scores: dict[str, str]) -> str:
    """A text that explains an archive's files: sound, model, scores {name: line} and credits."""
    lines = [f"{name}: {value}" for name, value in handout.facts().items()]
    lines.append(f"Files: WAV, 32-bit float, {' and '.join(f'{rate} Hz' for rate in rates)}.")
    if len(rates) > 1:
        lines.append(
            f"The model works at {rates[0]} Hz. What is at {rates[1]} Hz, the rate of the sound as it came, was "
            f"converted from that and has nothing above {min(rates) // 2} Hz."
        )
    lines.append("")
    for name in signals:
        lines.append(f"{file_name(name)}: {name}" + (f" ({scores[name]})" if scores.get(name) else ""))
    return "\n".join([*lines, "", *handout.credits(), ""])


def downloads(
    signals: dict[str, np.ndarray],
    rate: int,
    *,
    key: str,
    scores: dict[str, str] | None = None,
    source_rate: int | None = None,
) -> None:
    """A button for each of `signals` (name -> samples (T,)) and one for all. Files are made on the click.

    The names say which sound and which model they are from; the archive's README has `scores` {name: line} and credits.
    Where the sound came at another `source_rate`, the archive has everything at both rates; a single file has the
    chosen one.
    """
    rates = [rate, *([source_rate] if source_rate not in (None, rate) else [])]
    about, stem = readme(signals, rates, scores or {}), handout.file_stem("")
    chosen = rate
    if len(rates) > 1:
        chosen = st.segmented_control(
            "Rate of a single file",
            rates,
            default=rate,
            required=True,
            format_func=lambda one: f"{one} Hz, {'the model’s' if one == rate else 'as the sound came'}",
            key=f"{key}_rate",
            help="The zip holds all signals at both.",
        )
    with st.container(horizontal=True):
        st.download_button(
            "All (zip)",
            lambda: _archive(files_at(signals, rates), about),
            file_name=f"{handout.file_stem(key)}.zip",
            mime="application/zip",
            icon=":material/folder_zip:",
            key=f"{key}_all",
            on_click="ignore",
        )
        for name, samples in signals.items():
            st.download_button(
                plain(name),
                partial(_as_wav, samples, rate, chosen),
                file_name=f"{stem.strip('_')}_{file_name(name)}",
                mime="audio/wav",
                icon=":material/download:",
                key=f"{key}_{name}",
                on_click="ignore",
            )
