"""The paper's tables as data against the paper's own text."""

import re
from dataclasses import FrozenInstanceError, astuple

import pytest

from analysis import paper

TABLES = {table.number: table for table in vars(paper).values() if isinstance(table, paper.Table)}


DASH = {"_": None, "-": None}
CAUSAL = {"×": False, "✓": True, "<b>√</b>": True} | DASH


@pytest.fixture(scope="module")
def text(shared) -> str:
    """The paper, with the two letters mended that its scan has from other alphabets."""
    return (shared / "paper" / "conv-tasnet.md").read_text().translate({ord("В"): "B", ord("Н"): "H"})


def printed(text: str, header: str, occurrence: int = 0) -> list[list[str]]:
    """Cells of the tab-separated table whose first line starts with `header`, without that line."""
    blocks = re.findall(r"(?:^[^\n]*\t[^\n]*\n?)+", text, flags=re.MULTILINE)
    found = [block for block in blocks if block.startswith(header)]
    return [line.split("\t") for line in found[occurrence].splitlines()[1:]]


def decibels(cell: str) -> float | None:
    return DASH.get(cell, cell) and float(cell)


def millions(cell: str) -> float | None:
    return DASH.get(cell, cell) and float(cell.removesuffix("M"))


def rows(table: paper.Table) -> list[tuple]:
    return [astuple(row) for row in table.rows]


def test_the_tables_are_all_there_and_cannot_be_changed():
    assert list(TABLES) == ["I", "II", "III", "IV", "V", "VI", "VII", "VIII"]
    for table in TABLES.values():
        assert isinstance(table.rows, tuple)
        for changed in (table, *table.rows):
            with pytest.raises(FrozenInstanceError):
                changed.rows = ()


@pytest.mark.parametrize("number", TABLES)
def test_captions(number, text):
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    assert re.sub(r"[^a-z0-9]", "", TABLES[number].caption.lower()) in plain


def test_table_i(text):
    cells = printed(text, "Symbol\tDescription")
    descriptions = [re.sub(r"\$1 \\times 1\$ ?", "1×1", description) for _, description in cells]
    assert [row.description for row in paper.TABLE_I.rows] == descriptions
    symbols = [re.sub(r"[^A-Za-z]|overline", "", symbol) for symbol, _ in cells]
    assert [row.symbol for row in paper.TABLE_I.rows] == [symbol or "L" for symbol in symbols]  # the scan lost one


def test_table_ii(text):
    expected = [
        (*map(int, row[:8]), row[8], CAUSAL[row[9]], float(row[10]), millions(row[11]), *map(float, row[12:]))
        for row in printed(text, "N\tL\tB")
    ]
    assert rows(paper.TABLE_II) == expected
    assert len(expected) == 15


def test_table_iii(text):
    cells = printed(text, "Encoder\tMask")
    (size,) = {row[2] for row in cells} - {""}
    encoders = [row[0].replace("KeLU", "ReLU") for row in cells]  # the scan's R
    expected = [(e, row[1], millions(size), *map(float, row[3:])) for e, row in zip(encoders, cells, strict=True)]
    assert rows(paper.TABLE_III) == expected


@pytest.mark.parametrize(("number", "occurrence", "methods"), [("IV", 0, 16), ("V", 1, 9)])
def test_tables_iv_and_v(number, occurrence, methods, text):
    expected = [
        (re.sub(r" \[\d+\]", "", row[0]), millions(row[1]), CAUSAL[row[2]], decibels(row[3]), decibels(row[4]))
        for row in printed(text, "Method\tModel size", occurrence)
    ]
    assert rows(TABLES[number]) == expected
    assert len(expected) == methods


def test_tables_vi_vii_and_viii(text):
    methods, *quality = printed(text, "Dataset")
    expected = [
        (row[0], method, float(cell), None)
        for row in quality
        for method, cell in zip(methods[1:], row[1:], strict=True)
    ]
    assert rows(paper.TABLE_VI) == expected
    expected = [("WSJ0-2mix", name, float(pesq), float(mos)) for name, mos, pesq in printed(text, "Method\tMOS")]
    assert rows(paper.TABLE_VII) == expected
    expected = [(name, *map(float, cell.split("/"))) for name, cell in printed(text, "Method\tCPU/GPU")]
    assert rows(paper.TABLE_VIII) == expected


def test_summary_for_the_pages():
    two, three = paper.summary(2), paper.summary(3)
    assert list(two) == list(three) == ["Conv-TasNet", "IBM", "IRM", "WFM"]
    assert astuple(two["Conv-TasNet"]) == ("WSJ0-2mix", 15.3, 15.6, 3.24)
    assert astuple(two["IRM"]) == ("WSJ0-2mix", 12.2, 12.6, 3.74)
    assert astuple(three["Conv-TasNet"]) == ("WSJ0-3mix", 12.7, 13.1, 2.61)
    assert three["WFM"].si_snri > three["Conv-TasNet"].si_snri
