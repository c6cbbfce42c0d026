"""Words that are not ours in Streamlit's Markdown: see `analysis.text`."""

from analysis.text import plain

__all__ = ["plain"]
