"""Where this server's listening tests are, the links to them, and whose they are."""

import os

import streamlit as st

from analysis.keys import new_key
from analysis.listening.ratings import Store
from analysis.listening.trials import Session
from pages.parts.text import plain
from tasnet.places import data_folder

FILE = data_folder() / "listening_tests.sqlite3"
SETTING = "TASNET_LENS_TESTS"  # environment variable with another path


@st.cache_resource
def store() -> Store:
    """The store every browser session shares."""
    return Store(os.environ.get(SETTING, FILE))


def links(session: Session) -> dict[str, str]:
    """Addresses of a test: "listener" to pass on, "operator" to keep, "owner" with all tests of its operator."""
    page = (st.context.url or "listening_test").split("?")[0]
    keys = {"listener": f"test={session.id}", "operator": f"operator={session.operator}"}
    if session.owner:
        keys["owner"] = f"owner={session.owner}"
    return {who: f"{page}?{key}" for who, key in keys.items()}


def leave() -> None:
    """Remove this page's own parameters from the address; the next run shows the set-up."""
    for name in ("test", "listener", "operator"):
        st.query_params.pop(name, None)


def owner() -> str:
    """The key under which this operator's tests are listed: the address's, this tab's, or a new one.

    A key in the address that lists no test is nobody's: anybody may have made it up.
    """
    known = st.query_params.get("owner")
    if known and store().owned(known):
        st.session_state.listening_owner = known
    return st.session_state.setdefault("listening_owner", new_key())


def remember(session: Session) -> None:
    """The operator of `session` is here: their other tests are listed beside it."""
    if session.owner:
        st.session_state.listening_owner = session.owner


def show_own(store: Store) -> None:
    """The list of this operator's tests; nothing where there are none. A click on a row opens its results."""
    known = store.owned(owner())
    if not known:
        return
    st.query_params["owner"] = owner()
    with st.expander(f"Your tests ({len(known)})", expanded=True, icon=":material/list:"):
        st.caption("The address of this page opens this list: keep it.")
        for session in known:
            listeners, answers = len(store.listeners(session)), len(store.answers(session))
            with st.container(horizontal=True, vertical_alignment="center"):
                if st.button(plain(session.title), key=f"own_{session.id}", icon=":material/bar_chart:"):
                    st.query_params["operator"] = session.operator
                    st.rerun()
                st.caption(
                    f"{session.method}, {session.created[:16].replace('T', ' ')} UTC · {listeners} "
                    f"listener{'s' * (listeners != 1)}, {answers} answer{'s' * (answers != 1)}"
                )
