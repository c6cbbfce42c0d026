"""Which file of results a page shows: one of a folder's, or an uploaded one."""

from pathlib import Path

import streamlit as st

from analysis.corpus.results import Results, ResultsError, read_header, read_results
from pages.parts.text import plain

from .folders import FolderError, below_root, find_files, name_below_root

UPLOADED = "the uploaded file"


@st.cache_data(max_entries=8, show_spinner="Reading the results ...")
def _read(path: str, changed: float) -> Results:
    return read_results(path)


@st.cache_data(max_entries=4, show_spinner=False)
def _read_upload(content: bytes, name: str) -> Results:
    return read_results(content, name)


def _keep() -> None:
    """The uploader's own state goes when another page is shown."""
    file = st.session_state.corpus_upload
    st.session_state.corpus_uploaded = (file.getvalue(), file.name) if file else None
    if file:
        st.session_state.corpus_file = UPLOADED


def choose_results() -> Results | None:
    """The chosen results; where there are none, the page says how to get some."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state.setdefault("corpus_folder", st.query_params.get("corpus_folder", "runs"))
        folder = st.text_input("Folder of results", key="corpus_folder", bind="query-params", width=220)
        found, problem = _listed(folder)
        uploaded = st.session_state.get("corpus_uploaded")
        options = ([UPLOADED] if uploaded else []) + list(found)
        if st.session_state.get("corpus_file") not in [None, *options]:
            st.session_state.corpus_file = options[0] if options else None  # the file is gone
        chosen = st.selectbox(
            "Results",
            options,
            format_func=lambda option: uploaded[1] if option == UPLOADED else found[option],
            placeholder="none yet",
            key="corpus_file",
            bind="query-params",
        )
        with st.popover("Upload", icon=":material/upload:"):
            st.file_uploader(
                "A CSV file of `python -m analysis.corpus`", type="csv", key="corpus_upload", on_change=_keep
            )
    if problem:
        st.warning(plain(problem), icon=":material/folder_off:")
    if chosen is None:
        if problem:
            return None
        st.info(
            f"There are no results in {plain(folder)} yet: evaluate a test set (above), or run "
            "`python -m analysis.corpus DIR --model NAME`.",
            icon=":material/info:",
        )
        return None
    return _opened(chosen)


def choose_other() -> Results | None:
    """Results to compare with those of `choose_results`: another file of the same folder."""
    listed, _ = _listed(st.session_state.corpus_folder)
    found = {path: name for path, name in listed.items() if path != st.session_state.corpus_file}
    if st.session_state.get("corpus_other") not in [None, *found]:
        st.session_state.corpus_other = None
    chosen = st.selectbox(
        "Compared with",
        list(found),
        index=None,
        format_func=found.get,
        placeholder="the results of another model on the same set",
        key="corpus_other",
        bind="query-params",
    )
    return None if chosen is None else _opened(chosen)


def _opened(chosen: str) -> Results | None:
    """The results in the chosen file; where it cannot be read the page says so."""
    try:
        if chosen == UPLOADED:
            return _read_upload(*st.session_state.corpus_uploaded)
        path = below_root(chosen)
        return _read(str(path), path.stat().st_mtime)
    except (ResultsError, OSError) as problem:
        st.error(plain(problem), icon=":material/error:")
        return None


def _listed(folder: str) -> tuple[dict[str, str], str]:
    """The files of results in `folder`, and a sentence where they cannot be listed, or not all."""
    try:
        found, whole = results_in(below_root(folder))
    except FolderError as problem:
        return {}, str(problem)
    return found, "" if whole else f"{folder} holds too much to be looked through: name a folder inside."


def results_in(folder: Path) -> tuple[dict[str, str], bool]:
    """{path below the root: path below `folder`} of the files of results there, the newest first; are these all?"""
    files, whole = find_files(folder, ".csv")
    return {name_below_root(file): str(file.relative_to(folder)) for file in files if read_header(file)}, whole
