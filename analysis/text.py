"""Text that is not ours - names of files, models and mixtures, messages about them - where it could do harm.

In Markdown it could fetch an image, in a plot set a link, in a spreadsheet be a formula.
"""

import csv
import html
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

COMMAND = re.compile(r"(`python -m [\w. =-]+`)")  # what our own messages show as code
# What Markdown, its extensions (tables, strikethrough, formulas, links without brackets) and HTML begin with.
SPECIAL = re.compile(
    r"[\\`*\[\]<>#|~$&@]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # within a word it is a letter
    r"|:(?=//|[A-Za-z])|(?<=www)\."
    r"|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]|(?<=^\d\d\d)[.)]",  # lists and rules, at the beginning of a text
    re.IGNORECASE,
)
# Streamlit's icons and emoji (:material/bolt:, :tada:), which it finds after escapes are gone: its colon gets company.
SHORTCODE = re.compile(r":(?=[\w+-][\w+/-]*:)")
JOINER = "\u2060"  # has no width
ESCAPED = re.compile(rf"\\([^A-Za-z0-9\s])|{JOINER}")
FIGURES = re.compile(r"[-+]?[\d.]+( to [-+\u2212]?[\d.]+)?( %| dB)?")
FORMULA = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet takes for a formula, or `csv_cell` has marked


def plain(words: object) -> str:
    """`words` so that Markdown shows them as they are: no link, no image that a browser would fetch, no heading."""
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(str(words).split()))
    parts = COMMAND.split(SHORTCODE.sub(f":{JOINER}", shown))
    return "".join(part if number % 2 else SPECIAL.sub(r"\\\g<0>", part) for number, part in enumerate(parts))


def unescaped(markdown: str) -> str:
    """What a reader of our own Markdown sees where nothing renders it: without `plain`'s escapes and without bold."""
    return ESCAPED.sub(r"\1", markdown.replace("**", ""))


def in_plot(words: object) -> str:
    """`words` so that Plotly, which knows some HTML and its own %{...}, shows them as they are."""
    return html.escape(str(words), quote=False).replace("%{", "%&#123;")


def csv_cell(cell: object) -> object:
    """`cell` so that no spreadsheet takes a text for a formula: such a one begins with an apostrophe."""
    if not isinstance(cell, str) or not FORMULA.match(cell):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def from_csv_cell(cell: str) -> str:
    """The inverse of `csv_cell`."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def in_table(rows: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """`rows` {column: value} of a table with a button for a CSV of its own: no text in it is a formula there.

    Figures with a sign and a unit stay as they are.
    """
    return [{_unless_figure(head): _unless_figure(cell) for head, cell in row.items()} for row in rows]


def _unless_figure(cell: Any) -> Any:
    return cell if isinstance(cell, str) and FIGURES.fullmatch(cell) else csv_cell(cell)


def csv_line(cells: Iterable[object]) -> str:
    """A line of a CSV file that can be opened in a spreadsheet."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(csv_cell, cells))
    return line.getvalue()
