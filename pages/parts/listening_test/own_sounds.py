"""A listening test of existing sounds: a folder here, with webMUSHRA's YAML, with a CSV, or with neither."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import streamlit as st

from analysis.listening.imported import (
    ImportedTest,
    imported_stimuli,
    read_condition_folders,
    read_condition_table,
    read_webmushra,
)
from analysis.listening.trials import MUSHRA, RatingsError, Session
from pages.parts import folders, internals
from pages.parts.browse import offer_folders
from pages.parts.budgeted import read_within_budget
from pages.parts.pictures import data_table
from pages.parts.text import plain
from tasnet.audio import Audio, read
from tasnet.errors import UserError, opening

FOLDERS = "the folders: one for each condition"
UPLOADED = "the uploaded file"
KINDS = (".yaml", ".yml", ".csv")
LONGEST_SECONDS = 30.0  # of a sound in a test


def choose_own() -> tuple[ImportedTest, Callable[[str], Audio]] | None:
    """The test that the chosen folder or file describes, and a function that reads its sounds; problems are shown."""
    offer_folders("listening_folder")
    folder = st.text_input(
        "Folder of the sounds",
        key="listening_folder",
        persist_state="session",
        placeholder="webmushra/configs",
        help="WAV or FLAC: a folder for each condition with files of the same names, one called reference; or what a "
        "configuration of webMUSHRA, or a CSV with the columns stimulus, condition and file, names.",
    )
    uploaded = st.file_uploader("webMUSHRA's YAML, or a CSV, if it is not in the folder", [kind[1:] for kind in KINDS])
    if not folder.strip():
        return None
    try:
        sounds, configurations = _listed(folder.strip())
        files = internals.still_here(uploaded)
        options = [*([UPLOADED] if files else []), *configurations, FOLDERS]
        chosen = st.selectbox("Stimuli and conditions are said by", options, key="listening_described")
        if chosen == FOLDERS:
            base = folders.below_root(folder.strip())
            test = read_condition_folders(
                [str(Path(folders.reading_root(), file).relative_to(base)) for file in sounds]
            )
        elif chosen == UPLOADED:
            test = _described(files[0].name, files[0].getvalue())
        else:
            with opening(chosen):
                content = folders.file_below_root(chosen).read_bytes()
            test = _described(chosen, content)
    except UserError as problem:
        st.error(plain(folders.without_root(problem)), icon=":material/error:")
        return None
    for note in test.notes:
        st.caption(f":material/info: {plain(note)}")
    data_table(
        [{"Stimulus": page.name, "Reference": page.reference} | page.conditions for page in test.pages],
        key="listening_imported",
    )
    return test, lambda file: read(_find(file, folder.strip(), sounds), seconds=LONGEST_SECONDS)


def create_own(found: tuple[ImportedTest, Callable[[str], Audio]], make: Callable[..., Session]) -> Session:
    """The test of the sounds that `choose_own` found; `make(method, systems, stimuli)` keeps it."""
    test, load = found
    return make(MUSHRA, test.systems, imported_stimuli(test, load))


def _described(name: str, content: bytes) -> ImportedTest:
    reader = read_condition_table if name.lower().endswith(".csv") else read_webmushra
    return read_within_budget(reader, content.decode("utf-8-sig", errors="replace"))


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """The sounds and the configurations below `folder`, as names below the root."""
    path = folders.below_root(folder)
    if not path.is_dir():
        raise RatingsError(f"{folder} is not a folder.")
    found = {kind: folders.find_files(path, kind)[0] for kind in (".wav", ".flac", *KINDS)}
    names = {kind: sorted(map(folders.name_below_root, files)) for kind, files in found.items()}
    return names[".wav"] + names[".flac"], [name for kind in KINDS for name in names[kind]]


def _find(file: str, folder: str, sounds: list[str]) -> Path:
    """Where the sound that a configuration names is: below the folder, or the only file there of that name."""
    inside = f"{folder.rstrip('/')}/{file}"
    if inside in sounds:
        return folders.file_below_root(inside)
    same = [sound for sound in sounds if PurePosixPath(sound).name == PurePosixPath(file).name]
    exact = [sound for sound in same if sound.endswith(f"/{file}")]
    if len(exact or same) != 1:
        raise RatingsError(f"{file} is {'not in the folder' if not same else 'in the folder more than once'}.")
    return folders.file_below_root((exact or same)[0])
