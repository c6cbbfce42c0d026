"""What nobody foresaw: the log has it whole under a number, and the page shows the number alone."""

import logging
import secrets

import streamlit as st

from . import internals

logger = logging.getLogger(__name__)


def note(problem: BaseException) -> str:
    """Write `problem` to the log; a sentence with the number under which it stands there."""
    number = secrets.token_hex(4)
    logger.error("error %s", number, exc_info=problem)
    return f"Something went wrong here that should not. Whoever runs this server finds it in the log as error {number}."


def _show(problem: Exception) -> bool:
    """For Streamlit: the page has said it."""
    st.error(note(problem), icon=":material/bug_report:")
    return True


def show_numbers_only() -> None:
    """Let no page of this session show what an uncaught error says; called before anything can fail."""
    internals.on_error(_show)
