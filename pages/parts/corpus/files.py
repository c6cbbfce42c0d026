"""Which file of results a page shows: one of a folder's, or an uploaded one."""

from pathlib import Path

import streamlit as st

from analysis.corpus.results import Results, ResultsError, read_header, read_results

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
        found = results_in(folder)
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
    if chosen is None:
        st.info(
            f"There are no results in {folder} yet: evaluate a test set (above), or run "
            "`python -m analysis.corpus DIR --model NAME`.",
            icon=":material/info:",
        )
        return None
    try:
        return _read_upload(*uploaded) if chosen == UPLOADED else _read(chosen, Path(chosen).stat().st_mtime)
    except (ResultsError, OSError) as problem:
        st.error(str(problem), icon=":material/error:")
        return None


def results_in(folder: str) -> dict[str, str]:
    """{path: path below `folder`} of the files of results there, the newest first."""
    root = Path(folder or ".")
    files = sorted(root.glob("**/*.csv"), key=lambda file: -file.stat().st_mtime) if root.is_dir() else []
    return {str(file): str(file.relative_to(root)) for file in files if read_header(file)}
