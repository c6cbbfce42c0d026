"""The command line: files written, names, bad input, exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import tasnet
from tasnet import checkpoint, inference, separate
from tasnet.training_facts import TrainingFacts

RATE = 8000
ROOT = Path(__file__).parents[1]


@pytest.fixture
def voices() -> np.ndarray:
    """Half a second of two buzzes that come and go."""
    t = np.arange(RATE // 2) / RATE
    low = np.sin(2 * np.pi * 120 * t) * (1 + np.sin(2 * np.pi * 3 * t))
    high = np.sin(2 * np.pi * 2100 * t) * (1 + np.cos(2 * np.pi * 5 * t))
    return (0.1 * (low + high)).astype(np.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A tiny network, so that nothing here waits for a real one."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    config = tasnet.ConvTasNetConfig(N=16, L=16, B=8, H=16, Sc=8, X=2, R=1)
    checkpoint.save(path, tasnet.ConvTasNet(config), TrainingFacts(name="tiny"))
    return path


@pytest.fixture
def run(tmp_path, weights, monkeypatch, capsys):
    """Calls the command in an empty folder; gives exit code, stdout and the lines of stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, list[str]]:
        code = separate.main(["--model", str(weights), *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err.splitlines()

    return call


def test_writes_one_file_a_speaker(run, voices, weights):
    soundfile.write("mix.wav", voices, RATE, subtype="FLOAT")
    code, out, err = run("mix.wav", "-o", "new/folder")
    assert (code, err) == (0, [])
    assert sorted(os.listdir("new/folder")) == ["mix_s1.wav", "mix_s2.wav"]
    assert "mix_s1.wav" in out and "mix_s2.wav" in out
    expected = tasnet.Separator(weights, device="cpu").separate(voices, RATE).sources
    for number, source in enumerate(expected, 1):
        written, rate = soundfile.read(f"new/folder/mix_s{number}.wav", dtype="float32")
        assert rate == RATE and np.abs(written - source).max() <= 1 / 32768


@pytest.mark.parametrize("rate", [8000, 44100])
def test_long_recordings_are_separated_as_in_memory(run, weights, rate):
    """Over the disk, in blocks: the same sound as `Separator.separate` gives of the whole."""
    random = np.random.default_rng(0)
    sound = (np.repeat(random.uniform(0, 0.1, 410), rate // 10) * random.standard_normal(41 * rate)).astype(np.float32)
    soundfile.write("long.wav", sound, rate, subtype="FLOAT")
    code, _, err = run("long.wav")
    assert (code, err) == (0, []) and sorted(os.listdir("separated")) == ["long_s1.wav", "long_s2.wav"]
    expected = tasnet.Separator(weights, device="cpu").separate(sound, rate).sources
    for number, source in enumerate(expected, 1):
        written = soundfile.read(f"separated/long_s{number}.wav", dtype="float32")[0]
        assert len(written) == len(sound) and np.abs(written - source).max() <= 1 / 32768 + 1e-5


def test_a_causal_level_on_request(run, voices, weights):
    soundfile.write("mix.wav", voices, RATE, subtype="FLOAT")
    assert run("mix.wav", "--causal-level")[0] == 0
    expected = tasnet.Separator(weights, device="cpu").separate(voices, RATE, causal_level=True).sources
    written = soundfile.read("separated/mix_s1.wav", dtype="float32")[0]
    assert np.abs(written - expected[0]).max() <= 1 / 32768


def test_a_pickled_file_is_pointed_to_the_converter(run, voices):
    soundfile.write("mix.wav", voices, RATE)
    torch.save({"a": torch.zeros(1)}, "old.pt")
    code, _, err = run("mix.wav", "--model", "old.pt")
    assert code == 2 and "python -m tasnet.convert old.pt -o old.safetensors" in err[0]


def test_default_folder_and_what_was_changed_is_said(run, voices):
    soundfile.write("mix.flac", np.stack([voices, voices], axis=1), 16000)
    code, out, err = run("mix.flac")
    assert (code, err) == (0, [])
    assert soundfile.info("separated/mix_s2.wav").samplerate == 16000
    assert "The 2 channels of mix.flac were mixed down to one." in out
    assert "converted from 16000 Hz" in out


def test_nothing_is_clipped(run, voices):
    soundfile.write("loud.wav", voices * 20, RATE, subtype="FLOAT")
    code, out, _ = run("loud.wav")
    both = [soundfile.read(f"separated/loud_s{i}.wav")[0] for i in (1, 2)]
    assert code == 0 and max(np.abs(one).max() for one in both) > 1
    assert "Peaks above full scale are kept" in out


def test_a_folder_is_done_to_its_end(run, voices):
    os.mkdir("in")
    soundfile.write("in/a.wav", voices, RATE)
    soundfile.write("in/c.FLAC", voices, RATE, format="FLAC")
    Path("in/b.wav").write_text("not a sound")
    Path("in/readme.txt").write_text("not meant to be one")
    code, _, err = run("in", "-o", "out")
    assert code == 2
    assert len(err) == 1 and err[0].startswith("b.wav is not a ")  # the rest depends on whether ffmpeg is there
    assert sorted(os.listdir("out")) == ["a_s1.wav", "a_s2.wav", "c_s1.wav", "c_s2.wav"]


def test_inputs_of_one_name_do_not_overwrite_each_other(run, voices):
    os.mkdir("x")
    for name in ("mix.wav", "mix.flac", "x/mix.wav"):
        soundfile.write(name, voices, RATE)
    code, _, _ = run("mix.wav", "mix.flac", "x", "-o", "out")
    assert code == 0
    names = [f"{stem}_s{i}.wav" for stem in ("mix", "mix-2", "mix-3") for i in (1, 2)]
    assert sorted(os.listdir("out")) == sorted(names)


def test_an_input_is_never_overwritten(run, voices):
    soundfile.write("mix.wav", voices, RATE)
    soundfile.write("mix_s1.wav", voices, RATE)
    before = Path("mix_s1.wav").read_bytes()
    code, _, _ = run("mix.wav", "mix_s1.wav", "-o", ".")
    assert code == 0 and Path("mix_s1.wav").read_bytes() == before
    assert Path("mix-2_s1.wav").exists() and Path("mix_s1_s1.wav").exists()


@pytest.mark.parametrize(
    ("name", "samples", "sentence"),
    [
        ("silent.wav", np.zeros(800), "silent.wav is silent, so there is nothing to separate."),
        ("nan.wav", np.r_[0.1, np.nan, 0.2], "nan.wav holds samples that are not numbers (NaN or infinity)."),
        ("inf.wav", np.r_[0.1, np.inf, 0.2], "inf.wav holds samples that are not numbers (NaN or infinity)."),
        ("none.wav", np.zeros(0), "none.wav holds no samples."),
        ("missing.wav", None, "There is no file missing.wav."),
    ],
)
def test_bad_recordings(run, name, samples, sentence):
    if samples is not None:
        soundfile.write(name, samples, RATE, subtype="FLOAT")
    assert run(name) == (2, "", [sentence])
    assert os.listdir("separated") == []


@pytest.mark.parametrize("samples", [1, 80])
def test_very_short_recordings_are_separated(run, voices, samples):
    soundfile.write("short.wav", voices[100 : 100 + samples], RATE)
    code, _, err = run("short.wav")
    assert (code, err) == (0, []) and soundfile.info("separated/short_s2.wav").frames == samples


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mix.wav", "--model", "nobody"], "There is no model named nobody; there are: "),
        (["mix.wav", "--model", "gone.safetensors"], "gone.safetensors"),
        (["mix.wav", "--model", "mix.wav"], "mix.wav is not a safetensors file"),
        (["mix.wav", "--device", "tpu"], "There is no device named tpu"),
        (["mix.wav", "--device", "cuda:99"], "cuda:99 is not there"),
        (["mix.wav", "--precision", "int4"], "There is no precision named int4"),
        (["mix.wav", "-o", "mix.wav"], "mix.wav cannot be a folder"),
        (["empty"], "There is no recording in the folder empty."),
        ([], "Name at least one recording or folder"),
    ],
)
def test_bad_arguments(run, voices, arguments, words):
    soundfile.write("mix.wav", voices, RATE)
    os.mkdir("empty")
    code, out, err = run(*arguments)
    assert (code, out, len(err)) == (2, "", 1)
    assert words in err[0] and err[0].endswith(".")


def test_no_permission(run, voices, monkeypatch):
    soundfile.write("mine.wav", voices, RATE)
    real = open

    def closed(file, *rest, **more):
        if Path(str(file)).name == "mine.wav":
            raise PermissionError(13, "Permission denied")
        return real(file, *rest, **more)

    monkeypatch.setattr("builtins.open", closed)  # the user who runs the tests may be allowed everything
    assert run("mine.wav") == (2, "", ["You have no permission to read mine.wav."])


def test_a_full_disk(run, voices, monkeypatch):
    soundfile.write("mix.wav", voices, RATE)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasnet.atomic.os.fsync", full)
    assert run("mix.wav") == (2, "", ["separated/mix_s1.wav cannot be written: No space left on device."])


def test_interrupt(run, voices, monkeypatch):
    soundfile.write("mix.wav", voices, RATE)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(inference.Separator, "separate_into", interrupted)
    code, out, err = run("mix.wav")
    assert (code, out) == (130, "") and "Stopped" in err[-1]


def test_list(run):
    code, out, err = run("--list")
    assert (code, err) == (0, []) and out.split() == list(tasnet.available())


def test_as_a_command(tmp_path, voices, weights):
    """In a process of its own: exit codes, no traceback, nothing but the sentence on stderr."""
    soundfile.write(tmp_path / "mix.wav", voices, RATE)
    (tmp_path / "text.wav").write_text("hello")
    done = subprocess.run(
        [sys.executable, "-m", "tasnet.separate", tmp_path, "--model", weights, "-o", tmp_path / "out"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("text.wav is not a ") and done.stderr.count("\n") == 1
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["mix_s1.wav", "mix_s2.wav"]


def test_default_model_is_one_that_is_shipped(tmp_path, voices, capsys):
    if not tasnet.available():
        pytest.skip("no weights in assets/weights")
    soundfile.write(tmp_path / "mix.wav", voices, RATE)
    assert separate.main([str(tmp_path / "mix.wav"), "-o", str(tmp_path)]) == 0
    assert (tmp_path / "mix_s1.wav").exists()
    capsys.readouterr()
