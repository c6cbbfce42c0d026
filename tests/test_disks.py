"""Disks that take no more, names of every kind, runs side by side, files that are not what they should be."""

import contextlib
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import soundfile
import torch

import tasnet
from analysis.corpus.__main__ import main as corpus
from tasnet import checkpoint, separate
from tasnet.config import ConvTasNetConfig
from tasnet.convert.__main__ import main as convert
from tasnet.data.command import main as corpora
from tasnet.data.mixture_sets import BadRow, Clip
from tasnet.data.utterances import open_utterances
from tasnet.errors import opening
from tasnet.train.__main__ import main as train

RATE = 8000
ROOT = Path(__file__).parents[1]
TINY = dict(N=16, L=16, B=8, H=16, Sc=8, X=2, R=1)


@contextlib.contextmanager
def full_disk(size: int = 2000):
    """Files of this process can have `size` bytes at most, as on a disk with no more room."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture(scope="module")
def voices() -> np.ndarray:
    """(2, T): half a second of two noises."""
    return (0.1 * np.random.default_rng(0).standard_normal((2, RATE // 2))).astype(np.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    checkpoint.save(path, tasnet.ConvTasNet(ConvTasNetConfig(**TINY)))
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The working folder of a test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def speech(folder) -> Path:
    """Two recordings of each of four speakers."""
    random = np.random.default_rng(1)
    for name in "abcd":
        (folder / "speech" / name).mkdir(parents=True)
        for k in range(2):
            soundfile.write(folder / f"speech/{name}/{k}.wav", 0.1 * random.standard_normal(4000), RATE)
    return folder / "speech"


def training(speech: Path, *more: str) -> list[str]:
    settings = {"segment": 0.25, "batch": 2, "epoch_hours": 0.0005, "epochs": 1, "hold_out": 0.5, "compile": False}
    model = {f"model.{name}": value for name, value in TINY.items()}
    chosen = [
        part for name, value in {**settings, **model}.items() for part in ("--set", f"{name}={json.dumps(value)}")
    ]
    return ["short", "--train", str(speech), "--device", "cpu", "--quiet", *chosen, *more]


def complaint(capsys, code: int) -> str:
    """The one sentence on the error channel of a command that ended with 2."""
    _, err = capsys.readouterr()
    assert code == 2
    lines = [line for line in err.splitlines() if line]
    assert len(lines) == 1 and lines[0].endswith("."), err
    assert "Traceback" not in err and "Errno" not in err
    return lines[0]


def left(folder: Path) -> list[str]:
    """The files below a folder, without locks and TensorBoard's diary."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return sorted(str(path.relative_to(folder)) for path in files if "tfevents" not in path.name)


# No room, no right


def test_separate_on_a_full_disk(folder, voices, weights, capsys):
    soundfile.write("mix.wav", voices.sum(0), RATE)
    with full_disk():
        code = separate.main(["mix.wav", "--model", str(weights)])
    assert complaint(capsys, code) == "separated cannot be written to: File too large."
    assert left(folder / "separated") == []


def test_train_on_a_full_disk_keeps_what_was_there(folder, speech, capsys):
    assert train(training(speech, "--out", "run")) == 0
    before = {name: (folder / "run" / name).read_bytes() for name in ("last.pt", "best.safetensors")}
    capsys.readouterr()
    with full_disk():
        code = train(training(speech, "--out", "run", "--set", "epochs=2"))
    assert "File too large" in complaint(capsys, code)
    assert {name: (folder / "run" / name).read_bytes() for name in before} == before
    assert left(folder / "run") == ["best.safetensors", "last.pt", "last.safetensors", "log.jsonl"]
    assert train(training(speech, "--out", "run", "--set", "epochs=2")) == 0


def test_convert_on_a_full_disk(folder, capsys):
    # Weights that are worth converting: those of the tests of the importers.
    model = tasnet.ConvTasNet(ConvTasNetConfig(**TINY))
    arguments = dict(n_filters=16, kernel_size=16, bn_chan=8, hid_chan=16, skip_chan=8, n_blocks=2, n_repeats=1)
    torch.save({"model_args": arguments, "state_dict": {}}, "in.pt")
    assert "not the weights of a network" in complaint(capsys, convert(["in.pt", "-o", "out.safetensors"]))
    with full_disk(), pytest.raises(OSError, match="File too large"):
        checkpoint.save("out.safetensors", model)
    assert left(folder) == ["in.pt"]


def test_corpora_on_a_full_disk(folder, capsys, monkeypatch):
    from tasnet.data import build

    class Plan:
        name, rate, folders = "one", RATE, ("s1", "mix")

        def make(self):
            return [np.zeros(4000, np.int16)] * 2

    with full_disk(), pytest.raises(OSError, match="File too large"):
        build._make(Plan(), folder)
    assert left(folder) == []

    def full(*_, **__):
        with opening("made/s1", "be written"):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasnet.data.librimix.build_librimix", full)
    code = corpora(["librimix", "--librispeech", ".", "--list", "a.csv", "--out", "made"])
    assert complaint(capsys, code) == "made/s1 cannot be written: No space left on device."


@pytest.mark.parametrize("out", ["file/below", "file"])
def test_a_wrong_out_gets_one_sentence(folder, speech, voices, weights, capsys, out):
    (folder / "file").write_text("mine")
    soundfile.write("mix.wav", voices.sum(0), RATE)
    assert "file" in complaint(capsys, separate.main(["mix.wav", "--model", str(weights), "-o", out]))
    assert "file" in complaint(capsys, train(training(speech, "--out", out)))
    assert (folder / "file").read_text() == "mine"


def test_corpus_says_when_nothing_could_be_scored(folder, voices, weights, capsys):
    for part, voice in zip(("s1", "s2"), voices, strict=True):
        (folder / "set" / part).mkdir(parents=True)
        soundfile.write(folder / "set" / part / "one.wav", 0 * voice if part == "s1" else voice, RATE)
    soundfile.write(folder / "set" / "s1" / "one.wav", np.full(len(voices[0]), np.nan), RATE, subtype="FLOAT")
    arguments = ["set", "--model", str(weights), "--no-pesq", "--workers", "1", "--device", "cpu", "-o", "out.csv"]
    assert "can be read" in complaint(capsys, corpus(arguments))
    soundfile.write(folder / "set" / "s1" / "one.wav", 0 * voices[0], RATE)
    soundfile.write(folder / "set" / "s2" / "one.wav", 0 * voices[0], RATE)
    code = corpus(arguments)
    _, err = capsys.readouterr()
    assert code == 2 and err.splitlines()[-1] == "None of the 1 mixtures could be scored."


# Names


@pytest.mark.parametrize("stem", ["x" * 251, "ä" * 125, "👂" * 62])
def test_the_longest_names_are_separated(folder, voices, weights, stem):
    for name in (f"{stem}.wav", "a.wav"):
        soundfile.write(name, voices.sum(0), RATE)
    assert separate.main([".", "--model", str(weights), "-o", "out"]) == 0
    made = left(folder / "out")
    assert len(made) == 4 and {"a_s1.wav", "a_s2.wav"} < set(made)
    assert all(name.rsplit("_", 1)[0] == "a" or stem.startswith(name.rsplit("_", 1)[0]) for name in made)


def test_long_names_that_begin_alike_stay_apart(folder, voices, weights):
    for end in "yz":
        soundfile.write("x" * 250 + end + ".wav", voices.sum(0), RATE)
    assert separate.main([".", "--model", str(weights), "-o", "out"]) == 0
    assert len(left(folder / "out")) == 4


def test_names_that_are_not_utf8_work_on_the_command_line(folder, voices, weights):
    name = os.fsdecode(b"caf\xe9.wav")
    with open(name, "wb") as file:
        soundfile.write(file, voices.sum(0), RATE, format="WAV")
    command = [sys.executable, "-m", "tasnet.separate", ".", "--model", str(weights), "-o", "out"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=folder)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(os.listdir(os.fsencode(folder / "out"))) == [b"caf\xe9_s1.wav", b"caf\xe9_s2.wav"]


def test_names_that_are_not_utf8_work_in_corpora(folder, voices, capsys):
    from tasnet.data.corpora import open_mixtures

    for part, voice in zip(("s1", "s2"), voices, strict=True):
        (folder / "set" / part).mkdir(parents=True)
        with open(folder / "set" / part / os.fsdecode(b"\xff.wav"), "wb") as file:
            soundfile.write(file, voice, RATE, format="WAV")
    (mixture,) = open_mixtures(folder / "set")
    assert mixture.name == "\\xff" and mixture.sources.shape == voices.shape


# Samples that are not numbers


def test_files_that_are_not_finite_are_bad_rows(speech):
    soundfile.write(speech / "a" / "0.wav", np.array([0.1, np.nan, 0.1]), RATE, subtype="FLOAT")
    with pytest.raises(BadRow, match="not numbers"):
        Clip(speech / "a" / "0.wav").read()
    found = open_utterances(speech, RATE)
    assert len(found) == 7 and "not numbers" in found.bad[str(speech / "a" / "0.wav")]


def test_float_recordings_are_trained_with_as_they_are(speech):
    exact = np.round(0.1 * np.random.default_rng(2).standard_normal(800) * 32768) / 32768
    soundfile.write(speech / "a" / "0.wav", exact, RATE, subtype="FLOAT")
    soundfile.write(speech / "a" / "1.wav", exact, RATE, subtype="PCM_16")
    found = open_utterances(speech, RATE)
    np.testing.assert_array_equal(found.samples(0), exact.astype(np.float32))
    np.testing.assert_array_equal(found.samples(1), exact.astype(np.float32))


# Two runs in one folder


def test_a_second_training_in_a_folder_says_so_and_a_crash_releases_it(folder, speech, capsys):
    code = """
import os, signal, sys
from pathlib import Path
from tasnet.train.lock import FolderLock
lock = FolderLock(Path("run"))
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=folder, **pipes) as other:
        assert other.stdout.readline() == b"held\n"
        assert complaint(capsys, train(training(speech, "--out", "run"))).startswith(
            "Another training is at work in run"
        )
        assert left(folder / "run") == []
        other.communicate(b"\n")
    assert other.returncode == -signal.SIGKILL
    assert train(training(speech, "--out", "run")) == 0
    assert train(training(speech, "--out", "run")) == 0  # released at the end as well


# Files that are something else


def states(good: bytes) -> dict[str, bytes]:
    foreign = {"recipe": "[]", "counters": {}, "model": {}, "kept": {}, "optimiser": {}}

    def saved(content: object) -> bytes:
        import io

        file = io.BytesIO()
        torch.save(content, file)
        return file.getvalue()

    return {
        "empty": b"",
        "random": np.random.default_rng(0).bytes(3000),
        "half": good[: len(good) // 2],
        "text": b"hello",
        "pickle": pickle.dumps(os.getcwd),
        "list": saved([1, 2]),
        "foreign": saved({"state_dict": {}}),
        "no recipe": saved(foreign),
        "wrong recipe": saved(foreign | {"recipe": "{"}),
    }


def test_a_state_that_is_none_gets_one_sentence_and_stays(folder, speech, capsys):
    assert train(training(speech, "--out", "run")) == 0
    path = folder / "run" / "last.pt"
    good = path.read_bytes()
    state = torch.load(path, weights_only=True)
    bad = states(good)
    for name, value in {"model": {}, "kept": 3, "optimiser": {"state": 1}, "counters": {"steps": 1}}.items():
        torch.save(state | {name: value}, path)
        bad[name] = path.read_bytes()
    state["model"]["decoder.V"][0] = np.nan
    torch.save(state, path)
    bad["not numbers"] = path.read_bytes()
    capsys.readouterr()
    for name, content in bad.items():
        path.write_bytes(content)
        assert "last.pt is not the state of a training" in complaint(capsys, train(training(speech, "--out", "run"))), (
            name
        )
        assert path.read_bytes() == content
    path.write_bytes(good)
    assert train(training(speech, "--out", "run")) == 0


@pytest.mark.parametrize(
    "text", ["[]", "3", '"x"', "null", '{"based_on": []}', "[" * 100_000, '{"model": 3}', '{"batch": "x"}']
)
def test_a_recipe_of_another_type_gets_one_sentence(folder, capsys, text):
    (folder / "recipe.json").write_text(text)
    complaint(capsys, train(["recipe.json", "--train", "x"]))


@pytest.mark.parametrize("option", ["--config", "--info"])
@pytest.mark.parametrize("text", ["[]", "3", "null", "{", "[" * 100_000, '{"config": 3, "steps": []}'])
def test_settings_of_another_type_get_one_sentence(folder, capsys, option, text):
    (folder / "it.json").write_text(text)
    torch.save({"enc.weight": torch.zeros(3, 3)}, "in.pt")
    complaint(capsys, convert(["in.pt", option, "it.json", "-o", "out.safetensors"]))
    assert left(folder) == ["in.pt", "it.json"]


ARGUMENTS = {"n_filters": 16, "kernel_size": 16}


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {1: torch.zeros(1)},
        torch.zeros(3),
        {"model_args": 3, "state_dict": {}},
        {"model_args": ARGUMENTS, "state_dict": []},
        {"model_args": ARGUMENTS, "state_dict": {"x": 3}},
        {"model_args": ARGUMENTS, "state_dict": {"encoder.filterbank._filters": torch.zeros(())}},
        {"model_args": {**ARGUMENTS, "sample_rate": "x"}, "state_dict": {}},
        {"model_args": {**ARGUMENTS, "norm_type": []}, "state_dict": {}},
        {"model_args": {**ARGUMENTS, "n_filters": 10**30}, "state_dict": {}},
        {"model_args": {**ARGUMENTS, "n_repeats": 10**6}, "state_dict": {}},
    ],
    ids=lambda content: str(content)[:40].replace("\n", ""),
)
def test_odd_checkpoints_get_one_sentence(folder, capsys, content):
    torch.save(content, "in.pt")
    complaint(capsys, convert(["in.pt", "-o", "out.safetensors"]))
    assert left(folder) == ["in.pt"]


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04" + bytes(100), b"\x80\x04." + bytes(9), bytes(8) + b"{}", b"\xff" * 100]
)
def test_no_checkpoints_at_all_get_one_sentence(folder, capsys, data):
    for name in ("in.pt", "in.safetensors"):
        (folder / name).write_bytes(data)
        complaint(capsys, convert([name, "-o", "out.safetensors"]))
        with pytest.raises(checkpoint.CheckpointError):
            checkpoint.load(name)


def test_weights_of_other_types_are_refused(folder):
    path = folder / "float8.safetensors"
    header = json.dumps({"config": TINY, "info": {}})
    tensors = {
        name: value.to(torch.float8_e4m3fn)
        for name, value in tasnet.ConvTasNet(ConvTasNetConfig(**TINY)).state_dict().items()
    }
    safetensors.torch.save_file(tensors, path, {checkpoint.HEADER: header})
    assert checkpoint.load(path)[0].encoder.U.dtype == torch.float32
