"""How the compiled network comes to be there, or not: what a compiler does is played by a script."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasnet import ConvTasNetConfig
from tasnet.kernels import cpu
from tasnet.kernels.cpu import build
from tasnet.kernels.cpu.__main__ import report
from tasnet.kernels.cpu.network import why_not_here

pytestmark = pytest.mark.skipif(bool(why_not_here("float32")), reason=why_not_here("float32"))

ROOT = Path(__file__).parents[1]
# Notes what it is asked for; instead of linking it waits and takes what a real compiler has built.
COMPILER = """#!/bin/sh
echo "$@" >> "{log}"
case "$1" in --version) echo "as good as new"; exit;; esac
while [ "$1" != -o ]; do
    [ "$1" = -shared ] && linking=yes
    shift
done
[ "$linking" ] && sleep "$PAUSE" && cp "{real}" "$2" || : > "$2"
"""


@pytest.fixture(scope="module")
def real(request) -> Path:
    """A library that a compiler has built."""
    with pytest.MonkeyPatch.context() as patch:
        folder = request.config.cache.mkdir("kernels")
        patch.setattr(build, "library_folder", lambda: folder)
        patch.setattr(build, "_loaded", {})  # what other tests have loaded came from elsewhere
        build.library()
        return build.library_path()


@pytest.fixture
def fresh(real, tmp_path, monkeypatch) -> Path:
    """An empty cache folder, and a process that has loaded nothing; the compiler is the script."""
    script = tmp_path / "compiler"
    script.write_text(COMPILER.format(log=tmp_path / "log", real=real))
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    monkeypatch.setenv("PAUSE", "0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "_loaded", {})
    monkeypatch.setattr(build, "_failed", {})
    return build.library_folder()


def links(folder: Path) -> int:
    return (folder.parents[2] / "log").read_text().count("-shared")


def left_in(folder: Path) -> list[str]:
    """Beside the file that says whose turn it is."""
    return [path.suffix for path in folder.iterdir() if path.suffix != ".lock"]


def begin() -> subprocess.Popen:
    """Another process that builds."""
    command = [sys.executable, "-m", "tasnet.kernels.cpu"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)


def hide_compilers(monkeypatch, *, keep: str = "") -> None:
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", keep)


def test_it_is_built_once(fresh, monkeypatch):
    assert not build.is_built() and cpu.why_not(ConvTasNetConfig()) == ""
    assert not fresh.exists()  # asking builds nothing
    assert " built in " in report()
    assert build.is_built() and left_in(fresh) == [".so"]
    monkeypatch.setattr(build, "_loaded", {})
    assert " was there: " in report()
    assert links(fresh) == 1


def test_another_compiler_builds_anew(fresh, tmp_path, monkeypatch):
    first = build.library_path()
    other = tmp_path / "other"
    shutil.copy(tmp_path / "compiler", other)
    monkeypatch.setenv("CXX", str(other))
    assert build.library_path() != first


@pytest.mark.parametrize("left", [0.5, 0.0])
def test_a_torn_library_is_built_anew(fresh, real, left):
    path = build.library_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(real.read_bytes()[: int(left * real.stat().st_size)])
    assert not build.is_built()
    assert build.library().tasnet_lanes() in (8, 16)
    assert build.is_built() and links(fresh) == 1


def test_two_processes_at_once(fresh, monkeypatch):
    monkeypatch.setenv("PAUSE", "1")
    both = [begin(), begin()]
    for process in both:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0 and "The compiled network for this processor" in said
    assert links(fresh) == 1  # one waited for the other
    assert left_in(fresh) == [".so"]


def test_a_killed_build_breaks_no_later_one(fresh, monkeypatch):
    monkeypatch.setenv("PAUSE", "30")
    process = begin()
    while not (fresh.parents[2] / "log").exists() or not links(fresh):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (left,) = fresh.glob(f"{build.UNFINISHED}*")
    assert not build.is_built()
    monkeypatch.setenv("PAUSE", "0")
    build.library()
    assert left.exists()  # it might be going on
    long_ago = time.time() - 2 * build.STALE
    os.utime(left, (long_ago, long_ago))
    build.library_path().unlink()
    monkeypatch.setattr(build, "_loaded", {})
    build.library()
    assert left_in(fresh) == [".so"]


def test_a_compiler_that_fails_is_tried_once(fresh, tmp_path, monkeypatch):
    script = tmp_path / "compiler"
    script.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/log"\necho "x.h:1: error: of some kind" >&2\nexit 1\n')
    why = f"{script} could not build the compiled network: x.h:1: error: of some kind"
    with pytest.raises(cpu.BuildError, match="error: of some kind"):
        cpu.Network(ConvTasNetConfig())
    tried = (tmp_path / "log").read_text()
    assert cpu.why_not(ConvTasNetConfig()) == why
    assert report() == f"Without the compiled network, so slower: {why}"
    with pytest.raises(cpu.BuildError, match="error: of some kind"):
        cpu.library()
    assert (tmp_path / "log").read_text() == tried
    assert left_in(fresh) == []


def test_without_a_compiler(fresh, monkeypatch):
    hide_compilers(monkeypatch)
    assert cpu.why_not(ConvTasNetConfig()) == build.NO_COMPILER
    with pytest.raises(cpu.BuildError, match=r"no C\+\+ compiler"):
        cpu.Network(ConvTasNetConfig())
    process = begin()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert said.splitlines() == [f"Without the compiled network, so slower: {build.NO_COMPILER}"]


def test_what_was_built_serves_without_a_compiler(fresh, monkeypatch):
    build.library()
    hide_compilers(monkeypatch)
    monkeypatch.setattr(build, "_loaded", {})
    assert build.is_built() and cpu.why_not(ConvTasNetConfig()) == ""
    assert cpu.Network(ConvTasNetConfig())


def test_a_folder_that_cannot_be_written(fresh):
    fresh.parent.parent.mkdir(parents=True)
    fresh.parent.write_text("a file where the folder should be")
    with pytest.raises(cpu.BuildError, match="cannot be kept in"):
        cpu.library()


def test_a_library_that_cannot_be_loaded(fresh, tmp_path):
    script = tmp_path / "compiler"
    script.write_text(script.read_text().replace("cp ", "echo nonsense > $2 || cp "))
    with pytest.raises(cpu.BuildError, match="cannot be loaded"):
        cpu.library()


@pytest.mark.parametrize("has", [{"sse2"}, set()])
def test_other_processors(has, monkeypatch):
    monkeypatch.setattr(build, "processor", lambda: frozenset(has))
    assert ("AVX2" if has else "x86-64") in cpu.why_not(ConvTasNetConfig())
    assert report().startswith("Without the compiled network, so slower: ")


def test_importing_the_package_loads_no_kernel():
    code = "import tasnet, sys; print([m for m in sys.modules if m.startswith('tasnet.kernels.cpu')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
