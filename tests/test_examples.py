"""Examples: what is offered, how it is mixed, and how real voices are fetched (with a fake client)."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import librosa
import librosa.util.files
import numpy as np
import pytest
import requests
import soundfile as sf

from analysis.sounds import example_list, examples, fetch_examples
from analysis.sounds.example_list import BUNDLED, EXAMPLES, PACKAGES
from analysis.sounds.examples import ExampleError, available_examples, fetch_librispeech, mix_example
from analysis.sounds.rank_examples import ordered
from tasnet import places
from tasnet.training_facts import SPEAKERS, SPEECH_FROM_NOISE

ROOT = Path(__file__).parents[1]
# Before a test moves it: librosa looks at its environment once, when this module is imported.
LIBROSA_FOLDER = Path(vars(librosa.util.files)["__GOODBOY"].path)
SYNTHETIC = [example for example in EXAMPLES if example.tier == "bundled"]
FETCHED = [example for example in EXAMPLES if example.tier == "debian"]


@pytest.fixture(autouse=True)
def empty_caches(tmp_path, monkeypatch) -> Path:
    """No real voices on this machine; the folder that fetched ones go to."""
    monkeypatch.setenv("TASNET_LENS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIBROSA_DATA_DIR", str(tmp_path / "librosa"))
    monkeypatch.setattr(fetch_examples, "fetch_librispeech", offline)
    return tmp_path / "cache" / "examples"


def offline() -> None:
    raise ExampleError("There is no connection.")


def noise(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    sf.write(path, 0.1 * rng.standard_normal(round(8000 * seconds)), 8000)


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def client(tmp_path, monkeypatch) -> Path:
    """A folder of a fake apt-get and dpkg-deb; every package unpacks to the same small tree."""
    tree = tmp_path / "tree"
    for package, files in example_list.package_files().items():
        for file in files:
            noise(tree / PACKAGES[package] / file, 1)
        copyright_file = tree / "usr/share/doc" / package / "copyright"
        copyright_file.parent.mkdir(parents=True)
        copyright_file.write_text(f"Copyright of {package}")
    programs = tmp_path / "bin"
    program(
        programs / "apt-get",
        f'echo "$*" >> {tmp_path}/calls\n'
        'case "$*" in *--print-uris*|*update*) exit 0;; esac\n'
        'for package; do :; done; touch "${package}_1.0_all.deb"',
    )
    program(programs / "dpkg-deb", f'mkdir -p "$3"; cp -r {tree}/. "$3"')
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return programs


def outcome(capsys) -> dict[str, str]:
    """Package -> what the fetcher printed about it."""
    fetch_examples.main([])
    *lines, readers = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PACKAGES) and readers.startswith("LibriSpeech readers:")
    return dict(line.split(": ", 1) for line in lines)


def level(x: np.ndarray) -> float:
    """Level in dB while somebody speaks: frames of 20 ms within 30 dB of the loud ones, and the
    200 ms after each (the hangover of ITU-T P.56)."""
    power = np.mean(x[: len(x) // 160 * 160].astype(np.float64).reshape(-1, 160) ** 2, axis=1)
    loud = power > 1e-3 * np.quantile(power, 0.95)
    speech = np.convolve(loud, np.ones(11))[: len(loud)] > 0
    return 10 * np.log10(np.sum(power) / np.sum(speech))


# What is offered


def test_ids_are_unique_and_fit_in_a_url():
    ids = [example.id for example in EXAMPLES]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in ids)


def test_every_voice_names_speaker_source_and_licence():
    for example in EXAMPLES:
        assert ("synthetic" in example.title) == example.synthetic
        assert len(example.title) <= 40 and len(example.about) <= 90
        assert example.credits.startswith("Synthetic" if example.synthetic else "Real")
        for voice in example.voices + example.crowd:
            assert voice.sex in ("woman", "man")
            assert all(part in example.credits for part in (voice.label, voice.source))
            assert voice.licence and voice.licence in example.credits


@pytest.mark.parametrize("tier", ["bundled", "debian"])
def test_each_tier_has_the_combinations_of_the_paper_and_more(tier):
    of_tier = [example for example in EXAMPLES if example.tier == tier]
    pairs = [e.voices for e in of_tier if len(e.voices) == 2]
    assert {frozenset(v.sex for v in pair) for pair in pairs} == {
        frozenset(sexes) for sexes in (("woman", "man"), ("woman",), ("man",))
    }
    assert any(pair[0].language != pair[1].language for pair in pairs)
    assert any(len(example.voices) == 3 for example in of_tier)


def test_real_voices_come_first_and_the_default_is_a_real_woman_and_man():
    assert [example.synthetic for example in EXAMPLES] == sorted(e.synthetic for e in EXAMPLES)
    assert EXAMPLES[0].tier == "debian"
    assert {voice.sex for voice in EXAMPLES[0].voices} == {"woman", "man"}


def test_titles_tell_the_examples_apart():
    assert len({example.title for example in EXAMPLES}) == len(EXAMPLES)


def test_first_is_the_best_of_real_voices_in_english_if_there_is_one():
    scores = {example.id: float(number) for number, example in enumerate(EXAMPLES)}
    assert ordered(EXAMPLES, scores, 2)[0].id == "librispeech-men"
    without = [example for example in EXAMPLES if example.tier != "librispeech"]
    assert ordered(without, scores, 2)[0].id == "italian-czech-men"
    assert ordered(SYNTHETIC, scores, 3)[0].id == "synthetic-three"


def test_available_neither_downloads_nor_starts_anything(monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("available_examples() must only look")

    monkeypatch.setattr("socket.socket.connect", forbidden)
    monkeypatch.setattr("subprocess.Popen", forbidden)
    monkeypatch.setattr(librosa, "ex", forbidden)
    assert available_examples() == SYNTHETIC


def test_an_example_with_a_missing_voice_is_not_offered(empty_caches):
    woman, man = EXAMPLES[0].voices
    noise(empty_caches / woman.file, 1)
    assert EXAMPLES[0] not in available_examples()
    noise(empty_caches / man.file, 1)
    assert available_examples()[0] == EXAMPLES[0]


def test_the_cache_lies_in_the_users_cache_folder(monkeypatch):
    monkeypatch.delenv("TASNET_LENS_CACHE")
    monkeypatch.setattr(places.platformdirs, "user_cache_dir", lambda name: f"/caches/{name}")
    assert example_list.examples_folder() == Path("/caches/tasnet-lens/examples")


def test_what_users_make_lies_outside_the_installed_package(monkeypatch):
    assert places.data_folder() == places.ROOT / ".cache"
    monkeypatch.setattr(places, "INSTALLED", True)
    monkeypatch.setattr(places.platformdirs, "user_data_dir", lambda name: f"/data/{name}")
    assert places.data_folder() == Path("/data/tasnet-lens")


# Bundled voices


def test_bundled_voices_are_small_and_of_like_length():
    files = list(BUNDLED.glob("*.flac"))
    assert {path for example in SYNTHETIC for path in example.paths()} == set(files)
    assert sum(path.stat().st_size for path in BUNDLED.iterdir()) < 1.5e6
    seconds = [sf.info(path).duration for path in files]
    assert min(seconds) >= 4 and max(seconds) <= 6.5


def test_bundled_voices_hardly_pause():
    for path in BUNDLED.glob("*.flac"):
        x, rate = sf.read(path)
        frames = x[: len(x) // 160 * 160].reshape(-1, 160)
        power = np.mean(frames**2, axis=1)
        speech = np.flatnonzero(power > 1e-3 * np.quantile(power, 0.95))
        gaps = np.diff(np.concatenate([[-1], speech, [len(power)]])) - 1
        assert gaps.max() * 160 / rate <= 0.6, path.name


def test_bundled_sentences_are_those_of_the_script_that_made_them():
    spec = importlib.util.spec_from_file_location("synthetic", BUNDLED / "make_synthetic.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = {name: text for name, (_, text) in (script.FLITE | script.FESTIVAL).items()}
    listed = {Path(v.file).stem: v.text for e in SYNTHETIC for v in e.voices}
    assert listed == made


@pytest.mark.parametrize("example", SYNTHETIC, ids=lambda example: example.id)
@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 2.5])
def test_bundled_examples_are_mixed_at_the_stated_level(example, snr_db):
    mixture = mix_example(example.id, snr_db)
    assert mixture.rate == 8000 and mixture.snr_db == snr_db
    assert mixture.labels[: len(example.voices)] == example.speakers
    assert len(mixture.references) == len(example.voices) + bool(example.noise)
    assert mixture.task == (SPEECH_FROM_NOISE if example.noise else SPEAKERS)
    shortest = min(sf.info(path).duration for path in example.paths()[: len(example.voices)])
    assert abs(len(mixture.mixture) / 8000 - shortest) < 0.01
    assert np.abs(mixture.mixture).max() <= 1
    np.testing.assert_allclose(mixture.references.sum(axis=0), mixture.mixture, atol=1e-6)
    first, *others = (level(reference) for reference in mixture.references)
    assert np.allclose([first - other for other in others], snr_db, atol=0.5)


def test_noise_is_made_here_and_the_same_every_time():
    one, again = (mix_example("synthetic-babble", 5.0) for _ in range(2))
    np.testing.assert_array_equal(one.mixture, again.mixture)
    assert one.labels[1] == "Babble of 4 voices"
    pink = mix_example("synthetic-pink", 0.0).references[1]
    octaves = [np.sum(np.abs(np.fft.rfft(pink)[n : 2 * n]) ** 2) for n in (1000, 4000)]
    assert abs(10 * np.log10(octaves[1] / octaves[0])) < 1


def test_an_unknown_example_is_named_with_those_there_are():
    with pytest.raises(ExampleError) as error:
        mix_example("no-such-example")
    assert "no-such-example" in str(error.value)
    assert all(example.id in str(error.value) for example in SYNTHETIC)
    with pytest.raises(ExampleError, match=EXAMPLES[0].id):  # known, but not on this machine
        mix_example(EXAMPLES[0].id)


# Real voices from Debian packages


def test_fetching_makes_the_real_examples_available(client, empty_caches, capsys):
    assert set(outcome(capsys).values()) == {"done"}
    assert available_examples() == FETCHED + SYNTHETIC
    assert len(mix_example(FETCHED[0].id).references) == 2
    for package in PACKAGES:
        kept = empty_caches / package / "copyright"
        assert kept.read_text() == f"Copyright of {package}"
    assert {path.name for path in empty_caches.iterdir()} == set(PACKAGES)


def test_fetching_again_calls_no_client(client, tmp_path, capsys):
    outcome(capsys)
    calls = (tmp_path / "calls").read_text()
    assert set(outcome(capsys).values()) == {"already here"}
    assert (tmp_path / "calls").read_text() == calls


def test_package_lists_of_ones_own_are_made_where_the_system_has_none(client, tmp_path, capsys):
    program(
        client / "apt-get",
        f'echo "$*" >> {tmp_path}/calls\n'
        'case "$*" in\n'
        '*--print-uris*) echo "E: Unable to locate package" >&2; exit 100;;\n'
        "*Dir::State::Lists=*update*) exit 0;;\n"
        "*Dir::State::Lists=*download*) for package; do :; done\n"
        'touch "${package}_1.0_all.deb";;\n'
        "*) exit 100;; esac",
    )
    assert set(outcome(capsys).values()) == {"done"}
    assert (tmp_path / "calls").read_text().count("update") == 1


def test_a_download_that_fails_is_said_and_leaves_the_rest(client, empty_caches, capsys):
    program(
        client / "apt-get",
        'case "$*" in *--print-uris*) exit 0;;\n'
        "*fillets*) echo 'E: Failed to fetch http://host/a.deb  No network.' >&2; exit 100;; esac\n"
        'for package; do :; done; touch "${package}_1.0_all.deb"',
    )
    said = outcome(capsys)
    assert said.pop("fillets-ng-data-cs") == ("not available: apt-get could not get it (No network).")
    assert set(said.values()) == {"done"}
    assert {path.name for path in empty_caches.iterdir()} == set(said)


def test_a_download_that_takes_too_long_is_given_up(client, monkeypatch, capsys):
    program(client / "apt-get", "exec sleep 60")
    monkeypatch.setattr(fetch_examples, "BUDGET_SECONDS", 0.1)
    assert all("0.1 s were not enough" in line for line in outcome(capsys).values())


def test_without_a_client_it_ends_well_and_says_why(tmp_path, empty_caches):
    done = subprocess.run(
        [sys.executable, "-m", "analysis.sounds.fetch_examples"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9"},  # nothing can be fetched
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert lines[: len(PACKAGES)] == [f"{p}: not available: this machine has no apt-get." for p in PACKAGES]
    assert available_examples() == SYNTHETIC


def test_a_cache_folder_that_cannot_be_used_is_said(client, empty_caches, capsys):
    empty_caches.parent.mkdir()
    empty_caches.write_text("a file stands where the folder should be")
    fetch_examples.main([])
    assert capsys.readouterr().out.startswith("No real voices fetched")


def fails_while_unpacking(client: Path, monkeypatch) -> None:
    program(client / "dpkg-deb", 'mkdir -p "$3/usr"; echo "E: broken archive" >&2; exit 2')


def holds_other_files(client: Path, monkeypatch) -> None:
    for package, files in example_list.package_files().items():
        (client.parent / "tree" / PACKAGES[package] / files[-1]).unlink()


def has_no_room_for_the_last_file(client: Path, monkeypatch) -> None:
    copy = fetch_examples.shutil.copyfile

    def copyfile(origin: Path, target: Path) -> None:
        if target.name == "copyright":
            raise OSError(28, "No space left on device")
        copy(origin, target)

    monkeypatch.setattr(fetch_examples.shutil, "copyfile", copyfile)


@pytest.mark.parametrize("breaks", [fails_while_unpacking, holds_other_files, has_no_room_for_the_last_file])
def test_nothing_half_done_is_left_behind(breaks, client, empty_caches, monkeypatch, capsys):
    breaks(client, monkeypatch)
    assert all(line.startswith("not available: ") for line in outcome(capsys).values())
    assert list(empty_caches.iterdir()) == []


def test_the_files_of_an_older_version_are_replaced(client, empty_caches, capsys):
    package = "fillets-ng-data-cs"
    noise(empty_caches / package / "old.wav", 1)
    assert outcome(capsys)[package] == "done"
    assert not (empty_caches / package / "old.wav").exists()


# LibriSpeech


def test_librispeech_files_are_those_that_librosa_downloads():
    index = Path(librosa.__file__).parent / "util" / "example_data" / "index.json"
    tracks = json.loads(index.read_text())
    for example in EXAMPLES:
        if example.tier == "librispeech":
            for voice in example.voices:
                key = re.search(r"librosa\.ex\('(\w+)'\)", voice.source)[1]
                assert voice.file == tracks[key]["path"] + ".ogg"
                assert voice.speaker in tracks[key]["desc"]


def test_librispeech_files_are_looked_for_where_librosa_keeps_them(monkeypatch):
    monkeypatch.undo()
    assert example_list.librosa_folder() == LIBROSA_FOLDER


def test_librispeech_readers_are_offered_once_downloaded(tmp_path, monkeypatch):
    index = Path(librosa.__file__).parent / "util" / "example_data" / "index.json"
    tracks = json.loads(index.read_text())
    monkeypatch.setattr(librosa, "ex", lambda key: noise(tmp_path / "librosa" / f"{tracks[key]['path']}.ogg", 2))
    fetched = fetch_librispeech()
    assert [len(example.voices) for example in fetched] == [2, 2, 3]
    assert available_examples() == fetched + SYNTHETIC
    assert len(mix_example(fetched[-1].id).references) == 3


@pytest.mark.parametrize("error", [requests.exceptions.ConnectionError("no route"), ValueError("wrong checksum")])
def test_no_internet_is_one_sentence(error, monkeypatch):
    def fails(key):
        raise error

    monkeypatch.setattr(librosa, "ex", fails)
    with pytest.raises(ExampleError, match=r"^The LibriSpeech readers could not .* try again\.$"):
        examples.fetch_librispeech()
    assert available_examples() == SYNTHETIC
