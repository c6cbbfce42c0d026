"""A server keeps to itself: its address, the folders it reads, names that are only text, who reads ratings."""

import os
import stat
import tomllib
from pathlib import Path

import pytest
from page_tools import open_page, texts, upload, wav_file

from analysis.listening.ratings import Store
from pages.parts.corpus import folders
from pages.parts.text import plain

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
    assert "on another computer" in texts(app) and not app.exception
    assert IMAGE not in texts(app)
    assert not [one.label for one in app.button if IMAGE in one.label]


# Names


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (IMAGE, "!\\[x\\](http\\://127.0.0.1:9/spy.png)"),
        ("[a](b)", "\\[a\\](b)"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("# head", "\\# head"),
        ("**bold** _it_ ~~no~~", "\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~"),
        ("$x$ :red[a] `a`", "\\$x\\$ :red\\[a\\] \\`a\\`"),
        ("www.a.b me@a.b", "www\\.a.b me\\@a.b"),
        ("- a", "\\- a"),
        ("1. a", "1\\. a"),
        ("a\n\n- b\x00", "a - b\ufffd"),
        ("\\[a](b)", "\\\\\\[a\\](b)"),
        ("two_voices-1.wav (mono): 50 %!", "two_voices-1.wav (mono): 50 %!"),
    ],
)
def test_no_name_is_more_than_text(words, shown):
    assert plain(words) == shown


def test_our_own_commands_stay_code():
    assert plain("not of `python -m analysis.corpus`, *x*") == "not of `python -m analysis.corpus`, \\*x\\*"
    assert plain("`python -m x` ![](y)`") == "`python -m x` !\\[\\](y)\\`"


def test_an_upload_named_like_an_image_is_text_for_everyone():
    app = upload(open_page("pages/separate.py", sound="upload"), "mixture_file", (f"{IMAGE}.wav", b"no sound" * 100))
    again = open_page("pages/separate.py", **app.query_params)
    for one in (app, again):
        assert one.error and IMAGE not in texts(one) and plain(IMAGE) in texts(one)


def test_notes_and_kept_names_are_text():
    import numpy as np

    samples = np.stack([np.sin(np.arange(8000) / 9), np.zeros(8000)])
    app = upload(
        open_page("pages/ideal_masks.py", sound="upload"), "mixture_file", (f"{IMAGE}.wav", wav_file(samples.T))
    )
    app = open_page("pages/ideal_masks.py", **app.query_params)
    assert "mixed down" in texts(app) and IMAGE not in texts(app) and plain(IMAGE) in texts(app)


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
