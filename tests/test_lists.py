"""Lists of mixtures, however they were written and wherever their set lies now; each row that cannot be read is named.

A longer search than the suite's:  FUZZ=5000 python -m pytest tests/test_lists.py; by coverage: python tests/fuzz list.
"""

import csv
import io
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from corpus_tools import LIBRI_NAMES, noise, write, write_split
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.corpus import evaluation
from analysis.start_point import __main__ as start_point
from pages.parts.corpus import listen
from tasnet.data.command import main
from tasnet.data.corpora import CorpusError, explain_mixtures, holds_mixtures, open_mixtures, open_utterances
from tasnet.data.librimix import read_metadata
from tasnet.data.mixture_sets import FileRow
from tasnet.data.wsj0mix import read_levels, read_mixing_list

TRIES = int(os.environ.get("FUZZ", "0"))
SECONDS = 3  # of searching in the suite
NAMES = ["a", "b", "c"]
LIBRIMIX = ["mixture_ID", "mixture_path", "source_1_path", "source_2_path", "length"]


@pytest.fixture(scope="module")
def librimix(tmp_path_factory) -> Path:
    """.../new/Libri2Mix/wav8k/min/test with mix_clean, s1, s2."""
    root = tmp_path_factory.mktemp("new") / "Libri2Mix"
    write_split(root / "wav8k/min/test", "mix_clean", NAMES)
    return root


def table(root: str = "/old/data/Libri2Mix", names=NAMES, columns=LIBRIMIX) -> list[list[str]]:
    """LibriMix's table of finished mixtures, made where the set lay at `root`."""
    folders = ("mix_clean", "s1", "s2")
    return [columns, *([n, *(f"{root}/wav8k/min/test/{f}/{n}.wav" for f in folders), "2000"] for n in names)]


def text(rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
    return file.getvalue()


@pytest.fixture
def put(librimix):
    """Writes the list into the set's folder of metadata, where it is deleted after the test."""
    path = librimix / "wav8k/min/metadata/mixture_test_mix_clean.csv"

    def write_list(content: str | bytes, name: str = path.name) -> Path:
        path.parent.mkdir(exist_ok=True)
        where = path.with_name(name)
        where.write_bytes(content if isinstance(content, bytes) else content.encode())
        return where

    yield write_list
    shutil.rmtree(path.parent, ignore_errors=True)


def check_all(mixtures, names=NAMES) -> None:
    assert [one.name for one in mixtures] == names and not mixtures.bad
    for k, one in enumerate(mixtures):
        np.testing.assert_array_equal(one.sources, np.stack([noise(10 * k), noise(10 * k + 1)]).astype("f4"))


WRITINGS = {
    "as it is": text(table()),
    "byte order mark": b"\xef\xbb\xbf" + text(table()).encode(),
    "UTF-16": text(table()).encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + text(table()).encode("utf-16-be"),
    "UTF-16 without a mark": text(table()).encode("utf-16-le"),
    "semicolons": text(table(), ";"),
    "tabs": text(table(), "\t"),
    "a spreadsheet's": "sep=;\n" + text(table(), ";", "\r\n"),
    "CRLF": text(table(), end="\r\n"),
    "CR": text(table(), end="\r"),
    "no last line end": text(table())[:-1],
    "blank lines": text(table()).replace("\n", "\n\n"),
    "quotes": text(table()).replace("/old", '"/old').replace(".wav", '.wav"'),
    "Windows": text(table("D:/data/Libri2Mix")).replace("/", "\\"),
    "Windows, a share": text(table("//server/share/Libri2Mix")).replace("/", "\\"),
    "a root to be filled in": text(table("$data_folder")),
    "another root to be filled in": text(table("{data_root}/Libri2Mix")),
    "relative": text(table("../../..")),
    "relative to a folder above": text(table("Libri2Mix")),
    "spaces": text([[f" {cell} " for cell in row] for row in table()]),
    "no id": text([row[1:] for row in table()]),
    "asteroid's": text(table(columns=["mixture_id", "mixture_path", "source_1_path", "source_2_path", "length"])),
    "other names": text(table(columns=["name", "mix", "spk1_path", "spk2_path", "seconds"])),
}


@pytest.mark.parametrize("content", WRITINGS.values(), ids=WRITINGS)
def test_tables_are_read_however_they_were_written(content, put):
    check_all(open_mixtures(put(content)))


def test_a_table_says_where_its_files_were_found(put, librimix):
    mixtures = open_mixtures(put(text(table())))
    assert mixtures.notes[-1] == f"What the list has below old/data was found below {librimix.parent}."
    assert explain_mixtures(mixtures)[-1] == "In a, b, c, the mixture is the sum of its sources."


def test_a_moved_set_whose_first_file_is_gone_is_found_row_by_row(put):
    rows = table()
    rows[1][1] = rows[1][1].replace("/a.wav", "/a_gone.wav")
    mixtures = open_mixtures(put(text(rows)))
    assert [one.name for one in mixtures] == ["b", "c"]
    assert mixtures.bad["a"] == "The file /old/data/Libri2Mix/wav8k/min/test/mix_clean/a_gone.wav is missing."


def test_the_longest_end_of_a_path_counts(put, librimix):
    """The same names lie nearer, in another version of the set."""
    for part in ("mix_clean", "s1", "s2"):
        write(librimix / f"wav8k/min/metadata/test/{part}/a.wav", noise(99))
    check_all(open_mixtures(put(text(table()))))


def test_a_name_alone_is_looked_for_beside_the_list_where_names_differ(tmp_path):
    for part in ("a_mix", "a_s1", "a_s2"):
        write(tmp_path / f"{part}.wav", noise(1 if part == "a_s1" else 2))
    path = tmp_path / "list.csv"
    path.write_text("ID,mix_wav,s1_wav,s2_wav\nx,/old/a_mix.wav,/old/a_s1.wav,/old/a_s2.wav\n")
    assert open_mixtures(path)[0].name == "x"
    path.write_text("ID,mix_wav,s1_wav,s2_wav\nx,/m/a_s1.wav,/s/a_s1.wav,/t/a_s1.wav\ny,a_mix.wav,a_s1.wav,a_s1.wav\n")
    (bad, other) = (row.reason for row in open_mixtures(path).rows)
    assert bad == "The file /m/a_s1.wav is missing." and other == "The same file stands for two parts."


def test_rows_that_cannot_be_used_are_named(put):
    rows = table()
    rows += [["b", *rows[2][1:]], ["../x", *rows[1][1:]], ["/x", *rows[1][1:]], ["C:x", *rows[1][1:]], rows[1][:2]]
    rows += [
        ["", *rows[1][1:]],
        ["d", "", *rows[1][2:]],
        ["e", "sox a.wav - |", *rows[1][2:]],
        ["f", "a\nb", "", "", ""],
    ]
    mixtures = open_mixtures(put(text(rows), "x.csv"))
    assert [one.name for one in mixtures] == NAMES
    assert mixtures.bad == {
        "d": "There is no file for mixture.",
        "e": "What stands for mixture is a command, which is not run.",
        "f": "The file for mixture has a line break or the like in its name.",
        "line 5 of x.csv": "The id b is there twice (line 5 of x.csv).",
        "line 6 of x.csv": "The id '../x' cannot be the name of a file (line 6 of x.csv).",
        "line 7 of x.csv": "The id '/x' cannot be the name of a file (line 7 of x.csv).",
        "line 8 of x.csv": "The id 'C:x' cannot be the name of a file (line 8 of x.csv).",
        "line 9 of x.csv": "A field is missing, or there is one too many, in line 9 of x.csv.",
        "line 10 of x.csv": "A mixture has no id (line 10 of x.csv).",
    }


REFUSED = {
    "gains": ("mixture_ID,source_1_path,source_1_gain\na,b.flac,0.5\n", r"lists gains: build .*tasnet\.corpora"),
    "other columns": ("file,target\na,b\n", "its columns are file, target; mixture_path"),
    "empty": ("", "its columns are none"),
    "a header alone": ("ID,mix_wav,s1_wav,s2_wav\n", "There is no mixture in"),
    "one voice": ("ID,mix_wav,s1_wav\na,b,c\n", "has no two voices for mix: it has mix, s1"),
    "twice": ("ID,mix_wav,mix_wav,s1_wav,s2_wav\na,b,c,d,e\n", "several columns mix_wav"),
    "alike": ("ID,mix_wav,mix_path,s1_wav,s2_wav\na,b,c,d,e\n", "several columns for mix"),
    "sound": (b"RIFF\0\0\0\0WAVE", "is not text"),
    "a field without end": ("ID,mix_wav,s1_wav,s2_wav\na,\"" + "x" * 200_000, "not a table"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
def test_tables_that_are_no_lists_are_refused(content, said, put):
    with pytest.raises(CorpusError, match=said) as error:
        open_mixtures(put(content))
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


def speechbrain(root: str = "/old/Libri2Mix/wav8k/min/test") -> dict[str, dict[str, object]]:
    folders = {"mix_wav": "mix_clean", "s1_wav": "s1", "s2_wav": "s2"}
    return {n: {"duration": 0.25, **{key: f"{root}/{f}/{n}.wav" for key, f in folders.items()}} for n in NAMES}


def test_speechbrains_lists_are_read(put):
    columns = ["ID", "duration", "mix_wav", "mix_wav_format", "mix_wav_opts", "s1_wav", "s1_wav_format", "s1_wav_opts"]
    columns += ["s2_wav", "s2_wav_format", "s2_wav_opts", "noise_wav", "noise_wav_format", "noise_wav_opts"]
    rows = [columns]
    for number, name in enumerate(NAMES):
        paths = [f"/old/Libri2Mix/wav8k/min/test/{folder}/{name}.wav" for folder in ("mix_clean", "s1", "s2")]
        rows.append([str(number), "1.0", *(cell for path in paths for cell in (path, "wav", "")), "", "", ""])
    check_all(open_mixtures(put(text(rows))), ["0", "1", "2"])
    check_all(open_mixtures(put(json.dumps(speechbrain()), "test.json")))
    records = [{"id": name, **record} for name, record in speechbrain().items()]
    check_all(open_mixtures(put(json.dumps(records), "records.json")))


def test_json_of_wrong_types_is_told_row_by_row(put):
    records = speechbrain()
    records |= {"x": 7, "y": {**records["a"], "s1_wav": 7}, "../z": records["a"], "w": {"mix_wav": None}}
    mixtures = open_mixtures(put(json.dumps(records), "test.json"))
    assert [one.name for one in mixtures] == NAMES
    assert mixtures.bad["y"] == "There is no file for s1." and mixtures.bad["w"] == "There is no file for mix."
    assert (
        len(mixtures.bad) == 4
        and mixtures.bad["object x of test.json"] == "There are no paths in object x of test.json."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": {"mix_wav": "x"', "not JSON, or it is cut"),
        ("[" * 100_000, "not JSON, or it is cut"),
        ('{"a": 1, "a": 2}', "has a twice in one object"),
        ("7", "its names are none"),
        ('{"a": {"audio": "x"}}', "its names are audio"),
        ('{"rate": 8000, "lengths": [1, "x"]}', r"with a \.flac beside it"),
        ('{"\\ud800": {"mix_wav": "a", "s1_wav": "\\ud800", "s2_wav": "c"}}', "cannot be the name of a file"),
    ],
)
def test_json_that_is_no_list_is_refused(content, said, put):
    with pytest.raises(CorpusError, match=said) as error:
        open_mixtures(put(content, "test.json")).checked()
    assert "\n" not in str(error.value)
    str(error.value).encode()


def test_packs_are_checked(tmp_path):
    both = np.stack([noise(0, 5000), noise(1, 5000)], 1)
    write(tmp_path / "p.wav", noise(0, 5000))
    write(tmp_path / "valid.flac", both)
    for found, said in (
        ({"rate": 8000, "lengths": [1, True]}, "whole numbers"),
        ({"rate": 8000, "lengths": [1, -1]}, "whole numbers"),
        ({"rate": 8000, "lengths": {}}, "whole numbers"),
        ({"rate": 8000, "lengths": [4000]}, "another rate or length"),
        ({"rate": 16000, "lengths": [5000]}, "another rate or length"),
    ):
        (tmp_path / "valid.json").write_text(json.dumps(found))
        with pytest.raises(CorpusError, match=said):
            open_mixtures(tmp_path)
    for found in ([], 7, {"utterances": 7}, {"utterances": [["a"]]}, {"rate": 8000, "utterances": [["a", "5000"]]}):
        (tmp_path / "p.json").write_text(json.dumps(found))
        with pytest.raises(CorpusError, match="list of a pack"):
            open_utterances(tmp_path / "p.json")


def kaituoxu(folder: Path, root: str, parts: dict[str, str], names=NAMES) -> Path:
    """mix.json, s1.json, s2.json, each in another order."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (part, lies) in enumerate(parts.items()):
        order = names[number:] + names[:number]
        entries = [[f"{root}/{lies}/{name}.wav", 2000] for name in order]
        (folder / f"{part}.json").write_text(json.dumps(entries))
    return folder


def test_kaituoxus_lists_are_paired_by_name(librimix, tmp_path):
    root = str(librimix / "wav8k/min/test")
    parts = {"mix": "mix_clean", "s1": "s1", "s2": "s2"}
    kaituoxu(tmp_path / "json/tt", root, parts)
    kaituoxu(tmp_path / "json/tr", root, parts, NAMES[:2])
    for path in (tmp_path / "json", tmp_path / "json/tt", tmp_path / "json/tt/mix.json", tmp_path / "json/tt/s1.json"):
        check_all(open_mixtures(path))
    assert len(open_mixtures(tmp_path / "json", split="train")) == 2
    (tmp_path / "json/tt/s2.json").write_text("[[7, 1], [], 3]")
    with pytest.raises(CorpusError, match=r"mix\.json, s1\.json, s2\.json .* have no mixture in common"):
        open_mixtures(tmp_path / "json/tt")
    (tmp_path / "json/tt/s2.json").unlink()
    with pytest.raises(CorpusError, match=r"the lists of the others are missing"):
        open_mixtures(tmp_path / "json/tt/mix.json")


def scp(folder: Path, root: str, parts: dict[str, str], names=NAMES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for part, lies in parts.items():
        (folder / f"{part}.scp").write_text("".join(f"{name} {root}/{lies}/{name}.wav\n" for name in names))
    return folder


def test_espnets_and_kaldis_lists_are_read(librimix, tmp_path):
    root = str(librimix / "wav8k/min/test")
    scp(tmp_path / "data/tt_min_8k", root, {"wav": "mix_clean", "spk1": "s1", "spk2": "s2"})
    scp(tmp_path / "data/tr_min_8k", root, {"wav": "mix_clean", "spk1": "s1", "spk2": "s2"}, NAMES[:2])
    (tmp_path / "data/tt_min_8k/utt2spk").write_text("a a\n")
    check_all(open_mixtures(tmp_path / "data"))
    check_all(open_mixtures(tmp_path / "data/tt_min_8k/wav.scp"))
    assert len(open_mixtures(tmp_path / "data", split="train")) == 2
    for split in ("tr", "tt"):
        scp(tmp_path / "scp", root, {f"{split}_mix": "mix_clean", f"{split}_s1": "s1", f"{split}_s2": "s2"})
    check_all(open_mixtures(tmp_path / "scp"))
    check_all(open_mixtures(tmp_path / "scp/tr_s2.scp"))
    lines = (tmp_path / "scp/tt_s2.scp").read_text().splitlines()
    lines = [lines[0], lines[0], "b cat x.wav |", "c foo.ark:17", "d"]
    (tmp_path / "scp/tt_s2.scp").write_text("\n".join(lines))
    (tmp_path / "feats.scp").write_text("a a.ark:17\n")
    with pytest.raises(CorpusError, match=r"The name of .*feats\.scp does not say which part"):
        open_mixtures(tmp_path / "feats.scp")
    mixtures = open_mixtures(tmp_path / "scp")
    assert [one.name for one in mixtures] == ["a"]
    assert mixtures.bad["b"].startswith("What stands for s2 is a command") and "archive" in mixtures.bad["c"]
    assert len(mixtures.bad) == 4 and "twice" in mixtures.bad["line 2 of tt_s2.scp"]


def test_a_list_of_noisy_mixtures_names_the_noise(tmp_path):
    both = noise(0) + noise(1) + noise(2)
    for name, samples in {"m": both, "x": noise(0), "y": noise(1), "n": noise(2)}.items():
        write(tmp_path / f"{name}.wav", samples)
    path = tmp_path / "mixture_test_mix_both.csv"
    path.write_text(
        "mixture_ID,mixture_path,source_1_path,source_2_path,noise_path\na,m.wav,x.wav,y.wav,n.wav\n"
        "b,m.wav,x.wav,y.wav,\n"
    )
    mixtures = open_mixtures(path)
    assert explain_mixtures(mixtures)[1:] == [
        "In a, the mixture is the sum of its sources and of the noise beside them.",
        "In b, the mixture holds more than its sources, as noise or echoes, 5 dB below it.",
    ]
    path.write_text("mixture_ID,mixture_path,source_1_path,noise_path\na,m.wav,x.wav,n.wav\n")
    assert "their sources source_1, noise" in open_mixtures(path).notes[0]


def test_a_list_of_one_kind_is_that_of_its_kind(tmp_path):
    """asteroid's folder of WHAM!: mix_both.json, mix_clean.json, mix_single.json, s1.json, s2.json, noise.json."""
    parts = {"s1": noise(0), "s2": noise(1), "noise": noise(2)}
    sums = {"mix_clean": ("s1", "s2"), "mix_both": ("s1", "s2", "noise"), "mix_single": ("s1", "noise")}
    lists = tmp_path / "data/tt"
    lists.mkdir(parents=True)
    for part, samples in (parts | {kind: sum(parts[one] for one in of) for kind, of in sums.items()}).items():
        file = write(tmp_path / part / "a.wav", samples)
        (lists / f"{part}.json").write_text(json.dumps([[str(file), 2000]]))
    for kind, of in sums.items():
        found = open_mixtures(lists / f"{kind}.json")
        np.testing.assert_allclose(found[0].mixture, sum(parts[one] for one in of), atol=1e-7)
        assert found.notes[0].startswith(f"The mixtures are {kind}, their sources {of[0]}, {of[1]}")
        assert ("noise in the mixtures" in found.notes[0]) == (kind == "mix_both")
    assert "mix_clean" in open_mixtures(lists / "s1.json").notes[0]


def test_of_a_folder_of_lists_that_of_the_split_and_the_kind_is_read(librimix, tmp_path):
    """asteroid's data/wav8k/min/test, SpeechBrain's save."""
    root = str(librimix)
    for name in ("mixture_test_mix_clean", "mixture_test_mix_both", "mixture_dev_mix_clean", "libri2mix_train-360"):
        (tmp_path / f"{name}.csv").write_text(text(table(root, NAMES[:1] if "both" in name else NAMES)))
    (tmp_path / "metrics_test_mix_clean.csv").write_text("mixture_ID,source_1_SNR\na,1\n")
    (tmp_path / "notes.json").write_text("{}")
    assert "mixture_test_mix_clean.csv" in open_mixtures(tmp_path).notes[0]
    assert "mixture_test_mix_both.csv" in open_mixtures(tmp_path, mixture="mix_both").notes[0]
    assert "libri2mix_train-360.csv" in open_mixtures(tmp_path, split="train").notes[0]
    assert "mixture_dev_mix_clean.csv" in open_mixtures(tmp_path, split="valid").notes[0]
    assert holds_mixtures(tmp_path)
    with pytest.raises(CorpusError, match="no mixtures mix_single in"):
        open_mixtures(tmp_path, mixture="mix_single")
    (tmp_path / "wsj_test_mix_clean.csv").write_text(text(table(root)))
    with pytest.raises(
        CorpusError, match=r"several lists of mixtures \(mixture_test_mix_clean\.csv, wsj_test_.*name one"
    ):
        open_mixtures(tmp_path)


def test_files_outside_the_folder_that_may_be_read_count_as_missing(tmp_path):
    for name in ("m", "x", "y"):
        write(tmp_path / f"{name}.wav", noise(ord(name)))
    path = tmp_path / "root" / "list.csv"
    path.parent.mkdir()
    path.write_text(f"ID,mix_wav,s1_wav,s2_wav\na,../m.wav,../x.wav,../y.wav\nb,{tmp_path}/m.wav,../x.wav,../y.wav\n")
    assert len(list(open_mixtures(path))) == 2
    inside = open_mixtures(path, within=path.parent)
    assert list(inside) == [] and inside.bad["a"] == "The file ../m.wav is missing."


def test_results_of_a_list_know_the_list(put, monkeypatch, tmp_path):
    path = put(text(table()))
    results = evaluation.score_set(
        path, "convtasnet_small_gln_2spk_8k", tmp_path / "out.csv", limit=1, pesq=False, workers=1, device="cpu"
    )
    assert results.header.folder == str(path.resolve())
    monkeypatch.setenv("TASNET_LENS_ROOT", str(path.parents[4]))
    assert listen._read(results.header, 0, "a").labels == ("Speaker 1", "Speaker 2")


def test_no_row_of_a_list_is_one_sentence(tmp_path, capsys):
    path = tmp_path / "list.csv"
    path.write_text(text(table()))
    model = ["--model", "convtasnet_small_gln_2spk_8k", "--device", "cpu"]
    for code in (main(["show", str(path)]), start_point.main([str(path), *model, "-o", str(tmp_path)])):
        assert code == 2
    said = capsys.readouterr().err
    assert (
        "None of the 3 mixtures of list can be read. The file /old/data/Libri2Mix" in said and "Traceback" not in said
    )


# Lists to build from


def gains(rows: list[tuple[str, str, str]]) -> str:
    """(id, path and gain of the first of two recordings)."""
    lines = [f"{name},{path},{gain},s/b.flac,0.5" for name, path, gain in rows]
    return "\n".join(["mixture_ID,source_1_path,source_1_gain,source_2_path,source_2_gain", *lines]) + "\n"


BAD_GAINS = [
    *(("x", "s/a.flac", gain) for gain in ("nan", "inf", "-inf", "", "much", "0", "1e300", "-1")),
    *((name, "s/a.flac", "1") for name in ("../x", "..", "/x", "a/b", "a\\b", "C:x", "", "good")),
    *(("x", path, "1") for path in ("../a.flac", "/a.flac", "C:\\a.flac", "s/../../a.flac", "")),
]


def test_lines_of_gains_that_cannot_be_built_are_named_and_nothing_is_written_elsewhere(tmp_path, capsys):
    for name in "ab":
        write(tmp_path / f"speech/s/{name}.flac", noise(ord(name), 4000), 16000)
    path = tmp_path / "lists/libri2mix_test-clean.csv"
    path.parent.mkdir()
    path.write_bytes(b"\xef\xbb\xbf" + gains([("good", "s/a.flac", "0.7"), *BAD_GAINS]).encode() + b"cut,s/a.flac")
    plans, bad = read_metadata(path, tmp_path / "speech")
    assert [plan.name for plan in plans] == ["good"] and len(bad) == len(BAD_GAINS) + 1
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    arguments = ["librimix", "--librispeech", str(tmp_path / "speech"), "--list", str(path), "--workers", "1"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().out
    assert "1 made" in told and told.count("\nline ") == len(bad)
    new = {file for file in tmp_path.rglob("*") if file.is_file()} - before
    assert new and all(file.is_relative_to(tmp_path / "out") for file in new)


def test_lines_of_merls_lists_that_cannot_be_built_are_named(tmp_path):
    path = tmp_path / "mix_2_spk_tt.txt"
    lines = ["w/a.wav 1.2 w/b.wav -1.2", "w\\a.wav 2 w\\b.wav -2", "w/a.wav 1.2 w/b.wav -1.2", "w/a.wav 1 w/b.wav"]
    lines += [f"w/a.wav {level} w/b.wav 1" for level in ("nan", "inf", "1e9", "x")]
    lines += ["../a.wav 1 w/b.wav 1", "/a.wav 1 w/b.wav 1", "w/a.wav 0", "w/a.wav 0 w/b.wav 0 w/c.wav 0"]
    path.write_bytes("\r\n".join(lines).encode("utf-16"))
    plans, bad = read_mixing_list(path, tmp_path)
    assert [plan.name for plan in plans] == ["a_1.2_b_-1.2", "a_2_b_-2"] and len(bad) == len(lines) - 2
    assert "has 3 voices, the first mixture" in bad["a_0_b_0_c_0"]
    levels = tmp_path / "levels.txt"
    for content, said in (
        ("a.wav", "not a list of recordings"),
        ("a.wav nan\n", "above zero"),
        ("a -1\n", "above zero"),
    ):
        levels.write_text(content)
        with pytest.raises(CorpusError, match=said):
            read_levels([levels])


# Whatever comes in

PIECES = [*LIBRIMIX, "ID", "mix_wav", "s1_wav", "s2_wav", "noise_wav", "source_1_gain", "source_2_gain", "mix/a.wav"]
PIECES += [
    "s1/a.wav",
    "../x",
    "/",
    "\\",
    ",",
    ";",
    "\t",
    "\n",
    "\r\n",
    '"',
    "|",
    " ",
    "[",
    "]",
    "{",
    "}",
    ":",
    "a",
    "nan",
]
PIECES += [
    "\ufeff",
    "\0",
    "\udcff",
    "\u2028",
    "\u202f",
    '"\\ud800"',
    "1e999",
    "lengths",
    "utterances",
    "rate",
    "sep=;\n",
]
LISTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(PIECES) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(PIECES), inner, max_size=5),
    max_leaves=12,
).map(json.dumps)
ENCODINGS = st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1"])
DOORS = ["list.csv", "list.json", "mix.json", "wav.scp", "list.txt", "gains", "merl", "levels", "utterances"]


def open_door(door: str, path: Path) -> None:
    """What a list ends in behind one of the doors; raises CorpusError."""
    if door == "gains":
        plans, _ = read_metadata(path, path.parent)
    elif door == "merl":
        plans, _ = read_mixing_list(path, path.parent)
    elif door == "levels":
        read_levels([path])
        return
    elif door == "utterances":
        open_utterances(path.rename(path.with_name("list.json")))
        return
    else:
        mixtures = open_mixtures(path, within=path.parent)
        assert len({row.name.encode() for row in mixtures.rows}) == len(mixtures.rows)
        for row in mixtures.rows:
            for clip in (*row.sources, row.mixture) if isinstance(row, FileRow) else ():
                assert clip is None or clip.path.resolve().is_relative_to(path.parent.resolve())
        mixtures.checked()
        return
    for plan in plans:
        assert not {"/", "\\"} & set(plan.name) and np.isfinite([gain for _, gain in plan.sources]).all()


def test_any_list_is_read_or_refused_in_one_sentence(tmp_path):
    for part in ("mix", "s1", "s2"):
        write(tmp_path / part / "a.wav", noise(1))
    end = time.monotonic() + SECONDS

    @settings(
        max_examples=TRIES or 400,
        derandomize=not TRIES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(LISTS | JSONS, ENCODINGS, st.sampled_from(DOORS))
    def search(content: str, encoding: str, door: str) -> None:
        if not TRIES and time.monotonic() > end:
            return
        path = tmp_path / (door if "." in door else "list.csv")
        path.write_bytes(content.encode(encoding, errors="surrogateescape" if encoding == "utf-8" else "replace"))
        try:
            open_door(door, path)
        except CorpusError as error:
            said = str(error)
            assert said and said.isprintable() and said[-1] in ".)", said
        finally:
            for file in tmp_path.glob("*.*"):
                file.unlink()

    search()


FOUND_BY_SEARCH = {
    "a narrow space in a path": ("list.csv", "ID,mix_wav,s1_wav,s2_wav\na,m\u202fx,b,c\n".encode()),
    "half a character as an id": (
        "list.json",
        b'{"a": {"mix_wav": "a", "s1_wav": "b", "s2_wav": "c"}, "\\ud800b": {"mix_wav": "a"}}',
    ),
    "an id that is not UTF-8": ("list.csv", b"ID,mix_wav,s1_wav,s2_wav\n\xff,mix/a.wav,s1/a.wav,s2/a.wav\n"),
}


@pytest.mark.parametrize(("door", "content"), FOUND_BY_SEARCH.values(), ids=FOUND_BY_SEARCH)
def test_what_the_search_has_found(door, content, tmp_path):
    path = tmp_path / door
    path.write_bytes(content)
    with pytest.raises(CorpusError) as error:
        open_door(door, path)
    assert str(error.value).isprintable()


def test_genders_and_speakers_of_a_list_are_known(tmp_path):
    """SpeechBrain's ids are numbers; who speaks stands in the files' names."""
    write_split(tmp_path / "test", "mix", LIBRI_NAMES[:1])
    (tmp_path / "SPEAKERS.TXT").write_text("1089 | M | test-clean | 8 | X\n121  | F | a | 1 | Y\n")
    paths = ",".join(f"test/{part}/{LIBRI_NAMES[0]}.wav" for part in ("mix", "s1", "s2"))
    (tmp_path / "list.csv").write_text(f"ID,mix_wav,s1_wav,s2_wav\n0,{paths}\n")
    mixtures = open_mixtures(tmp_path / "list.csv")
    assert mixtures[0].name == "0" and mixtures[0].speakers == ("1089", "121")
    assert mixtures.genders == {"1089": "M", "121": "F"}
