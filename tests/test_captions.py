"""Small print is one short sentence; the rest is behind "more"."""

import ast
from pathlib import Path

import pytest

from pages.parts.captions import LONGEST, split_caption

PAGES = Path(__file__).parents[1] / "pages"
VALUE = "12345678"  # stands for what a placeholder shows


def template(node: ast.expr) -> str | None:
    """The text of a literal, placeholders as `VALUE`; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else VALUE for part in node.values)
    return None


def written_captions() -> list[tuple[str, str]]:
    found = []
    for path in sorted(PAGES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            kind = ast.unparse(node.func) if isinstance(node, ast.Call) and node.args else ""
            if kind in ("caption", "st.caption") and (text := template(node.args[0])):
                shown = split_caption(text)[0] if kind == "caption" else text
                found.append((f"{path.name}:{node.lineno}", shown))
    return found


# A line of facts, not of prose.
EXEMPT = {"one.py", "more_models.py"}


def test_what_is_on_show_is_one_short_sentence():
    written = written_captions()
    assert len(written) > 40
    long = [(place, len(text), text) for place, text in written if len(text) > LONGEST]
    assert not [one for one in long if one[0].split(":")[0] not in EXEMPT]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Short, as in Fig. 4. Still short.", "Short, as in Fig. 4. Still short."),
        (
            "As in eqs. 16 to 18 and Fig. 4 of the paper. " + "More of it. " * 8,
            "As in eqs. 16 to 18 and Fig. 4 of the paper.",
        ),
        ("x" * 100, "x" * 100),
    ],
)
def test_a_caption_is_split_after_its_first_sentence(text, first):
    assert split_caption(text)[0] == first
