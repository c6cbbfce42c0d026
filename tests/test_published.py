"""Published models from a server on this machine: slow, cut off, of the wrong size, changed, and as it should be."""

import dataclasses
import http.server
import threading

import pytest
import torch
from page_tools import open_page, texts
from test_other_models import torchaudio_like

import tasnet
from tasnet import published
from tasnet.checkpoint import load
from tasnet.published import CATALOGUE, PublishedError
from tasnet.published.__main__ import main as command

NAME = "torchaudio/Libri2Mix-clean-8k"


class Server:
    """Serves `content` under any name; where told to it `stops` bytes before the end or gives another `answer`."""

    def __init__(self):
        self.content, self.stops, self.answer, self.requests, outer = torchaudio_like(), 0, 200, [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(self.path)
                self.send_response(outer.answer)
                self.send_header("Content-Length", str(len(outer.content)))
                self.end_headers()
                self.wfile.write(outer.content[: len(outer.content) - outer.stops])

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server(monkeypatch, tmp_path):
    server = Server()
    monkeypatch.setenv("TASNET_MIRROR", server.address)
    monkeypatch.setenv("TASNET_MODELS", str(tmp_path / "models"))
    model = dataclasses.replace(CATALOGUE[NAME], size=len(server.content), config={"mask": "relu", "X": 2})
    monkeypatch.setitem(CATALOGUE, NAME, model)
    yield server
    server.http.shutdown()
    server.http.server_close()


def left_behind():
    return sorted(path.name for path in published.folder().rglob("*") if path.is_file())


def test_a_model_is_downloaded_once_and_tells_where_it_is_from(server):
    parts = []
    separator = tasnet.Separator(NAME, device="cpu")
    assert published.get(NAME, parts.append) == published.installed()[NAME]
    assert server.requests == [f"/{NAME}"] and not parts
    assert separator.name == NAME and NAME in tasnet.available()
    assert separator.facts.licence and "torchaudio" in separator.facts.credits
    assert separator.config.mask == "relu" and separator.config.edges == "pad"


def test_the_progress_goes_up_to_one(server):
    parts = []
    published.get(NAME, parts.append)
    assert parts == sorted(parts) and parts[-1] == 1


def test_a_download_that_is_cancelled_leaves_nothing(server):
    def cancel(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        published.get(NAME, cancel)
    assert not left_behind() and command([NAME]) == 0


def damaged(server, what):
    if what == "cut off":
        server.stops = 1000
    elif what == "too short":
        server.content = server.content[:-1]
    elif what == "too long":
        server.content += bytes(len(server.content))
    elif what == "not weights":
        server.content = bytes(len(server.content))
    elif what == "taken away":
        server.answer = 404
    elif what == "gone":
        server.http.shutdown()
        server.http.server_close()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("cut off", "broke off after"),
        ("too short", "bytes instead of"),
        ("too long", "it is another file"),
        ("not weights", f"sent for {NAME} cannot be read as a file of plain tensors"),
        ("taken away", f"does not give {NAME} out now"),
        ("gone", "check the internet connection"),
    ],
)
def test_a_bad_download_gets_one_sentence_and_can_be_tried_again(server, capsys, what, words):
    damaged(server, what)
    assert command([NAME]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said and said.endswith(".") and "\n" not in said and "Traceback" not in said
    assert not left_behind() and NAME not in tasnet.available()


def test_a_file_that_is_not_the_one_of_the_first_time_is_not_used(server):
    file = published.get(NAME)
    file.unlink()
    server.content = torchaudio_like()[:-8] + b"\x00" * 8  # as long, and still a zip that says another thing at its end
    with pytest.raises(PublishedError, match="not the file it was before"):
        published.get(NAME)
    assert not file.exists()


def test_a_converted_file_that_has_changed_is_not_used(server):
    file = published.get(NAME)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(PublishedError, match="has changed"):
        tasnet.Separator(NAME)


def test_another_network_than_the_catalogues_is_not_used(server, monkeypatch):
    monkeypatch.setitem(CATALOGUE, NAME, dataclasses.replace(CATALOGUE[NAME], speakers=3))
    with pytest.raises(PublishedError, match="another network"):
        published.get(NAME)


def test_the_catalogue_is_printed_without_a_download(server, capsys):
    assert command(["--list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in CATALOGUE) and "CC BY-SA 4.0" in printed
    assert not server.requests


def test_an_unknown_name_gets_one_sentence(capsys):
    assert command(["asteroid/nothing"]) == 2
    assert "There is no published model named asteroid/nothing" in capsys.readouterr().err


def test_every_entry_can_be_told_apart_and_found():
    for name, model in CATALOGUE.items():
        assert model.name == name and model.address.startswith("https://") and model.page.startswith("https://")
        assert 19e6 < model.size < 22e6 and 8 < model.si_snri < 17 and model.licence and model.credits
    assert len({model.address for model in CATALOGUE.values()}) == len(CATALOGUE)


def test_the_sidebar_gets_a_model_and_uses_it(server):
    app = open_page()
    app.selectbox(key="published").set_value(NAME).run()
    assert "**15.3 dB** on Libri2Mix min test" in texts(app) and "MB" in texts(app)
    app.button(key="get_published").click().run()
    assert not app.exception and not app.error
    assert app.selectbox(key="model").value == NAME and app.metric
    assert f"{NAME} · 15.3 dB" in app.selectbox(key="model").options
    assert f"[The torchaudio authors]({CATALOGUE[NAME].page}) · {CATALOGUE[NAME].licence}" in texts(app)
    assert load(published.installed()[NAME])[0].config.C == 2


def test_the_sidebar_says_why_not_and_the_bundled_models_go_on(server):
    damaged(server, "cut off")
    app = open_page()
    app.selectbox(key="published").set_value(NAME).run()
    app.button(key="get_published").click().run()
    (error,) = app.error
    assert NAME in error.value and error.value.endswith(".")
    assert not app.exception and app.metric
    server.stops = 0
    app.button(key="get_published").click().run()
    assert not app.error and app.selectbox(key="model").value == NAME


def test_a_model_that_runs_code_is_not_read(server, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"mask_generator.output_conv.weight": Trap()}, tmp_path / "trap.pt")
    content = (tmp_path / "trap.pt").read_bytes()
    server.content = content
    model = dataclasses.replace(CATALOGUE[NAME], size=len(content))
    CATALOGUE[NAME] = model  # the fixture puts the entry back
    with pytest.raises(ValueError, match=r"not opened: io\.open"):
        published.get(NAME)
    assert not (tmp_path / "sprung").exists()
