"""What can be done with a run's weights while it goes on: hear them, evaluate them, compare them with a model."""

from pathlib import Path

import streamlit as st

from pages.parts import models, own_model
from pages.parts.folders import lies_below_root, name_below_root
from pages.parts.text import plain
from tasnet import checkpoint
from tasnet.errors import UserError

FILES = {"best.safetensors": "the best so far", "last.safetensors": "the last"}
RUN_MODEL = "corpus_run_model"  # session state: the run's weights to evaluate, below the root


def offer_checkpoints(run: str, folder: Path) -> None:
    """Buttons for the checkpoints of a run; nothing where it has none yet."""
    here = {name: what for name, what in FILES.items() if (folder / name).is_file() and lies_below_root(folder / name)}
    if not here:
        st.caption("It has no checkpoint yet: the first comes with the first validation.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Checkpoint",
            list(here),
            format_func=here.__getitem__,
            key=f"checkpoint_{run}",
            label_visibility="collapsed",
            width=180,
        )
        path = folder / name
        if st.button("Hear", icon=":material/play_circle:", key=f"hear_{run}"):
            hear_run(path, run)
        if st.button("Evaluate", icon=":material/leaderboard:", key=f"evaluate_{run}"):
            st.session_state.update({RUN_MODEL: name_below_root(path.resolve()), "corpus_view": "Evaluate"})
            st.rerun()
        if st.button("Compare by ear", icon=":material/compare_arrows:", key=f"compare_{run}"):
            hear_run(path, run, beside=True)


def hear_run(path: Path, run: str, *, beside: bool = False) -> None:
    """Open the page Separate with these weights as this session's own; `beside` the best model here."""
    try:
        own_model.take_copy(path, f"Of the run {run}, as it is now.")
        voices = checkpoint.describe(path)[0].C
    except UserError as problem:
        st.error(plain(problem), icon=":material/error:")
        return
    query = {"second": others[0]} if beside and (others := models.of_voices(voices)) else {}
    if query:
        st.session_state.second = query["second"]
    st.switch_page("pages/separate.py", query_params=query)
