"""The sidebar's way to more models: published ones at a click, and the user's own checkpoint."""

import streamlit as st

from tasnet import published
from tasnet.errors import UserError

from . import models, own_model
from .text import plain


def show_more_models() -> None:
    """Draw it, folded at first."""
    with st.expander("More models", icon=":material/add_circle:"):
        _published()
        own_model.uploader()


def _published() -> None:
    here = published.installed()
    missing = [name for name in published.CATALOGUE if name not in here]
    if not missing:
        st.caption("All published models are on this computer.")
        return
    name = st.selectbox("Published models", missing, key="published")
    model = published.CATALOGUE[name]
    st.caption(
        f"{model.does}, {model.rate // 1000} kHz · {model.size / 1e6:.0f} MB  \n"
        f"SI-SNRi **{model.si_snri:.1f} dB** on {model.test_set}  \n" + models.source(model)
    )
    wanted = st.session_state.pop("published_wanted", None) == name
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Get this model",
            icon=":material/cloud_download:",
            key="get_published",
            on_click=st.session_state.update,
            kwargs={"published_wanted": name, "published_problem": None},
            disabled=wanted,
            help="Downloaded once from its publisher, checked, and converted; never run.",
        )
        if wanted:  # the rerun that a click brings ends the download at its next piece
            st.button("Cancel", key="cancel_published")
    if wanted:
        _get(model)
        st.rerun()
    of, sentence = st.session_state.get("published_problem") or ("", "")
    if of == name:
        st.error(plain(sentence), icon=":material/error:")


def _get(model: published.PublishedModel) -> None:
    """Download it, with a progress bar, and choose it; or remember why that failed."""
    bar = st.progress(0.0, text="Connecting ...")
    megabytes = model.size / 1e6

    def show(done: float) -> None:
        bar.progress(done, text=f"{done * megabytes:.1f} of {megabytes:.1f} MB")

    try:
        published.get(model.name, show)
    except UserError as problem:
        st.session_state.published_problem = (model.name, str(problem))
    else:
        st.session_state.model_wanted = model.name
