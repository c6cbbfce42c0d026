"""Words that are not ours in Streamlit's Markdown: names of files, titles, messages about them."""

import re

COMMAND = re.compile(r"(`python -m [\w. =-]+`)")  # what our own messages show as code


def plain(words: object) -> str:
    """`words` so that Markdown shows them as they are: no link, no image that a browser would fetch, no heading."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(str(words).split()))
    parts = COMMAND.split(shown)
    return "".join(part if number % 2 else _escaped(part) for number, part in enumerate(parts))


def _escaped(text: str) -> str:
    """Every ASCII punctuation mark may stand behind a backslash (CommonMark 2.4)."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
