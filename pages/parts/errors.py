"""What no page has caught: the user's own problems are stated; for a fault of ours the page shows only a number.

The log has the whole traceback under that number.
"""

import logging
import secrets

import streamlit as st

from tasnet.errors import UserError

from . import folders, internals
from .text import plain

logger = logging.getLogger(__name__)


def note(problem: BaseException) -> str:
    """Write `problem` to the log; a sentence with the number under which it stands there."""
    number = secrets.token_hex(4)
    logger.error("error %s", number, exc_info=problem)
    return (
        "Something went wrong in this app itself: the fault is ours, not yours. Please report it to whoever runs this "
        f"server as error {number}, under which the log has the details."
    )


def _show(problem: Exception) -> bool:
    """Tell Streamlit that the page has shown the error."""
    if isinstance(problem, UserError):
        st.error(plain(folders.without_root(problem)), icon=":material/error:")
    else:
        st.error(note(problem), icon=":material/bug_report:")
    return True


def show_numbers_only() -> None:
    """Keep the pages of this session from showing our faults' messages; called before anything can fail."""
    internals.on_error(_show)
