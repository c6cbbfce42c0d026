"""Text that is not ours in Streamlit's Markdown: see `analysis.text`."""

from collections.abc import Sequence

from analysis.text import plain

__all__ = ["bullets", "plain"]


def bullets(said: Sequence[str]) -> str:
    """Sentences of ours in Markdown: one as it is, several as a list."""
    return said[0] if len(said) == 1 else "\n".join(f"- {sentence}" for sentence in said)
