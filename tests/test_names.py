"""Names from outside are text, wherever they stand: in Markdown, HTML, plots, tables, files that are saved.

One hostile name is given to everything that has one. A new place for names is found by `marked_up`, which looks at all
that a page sends, and by the rule over the pages' own sources at the end.
"""

import ast
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from page_tools import open_page, upload, wav_file
from streamlit.testing.v1 import AppTest
from test_bounds import GOOD, TINY, table

import tasnet
from analysis import jobs, text
from analysis.corpus.results import read_results, shareable
from analysis.listening.ratings import Store
from analysis.listening.trials import ABX, MUSHRA, REFERENCE, Stimulus, plan_trials
from analysis.text import plain
from pages.parts import folders, pictures
from pages.parts.listening_test import tests as listening_tests
from tasnet import checkpoint
from tasnet.config import ConvTasNetConfig
from tasnet.training_facts import TrainingFacts

ROOT = Path(__file__).parents[1]
IMAGE = "![spy](http://127.0.0.1:9/x.png)"
HOSTILE = (
    f'={IMAGE}<img src=spy onerror=x><a href="http://127.0.0.1:9">y</a> $spy$ :material/spy: :red[spy] `spy`\u202e'
)
LOCAL = HOSTILE.replace("/", "\\")  # of a file or a folder
SPIES = re.compile(r"\[spy\]|<img src=spy|<a href=.?http://127|\$spy\$|:material/spy|`spy`|\u202e")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (IMAGE, "!\\[spy\\](http\\://127.0.0.1:9/x.png)"),
        ("[a](b)", "\\[a\\](b)"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("# head", "\\# head"),
        ("**bold** _it_ ~~no~~", "\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~"),
        ("$x$ :red[a] `a`", "\\$x\\$ \\:red\\[a\\] \\`a\\`"),
        ("www.a.b me@a.b", "www\\.a.b me\\@a.b"),
        (":material/bolt: :tada: a: b", ":\u2060material/bolt: :\u2060tada: a: b"),
        ("- a", "\\- a"),
        ("1. a", "1\\. a"),
        ("a\n\n- b\x00", "a - b\ufffd"),
        ("\\[a](b)", "\\\\\\[a\\](b)"),
        ("two_voices-1.wav (mono): 50 %!", "two_voices-1.wav (mono): 50 %!"),
    ],
)
def test_no_name_is_more_than_text(words, shown):
    assert plain(words) == shown
    assert text.unescaped(shown) == " ".join(words.replace("\x00", "\ufffd").split())


def test_our_own_commands_stay_code():
    assert plain("not of `python -m analysis.corpus`, *x*") == "not of `python -m analysis.corpus`, \\*x\\*"
    assert plain("`python -m x` ![](y)`") == "`python -m x` !\\[\\](y)\\`"


def test_exported_tables_are_no_formulas(tmp_path, hostile_results, root):
    cells = ["=1+1", "+1", "-x", "@SUM(A1)", "\tx", "'=x", "plain", "-1.5", "+2e3", "'quoted'"]
    assert [text.from_csv_cell(text.csv_cell(one)) for one in cells] == cells
    out = pictures._csv({"=head": np.array(cells[:2]), "numbers": np.array([-1.5, 2])})
    assert out == "'=head,numbers\n'=1+1,-1.5\n+1,2.0\n"
    passed_on = shareable(root / "one.csv")
    for line in csv.reader(io.StringIO(passed_on.decode())):
        assert not [cell for cell in line if cell[:1] in ("=", "@")]
    first, again = read_results(root / "one.csv"), read_results(passed_on)
    assert again.header.model == first.header.model == f"=one{HOSTILE}"
    assert [row.mixture for row in again.rows] == [row.mixture for row in first.rows]


def test_a_header_that_a_spreadsheet_splits_is_no_formula_either(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(table({**GOOD, "model": "a,=cmd()", "set": "b;@x,-y"}, "0,a,1,,,,1,2"))
    head = shareable(path).decode().splitlines()[0]
    assert not [piece for piece in head.replace(";", ",").split(",") if piece[:1] in "=+-@" and piece]
    assert (read_results(shareable(path)).header.model, read_results(path).header.set) == ("a,=cmd()", "b;@x,-y")


# On pages


def elements(app: AppTest) -> Iterator[tuple[str, object]]:
    """Everything that a page sends: its type and its message."""
    parts = [app._tree]
    while parts:
        part = parts.pop()
        parts += getattr(part, "children", {}).values()
        if (message := getattr(part, "proto", None)) is not None:
            yield str(getattr(part, "type", "")), message


def marked_up(app: AppTest) -> Iterator[str]:
    """Whatever on a page is read as Markdown: bodies, labels, helps, titles, choices that are buttons."""
    for kind, message in elements(app):
        if kind in ("html", "code"):
            continue
        for one in (message, *(getattr(message, name, None) for name in ("expandable", "popover", "tab", "dialog"))):
            names = ("body", "label", "help", "text", "title", "delta")
            yield from (words for name in names if isinstance(words := getattr(one, name, None), str))
        if kind == "button_group":
            yield from (option.content for option in message.options)


def assert_only_text(app: AppTest) -> None:
    """No name on this page is anything but text, and the hostile one is there."""
    assert not app.exception
    said = list(marked_up(app))
    assert not [words for words in said if SPIES.search(re.sub(r"\\.", "", words))]
    assert "spy" in "".join(map(str, (message for _, message in elements(app))))
    for kind, message in elements(app):
        if kind == "html":
            assert "<img src=spy" not in message.body and '<a href="http://127' not in message.body
        if kind == "plotly_chart":
            assert not re.search(r"(<|\\u003c)(a href|img)", message.spec)
    for shown in app.dataframe:
        cells = [*shown.value.columns, *shown.value.select_dtypes(exclude="number").to_numpy().ravel()]
        assert not [cell for cell in cells if str(cell).startswith("=")]


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(folders.SETTING, str(tmp_path))
    return tmp_path


@pytest.fixture
def hostile_results(root) -> None:
    """Two files of results in which every name is hostile."""
    for file, gain in (("one", 2), ("other", 1)):
        names = {name: f"={file}{HOSTILE}" for name in ("model", "training_data")}
        header = {**GOOD, **names, "set": HOSTILE, "kind": HOSTILE, "precision": HOSTILE, "mixtures": 20}
        quoted = HOSTILE.replace('"', '""')
        rows = [f'{k},"{k}{quoted}",1,"a{quoted[:30]};b",FM,,{k},{gain * k}' for k in range(19)]
        (root / f"{file}.csv").write_bytes(table(header, *rows, f'19,"{quoted}",1,,,"{quoted}",,'))


@pytest.mark.parametrize("view", ["Results", "Compare"])
def test_of_results(hostile_results, view):
    query = {"corpus_folder": ".", "corpus_file": "one.csv", "corpus_other": "other.csv"}
    assert_only_text(open_page("pages/corpus.py", corpus_view=view, **query))


def test_of_jobs_and_runs(root):
    folder = root / "runs" / LOCAL
    folder.mkdir(parents=True)
    values = {"step": 10, "loss": -3.0, "learning_rate": 1e-3, "seconds": 60.0, "audio_seconds_per_second": 40.0}
    records = [{"event": "train", **values}, {"event": "epoch", "epoch": 1, "valid_si_snri": 2.5, **values}]
    records[1]["best_si_snri"] = 2.5
    (folder / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    job = jobs.Job("k" * 22, "nobody", "training", HOSTILE, {}, 0.0, state=jobs.FAILED, problem=HOSTILE, words=HOSTILE)
    (folders.private_folder() / "known.json").write_text(json.dumps(asdict(job)))
    assert_only_text(open_page("pages/corpus.py", corpus_view="Training", job=job.id))


@pytest.fixture(scope="module")
def brought(tmp_path_factory) -> AppTest:
    """A session that has brought a sound, its voices and weights, all of hostile names, the weights also within."""
    time = np.arange(8000) / 8000
    voices = [np.sin(time * pitch) * (1 + np.sin(9 * time)) / 4 for pitch in (900, 2500)]
    app = upload(
        open_page(sound="upload"), "mixture_file", (f"{HOSTILE}.wav", wav_file(np.stack([sum(voices)] * 2, 1)))
    )
    upload(app, "reference_files", *((f"{k}{HOSTILE}.wav", wav_file(voice)) for k, voice in enumerate(voices)))
    words = dict.fromkeys(("name", "description", "training_data", "licence", "credits"), HOSTILE)
    path = tmp_path_factory.mktemp("weights") / "a.safetensors"
    facts = TrainingFacts(**words, scores={f"{HOSTILE}_si_snri_db": 3.0})
    checkpoint.save(path, tasnet.ConvTasNet(ConvTasNetConfig(**TINY)), facts)
    return upload(app, "own_weights", (f"{HOSTILE}.safetensors", path.read_bytes()))


@pytest.mark.parametrize("page", ["separate", "filters", "inside", "explain", "ideal_masks"])
def test_of_what_is_brought(brought, page):
    assert_only_text(brought.switch_page(f"pages/{page}.py").run())


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    monkeypatch.setenv(listening_tests.SETTING, str(tmp_path / "tests.sqlite3"))
    listening_tests.store.clear()
    yield Store(tmp_path / "tests.sqlite3")
    listening_tests.store.clear()


@pytest.mark.parametrize("method", [MUSHRA, ABX])
def test_of_listening_tests(store, method):
    sound = wav_file(np.sin(np.arange(8000) / 9))
    systems = [REFERENCE, HOSTILE] if method == MUSHRA else ["IRM", HOSTILE]
    sounds = [Stimulus(u, system, HOSTILE, sound, None) for u in range(2) for system in systems]
    session = store.create(HOSTILE, method, systems, sounds, 1)
    for name in (HOSTILE[:30], HOSTILE[20:50]):
        listener = store.join(session, name)
        store.keep_headphones(listener, 0)
        for trial in plan_trials(session, listener.number):
            store.answer(session, listener, trial, [9] * len(trial.systems) if method == MUSHRA else 0)
    for query in ({"operator": session.operator}, {"test": session.id}, {"owner": session.owner}):
        app = AppTest.from_file(str(ROOT / "pages" / "listening_test.py"), default_timeout=60)
        app.session_state["selection"] = (None, "", None)
        for name, value in query.items():
            app.query_params[name] = value
        if "owner" not in query:
            assert_only_text(app.run())


# In the sources


# What a name from outside is called in our sources; what we say ourselves is `words`, `said`, `head` and the like.
# fmt: off
NAMES = {
    "name", "names", "title", "titles", "nickname", "mixture", "folder", "path", "stem", "file", "problem",
    "error", "system", "systems", "speaker", "listener", "model", "scored", "measured_on", "description",
}
SHOW = {
    "markdown", "caption", "error", "warning", "info", "success", "title", "toast", "metric", "button",
    "expander", "popover", "progress", "spinner", "toggle", "download_button", "segmented_control",
    "link_button", "dialog", "selectbox", "multiselect", "text_input", "slider", "number_input",
    "form_submit_button", "say", "promise",
}
# fmt: on
# What makes text of a name, and what says nothing of what it gets.
SAFE = {"plain", "escape", "in_plot", "number", "signed", "span", "share_text", "len", "note", "reach", "source"}


def called(node: ast.expr) -> str:
    """The last name of `a.b[c]`: "b"."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def bare_names(node: ast.AST) -> Iterator[str]:
    """Names from outside in an expression that nothing has made text of."""
    if isinstance(node, ast.Call):
        through = [node.func, *node.args] if called(node.func) == "map" else [node.func]
        if not SAFE & set(map(called, through)):
            for part in (*node.args, *(keyword.value for keyword in node.keywords)):
                yield from bare_names(part)
    elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        yield from {called(node)} & NAMES
    elif isinstance(node, ast.FormattedValue):
        yield from () if node.format_spec else bare_names(node.value)
    elif isinstance(node, ast.IfExp):
        yield from (*bare_names(node.body), *bare_names(node.orelse))
    elif isinstance(node, ast.JoinedStr | ast.BinOp | ast.List | ast.Tuple | ast.ListComp | ast.Starred):
        for part in ast.iter_child_nodes(node):
            yield from bare_names(part)


def bare_calls(source: str) -> list[str]:
    """The calls in `source` that show a name as Markdown."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and called(node.func) in SHOW:
            shown = [one.value for one in node.keywords if one.arg in ("label", "help", "body", "text")]
            found += [
                f"{node.lineno}: {called(node.func)} of {name}"
                for part in (*node.args[:1], *shown)
                for name in bare_names(part)
            ]
    return found


def test_no_page_shows_a_name_that_is_not_made_text():
    assert bare_calls('st.caption(f"Of {one.name}"); st.error(str(problem)); say(explain(model))') != []
    pages = {path: path.read_text() for path in (ROOT / "pages").rglob("*.py")}
    assert {path: found for path, source in pages.items() if (found := bare_calls(source))} == {}
    # These have one door each, where formulas are taken out and other people's HTML is not let in.
    doors = {"st.dataframe": "pictures.py", "st.plotly_chart": "pictures.py", "unsafe_": "captions.py"}
    for what, door in doors.items():
        assert {path.name for path, source in pages.items() if what in source} == {door}
