"""Where the listening tests of this server are, and the links into them."""

import os
from pathlib import Path

import streamlit as st

from analysis.listening.ratings import Session, Store

FILE = Path(__file__).parents[3] / ".cache" / "listening_tests.sqlite3"
SETTING = "TASNET_LENS_TESTS"  # environment variable with another path


@st.cache_resource
def store() -> Store:
    """The store every browser session shares."""
    return Store(os.environ.get(SETTING, FILE))


def links(session: Session) -> dict[str, str]:
    """Addresses of a test: "listener" to pass on, "operator" to keep."""
    page = (st.context.url or "listening_test").split("?")[0]
    return {"listener": f"{page}?test={session.id}", "operator": f"{page}?operator={session.operator}"}


def leave() -> None:
    """Take this page's own parameters out of the address; the next run shows the set-up."""
    for name in ("test", "listener", "operator"):
        st.query_params.pop(name, None)
