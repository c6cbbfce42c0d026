"""Where a separation is slow: the faster model for the same use, at its price, by one click."""

from collections.abc import Callable

import streamlit as st

from analysis.network.faster import faster_model
from analysis.words.separate import explain_faster
from tasnet import checkpoint

from . import models, workspace
from .text import plain


def offer_faster(end: Callable[[], None]) -> None:
    """Offer a model that comes along in place of the chosen one, whose work `end` ends."""
    own = workspace.separator()
    others = {name: checkpoint.describe(path) for name, path in checkpoint.bundled().items()}
    found = faster_model((own.config, own.facts), others)
    if found is None:
        return
    faster = plain(models.label(found.name).title)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(f"Take {faster}", icon=":material/bolt:", key="take_faster", on_click=_take, args=(found.name, end))
        st.markdown(explain_faster(faster, found.times, found.scores), width="stretch")


def _take(model: str, end: Callable[[], None]) -> None:
    end()
    st.session_state.model_wanted = model
