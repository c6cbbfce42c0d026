"""The sidebar's door to other people's models: published ones at a click, and a checkpoint of one's own."""

import streamlit as st

from tasnet import published

from . import own_model


def show_more_models() -> None:
    """Draw the door, closed at first."""
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
    st.caption(f"{model.describe()}. [{model.credits.partition(',')[0].partition(':')[0]}]({model.page})")
    place = st.empty()
    if not place.button(
        "Get this model",
        icon=":material/cloud_download:",
        key="get_published",
        help="Downloaded once from its publisher, checked, and converted; never run.",
    ):
        return
    with place.container():
        bar = st.progress(0.0, text="Connecting ...")
        st.button("Cancel", key="cancel_published")  # the rerun ends the download at its next piece
        try:
            published.get(name, lambda done: bar.progress(done, text=f"{done * model.size / 1e6:.1f} MB"))
        except ValueError as problem:
            st.session_state.published_problem = str(problem)
        else:
            st.session_state.model_wanted = name
    st.rerun()


def problem() -> None:
    """Say, once, why the last download failed."""
    if sentence := st.session_state.pop("published_problem", None):
        st.error(sentence, icon=":material/error:")
