"""Small print in one short sentence; the rest is behind "more"."""

import re

import streamlit as st

LONGEST = 90  # characters of the sentence on show
# Where a sentence ends: not after an abbreviation of the paper's parts.
END = re.compile(r"(?<!Fig\.)(?<!Figs\.)(?<!eq\.)(?<!eqs\.)(?<!vs\.)(?<=[.?!])\s+(?=[A-Z“|`*0-9])")


def split_caption(text: str) -> tuple[str, str]:
    """What is on show of `text`, and what is behind "more": nothing where all of it is short."""
    if len(text) <= LONGEST:
        return text, ""
    first, *rest = END.split(text, maxsplit=1)
    return first, rest[0] if rest else ""


def caption(text: str) -> None:
    """Show `text`, our own Markdown, as small print."""
    first, rest = split_caption(text)
    if not rest:
        st.caption(first)
        return
    body = f"<details class='more'><summary>\n\n{first}\n\n</summary>\n\n{rest}\n\n</details>"
    st.caption(body, unsafe_allow_html=True)
