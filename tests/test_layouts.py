"""Folders of mixtures as public recipes have them are read; what is not known is refused, never taken for people."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpus_tools import LIBRI_NAMES, RATE, noise, write, write_split
from test_sound_inputs import needs_ffmpeg, sphere_with_shorten

from analysis.corpus import __main__ as corpus
from analysis.start_point import __main__ as start_point
from tasnet.data.command import main
from tasnet.data.corpora import CorpusError, explain_mixtures, holds_mixtures, open_mixtures, open_utterances
from tasnet.data.names import part_of, split_part
from tasnet.data.people import _names

LENGTH = 2000
S1, S2, NOISE = noise(0), noise(1), noise(2)
PARTS = {"s1": S1, "s2": S2, "noise": NOISE, "mix": S1 + S2, "both": S1 + S2 + NOISE, "single": S1 + NOISE}


def make(folder: Path, files: dict[str, str]) -> Path:
    """{path without suffix: which of PARTS}."""
    for path, part in files.items():
        write(folder / f"{path}.wav", PARTS[part])
    return folder


def sources_of(folder: Path, **settings) -> np.ndarray:
    """The sources of the only mixture, whose mixture is what it should be."""
    (one,) = open_mixtures(folder, **settings)
    return one.sources


FOLDERS = {
    "wsj0-mix": {"mix/a": "mix", "s1/a": "s1", "s2/a": "s2"},
    "LibriMix": {"mix_clean/a": "mix", "mix_both/a": "both", "s1/a": "s1", "s2/a": "s2", "noise/a": "noise"},
    "spk": {"mix/a": "mix", "spk1/a": "s1", "spk2/a": "s2"},
    "speaker_1": {"mixture/a": "mix", "speaker_1/a": "s1", "speaker_2/a": "s2"},
    "source1": {"mixture/a": "mix", "source1/a": "s1", "source2/a": "s2"},
    "source-1": {"mixed/a": "mix", "Source-1/a": "s1", "Source-2/a": "s2"},
    "clean1": {"mix/a": "mix", "clean1/a": "s1", "clean2/a": "s2"},
    "from zero": {"mix/a": "mix", "s0/a": "s1", "s1/a": "s2"},
    "no mixture": {"source1/a": "s1", "source2/a": "s2"},
    "no mixture, names that tell": {"spk1/1-2-3_4-5-6": "s1", "spk2/1-2-3_4-5-6": "s2"},
    "names with their part": {"mix/a_mix": "mix", "s1/a_s1": "s1", "s2/a_s2": "s2"},
    "names that begin with it": {"mixture/mixture_a": "mix", "source1/source1_a": "s1", "source2/source2_a": "s2"},
    "a folder a mixture": {"a/mixture": "mix", "a/s1": "s1", "a/s2": "s2"},
    "a folder a mixture, spelled": {"tt/a/mix": "mix", "tt/a/speaker1": "s1", "tt/a/speaker2": "s2"},
    "one mixture": {"mixture": "mix", "s1": "s1", "s2": "s2"},
    "side by side": {"a_mix": "mix", "a_src1": "s1", "a_src2": "s2"},
    "side by side, item": {"x/item0-mixture": "mix", "x/item0-source1": "s1", "x/item0-source2": "s2"},
    "SparseLibriMix": {"mix_clean/0": "mix", "mix_noisy/0": "both", "s1/0": "s1", "s2/0": "s2", "noise/0": "noise"},
    "MiniLibriMix": {"train/mix_clean/b": "single", "train/s1/b": "s1", "train/s2/b": "noise", "val/mix_clean/a": "mix"}
    | {"val/s1/a": "s1", "val/s2/a": "s2"},
    "WHAM!": {"wav8k/min/tt/mix_both/a": "both", "wav8k/min/tt/s1/a": "s1", "wav8k/min/tt/s2/a": "s2"},
    "WHAMR!": {"tt/mix_clean_anechoic/a": "mix", "tt/s1_anechoic/a": "s1", "tt/s2_anechoic/a": "s2"},
    "WHAMR!, echoes": {
        **{"tt/mix_clean_reverb/a": "mix", "tt/s1_reverb/a": "s1", "tt/s2_reverb/a": "s2"},
        **{"tt/s1_anechoic/a": "noise", "tt/s2_anechoic/a": "noise"},
    },
}


@pytest.mark.parametrize("files", FOLDERS.values(), ids=FOLDERS)
def test_layouts_of_public_recipes_are_read(files, tmp_path):
    make(tmp_path, files)
    assert holds_mixtures(tmp_path)
    np.testing.assert_array_equal(sources_of(tmp_path), np.stack([S1, S2]).astype("f4"))
    with pytest.raises(CorpusError, match="mixtures"):
        open_utterances(tmp_path)


def test_one_voice_and_noise_are_two_sources(tmp_path):
    make(tmp_path / "single", {"mix_single/a": "single", "s1/a": "s1", "s2/a": "s2", "noise/a": "noise"})
    dns = {"noisy/book_1_fileid_7": "single", "clean/clean_fileid_7": "s1", "noise/noise_fileid_7": "noise"}
    make(tmp_path / "dns", dns)
    for name in ("single", "dns"):
        np.testing.assert_array_equal(sources_of(tmp_path / name), np.stack([S1, NOISE]).astype("f4"))
    shutil.rmtree(tmp_path / "dns/noise")
    with pytest.raises(CorpusError, match="noisy is a name for mixtures"):
        open_mixtures(tmp_path / "dns")


def test_the_kind_is_chosen_and_said(tmp_path):
    files = {"s1_reverb/a": "s1", "s2_reverb/a": "s2", "s1_anechoic/a": "s1", "s2_anechoic/a": "s2", "noise/a": "noise"}
    make(tmp_path, {**files, "mix_both_reverb/a": "both", "mix_clean_reverb/a": "mix", "mix_both_anechoic/a": "both"})
    assert "mix_both_anechoic, their sources s1_anechoic" in open_mixtures(tmp_path).notes[0]
    (note, said) = explain_mixtures(open_mixtures(tmp_path, mixture="mix_both_reverb"))
    assert note == (
        "The mixtures are mix_both_reverb, their sources s1_reverb, s2_reverb, with noise in the mixtures "
        "(a folder a part)."
    )
    assert said == "In a, the mixture is the sum of its sources and of the noise beside them."
    with pytest.raises(CorpusError, match=r"mix_single.*there are: mix_"):
        open_mixtures(tmp_path, mixture="mix_single")


def test_without_mixtures_to_test_with_those_to_validate_with_are_taken_and_it_is_said(tmp_path):
    for folder in ("train", "val"):
        make(tmp_path / folder, FOLDERS["LibriMix"])
    notes = open_mixtures(tmp_path).notes
    assert notes[0] == "There are no mixtures to test with: those of val were taken."
    assert notes[1] == "The mixtures are mix_clean, their sources s1, s2 (a folder a part)."
    assert open_mixtures(tmp_path, split="train").root.name == "train"
    shutil.rmtree(tmp_path / "val")
    make(tmp_path / "other", FOLDERS["LibriMix"])
    with pytest.raises(CorpusError, match=r"to test with, only the folders other, train: name one of them\."):
        open_mixtures(tmp_path)


PEOPLE = {"anna/a": "s1", "anna/b": "s2", "ben/c": "noise", "ben/d": "s1"}
REFUSED = {
    "mixtures with unknown names": {"m0/whole": "mix", "m0/first": "s1", "m0/second": "s2"},
    "folders with unknown names": {"whole/a": "mix", "first/a": "s1", "second/a": "s2"},
    "input and target": {"input/a": "single", "target/a": "s1"},
    "mixtures without voices": {"mix/a": "mix", "mix/b": "mix"},
    "mixtures in one folder of many": {**PEOPLE, "x/mixture": "mix"},
    "voices without a mixture": {"m0/s1": "s1", "m0/s2": "s2", "m1/s1": "s1", "m1/s2": "s2"},
    "two in a name": {"x/1-2-3_4-5-6": "mix", "y/1-2-4_4-5-7": "s1"},
    "a voice is missing": {"mix/a": "mix", "s1/a": "s1", "s3/a": "s2"},
    "two namings": {"mix/a": "mix", "s1/a": "s1", "s2/a": "s2", "spk1/a": "s1", "spk2/a": "s2"},
    "no names in common": {"mix/a": "mix", "s1/b": "s1", "s2/c": "s2"},
    "voices or people": {"spk1/a": "s1", "spk2/a": "s2"},
    "nothing": {"a": "mix"},
}


@pytest.mark.parametrize("files", REFUSED.values(), ids=REFUSED)
def test_what_is_not_known_is_refused_and_named(files, tmp_path, capsys):
    make(tmp_path / "set", files)
    with pytest.raises(CorpusError) as error:
        open_mixtures(tmp_path / "set")
    said = str(error.value)
    if "unknown names" in (name := next(name for name, known in REFUSED.items() if known is files)):
        assert "whole" in said.split(" is made up of ")[0], name
    assert said.endswith((".", ").")) and "\n" not in said and any(Path(file).parts[0] in said for file in files), said
    assert main(["show", str(tmp_path / "set")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_list_of_the_set_is_named_where_only_its_folder_is_given(tmp_path):
    (tmp_path / "libri2mix_test.csv").write_text("ID,mix_wav,s1_wav,s2_wav\n")
    with pytest.raises(CorpusError, match=r"libri2mix_test\.csv"):
        open_mixtures(tmp_path)


def test_a_kind_of_mixtures_is_asked_for_where_there_are_none(tmp_path):
    make(tmp_path, PEOPLE)
    with pytest.raises(CorpusError, match=r"no mixtures mix_both in .*: it holds anna/, ben/\."):
        open_mixtures(tmp_path, mixture="mix_both")


def test_folders_of_speakers_stay_those_of_speakers(tmp_path):
    make(tmp_path / "names", PEOPLE)
    make(tmp_path / "numbers", {"speaker1/a": "s1", "speaker1/b": "s2", "speaker2/c": "noise", "speaker2/d": "mix"})
    write(tmp_path / "lengths/speaker1/a.wav", S1)
    write(tmp_path / "lengths/speaker2/a.wav", S2[:1500])
    assert not holds_mixtures(tmp_path / "lengths") and len(open_utterances(tmp_path / "lengths")) == 2
    make(tmp_path / "many", {f"speaker{k}/a": "s1" if k % 2 else "s2" for k in range(7)})
    assert not holds_mixtures(tmp_path / "many")
    tone = np.sin(np.arange(LENGTH) / 5) / 4
    for number in range(4):  # the same said twice, or by two microphones
        write(tmp_path / f"again/anna/{number}.wav", tone + 0.02 * noise(number))
    assert not holds_mixtures(tmp_path / "again") and len(open_utterances(tmp_path / "again")) == 4
    for name in ("names", "numbers"):
        assert not holds_mixtures(tmp_path / name)
        mixtures = open_mixtures(tmp_path / name)
        assert len(mixtures) == 2 and "recordings of 2 speakers" in mixtures.notes[0]
        assert len(open_utterances(tmp_path / name)) == 4


def test_folders_beside_those_of_mixtures_are_bad_rows(tmp_path):
    make(tmp_path, {"a/mixture": "mix", "a/s1": "s1", "a/s2": "s2", "b/mixture": "mix", "b/s1": "s1", "c/other": "s1"})
    (tmp_path / "logs").mkdir()
    mixtures = open_mixtures(tmp_path)
    assert [row.name for row in mixtures.rows] == ["a", "b", "c"]
    assert [one.name for one in mixtures] == ["a"] and set(mixtures.bad) == {"b", "c"}
    assert all("no mixture and voices" in said for said in mixtures.bad.values())


def test_a_part_that_is_not_there_is_named_where_it_would_lie(tmp_path):
    make(tmp_path / "each", {"a/mix": "mix", "a/s1": "s1", "a/s2": "s2", "b/mix": "mix", "b/s1": "s1", "b/s2": "s2"})
    make(tmp_path / "beside", {"a_mix": "mix", "a_s1": "s1", "a_s2": "s2", "b_mix": "mix", "b_s1": "s1"})
    make(tmp_path / "each", {"b/s3": "s1"})
    for folder, name, path in (("each", "a", "a/s3.wav"), ("beside", "b", "b_s2.wav")):
        mixtures = open_mixtures(tmp_path / folder)
        assert len(list(mixtures)) == 1
        assert mixtures.bad == {name: f"The file {tmp_path / folder / path} is missing."}


def test_two_files_of_one_name_are_refused(tmp_path):
    make(tmp_path, {"mix/a": "mix", "s1/a": "s1", "s2/a": "s2"})
    soundfile.write(tmp_path / "s1/a.flac", S2, RATE)
    with pytest.raises(CorpusError, match=r"a\.flac and a\.wav"):
        open_mixtures(tmp_path)


def test_the_same_mixture_in_two_folders_of_a_split_is_refused(tmp_path):
    for kind in ("both", "clean"):
        write_split(tmp_path / f"tt_mix_{kind}", "mix", ["a"])
    write_split(tmp_path / "tr_mix_clean", "mix", ["b"])
    with pytest.raises(CorpusError, match=r"a lies in .*tt_mix_clean.*name one of these"):
        open_mixtures(tmp_path)
    assert [one.name for one in open_mixtures(tmp_path, split="train")] == ["b"]


def test_of_several_channels_one_is_made_as_everywhere(tmp_path):
    """The mean, unless a file of the mixture would lose something so: then the one channel is read of all its files."""
    turned = {"mix": (S1 + S2, S1 - S2), "s1": (S1, S1), "s2": (S2, -S2)}  # the second voice is lost in the mean
    for part in ("mix", "s1", "s2"):
        write(tmp_path / part / "a.wav", np.stack([np.zeros(LENGTH), PARTS[part]], 1))  # the first is silent
        write(tmp_path / part / "b.wav", np.stack([PARTS[part], -PARTS[part]], 1))
        write(tmp_path / part / "c.wav", np.stack(turned[part], 1))
    mixtures = open_mixtures(tmp_path)
    for mixture, gain in zip(mixtures, (0.5, 1, 1), strict=True):
        np.testing.assert_allclose(mixture.sources, gain * np.stack([S1, S2]), atol=1e-7)
        np.testing.assert_allclose(mixture.mixture, gain * (S1 + S2), atol=1e-7)
    np.testing.assert_array_equal(mixtures.read(2, 500, 100).sources, mixtures[2].sources[:, 500:600])
    said = explain_mixtures(mixtures)[1:3]
    assert "were mixed down to one" in said[0] and "cancel each other when mixed, so only channel 1 was used" in said[1]
    people = make(tmp_path / "people", {"anna/x": "s1"})
    write(people / "ben/y.wav", np.stack([S2, S2 / 2], 1))
    write(people / "carl/z.wav", np.stack([S2, -S2], 1))
    utterances = open_utterances(people)
    np.testing.assert_allclose(utterances.samples(1), 0.75 * S2, atol=1e-4)
    np.testing.assert_allclose(utterances.samples(2), S2, atol=1e-4)
    assert [note.split("/")[-1][:5] for note in utterances.notes.values()] == ["y.wav", "z.wav"]


@needs_ffmpeg
def test_sphere_with_shorten_is_read_in_sets_and_among_people(tmp_path):
    parts = {name: np.rint(32768 * PARTS[name]).astype(np.int16) for name in ("s1", "s2")}
    parts["mix"] = parts["s1"] + parts["s2"]
    for part, samples in parts.items():
        (tmp_path / "set" / part).mkdir(parents=True)
        (tmp_path / "set" / part / "a.wv1").write_bytes(sphere_with_shorten(samples))
    mixtures = open_mixtures(tmp_path / "set").checked()
    assert (mixtures.rate, mixtures.length(0)) == (RATE, LENGTH)
    np.testing.assert_array_equal(mixtures[0].sources * 32768, [parts["s1"], parts["s2"]])
    np.testing.assert_array_equal(mixtures.read(0, 300, 50).mixture * 32768, parts["mix"][300:350])
    for name, samples in parts.items():
        (tmp_path / "people" / name[-1]).mkdir(parents=True)
        for microphone in (".wv1", ".wv2"):  # the recipes take the first
            path = tmp_path / "people" / name[-1] / f"{name[-1]}a{microphone}"
            path.write_bytes(sphere_with_shorten(samples if microphone == ".wv1" else samples // 2))
    utterances = open_utterances(tmp_path / "people")
    assert len(utterances) == 3 and np.array_equal(utterances.samples(0) * 32768, parts["s1"])


def test_without_ffmpeg_a_row_tells_what_is_missing(tmp_path, monkeypatch):
    for part in ("mix", "s1", "s2"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.wv1").write_bytes(sphere_with_shorten(np.zeros(300, np.int16)))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(CorpusError, match=r"None of the 1 mixtures .*with shorten.* ffmpeg must be installed"):
        open_mixtures(tmp_path).checked()


def test_two_recordings_of_one_name_among_people_are_refused_and_hidden_files_left_out(tmp_path):
    make(tmp_path, PEOPLE)
    (tmp_path / "anna/._a.wav").write_bytes(b"\0\5\x16\7")
    assert len(open_utterances(tmp_path)) == 4
    soundfile.write(tmp_path / "anna/a.flac", S2, RATE)
    with pytest.raises(CorpusError, match=r"anna holds a\.flac and a\.wav: leave one"):
        open_mixtures(tmp_path)


def mixed(folder: Path, mixture: np.ndarray, *, with_noise: bool = False) -> list[str]:
    make(folder, {"s1/a": "s1", "s2/a": "s2", **({"noise/a": "noise"} if with_noise else {})})
    write(folder / "mix/a.wav", mixture)
    _, *said = explain_mixtures(open_mixtures(folder))
    return said


def test_whether_a_mixture_is_the_sum_of_its_sources_is_said(tmp_path):
    delayed = np.concatenate([np.zeros(50), S1 + S2])[:LENGTH]
    cases = {
        "sum": (S1 + S2, "is the sum of its sources."),
        "gain": (0.5 * (S1 + S2), "is the sum of its sources, times 0.5."),
        "levels": (S1 + 0.4 * S2, "at other levels, times 1.00, 0.40."),
        "noisy": (S1 + S2 + NOISE / 4, "more than its sources, as noise or echoes, 15 dB below it."),
        "delayed": (delayed, "lies +50 samples later than they."),
        "early": (np.concatenate([(S1 + S2)[30:], np.zeros(30)]), "lies -30 samples later than they."),
    }
    for name, (mixture, said) in cases.items():
        assert mixed(tmp_path / name, mixture)[0].endswith(said), name
    assert mixed(tmp_path / "both", S1 + S2 + NOISE, with_noise=True)[0].endswith("of the noise beside them.")
    assert mixed(tmp_path / "half", 0.6 * S1 + noise(7))[0].endswith("of it is in them.")
    with pytest.raises(CorpusError, match="not those of their sources"):
        mixed(tmp_path / "other", noise(9))


def test_only_three_mixtures_are_looked_into(tmp_path):
    names = [f"m{number}" for number in range(9)]
    write_split(tmp_path, "mix", names)
    (tmp_path / "mix/m4.wav").write_bytes(b"")
    (said,) = explain_mixtures(open_mixtures(tmp_path))[1:]
    assert said == "In m0, m5, m8, the mixture is the sum of its sources."


def test_every_door_says_how_a_set_was_understood(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    voices = [np.round(0.1 * rng.standard_normal(8000) * 32768) / 32768 for _ in range(2)]
    for name, part in zip(("mixture", "s1", "s2"), (sum(voices), *voices), strict=True):
        write(tmp_path / "set" / "m0" / f"{name}.wav", part)
    said = "The mixtures are mixture, their sources s1, s2 (a folder a mixture)."
    assert main(["show", "set"]) == 0
    assert said in capsys.readouterr().out
    model = ["--model", "convtasnet_small_gln_2spk_8k", "--device", "cpu"]
    assert corpus.main(["set", *model, "--no-pesq", "--workers", "1", "-o", "out.csv"]) == 0
    assert said in capsys.readouterr().out
    assert start_point.main(["set", *model, "-o", "starts"]) == 0
    assert f"{said}\nIn m0, the mixture is the sum of its sources." in capsys.readouterr().out


def test_the_rules_are_told(capsys):
    assert main(["layouts"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in ("spk1", "mix_both", "wav.scp", "$data_folder", "a folder a mixture"))


def test_names_of_parts():
    assert part_of("spk_2").index == 2 and part_of("S1").word == "s" and part_of("s1_reverb").condition == "_reverb"
    assert not any(map(part_of, ("s10", "s", "speakers", "anna", "mix2", "s１")))
    assert split_part("a_b_mix_both")[0] == "a_b" and split_part("mix_clean")[0] == "" and split_part("remix") is None


def test_genuine_librimix_names_still_tell_who_speaks(tmp_path):
    for part in ("mixture", "s1", "s2"):
        write(tmp_path / LIBRI_NAMES[0] / f"{part}.wav", PARTS["mix" if part == "mixture" else part])
    assert open_mixtures(tmp_path)[0].speakers == ("1089", "121")


def test_mixtures_of_people_whose_files_have_the_same_names_have_names_of_their_own(tmp_path):
    people, takes = ("ann", "ben", "cy", "dee"), ("001", "002", "003")
    for number, (person, take) in enumerate((person, take) for person in people for take in takes):
        write(tmp_path / "people" / person / f"{take}.wav", noise(number))
    rows = open_mixtures(tmp_path / "people").rows
    names = [row.name for row in rows]
    assert len(set(names)) == len(rows) > 3
    for name, row in zip(names, rows, strict=True):
        assert [part.split("-")[0] for part in name.split("_")] == list(row.speakers)


def test_names_that_no_path_tells_apart_are_numbered():
    folder = Path("people")
    mixtures = [[folder / "a" / "b-c.wav", folder / "d" / "e.wav"], [folder / "a-b" / "c.wav", folder / "d" / "e.flac"]]
    assert len(set(_names(mixtures * 2, folder))) == 4
    assert _names(mixtures, folder) == ["b-c_e", "c_e"]
