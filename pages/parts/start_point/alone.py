"""What models of several voices give where there is one voice, or none: measured over a set, as a table."""

from collections.abc import Sequence

import streamlit as st

from analysis.conditions.alone_results import AloneResults, read_alone
from analysis.corpus.results import ResultsError
from analysis.words.start_point import explain_alone
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.models import by_title
from pages.parts.pictures import show_rows
from pages.parts.text import plain


def show_alone(models: Sequence[str]) -> None:
    """The table for those of `models` that were measured so; nothing where none was."""
    found = {title: of for title, model in by_title({one: one for one in models}).items() if (of := _known(model))}
    if not found:
        return
    st.markdown("## One voice alone, or none")
    say([f"**{plain(title)}**: {explain_alone(of)}" for title, of in found.items()], key="alone_said")
    rows = [
        {
            "Model": title,
            "Other output below (dB)": of.medians[0],
            "The voice (SI-SNR, dB)": of.medians[1],
            "Below noise alone (dB)": of.medians[2],
        }
        for title, of in found.items()
    ]
    show_rows("One voice alone, or none", rows, dict.fromkeys(list(rows[0])[1:], 0), key="alone_table")
    caption("Medians. Where there is nobody, or nobody else, the outputs should be quiet.")


def _known(model: str) -> AloneResults | None:
    try:
        return read_alone(model)
    except ResultsError:
        return None
