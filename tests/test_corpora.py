"""Corpora: every layout is recognised, read exactly, and bad rows are told and skipped."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpus_tools import LIBRI_NAMES, RATE, WSJ0_NAMES, noise, write, write_split

from tasnet.data.corpora import BadRow, CorpusError, open_mixtures, open_utterances
from tasnet.data.mixture_sets import speaker_genders, speakers_of


@pytest.mark.parametrize("where", ["", "tt", "2speakers/wav8k/min/tt"])
def test_wsj0_mix_is_found_at_any_depth(tmp_path, where):
    write_split(tmp_path / where, "mix", WSJ0_NAMES)
    if where:
        write_split((tmp_path / where).parent / "tr", "mix", ["011a0101_1_442c020t_-1"])
    mixtures = open_mixtures(tmp_path)
    assert [m.name for m in mixtures] == sorted(WSJ0_NAMES)
    first = mixtures[0]
    np.testing.assert_array_equal(first.sources, np.stack([noise(0), noise(1)]).astype("f4"))
    np.testing.assert_allclose(first.mixture, first.sources.sum(0), atol=1e-4)
    assert first.rate == mixtures.rate == RATE
    assert first.speakers == ("011", "442")


def test_librimix_prefers_8k_min_and_finds_each_split(tmp_path):
    for rate in ("wav8k", "wav16k"):
        for mode in ("min", "max"):
            write_split(tmp_path / rate / mode / "test", "mix_clean", LIBRI_NAMES)
            write_split(tmp_path / rate / mode / "train-100", "mix_clean", LIBRI_NAMES[:1])
            write_split(tmp_path / rate / mode / "train-360", "mix_clean", LIBRI_NAMES[1:])
    mixtures = open_mixtures(tmp_path)
    assert mixtures.root == tmp_path / "wav8k/min/test"
    assert mixtures[0].speakers == ("1089", "121")
    assert [m.name for m in open_mixtures(tmp_path, split="train")] == LIBRI_NAMES
    with pytest.raises(CorpusError):
        open_mixtures(tmp_path, split="valid")


def test_mixture_folders_can_be_chosen_and_noise_is_a_source_of_mix_single(tmp_path):
    write_split(tmp_path, "mix_both", LIBRI_NAMES[:1])
    write(tmp_path / "mix_single" / f"{LIBRI_NAMES[0]}.wav", noise(77))
    write(tmp_path / "noise" / f"{LIBRI_NAMES[0]}.wav", noise(78))
    np.testing.assert_array_equal(
        open_mixtures(tmp_path)[0].mixture,
        open_mixtures(tmp_path, mixture="mix_both")[0].mixture,
    )
    single = open_mixtures(tmp_path, mixture="mix_single")[0]
    np.testing.assert_array_equal(single.mixture, noise(77).astype("f4"))
    np.testing.assert_array_equal(single.sources[1], noise(78).astype("f4"))
    with pytest.raises(CorpusError, match="mix_clean"):
        open_mixtures(tmp_path, mixture="mix_clean")


def test_three_sources_without_a_mixture(tmp_path):
    write_split(tmp_path, None, ["a"], sources=3)
    mixture = open_mixtures(tmp_path)[0]
    assert mixture.sources.shape == (3, 2000)
    np.testing.assert_array_equal(mixture.mixture, mixture.sources.sum(0))
    assert mixture.speakers == ()


def test_librimix_metadata_made_on_another_machine(tmp_path):
    write_split(tmp_path / "wav8k/min/test", "mix_clean", LIBRI_NAMES)
    path = tmp_path / "wav8k/min/metadata/mixture_test_mix_clean.csv"
    path.parent.mkdir()
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["mixture_ID", "mixture_path", "source_1_path", "source_2_path", "length"])
        for name in LIBRI_NAMES:
            folders = ("mix_clean", "s1", "s2")
            paths = [f"/elsewhere/Libri2Mix/wav8k/min/test/{f}/{name}.wav" for f in folders]
            table.writerow([name, *paths, 2000])
    mixtures = open_mixtures(path)
    assert [m.name for m in mixtures] == LIBRI_NAMES
    np.testing.assert_array_equal(mixtures[1].sources[0], noise(10).astype("f4"))


def test_a_list_of_gains_is_refused_with_advice(tmp_path):
    path = tmp_path / "libri2mix_test-clean.csv"
    path.write_text("mixture_ID,source_1_path,source_1_gain\na,b.flac,0.5\n")
    with pytest.raises(CorpusError, match=r"tasnet\.corpora"):
        open_mixtures(path)


def test_pack_of_mixtures(tmp_path):
    both = np.stack([noise(0, 5000), noise(1, 5000)], 1)
    soundfile.write(tmp_path / "valid.flac", both, RATE, subtype="PCM_16")
    (tmp_path / "valid.json").write_text(json.dumps({"rate": RATE, "lengths": [2000, 3000]}))
    mixtures = open_mixtures(tmp_path)
    assert [m.sources.shape for m in mixtures] == [(2, 2000), (2, 3000)]
    np.testing.assert_array_equal(mixtures[1].sources, both[2000:].T.astype("f4"))
    part = mixtures.read(1, start=100, length=50)
    np.testing.assert_array_equal(part.mixture, both[2100:2150].astype("f4").sum(1))


def test_bad_rows_are_told_and_skipped(tmp_path):
    write_split(tmp_path, "mix", ["good", "missing", "rate", "unequal", "empty", "garbage"])
    (tmp_path / "s2/missing.wav").unlink()
    for part in ("mix", "s1", "s2"):
        write(tmp_path / part / "rate.wav", noise(3), rate=16000)
        write(tmp_path / part / "empty.wav", noise(3)[:0])
    write(tmp_path / "s1/unequal.wav", noise(3, 1500))
    (tmp_path / "mix/garbage.wav").write_bytes(b"not a sound")
    mixtures = open_mixtures(tmp_path, rate=RATE)
    assert [m.name for m in mixtures] == ["good"]
    assert set(mixtures.bad) == {"missing", "rate", "unequal", "empty", "garbage"}
    assert "missing" in mixtures.bad["missing"] and "16000 Hz" in mixtures.bad["rate"]
    assert "unequal lengths" in mixtures.bad["unequal"]
    with pytest.raises(BadRow):
        mixtures[[row.name for row in mixtures.rows].index("rate")]
    checked = mixtures.checked()
    assert len(checked) == 1 and checked.bad == mixtures.bad


def test_nothing_readable_is_one_sentence(tmp_path):
    with pytest.raises(CorpusError, match="nothing at"):
        open_mixtures(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="none of the known layouts"):
        open_mixtures(tmp_path)


def test_speakers_are_only_told_when_the_name_tells_them():
    assert speakers_of("050a0501_1.2_011a0101_-1.2_22hc010b_0", 3) == ("050", "011", "22h")
    assert speakers_of("some_mixture", 2) == ()
    assert speakers_of(LIBRI_NAMES[0], 3) == ()


def test_genders_come_from_librispeech_list(tmp_path):
    (tmp_path / "SPEAKERS.TXT").write_text(
        ";ID |SEX| SUBSET |MINUTES| NAME\n1089 | M | test-clean | 8 | X\n121  | F | a | 1 | Y\n"
    )
    write_split(tmp_path / "test", "mix_clean", LIBRI_NAMES[:1])
    assert open_mixtures(tmp_path).genders == {"1089": "M", "121": "F"}


def make_speakers(root: Path) -> None:
    for s, speaker in enumerate(["anna", "ben", "cleo"]):
        for k in range(4):
            write(root / speaker / "x" / f"{speaker}{k}.wav", noise(10 * s + k, 1000 + 100 * k))


def test_a_folder_of_speakers_is_mixed_on_the_fly_the_same_way_each_time(tmp_path):
    make_speakers(tmp_path)
    first, again = open_mixtures(tmp_path), open_mixtures(tmp_path)
    assert len(first) == 6
    used = []
    for a, b in zip(first, again, strict=True):
        assert a.name == b.name and a.speakers[0] != a.speakers[1]
        used += a.name.split("_")
        np.testing.assert_array_equal(a.mixture, b.mixture)
        np.testing.assert_array_equal(a.mixture, a.sources.sum(0))
        rms = np.sqrt(np.mean(a.sources.astype("f8") ** 2, 1))
        assert abs(20 * np.log10(rms[0] / rms[1])) <= 5.001
        assert abs(a.mixture).max() <= 1
    assert len(used) == len(set(used))
    three = open_mixtures(tmp_path, speakers=3)
    assert all(len(set(m.speakers)) == 3 for m in three)


def test_utterances_of_a_folder(tmp_path):
    make_speakers(tmp_path)
    (tmp_path / "anna" / "broken.wav").write_bytes(b"no")
    utterances = open_utterances(tmp_path, RATE)
    assert len(utterances) == 12 and len(utterances.bad) == 1
    assert list(utterances.speakers) == sorted(utterances.speakers)
    np.testing.assert_array_equal(utterances.samples(1), noise(1, 1100).astype("f4"))
    assert utterances.hours == pytest.approx(12 * 1150 / RATE / 3600)


def test_utterances_at_another_rate_are_converted(tmp_path):
    t = np.arange(16000) / 16000
    write(tmp_path / "anna/tone.wav", 0.5 * np.sin(2 * np.pi * 440 * t), rate=16000)
    utterances = open_utterances(tmp_path, RATE)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    np.testing.assert_allclose(utterances.samples(0)[500:-500], expected[500:-500], atol=2e-3)


def test_packs_of_utterances_and_librispeech_numbers_over_packs(tmp_path):
    parts = [noise(k, 1000 + k) for k in range(3)]
    for name, chosen in (("librispeech-a", [0, 1]), ("librispeech-b", [2])):
        write(tmp_path / f"{name}.flac", np.concatenate([parts[k] for k in chosen]))
        table = [[["103", "7"][k % 2], len(parts[k])] for k in chosen]
        (tmp_path / f"{name}.json").write_text(json.dumps({"rate": RATE, "utterances": table}))
    utterances = open_utterances(tmp_path)
    assert utterances.speakers == ("librispeech:103", "librispeech:103", "librispeech:7")
    for index, part in enumerate([parts[0], parts[2], parts[1]]):
        np.testing.assert_array_equal(utterances.samples(index), part.astype("f4"))
    write(tmp_path / "librispeech-b.flac", noise(1, 50))
    with pytest.raises(CorpusError, match="length"):
        open_utterances(tmp_path)


def test_the_real_sets(shared):
    subset = open_mixtures(shared / "data/libri2mix_test_subset")
    assert len(subset) == 300 and subset.rate == 8000 and subset[0].speakers == ("1089", "121")
    valid = open_mixtures(shared / "data/valid")
    assert len(valid) == 100 and valid[0].sources.shape == (2, 64000)
    pack = open_utterances(shared / "data/train/an4.json")
    assert len(pack) > 500 and len(pack.pcm) == pack.lengths.sum()


def test_genders_are_read_from_the_lists_of_librispeech_and_of_librimix(tmp_path):
    folder = tmp_path / "Libri2Mix/wav8k/min/test"
    folder.mkdir(parents=True)
    assert speaker_genders(folder) == {}
    table = tmp_path / "Libri2Mix/metadata/libri2mix_test-clean_info.csv"
    table.parent.mkdir()
    columns = "mixture_ID,speaker_1_ID,speaker_1_sex,speaker_2_ID,speaker_2_sex"
    table.write_text(f"{columns}\n1-1-0_22-1-0,1.0,F,22.0,M\n333-1-0_1-2-0,333,M,1,F\ntorn,4\n")
    assert speaker_genders(folder) == {"1": "F", "22": "M", "333": "M"}
    (folder / "SPEAKERS.TXT").write_text(
        "; comment\n14   | F | train-clean-360 | 25.03 | Kristin\n16 | M | x | 1 | y\n"
    )
    assert speaker_genders(folder) == {"14": "F", "16": "M"}
