"""Sounds as files: one by one and all in a zip."""

import io
import re
import zipfile

import numpy as np
import streamlit as st

from tasnet.audio import wav

from . import handout
from .text import plain

SUBTYPE = "FLOAT"  # 32 bits: nothing is clipped and nothing rounded


def file_name(name: str) -> str:
    """A file name anybody's system accepts."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower() + ".wav"


def _archive(signals: dict[str, np.ndarray], rate: int, about: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("README.txt", about)
        for name, samples in signals.items():
            archive.writestr(file_name(name), wav(samples, rate, SUBTYPE))
    return file.getvalue()


def readme(signals: dict[str, np.ndarray], rate: int, scores: dict[str, str]) -> str:
    """What the files of an archive are: sound, model, scores {name: line} and credits."""
    lines = [f"{name}: {value}" for name, value in handout.facts().items()]
    lines += [f"Files: WAV, 32-bit float, {rate} Hz.", ""]
    for name in signals:
        lines.append(f"{file_name(name)}: {name}" + (f" ({scores[name]})" if scores.get(name) else ""))
    return "\n".join([*lines, "", *handout.credits(), ""])


def downloads(signals: dict[str, np.ndarray], rate: int, *, key: str, scores: dict[str, str] | None = None) -> None:
    """A button for each of `signals` (name -> samples (T,)) and one for all. Files are made on the click.

    Names say of which sound and by which model they are; the archive's README has `scores` {name: line} and credits.
    """
    about, stem = readme(signals, rate, scores or {}), handout.file_stem("")
    with st.container(horizontal=True):
        st.download_button(
            "All (zip)",
            lambda: _archive(signals, rate, about),
            file_name=f"{handout.file_stem(key)}.zip",
            mime="application/zip",
            icon=":material/folder_zip:",
            key=f"{key}_all",
            on_click="ignore",
        )
        for name, samples in signals.items():
            st.download_button(
                plain(name),
                lambda samples=samples: wav(samples, rate, SUBTYPE),
                file_name=f"{stem.strip('_')}_{file_name(name)}",
                mime="audio/wav",
                icon=":material/download:",
                key=f"{key}_{name}",
                on_click="ignore",
            )
