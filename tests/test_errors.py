"""What the user can put right is one sentence and exit code 2; a fault of ours ends in a traceback, wherever it is."""

import ast
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from page_tools import APP
from streamlit.testing.v1 import AppTest

from analysis.corpus.__main__ import main as corpus
from analysis.scores import systems
from tasnet import ConvTasNet, ConvTasNetConfig, checkpoint, separate
from tasnet.command_line import command_line
from tasnet.errors import PathError, UserError, opening

ROOT = Path(__file__).parents[1]
SOURCES = [path for room in ("tasnet", "analysis", "pages") for path in sorted((ROOT / room).rglob("*.py"))]
SOURCES += [ROOT / "app.py"]
# Raised and caught inside one module: nobody is told.
SIGNALS = {"_CrowdedError", "Unavailable", "NotForSoundfile", "_CancelledError", "_UnwantedError"}
NARROW = 4  # statements at most around which what a parser of others raises is caught
OF_PARSERS = {"ValueError", "KeyError", "TypeError", "AttributeError", "IndexError", "RuntimeError", "LookupError"}
# Around what others have written, and work that ends apart from who asked for it: the problem goes on from there.
EVERYTHING = {
    "analysis/corpus/engine.py": 1,  # a cluster's answer
    "analysis/jobs.py": 1,  # a job's end, of which the log has the traceback
    "analysis/workers.py": 2,  # a child's end, which its parent gets
    "pages/parts/background.py": 1,  # as the child's
    "pages/parts/startup.py": 1,  # said by the page that needs it
    "pages/parts/workspace.py": 1,  # raised again
    "tasnet/convert/files.py": 2,  # damaged bytes
    "tasnet/kernels/on_gpu.py": 1,  # a compiler, a driver
    "tasnet/train/engines/autograd.py": 1,  # a compiler
    "tasnet/train/machine.py": 1,  # a compiler
    "tasnet/train/state.py": 1,  # damaged bytes
}


def handlers(path: Path) -> list[tuple[ast.Try, str]]:
    """(try, what is caught) of every handler in a file; nothing named counts as Exception."""
    tries = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Try)]
    return [(one, ast.unparse(h.type) if h.type else "Exception") for one in tries for h in one.handlers]


def statements(node: ast.Try) -> int:
    return sum(isinstance(part, ast.stmt) for line in node.body for part in ast.walk(line))


def test_every_exception_for_the_user_is_a_user_error():
    plain = {"ValueError", "RuntimeError", "Exception", "OSError", "TypeError"}
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name not in SIGNALS | {"UserError"}:
                assert not plain & {ast.unparse(base) for base in node.bases} or node.name == "PathError", path


def test_every_exception_for_the_user_comes_from_other_processes():
    """As pickle makes it again, and as a cluster's processes do (tblib), which ask for `__new__` by name."""
    kinds = [UserError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        assert str(pickle.loads(pickle.dumps(kind("In one sentence.")))) == "In one sentence."
        assert isinstance(kind.__new__(kind, "In one sentence."), kind)
    assert PathError in kinds and len(kinds) > 10


def test_nobody_takes_a_fault_of_ours_for_the_user_s():
    """What a parser raises is caught around a parsing call alone, and everything only where `EVERYTHING` says."""
    everything: dict[str, int] = {}
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        for node, caught in handlers(path):
            if caught == "Exception":
                everything[name] = everything.get(name, 0) + 1
            elif OF_PARSERS & set(re.findall(r"\w+", caught)):
                assert statements(node) <= NARROW, f"{name}:{node.lineno} catches {caught} around much"
    assert everything == EVERYTHING


@pytest.mark.parametrize("path", [path for path in SOURCES if "def main(" in path.read_text()], ids=str)
def test_command_lines_catch_nothing_themselves(path):
    """They have one skeleton, `command_line`; kernels' own checks print and end."""
    tree = ast.parse(path.read_text())
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    if "kernels" in path.parts:
        return
    assert any("command_line" in ast.unparse(one) for one in main.decorator_list), f"{path} has a skeleton of its own"
    assert not [1 for node in ast.walk(main) if isinstance(node, ast.Try) and "ValueError" in ast.unparse(node)]


@pytest.fixture
def mixture(tmp_path, monkeypatch) -> Path:
    """A folder of one mixture and its voices, in which the test works."""
    voices = 0.1 * np.random.default_rng(0).standard_normal((2, 4000))
    for part, samples in (("s1", voices[0]), ("s2", voices[1]), ("mix", voices.sum(0))):
        (tmp_path / "set" / part).mkdir(parents=True)
        soundfile.write(tmp_path / "set" / part / "one.wav", samples, 8000)
    config = ConvTasNetConfig(N=16, L=16, B=8, H=16, Sc=8, X=2, R=1)
    checkpoint.save(tmp_path / "tiny.safetensors", ConvTasNet(config))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "set"


def broken(*arguments: object, **settings: object) -> None:
    np.zeros(2) + np.zeros(3)


CORPUS = ["set", "--model", "tiny.safetensors", "--workers", "1", "--device", "cpu", "--no-pesq"]
WORDS = "operands could not be broadcast together"


def test_a_broken_network_ends_in_a_traceback(mixture, monkeypatch):
    monkeypatch.setattr("tasnet.inference.level_gains", broken)
    with pytest.raises(ValueError, match=WORDS):
        corpus(CORPUS)
    monkeypatch.setattr("tasnet.recordings.resample_on_disk", broken)
    with pytest.raises(ValueError, match=WORDS):
        separate.main([str(mixture / "mix" / "one.wav"), "--model", "tiny.safetensors", "--device", "cpu"])


def test_a_broken_measure_ends_in_a_traceback(mixture, monkeypatch):
    monkeypatch.setattr(systems, "mixture_scores", broken)
    with pytest.raises(ValueError, match=WORDS):
        corpus(CORPUS)


def test_a_broken_page_says_so_and_the_others_go_on(monkeypatch):
    from analysis.network import cost

    monkeypatch.setattr(cost, "parts", broken)
    app = AppTest.from_file(str(APP), default_timeout=240).run()
    assert app.switch_page("pages/designs.py").run().exception
    assert not app.switch_page("pages/filters.py").run().exception


def test_the_exit_codes(tmp_path):
    """0, 1 with a traceback, 2 with a sentence, 130 after Ctrl-C, and nothing said to who reads no further."""
    ends = {
        "pass": (0, ""),
        "raise ValueError('ours')": (1, "ValueError: ours"),
        "raise UserError('Yours.')": (2, "Yours."),
        "raise KeyboardInterrupt": (130, "Stopped."),
        "raise BrokenPipeError": (0, ""),
    }
    script = """
import os, sys
from tasnet.command_line import command_line
from tasnet.errors import UserError

@command_line()
def main(body):
    exec(body)

for number, body in enumerate(sys.argv[1:]):
    if os.fork() == 0:
        os.dup2(os.open(str(number), os.O_WRONLY | os.O_CREAT), 2)
        sys.exit(main(body))
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-u", "-c", script, *ends]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    codes = [int(line) for line in done.stdout.split()]
    assert len(codes) == len(ends), done.stderr
    for number, (code, words) in enumerate(ends.values()):
        said = (tmp_path / str(number)).read_text()
        assert (codes[number], words in said) == (code, True), said
        assert ("Traceback" in said) == (code == 1)


def test_what_cannot_be_opened_is_the_user_s_to_mend(tmp_path):
    with (
        pytest.raises(PathError, match=r"gone\.txt cannot be read: No such file or directory\.") as caught,
        opening(tmp_path / "gone.txt"),
    ):
        (tmp_path / "gone.txt").read_text()
    assert isinstance(caught.value, UserError) and caught.value.errno == 2

    @command_line()
    def main(arguments: object = None) -> None:
        with opening(tmp_path, "be written"):
            tmp_path.write_text("")

    assert main() == 2
