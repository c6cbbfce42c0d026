"""Sounds as files: one by one and all in a zip."""

import io
import re
import zipfile

import numpy as np
import streamlit as st

from tasnet.audio import wav

from .text import plain

SUBTYPE = "FLOAT"  # 32 bits: nothing is clipped and nothing rounded


def file_name(name: str) -> str:
    """A file name anybody's system accepts."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower() + ".wav"


def _archive(signals: dict[str, np.ndarray], rate: int, about: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("about.txt", about)
        for name, samples in signals.items():
            archive.writestr(file_name(name), wav(samples, rate, SUBTYPE))
    return file.getvalue()


def downloads(signals: dict[str, np.ndarray], rate: int, *, key: str, about: str) -> None:
    """A button for each of `signals` (name -> samples (T,)) and one for all, with a file that says `about` them.

    Files are made on the click.
    """
    with st.container(horizontal=True):
        st.download_button(
            "All (zip)",
            lambda: _archive(signals, rate, about),
            file_name=f"{key}.zip",
            mime="application/zip",
            icon=":material/folder_zip:",
            key=f"{key}_all",
            on_click="ignore",
        )
        for name, samples in signals.items():
            st.download_button(
                plain(name),
                lambda samples=samples: wav(samples, rate, SUBTYPE),
                file_name=file_name(name),
                mime="audio/wav",
                icon=":material/download:",
                key=f"{key}_{name}",
                on_click="ignore",
            )
