"""The wheel: built without isolation, installed without an index beside the test environment's packages, and used from
elsewhere; and the command `tasnet`."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import start_command

from tasnet_lens import command
from tasnet_lens.command import COMMANDS

ROOT = Path(__file__).parents[1]
APP_RUNS = """
from pathlib import Path
import sys, tasnet_lens
sys.path.insert(0, str(tasnet_lens.HOUSE))
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(str(tasnet_lens.HOUSE / "app.py"), default_timeout=120)
app.query_params["model"] = "convtasnet_small_gln_2spk_8k"
app.run()
assert not app.exception, app.exception
print(app.title[0].value if app.title else app.markdown[0].value)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git tracks: a build leaves nothing in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout.split("\0")
    if not any(names):
        pytest.skip("this checkout has no git, which tells what belongs to it")
    source = folder / "source"
    for name in filter(None, names):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "benchmarks/")):
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(ROOT / name)
    build = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-q"]
    done = subprocess.run([*build, "-w", str(folder), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel, which sees the test environment's packages and no checkout."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True
        ).stdout.strip()
    )
    (site / "tests.pth").write_text(sysconfig.get_path("purelib"))
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "-q"]
    done = subprocess.run([*install, str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return python


def outside() -> dict[str, str]:
    """The environment without a way back to the checkout."""
    return {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, "OMP_NUM_THREADS": "1"}


def run(python: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run([python, *command], cwd=cwd, capture_output=True, text=True, env=outside())


def test_only_two_names_lie_among_other_peoples_packages(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tasnet", "tasnet_lens"}
    assert "tasnet/py.typed" in names and "tasnet_lens/.streamlit/config.toml" in names
    for room in ("tasnet", "analysis", "pages"):
        inside = "" if room == "tasnet" else "tasnet_lens/"
        assert {f"{inside}{path.relative_to(ROOT)}" for path in (ROOT / room).rglob("*.py")} <= set(names)


def test_the_installed_package_separates_and_opens_the_app(installed, tmp_path):
    sound = ROOT / "assets" / "examples" / "flite-slt.flac"
    tasnet = str(installed.parent / "tasnet")
    done = run(
        installed,
        tasnet,
        "separate",
        str(sound),
        "-o",
        "voices",
        "--model",
        "convtasnet_small_gln_2spk_8k",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "This sounds like" in done.stdout  # the head that tells so came along
    voices = [soundfile.read(tmp_path / "voices" / f"flite-slt_s{number}.wav")[0] for number in (1, 2)]
    assert len(voices[0]) == len(voices[1]) == soundfile.info(sound).frames and np.abs(voices).max() > 0
    where = run(installed, "-c", "import tasnet; print(tasnet.__file__, len(tasnet.available()))", cwd=tmp_path)
    assert str(ROOT) not in where.stdout and int(where.stdout.split()[1]) >= 6
    page = run(installed, "-c", APP_RUNS, cwd=tmp_path)
    assert page.returncode == 0, page.stderr
    assert page.stdout.strip()


def test_the_installed_command_starts_the_server(installed, tmp_path):
    start = [installed, installed.parent / "tasnet", "app"]
    server, _ = start_command(start, tmp_path / "log", cwd=tmp_path, env=outside())
    server.kill()
    server.wait()


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "app"])
def test_every_command_tells_its_usage(name, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tasnet"])
    with pytest.raises(SystemExit) as end:
        command.main([name, "--help"])
    assert not end.value.code
    assert capsys.readouterr().out.startswith(f"usage: tasnet {name}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "usage: tasnet COMMAND"),
        (["separate", "--help"], "usage: tasnet separate"),
        (["train", "--help"], "usage: tasnet train"),
        (["train", "nothing.toml"], "Training nothing.toml: "),
    ],
)
def test_the_first_line_does_not_wait_for_pytorch(arguments, said):
    """PyTorch takes seconds to load: here it cannot be loaded at all."""
    code = f"import sys; sys.modules['torch'] = None; from tasnet_lens.command import main; main({arguments})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith(said)


def test_an_unknown_command_is_refused_in_a_sentence(capsys):
    with pytest.raises(SystemExit) as end:
        command.main(["seperate"])
    said = capsys.readouterr()
    assert end.value.code == 2 and said.out == ""
    assert "no command 'seperate'" in said.err and "separate, train" in said.err


def test_what_hosts_read_is_well_formed():
    """The system's packages by apt, where it is; `test_linted.py` has the Dockerfile read by hadolint."""
    packages = (ROOT / "packages.txt").read_text().split()
    if shutil.which("apt-cache"):
        known = subprocess.run(["apt-cache", "show", *packages], capture_output=True, text=True)
        assert known.returncode == 0 or "No packages found" not in known.stderr, known.stderr
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert any(line.startswith("USER ") and line != "USER root" for line in lines)
    assert any(line.startswith("HEALTHCHECK") for line in lines)
