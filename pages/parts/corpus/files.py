"""Which results a page shows: a model's bundled ones, a folder's, or uploaded ones."""

from pathlib import Path

import streamlit as st

import tasnet
from analysis.corpus import shipped
from analysis.corpus.results import Results, read_brought, read_header, read_results, shareable
from pages.parts import internals, models, workspace
from pages.parts.budgeted import read_within_budget
from pages.parts.captions import caption
from pages.parts.folders import FolderError, below_root, file_below_root, find_files, name_below_root
from pages.parts.text import plain
from tasnet.errors import UserError, opening

DEFAULT_FOLDER = "runs"
UPLOADED = "the uploaded file"
SHIPPED = "shipped:"  # before the model's name: its bundled results
HOW_TO_GET = "evaluate a test set (above), or run `python -m analysis.corpus DIR --model NAME`."


@st.cache_data(max_entries=8, show_spinner="Reading the results ...")
def _read(path: str, changed: float) -> Results:
    return read_results(path)


@st.cache_data(max_entries=8, show_spinner="Reading the results ...")
def _read_shipped(model: str, changed: tuple[float, ...]) -> Results:
    return shipped.read_shipped(model)


@st.cache_resource(max_entries=1, scope="session", show_spinner="Reading the results ...")
def _read_upload(content: bytes, name: str) -> Results:
    return read_within_budget(read_brought, content, name)


def _keep() -> None:
    """Keep the upload: the widget's own state is lost when another page is shown."""
    held = st.session_state.corpus_upload
    file = next(iter(internals.still_here(held)), None)
    if held and not file:
        return
    st.session_state.corpus_uploaded = (file.getvalue(), file.name) if file else None
    if file:
        st.session_state.corpus_file = UPLOADED


def choose_results() -> Results | None:
    """The chosen results: from a file, an upload, or bundled with a model."""
    folder = st.session_state.setdefault("corpus_folder", st.query_params.get("corpus_folder", DEFAULT_FOLDER))
    found, problem = _listed(folder)
    options = _options(found, named=folder != DEFAULT_FOLDER)
    _follow_sidebar(options)
    if st.session_state.get("corpus_file") not in [None, *options]:
        st.session_state.corpus_file = None  # the file is gone
    if st.session_state.get("corpus_file") is None:
        st.session_state.corpus_file = next(iter(options), None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Results",
            list(options),
            format_func=options.__getitem__,
            placeholder="none yet",
            key="corpus_file",
            bind="query-params",
        )
        with st.popover("Other results", icon=":material/folder_open:"):
            st.text_input("Folder of results", key="corpus_folder", bind="query-params", on_change=_forget_file)
            st.file_uploader(
                "A CSV file of `python -m analysis.corpus`", type="csv", key="corpus_upload", on_change=_keep
            )
        _offer_download(chosen)
    if problem:
        st.warning(plain(problem), icon=":material/folder_off:")
    elif not found and folder != DEFAULT_FOLDER:
        st.info(f"There are no results in {plain(folder)} yet: {HOW_TO_GET}", icon=":material/info:")
    results = None if chosen is None else _opened(chosen)
    if chosen is None and not problem:
        st.info(f"There are no results here yet: {HOW_TO_GET}", icon=":material/info:")
    if results is not None and (model := chosen_model()):
        weights = results.header.weights
        if not _tell_earlier(model, weights):
            other = "" if model == workspace.selection().model else " They are not those of the sidebar's model."
            caption(
                f"These scores come with the app; the speech does not. Measured with this model's weights `{weights}`."
                f"{other}"
            )
    return results


def chosen_model() -> str | None:
    """The model whose bundled results are chosen; None for other results."""
    chosen = st.session_state.get("corpus_file") or ""
    return chosen.removeprefix(SHIPPED) if chosen.startswith(SHIPPED) else None


def choose_other() -> Results | None:
    """Results to compare with those of `choose_results`: another model's bundled ones, or from the same folder."""
    listed, _ = _listed(st.session_state.corpus_folder)
    found = {one: name for one, name in (listed | _shipped()).items() if one != st.session_state.corpus_file}
    if st.session_state.setdefault("corpus_other", st.query_params.get("corpus_other", "")) not in [None, *found]:
        st.session_state.corpus_other = next(iter(_comparable()), None)
    chosen = st.selectbox(
        "Compared with",
        list(found),
        index=None,
        format_func=found.__getitem__,
        placeholder="the results of another model on the same set",
        key="corpus_other",
        bind="query-params",
    )
    results = None if chosen is None else _opened(chosen)
    if results is not None and chosen.startswith(SHIPPED):
        _tell_earlier(chosen.removeprefix(SHIPPED), results.header.weights)
    return results


def offer_comparison() -> None:
    """Where the chosen results are a model's bundled ones: a button that compares them with another's."""
    if others := _comparable():
        other, name = next(iter(others.items()))
        st.button(
            f"Compare with {plain(name)}",
            icon=":material/compare_arrows:",
            key="corpus_compare",
            on_click=_compare,
            args=(other,),
        )


def _comparable() -> dict[str, str]:
    """The bundled results of other models with as many voices as the chosen ones'."""
    if (model := chosen_model()) is None:
        return {}
    others = {f"{SHIPPED}{name}" for name in models.of_voices(models.label(model).voices) if name != model}
    return {one: title for one, title in _shipped().items() if one in others}


def _compare(other: str) -> None:
    st.session_state.update(corpus_view="Compare", corpus_other=other)


def _shipped() -> dict[str, str]:
    """{key of a model's bundled results: how they are called}."""
    titles = models.scored_titles(list(shipped.shipped()))
    return {f"{SHIPPED}{name}": title for name, title in titles.items()}


def _options(found: dict[str, str], *, named: bool) -> dict[str, str]:
    """{what can be chosen: how it is called}, first what the page opens with.

    These are the bundled results of the sidebar's model, unless the user `named` a folder or there are none.
    """
    first = f"{SHIPPED}{workspace.selection().model}"
    along = dict(sorted(_shipped().items(), key=lambda one: one[0] != first))
    uploaded = st.session_state.get("corpus_uploaded")
    own = {UPLOADED: uploaded[1]} if uploaded else {}
    return own | (found | along if named or first not in along else along | found)


def _follow_sidebar(options: dict[str, str]) -> None:
    """Another model in the sidebar brings its bundled results, where bundled results are on show."""
    model, before = workspace.selection().model, st.session_state.get("corpus_model")
    if before not in (None, model) and chosen_model() and f"{SHIPPED}{model}" in options:
        st.session_state.corpus_file = f"{SHIPPED}{model}"
    st.session_state.corpus_model = model


def _forget_file() -> None:
    """Another folder was chosen: its newest results are shown."""
    st.session_state.corpus_file = None


def _offer_download(chosen: str | None) -> None:
    if chosen in (None, UPLOADED):
        return
    try:
        path = shipped.shipped().get(chosen_model()) if chosen_model() else file_below_root(chosen)
    except FolderError:
        path = None
    if path is None:
        return
    st.download_button(
        "Results (CSV)",
        lambda: shareable(path),
        path.name,
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _tell_earlier(model: str, weights: str) -> bool:
    """Say so where the app now has other weights of `model` than those that were measured."""
    if shipped.is_current(model, weights):
        return False
    st.warning(
        f"Measured with earlier weights (`{plain(weights)}`): the app has others of {plain(model)} now, and these are "
        "not their scores. `python -m analysis.corpus.shipped DIR` measures the present ones.",
        icon=":material/history:",
    )
    return True


def _opened(chosen: str) -> Results | None:
    """The results in the chosen file; where it cannot be read the page says so."""
    try:
        if chosen == UPLOADED:
            return _read_upload(*st.session_state.corpus_uploaded)
        if chosen.startswith(SHIPPED):
            model = chosen.removeprefix(SHIPPED)
            files = (shipped.shipped()[model], tasnet.available()[model])
            return _read_shipped(model, tuple(map(_changed, files)))
        path = file_below_root(chosen)
        return _read(str(path), _changed(path))
    except UserError as problem:
        st.error(plain(problem), icon=":material/error:")
        return None


def _changed(path: Path) -> float:
    with opening(path.name):
        return path.stat().st_mtime


def _listed(folder: str) -> tuple[dict[str, str], str]:
    """The files of results in `folder`; the page says so where they cannot be listed, or not all of them."""
    try:
        found, whole = results_in(below_root(folder))
    except FolderError as problem:
        return {}, str(problem)
    return found, "" if whole else f"{folder} holds too much to be looked through: name a folder inside."


def results_in(folder: Path) -> tuple[dict[str, str], bool]:
    """{path below the root: path below `folder`} of the files of results there, the newest first; are these all?"""
    files, whole = find_files(folder, ".csv")
    return {name_below_root(file): str(file.relative_to(folder)) for file in files if read_header(file)}, whole
