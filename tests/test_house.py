"""The house's rules: who may import whom, and how long a module may be."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "tasnet": {"streamlit", "plotly", "analysis", "pages", "app"},
    "analysis": {"streamlit", "pages", "app"},
    "pages/parts": {"app"},
}
SHARED = {"main", "why_not", "make"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def sources() -> list[Path]:
    return sorted(path for kind in ("*.h", "*.cpp") for path in (ROOT / "tasnet").rglob(kind))


def imports(path: Path) -> set[str]:
    """Every module that the file names in an import statement, at any depth."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("room", FORBIDDEN)
def test_arrows_point_one_way(room):
    found = modules(room)
    assert found
    for path in found:
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & FORBIDDEN[room], f"{path} imports {roots & FORBIDDEN[room]}"


def test_no_page_imports_a_page():
    for path in (ROOT / "pages").glob("*.py"):
        of_pages = {name for name in imports(path) if name.startswith("pages.")}
        assert all(name.startswith("pages.parts") for name in of_pages), f"{path}: {of_pages}"


@pytest.mark.parametrize("room", ["tasnet", "analysis", "pages"])
def test_modules_stay_small(room):
    files = modules(room) + (sources() if room == "tasnet" else [])
    assert not {str(p.relative_to(ROOT)): n for p in files if (n := len(p.read_text().splitlines())) > 400}


def test_c_plus_plus_has_short_lines_of_one_statement():
    """Those of Python are `ruff`'s to see."""
    assert sources()
    for path in sources():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert len(line) <= 120 and line == line.rstrip() and "\t" not in line, f"{path}:{number}"
            code = line.split("//")[0]
            assert "for (" in code or not re.search(r";\s*[^\s})]", code), f"{path}:{number} has two statements"


def test_no_two_public_things_have_one_name():
    """A name is enough to find a thing. Every command line begins at a `main`; kernels and engines say `why_not`."""
    places: dict[str, set[str]] = {}
    for path in (path for room in ("tasnet", "analysis", "pages") for path in modules(room)):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, set()).add(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED} == {}


def test_importing_the_packages_loads_no_user_interface_client_or_compiler():
    """What really gets imported, not only what the files say."""
    unwanted = ("streamlit", "plotly", "requests", "pooch", "triton", "torch.utils.cpp_extension")
    code = f"import tasnet, analysis, sys; print([m for m in {unwanted} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_the_configuration_imports_nothing_of_ours():
    for path in (ROOT / "tasnet" / "config").glob("*.py"):
        tree = ast.walk(ast.parse(path.read_text()))
        assert {node.level for node in tree if isinstance(node, ast.ImportFrom)} <= {0, 1}  # of this package alone
        assert not {name for name in imports(path) if name.startswith("tasnet") and "tasnet.config" not in name}


def test_what_loads_itself_bit_by_bit_is_there_before_the_first_page():
    """Two first visits at once would each find the other's halves of pandas and plotly."""
    first = next(node for node in ast.parse((ROOT / "app.py").read_text()).body if "pages" in ast.unparse(node))
    assert first.names[0].name == "pages.parts.first_imports"
    code = "import sys, pages.parts.first_imports; print({'pandas', 'plotly.graph_objs._figure'} <= {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


def test_headings_follow_the_page_s_title():
    """A page has one title, and headings of the second level below it: who hears it goes from one to the next."""
    found = {path: re.findall(r'st\.markdown\(f?"(#+) ', path.read_text()) for path in modules("pages")}
    assert sum(map(len, found.values())) > 20  # they are found at all
    assert not {path for path, marks in found.items() if set(marks) - {"##"}}
