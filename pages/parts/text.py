"""Words that are not ours in Streamlit's Markdown: names of files, titles, messages about them."""

import re
from collections.abc import Sequence

COMMAND = re.compile(r"(`python -m [\w. =-]+`)")  # what our own messages show as code
# What Markdown, its extensions (tables, strikethrough, formulas, links without brackets) and HTML begin with.
SPECIAL = re.compile(
    r"[\\`*\[\]<>#|~$&@]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # within a word it is a letter
    r"|:(?=//)|(?<=www)\."
    r"|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]|(?<=^\d\d\d)[.)]",  # lists and rules, at the beginning of a text
    re.IGNORECASE,
)


def bullets(said: Sequence[str]) -> str:
    """Sentences of ours in Markdown: one as it is, several as a list."""
    return said[0] if len(said) == 1 else "\n".join(f"- {sentence}" for sentence in said)


def plain(words: object) -> str:
    """`words` so that Markdown shows them as they are: no link, no image that a browser would fetch, no heading."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(str(words).split()))
    parts = COMMAND.split(shown)
    return "".join(part if number % 2 else SPECIAL.sub(r"\\\g<0>", part) for number, part in enumerate(parts))
