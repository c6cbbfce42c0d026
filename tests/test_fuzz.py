"""A short search of all doors, led by coverage, from what longer ones have found (tests/fuzz/README.md)."""

import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 6


def test_whatever_comes_is_used_or_refused_in_one_sentence(tmp_path):
    pytest.importorskip("atheris", reason="atheris is not installed: pip install --no-deps -r tests/others.txt")
    command = [sys.executable, Path(__file__).with_name("fuzz"), "all", f"-max_total_time={SECONDS}"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=280)
    found = {file.name: file.read_bytes().hex() for file in tmp_path.glob("*-*")}
    assert run.returncode == 0, f"{found}\n{run.stderr[-5000:]}"
    assert "Done " in run.stderr, run.stderr[-2000:]
