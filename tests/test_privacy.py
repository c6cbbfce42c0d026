"""A server keeps to itself: its address, the folders it reads, who reads ratings."""

import os
import stat
import tomllib
from pathlib import Path

import numpy as np
import pytest
from page_tools import open_page, texts, wav_file

from analysis.corpus.results import Header
from analysis.listening.ratings import Store
from pages.parts import browse, folders, job_files
from pages.parts.corpus.place import KEY as PLACE

ROOT = Path(__file__).parents[1]
IMAGE = "![x](http://127.0.0.1:9/spy.png)"


def test_only_this_computer_reaches_the_server_unless_its_owner_wants_more():
    with (ROOT / ".streamlit" / "config.toml").open("rb") as file:
        assert tomllib.load(file)["server"]["address"] == "localhost"


def test_the_start_asks_nobody_for_the_outside_address(monkeypatch):
    from streamlit import net_util
    from streamlit.web import bootstrap

    monkeypatch.chdir(ROOT)
    asked = []
    for name in ("get_external_ip", "get_internal_ip"):
        monkeypatch.setattr(net_util, name, lambda name=name: asked.append(name))
    bootstrap.load_config_options({})
    bootstrap._print_url(False)
    assert not asked


# Folders


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """The root of what the page reads, with a file of results beside it that it must not read."""
    (tmp_path / "root" / "inside").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    for place in ("root/inside", "outside"):
        (tmp_path / place / "found.csv").write_text("no results, but a name\n")
    monkeypatch.setenv(folders.SETTING, str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.mark.parametrize(
    "name", ["/", "/etc", "/no/such", "..", "../outside", "inside/../../outside", "~", "\0", "link"]
)
def test_what_lies_elsewhere_is_neither_read_nor_told(root, name):
    (root / "link").symlink_to(root.parent / "outside")
    if name == "~":
        assert folders.below_root(name) == root / "~"  # a folder of that name, and nobody's home
        return
    with pytest.raises(folders.FolderError) as problem:
        folders.below_root(name)
    assert str(problem.value).removeprefix(name).startswith(" does not lie below the folder that this page may read")


def test_names_below_the_root_are_found_and_do_not_tell_where_it_is(root):
    path = folders.below_root("inside")
    assert path == folders.below_root(str(path)) == root / "inside"
    files, whole = folders.find_files(root, ".csv")
    assert [folders.name_below_root(file) for file in files] == ["inside/found.csv"] and whole


@pytest.mark.parametrize(
    "name", ["a" * 5000, "x/" * 3000, "in\0side", "\\\\host\\share", "file:///etc", "\udcff", "C:\\x"]
)
def test_odd_names_get_one_short_sentence(root, name):
    for opened in (folders.file_below_root, folders.mixtures_below_root, folders.tree_below_root):
        with pytest.raises(folders.FolderError) as problem:
            opened(name)
        assert len(str(problem.value)) < 300 and "\n" not in str(problem.value)


def test_a_big_folder_is_not_looked_through(root, monkeypatch):
    monkeypatch.setattr(folders, "MOST_ENTRIES", 10)
    for number in range(20):
        (root / f"{number}.csv").touch()
    files, whole = folders.find_files(root, ".csv")
    assert len(files) <= 10 and not whole
    (root / ".hidden").mkdir()
    (root / "a/b/c/d/e/f/g/h/i/j").mkdir(parents=True)
    monkeypatch.setattr(folders, "MOST_ENTRIES", 10**4)
    (root / ".hidden/secret.csv").touch()
    (root / "a/b/c/d/e/f/g/h/i/j/deep.csv").touch()
    assert {file.name for file in folders.find_files(root, ".csv")[0]} == {
        "found.csv",
        *(f"{n}.csv" for n in range(20)),
    }


def test_a_set_lies_below_the_root_whatever_leads_out_of_it(root):
    """Links to folders and files, a list with paths of elsewhere, the name of the mixtures' folder."""
    sound = np.sin(np.arange(4000) / 9)

    def voices(place: Path, parts=("s1", "s2")) -> None:
        for part in parts:
            (place / part).mkdir(parents=True)
            (place / part / "a.wav").write_bytes(wav_file(sound))

    voices(root / "good", ("s1", "s2", "mix_both"))
    voices(root.parent / "outside")
    assert len(folders.mixtures_below_root("good", kind="mix_both")) == 1
    voices(root / "linked", ("s1",))
    (root / "linked" / "s2").symlink_to(root.parent / "outside" / "s2")
    voices(root / "file", ("s1",))
    (root / "file" / "s2").mkdir()
    (root / "file" / "s2" / "a.wav").symlink_to(root.parent / "outside" / "s2" / "a.wav")
    paths = ",".join(str(root.parent / "outside" / part / "a.wav") for part in ("s1", "s1", "s2"))
    (root / "list.csv").write_text(f"mixture_ID,mixture_path,source_1_path,source_2_path\na,{paths}\n")
    (root / "whole").symlink_to(root.parent / "outside")
    voices(root / "behind", ("s1",))
    (root / "behind" / "s2").symlink_to(root / "step")
    (root / "step").mkdir()
    (root / "step" / "a.wav").symlink_to(root.parent / "outside" / "s2" / "a.wav")
    listed = folders.mixtures_below_root("list.csv")  # whether there is such a file elsewhere is not told
    assert not list(listed) and all(reason.endswith("is missing.") for reason in listed.bad.values()) and listed.bad
    for name in ("linked", "file", "behind", "whole", "../outside", str(root.parent / "outside")):
        with pytest.raises(folders.FolderError, match="not lie below the folder"):
            folders.mixtures_below_root(name)
    for kind in ("..", "../s1", "/etc", "s1/../s2", "../../outside/s1"):
        with pytest.raises(folders.FolderError, match="not the name of a folder"):
            folders.mixtures_below_root("good", kind=kind)
    with pytest.raises(ValueError, match="There are no mixtures mix_x in good") as problem:
        folders.mixtures_below_root("good", kind="mix_x")
    assert str(root) not in str(problem.value)
    (root / "inside" / "near.csv").symlink_to(root / "inside" / "found.csv")
    (root / "inside" / "far.csv").symlink_to(root.parent / "outside" / "found.csv")
    assert {file.name for file in folders.find_files(root / "inside", ".csv")[0]} == {"found.csv", "near.csv"}


def test_no_name_leads_to_what_visitors_have_left(root):
    """Others' recordings and their voices look like a set of mixtures, and their folders' names are their keys."""
    sound = wav_file(np.sin(np.arange(4000) / 9))
    for content in (b"ana", b"ben"):
        key = job_files.keep_file("talk.wav", sound, {}, content.hex() * 4)
        for voice in "12":
            (job_files.folder_of(key) / f"talk_s{voice}.wav").write_bytes(sound)
    (root / "link").symlink_to(folders.private_folder())
    (root / ".env").write_text("secret")
    for name in (
        "runs/.jobs",
        "runs/.jobs/files",
        f"runs/.jobs/files/{b'ana'.hex() * 4}",
        "inside/../runs/.jobs",
        "link",
    ):
        for opened in (folders.below_root, folders.mixtures_below_root, folders.tree_below_root, folders.folder_for):
            with pytest.raises(folders.FolderError):
                opened(name)
    for name in (".env", "inside/../.env"):
        with pytest.raises(folders.FolderError):
            folders.file_below_root(name)
    (root / "link").unlink()
    for name in (".", "runs"):
        with pytest.raises(ValueError, match="holds none of the known layouts"):
            folders.mixtures_below_root(name)
    assert not folders.find_files(root, ".wav")[0] and not browse.sound_folders()


@pytest.mark.parametrize("there", [True, False])
def test_fields_for_sets_tell_nothing_of_elsewhere(root, there):
    """Whether there is such a folder or not, the sentence is the same; and nothing is written there."""
    name = str(root.parent / ("outside" if there else "nowhere"))
    said = []
    for app, field in (
        (open_page("pages/start_point.py", start_view="A test set"), "start_folder"),
        (open_page("pages/corpus.py", corpus_view="Evaluate"), "corpus_set"),
    ):
        app.text_input(key=field).set_value(name)
        next(one for one in app.button if one.label in ("Measure", "Evaluate")).click().run()
        assert not app.exception
        said.append(app.error[0].value.replace("\\", "").removeprefix(name))
    assert said == [said[0]] * 2 and said[0].startswith(" does not lie below the folder")
    app.text_input(key="corpus_set").set_value("inside")
    app.text_input(key="corpus_kind").set_value("../../outside")
    next(one for one in app.button if one.label == "Evaluate").click().run()
    assert "is not the name of a folder of mixtures" in app.error[0].value.replace("\\", "")
    assert sorted(one.name for one in (root.parent / "outside").iterdir()) == ["found.csv"]


def test_pipes_and_devices_are_no_files(root):
    """Each would be waited for, or never end: refused at once, everywhere a file is asked for."""
    from test_bounds import GOOD

    from analysis.corpus.results import ResultsError, ResultsFile, read_header, read_results, shareable
    from analysis.start_point.sets import StartPointError, read_set
    from tasnet import CheckpointError, Separator
    from tasnet.checkpoint import describe
    from tasnet.data.corpora import CorpusError, open_mixtures

    for suffix in ("csv", "json", "jsonl", "safetensors"):
        os.mkfifo(root / f"pipe.{suffix}")
    pipe = root / "pipe.csv"
    assert read_header(pipe) is None and not folders.find_files(root, "pipe.csv")[0]
    for place in (pipe, Path("/dev/zero")):
        for call in (read_results, shareable, lambda one: ResultsFile(one, Header(**GOOD), [])):
            with pytest.raises(ResultsError):
                call(place)
        with pytest.raises(CorpusError, match="pipe or a device"):
            open_mixtures(place)
        with pytest.raises(StartPointError):
            read_set(place)
        for call in (describe, Separator):
            with pytest.raises(CheckpointError, match="pipe or a device"):
                call(place if place != pipe else root / "pipe.safetensors")
    with pytest.raises(CorpusError, match="pipe or a device"):
        open_mixtures(root / "pipe.json")
    for name in ("pipe.csv", "inside"):
        with pytest.raises(folders.FolderError, match="is not a file"):
            folders.file_below_root(name)
    with pytest.raises(folders.FolderError, match="neither a folder nor a file"):
        folders.mixtures_below_root("pipe.csv")


@pytest.mark.parametrize("view, name", [("Results", "corpus_folder"), ("Training", "training_folder")])
def test_the_page_refuses_another_folder_in_a_sentence(root, view, name):
    app = open_page("pages/corpus.py", corpus_view=view, **{name: "/"})
    assert "does not lie below the folder" in texts(app) and "found.csv" not in texts(app)
    assert not app.error


def test_an_uploaded_table_opens_no_path(root):
    from test_bounds import GOOD, table

    app = open_page("pages/corpus.py")
    content = table({**GOOD, "set": IMAGE}, *(f"{k},{IMAGE},1,,,,{k},2" for k in range(3)))
    app.file_uploader(key="corpus_upload").set_value((f"{IMAGE}.csv", content, "text/csv")).run()
    assert not app.exception and not app.error
    app.selectbox(key="corpus_mixture").set_value(IMAGE).run()
    assert not app.exception
    assert app.selectbox(key=PLACE).value is None  # where the mixtures are is asked, not taken from the table
    assert IMAGE not in texts(app)
    assert not [one.label for one in app.button if IMAGE in one.label]


# Ratings


def test_ratings_are_their_owners_alone(tmp_path):
    old = os.umask(0)
    try:
        path = tmp_path / "ratings.sqlite3"
        path.touch(0o666)
        with Store(path)._connect() as database:
            database.execute("BEGIN IMMEDIATE")
            kept = list(tmp_path.iterdir())
            assert len(kept) > 1  # the write-ahead log is there
            assert {stat.S_IMODE(file.stat().st_mode) for file in kept} == {0o600}
    finally:
        os.umask(old)
