"""Building LibriMix and wsj0-mix from a tiny fake LibriSpeech and WSJ0, against oracles written here."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import firwin, upfirdn

from tasnet.data.build import fit
from tasnet.data.command import main
from tasnet.data.corpora import open_mixtures
from tasnet.data.librimix import prolong
from tasnet.data.wsj0mix import active_power

LENGTHS = {"1-1-0000": 9001, "2-1-0000": 8000, "3-5-0002": 12345}


@pytest.fixture
def librispeech(tmp_path) -> Path:
    root = tmp_path / "LibriSpeech"
    for k, (name, length) in enumerate(LENGTHS.items()):
        speaker, chapter, _ = name.split("-")
        path = root / "test-clean" / speaker / chapter / f"{name}.flac"
        path.parent.mkdir(parents=True)
        soundfile.write(path, np.random.default_rng(k).normal(0, 0.1, length), 16000)
    (tmp_path / "wham/tt").mkdir(parents=True)
    noise = np.random.default_rng(9).normal(0, 0.05, (20000, 2))
    soundfile.write(tmp_path / "wham/tt/long.wav", noise, 16000)
    return root


def source_path(name: str) -> str:
    speaker, chapter, _ = name.split("-")
    return f"test-clean/{speaker}/{chapter}/{name}.flac"


def write_list(path: Path, rows: list[list[tuple[str, float]]]) -> Path:
    count = len(rows[0])
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        columns = [f"source_{k}_{what}" for k in range(1, count + 1) for what in ("path", "gain")]
        table.writerow(["mixture_ID", *columns, "noise_path", "noise_gain"])
        for row in rows:
            cells = [cell for name, gain in row for cell in (source_path(name), gain)]
            table.writerow(["_".join(name for name, _ in row), *cells, "tt/long.wav", 1.5])
    return path


def oracle_half_rate(x: np.ndarray) -> np.ndarray:
    """16 to 8 kHz as scipy's polyphase default says: a Kaiser(5) low pass of 41 taps, delay taken out."""
    h = firwin(41, 0.5, window=("kaiser", 5.0))
    y = upfirdn(np.concatenate([h]), np.concatenate([x, np.zeros(40)]), 1, 1)[20 : 20 + len(x)]
    return y[::2]


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="int16")[0].astype(float)


def gained(root: Path, name: str, gain: float) -> np.ndarray:
    return gain * soundfile.read(root / source_path(name))[0]


def test_libri2mix_8k_min_is_gain_resample_cut_sum(librispeech, tmp_path):
    row = [("1-1-0000", 0.75), ("2-1-0000", 1.3)]
    table = write_list(tmp_path / "libri2mix_test-clean.csv", [row])
    arguments = ["librimix", "--librispeech", str(librispeech), "--list", str(table)]
    assert main([*arguments, "--out", str(tmp_path), "--workers", "1"]) == 0
    split = tmp_path / "Libri2Mix/wav8k/min/test"
    expected = [oracle_half_rate(gained(librispeech, *pair))[:4000] for pair in row]
    expected.append(expected[0] + expected[1])
    for folder, samples in zip(("s1", "s2", "mix_clean"), expected, strict=True):
        found = read(split / folder / "1-1-0000_2-1-0000.wav")
        assert len(found) == 4000
        assert np.abs(found - 32768 * samples).max() <= 1.01  # rounding to 16 bits, downwards
    mixtures = open_mixtures(tmp_path / "Libri2Mix")
    assert len(mixtures) == 1 and mixtures.rate == 8000 and mixtures[0].speakers == ("1", "2")
    metadata = tmp_path / "Libri2Mix/wav8k/min/metadata/mixture_test_mix_clean.csv"
    np.testing.assert_array_equal(open_mixtures(metadata)[0].mixture, mixtures[0].mixture)
    assert metadata.read_text().splitlines()[1].endswith(",4000")


def test_libri3mix_16k_max_with_noise(librispeech, tmp_path):
    row = [("1-1-0000", 0.5), ("2-1-0000", 0.6), ("3-5-0002", 0.7)]
    table = write_list(tmp_path / "libri3mix_train-clean-100.csv", [row])
    arguments = ["librimix", "--librispeech", str(librispeech), "--list", str(table)]
    arguments += ["--wham", str(tmp_path / "wham"), "--mixtures", "mix_clean", "mix_both", "mix_single"]
    arguments += ["--rate", "16000", "--mode", "max", "--out", str(tmp_path), "--workers", "1"]
    assert main(arguments) == 0
    split = tmp_path / "Libri3Mix/wav16k/max/train-100"
    name = "_".join(n for n, _ in row) + ".wav"
    sources = [np.pad(gained(librispeech, *p), (0, 12345 - LENGTHS[p[0]])) for p in row]
    noise = 1.5 * soundfile.read(tmp_path / "wham/tt/long.wav", stop=12345)[0][:, 0]
    for folder, samples in (
        ("s2", sources[1]),
        ("noise", noise),
        ("mix_clean", sum(sources)),
        ("mix_both", sum(sources) + noise),
        ("mix_single", sources[0] + noise),
    ):
        found = read(split / folder / name)
        assert np.abs(found - 32768 * np.clip(samples, -1, 1)).max() <= 1.1, folder
    assert open_mixtures(split, mixture="mix_both")[0].sources.shape == (3, 12345)


def test_noise_that_is_too_short_is_prolonged_with_half_second_fades():
    noise = np.ones(20000)
    longer = prolong(noise, 40000)
    # Rising and falling halves of a Hann window sum to one.
    np.testing.assert_allclose(longer, 1.0, atol=1e-12)
    ramp = np.arange(20000.0)
    longer = prolong(ramp, 30000)
    assert len(longer) == 30000
    np.testing.assert_array_equal(longer[: 20000 - 8001], ramp[: 20000 - 8001])
    np.testing.assert_array_equal(longer[20000:], ramp[8001 : 8001 + 10000])
    fade = 0.5 * (1 - np.cos(2 * np.pi * np.arange(8001) / 16000))
    expected = ramp[-8001:] * fade[::-1] + ramp[:8001] * fade
    np.testing.assert_allclose(longer[20000 - 8001 : 20000], expected)


def test_building_goes_on_where_it_stopped_and_tells_of_bad_rows(librispeech, tmp_path, capsys):
    rows = [
        [("1-1-0000", 1.0), ("2-1-0000", 1.0)],
        [("2-1-0000", 1.0), ("3-5-0002", 1.0)],
        [("1-1-0000", 1.0), ("9-9-0009", 1.0)],  # not there
        [("3-5-0002", 1.0), ("1-1-0000", 1.0)],  # at another rate
    ]
    table = write_list(tmp_path / "libri2mix_dev-clean.csv", rows)
    arguments = ["librimix", "--librispeech", str(librispeech), "--list", str(table)]
    arguments += ["--out", str(tmp_path), "--workers", "2"]
    split = tmp_path / "Libri2Mix/wav8k/min/dev"
    assert main(arguments) == 1
    printed = capsys.readouterr().out
    assert "3 made" in printed and "1 left out" in printed and "9-9-0009" in printed
    kept = split / "mix_clean/2-1-0000_3-5-0002.wav"
    before = kept.stat().st_mtime_ns
    (split / "mix_clean/1-1-0000_2-1-0000.wav").unlink()  # as if killed before the mixture
    bad = librispeech / source_path("3-5-0002")
    soundfile.write(bad, np.zeros(100), 8000)
    (split / "s1/3-5-0002_1-1-0000.wav").unlink()
    assert main(arguments) == 1
    printed = capsys.readouterr().out
    assert "1 made, 1 there already" in printed and "2 left out" in printed
    assert kept.stat().st_mtime_ns == before
    metadata = tmp_path / "Libri2Mix/wav8k/min/metadata/mixture_dev_mix_clean.csv"
    assert len(metadata.read_text().splitlines()) == 3
    assert not list(split.rglob(".*"))  # nothing unfinished is left


def test_check_compares_finished_mixtures_with_their_sources(librispeech, tmp_path, capsys):
    rows = [[("1-1-0000", 0.75), ("2-1-0000", 1.3)], [("2-1-0000", 0.5), ("3-5-0002", 0.6)]]
    table = write_list(tmp_path / "libri2mix_test-clean.csv", rows)
    common = ["--librispeech", str(librispeech), "--list", str(table)]
    assert main(["librimix", *common, "--out", str(tmp_path), "--workers", "1"]) == 0
    made = tmp_path / "Libri2Mix/wav8k/min/test"
    check = ["check", *common, "--made", str(made)]
    assert main(check) == 0
    assert "2 of 2" in capsys.readouterr().out
    wrong = made / "s2/1-1-0000_2-1-0000.wav"
    samples = soundfile.read(wrong)[0]
    samples[7] += 3 / 32768
    soundfile.write(wrong, samples, 8000)
    assert main(check) == 1
    assert "1 of 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "nowhere"],
        ["librimix", "--librispeech", "a", "--list", "none.csv", "--out", "b"],
        ["wsj0mix", "--wsj0", "a", "--list", "none.txt", "--out", "b"],
    ],
)
def test_impossible_commands_say_one_sentence(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.endswith(".\n")


def test_lists_of_another_kind_are_refused(librispeech, tmp_path, capsys):
    table = tmp_path / "x.csv"
    table.write_text("mixture_ID,mixture_path\na,b\n")
    common = ["--librispeech", str(librispeech), "--out", str(tmp_path)]
    assert main(["librimix", *common, "--list", str(table)]) == 2
    noisy = write_list(tmp_path / "libri2mix_test-clean.csv", [[("1-1-0000", 1.0), ("2-1-0000", 1.0)]])
    assert main(["librimix", *common, "--list", str(noisy), "--mixtures", "mix_both"]) == 2
    merl = tmp_path / "mix_2_spk_tt.txt"
    merl.write_text("wsj0/a.wav 1.0 wsj0/b.wav\n")
    assert main(["wsj0mix", "--wsj0", "x", "--list", str(merl), "--out", str(tmp_path)]) == 2
    assert "--wham" in capsys.readouterr().err


def oracle_p56(x: np.ndarray, rate: int) -> float:
    """P.56's method B, step by step: thresholds by factors of 2, then between them in dB."""
    g = np.exp(-1 / (0.03 * rate))
    hangover = int(np.ceil(0.2 * rate))
    thresholds = 2.0 ** np.arange(-15, 1)
    count, since = np.zeros(16), np.full(16, hangover)
    p = q = 0.0
    for sample in x:
        p = g * p + (1 - g) * abs(sample)
        q = g * q + (1 - g) * p
        active = q >= thresholds
        since = np.where(active, 0, since + 1)
        count += since <= hangover
    energy = np.sum(x**2)
    used = count > 0
    levels = 10 * np.log10(energy / count[used])
    margin = levels - 20 * np.log10(thresholds[used])
    k = np.nonzero(margin <= 15.9)[0][0]
    share = (margin[k - 1] - 15.9) / (margin[k - 1] - margin[k])
    return levels[k - 1] + share * (levels[k] - levels[k - 1])


def bursts(rate: int = 8000) -> np.ndarray:
    """Noise above 400 Hz, 1 s on at changing levels and 1 s nearly off."""
    x = np.random.default_rng(0).normal(0, 0.1, 6 * rate)
    spectrum = np.fft.rfft(x)
    spectrum[np.fft.rfftfreq(len(x), 1 / rate) < 400] = 0
    level = np.repeat([1.0, 1e-3, 0.5, 1e-3, 2.0, 1e-3], rate)
    return np.fft.irfft(spectrum) * level


def test_active_level_is_that_of_p56():
    x = bursts()
    assert 10 * np.log10(active_power(x, 8000)) == pytest.approx(oracle_p56(x, 8000), abs=0.3)
    # Silence around the speech does not count, its loudness does.
    padded = np.pad(x, 40000)
    assert active_power(padded, 8000) == pytest.approx(active_power(x, 8000), rel=0.01)
    assert active_power(3 * x, 8000) == pytest.approx(9 * active_power(x, 8000), rel=1e-6)
    hum = np.sin(2 * np.pi * 50 * np.arange(len(x)) / 8000)  # below the meter's 200 Hz
    assert active_power(x + hum, 8000) == pytest.approx(active_power(x, 8000), rel=0.01)


@pytest.mark.parametrize("given", [False, True])
def test_wsj0_2mix_levels_peak_and_names(tmp_path, given):
    names = ["050a0501", "22hc010b"]
    recordings = []
    for k, name in enumerate(names):
        path = tmp_path / "wsj0/si_et_05" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        x = np.clip((k + 1) * bursts(16000)[: 80000 + 5000 * k], -1, 1)
        soundfile.write(path, x, 16000, subtype="PCM_16")
        recordings.append(soundfile.read(path)[0])
    merl = tmp_path / "mix_2_spk_tt.txt"
    line = " ".join(f"wsj0/si_et_05/{n}.wav {v}" for n, v in zip(names, (0.059714, -0.059714), strict=True))
    merl.write_text(line + "\n")
    arguments = ["wsj0mix", "--wsj0", str(tmp_path), "--list", str(merl), "--out", str(tmp_path)]
    powers = [0.02, 0.05]
    if given:
        levels = tmp_path / "activlev.txt"
        levels.write_text("".join(f"{n} {p}\n" for n, p in zip(names, powers, strict=True)))
        arguments += ["--levels", str(levels)]
    assert main([*arguments, "--workers", "1"]) == 0
    mixtures = open_mixtures(tmp_path / "2speakers")
    row = mixtures[0]
    assert row.name == "050a0501_0.059714_22hc010b_-0.059714" and row.speakers == ("050", "22h")
    assert row.sources.shape == (2, 40000) and mixtures.root.name == "tt"
    assert max(abs(row.mixture).max(), abs(row.sources).max()) == pytest.approx(0.9, abs=1e-4)
    halves = [oracle_half_rate(x) for x in recordings]
    if not given:
        powers = [10 ** (oracle_p56(x, 8000) / 10) for x in halves]
    parts = [x[:40000] / p**0.5 * 10 ** (v / 20) for x, p, v in zip(halves, powers, (0.059714, -0.059714), strict=True)]
    scale = 0.9 / max(np.abs([*parts, parts[0] + parts[1]]).ravel())
    tolerance = 1 / 32768 if given else 0.03  # P.56 is interpolated there and exact here
    np.testing.assert_allclose(row.sources, scale * np.array(parts), atol=tolerance)
    np.testing.assert_allclose(row.mixture, row.sources.sum(0), atol=2 / 32768)


def test_fit_cuts_or_fills():
    parts = [np.ones(3), np.ones(5)]
    assert [len(x) for x in fit(parts, "min")] == [3, 3]
    assert fit(parts, "max")[0].tolist() == [1, 1, 1, 0, 0]


def test_show_tells_what_is_there(librispeech, tmp_path, capsys):
    assert main(["show", str(librispeech)]) == 0
    assert "3 utterances of 3 speakers" in capsys.readouterr().out
    row = [("1-1-0000", 1.0), ("2-1-0000", 1.0)]
    table = write_list(tmp_path / "libri2mix_test-clean.csv", [row])
    common = ["--librispeech", str(librispeech), "--list", str(table)]
    main(["librimix", *common, "--out", str(tmp_path / "made"), "--workers", "1"])
    capsys.readouterr()
    assert main(["show", str(tmp_path / "made")]) == 0
    assert "1 mixtures of 2 sources at 8000 Hz" in capsys.readouterr().out
    (tmp_path / "made/Libri2Mix/wav8k/min/test/s1/extra.wav").touch()
    assert main(["show", str(tmp_path / "made")]) == 1
    assert "1 left out:\nextra: " in capsys.readouterr().out


def write_pairs(folder: Path, names: list[str]) -> dict[str, list[np.ndarray]]:
    """A set of two voices of noise, of unequal lengths, with these names: {name: its voices in 16-bit steps}."""
    voices = {}
    for k, name in enumerate(names):
        voices[name] = []
        for part in ("s1", "s2"):
            (folder / part).mkdir(parents=True, exist_ok=True)
            x = np.random.default_rng([k, part == "s2"]).normal(0, 3000, 4000 + 100 * k).astype(np.int16)
            soundfile.write(folder / part / f"{name}.flac", x, 8000)
            voices[name].append(x)
    return voices


def test_a_third_voice_is_that_of_another_speaker_half_the_set_later(tmp_path, capsys):
    names = ["1-1-0_2-1-0", "3-1-0_6-1-0", "4-1-0_2-1-1", "5-1-0_1-1-1"]
    voices = write_pairs(tmp_path / "pairs", names)
    command = ["three", str(tmp_path / "pairs"), "--out", str(tmp_path / "three"), "--workers", "1"]
    assert main(command) == 0
    # The first shares a speaker with the third and the fourth: the next after those joins it, and the third.
    expected = {(0, 1, 0): "3-1-0", (1, 3, 1): "1-1-1", (2, 1, 0): "3-1-0", (3, 1, 1): "6-1-0"}
    made = open_mixtures(tmp_path / "three")
    assert [row.name for row in made.rows] == [f"{names[i]}_{third}" for (i, *_), third in expected.items()]
    for mixture, (i, j, source) in zip(made, expected, strict=True):
        length = 4000 + 100 * min(i, j)
        wanted = [*voices[names[i]], voices[names[j]][source]]
        np.testing.assert_array_equal(32768 * mixture.sources, [x[:length] for x in wanted])
        np.testing.assert_allclose(mixture.mixture, mixture.sources.sum(0), atol=1e-6)
        assert len(set(mixture.speakers)) == 3
    assert main(command) == 0 and "0 made, 4 there already" in capsys.readouterr().out
    (tmp_path / "pairs/s1/7-1-0_8-1-0.flac").touch()
    assert main(command) == 1
    assert "0 made, 4 there already" in (said := capsys.readouterr().out) and "1 left out:\n7-1-0_8-1-0: " in said


def test_a_third_voice_is_not_one_of_the_two_in_another_loudness(tmp_path, capsys):
    voices = write_pairs(tmp_path / "pairs", ["a", "b"])  # names that do not tell who speaks
    soundfile.write(tmp_path / "pairs/s1/b.flac", voices["a"][0].repeat(2)[:4100] // 2, 8000)
    arguments = [str(tmp_path / "pairs"), "--out", str(tmp_path / "three"), "--workers", "1"]
    assert main(["three", *arguments]) == 0
    soundfile.write(tmp_path / "pairs/s1/b.flac", np.append(voices["a"][0], voices["a"][0][:100]) // 2, 8000)
    arguments[2] = str(tmp_path / "again")
    assert main(["three", *arguments]) == 1
    assert "In a_b-s1 the third voice is the recording of another." in capsys.readouterr().out


def test_no_third_voice_without_two_or_without_other_speakers(tmp_path, capsys):
    write_pairs(tmp_path / "pairs", ["1-1-0_2-1-0", "2-1-1_3-1-0"])
    assert main(["three", str(tmp_path / "pairs"), "--out", str(tmp_path / "three")]) == 2
    assert "no other speakers than 1-1-0_2-1-0" in capsys.readouterr().err
    write_pairs(tmp_path / "more", ["1-1-0_2-1-0", "4-1-1_3-1-0"])
    assert main(["three", str(tmp_path / "more"), "--out", str(tmp_path / "three"), "--workers", "1"]) == 0
    assert main(["three", str(tmp_path / "three"), "--out", str(tmp_path / "four")]) == 2
    assert "does not have two voices" in capsys.readouterr().err


def test_the_delivered_subset_is_libri2mix(shared):
    """Runs where LibriSpeech's test-clean lies beside the project."""
    librispeech = shared / "data/LibriSpeech"
    if not (librispeech / "test-clean").is_dir():
        pytest.skip("the recordings of LibriSpeech test-clean are not here")
    subset = shared / "data/libri2mix_test_subset"
    table = subset / "libri2mix_test-clean.csv"
    arguments = ["--librispeech", str(librispeech), "--list", str(table), "--made", str(subset)]
    assert main(["check", *arguments]) == 0
