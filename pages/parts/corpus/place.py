"""Where the mixtures of results are on this computer: results are passed on, and bundled, without them."""

from dataclasses import replace

import streamlit as st

from analysis.corpus.results import Results
from pages.parts import folders
from pages.parts.browse import sound_folders
from pages.parts.text import plain
from tasnet.errors import UserError

KEY = "corpus_place"


def located(results: Results) -> Results:
    """`results` with the folder where their mixtures are, if they are here; else the page asks for it."""
    header = results.header
    known = header.folder and _holds(results, header.folder)
    if known:
        return results
    st.session_state.setdefault(KEY, st.session_state.get("corpus_set") or None)
    options = list(dict.fromkeys([*filter(None, [st.session_state[KEY]]), *sound_folders()]))
    chosen = st.selectbox(
        f"Where the mixtures of {plain(header.set)} are on this computer",
        options,
        index=None,
        placeholder="not known here: name their folder, and every row can be heard",
        accept_new_options=True,
        key=KEY,
        persist_state="session",
    )
    if chosen and _holds(results, chosen):
        return replace(results, header=replace(header, folder=chosen))
    if chosen:
        st.warning(f"{plain(chosen)} does not hold the mixtures of {plain(header.set)}.", icon=":material/folder_off:")
    return replace(results, header=replace(header, folder="")) if header.folder else results


def _holds(results: Results, folder: str) -> bool:
    """Whether the set in `folder` is the one that was measured, row by row."""
    header = results.header
    key = (folder, header.set, header.split, header.kind, header.speakers)
    seen = st.session_state.setdefault("corpus_places", {})
    if key not in seen:
        try:
            mixtures = folders.mixtures_below_root(
                folder, split=header.split, kind=header.kind, speakers=header.speakers
            )
        except UserError:
            return False  # asked again: it may appear later
        names = {row.index: row.mixture for row in results.good}
        seen[key] = bool(names) and all(
            index < len(mixtures) and mixtures.rows[index].name == name for index, name in names.items()
        )
    return seen[key]
