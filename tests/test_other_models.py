"""The app with models of other programs: dropped on the sidebar, on every page; and who may see them."""

import dataclasses
import io
from pathlib import Path

import pytest
import soundfile
import torch
from page_tools import open_page, texts, wait_for
from test_other_programs import randomised

import tasnet
from analysis.computing import first_model
from analysis.scores import metrics
from analysis.start_point import pauses, shifts
from pages.parts import jobs, own_model, workspace
from pages.parts.listening_test import tests as listening_tests
from tasnet import ConvTasNet, ConvTasNetConfig, checkpoint
from tasnet.training_facts import SPEECH_FROM_NOISE, TrainingFacts


def torchaudio_like(C=2, L=16):
    """The file of a small network in torchaudio's names and shapes."""
    N, B, H, X = 24, 8, 12, 8
    net, part = torch.nn.Module(), torch.nn.Module()
    net.encoder, net.decoder = torch.nn.Conv1d(1, N, L, bias=False), torch.nn.ConvTranspose1d(N, 1, L, bias=False)
    part.input_norm, part.input_conv = torch.nn.GroupNorm(1, N), torch.nn.Conv1d(N, B, 1)
    part.output_prelu, part.output_conv = torch.nn.PReLU(), torch.nn.Conv1d(B, C * N, 1)
    part.conv_layers = torch.nn.ModuleList()
    for _ in range(X):
        block, norms = torch.nn.Module(), [torch.nn.GroupNorm(1, H) for _ in range(2)]
        deep = torch.nn.Conv1d(H, H, 3, groups=H)
        layers = [torch.nn.Conv1d(B, H, 1), torch.nn.PReLU(), norms[0], deep, torch.nn.PReLU(), norms[1]]
        block.conv_layers = torch.nn.Sequential(*layers)
        block.res_out, block.skip_out = torch.nn.Conv1d(H, B, 1), torch.nn.Conv1d(H, B, 1)
        part.conv_layers.append(block)
    net.mask_generator = part
    file = io.BytesIO()
    torch.save(randomised(net).state_dict(), file)
    return file.getvalue()


def drop(app, *files):
    app.file_uploader(key=own_model.WIDGET).set_value([(*file, "application/octet-stream") for file in files]).run()
    assert not app.exception
    return app


def test_a_dropped_checkpoint_is_used_and_goes_with_its_removal():
    app = drop(open_page(), ("mine.pth", torchaudio_like()))
    assert not app.error and "Recognised: torchaudio" in texts(app)
    chosen = app.selectbox(key="model").value
    assert own_model_file(chosen) and "mine" in chosen
    assert "model" not in app.query_params  # a link to it would be of no use to others
    assert app.metric
    drop(app)
    assert not Path(chosen).exists()
    assert app.selectbox(key="model").value == first_model()


def own_model_file(path):
    return Path(path).is_file() and Path(path).parent.stat().st_mode & 0o077 == 0


def test_another_session_does_not_see_it():
    chosen = drop(open_page(), ("mine.pth", torchaudio_like())).selectbox(key="model").value
    other = open_page(model=chosen)
    assert chosen not in other.selectbox(key="model").options and other.selectbox(key="model").value != chosen


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("mine.pth", b"PK\x03\x04 not a checkpoint", "cannot be read"),
        ("mine.pth", b"", "cannot be read"),
        ("mine.safetensors", b"\xff" * 40, "cannot be read"),
        ("mine.yaml", b"a: [1", "cannot be read as JSON or YAML"),
    ],
)
def test_a_file_that_is_none_gets_one_sentence_and_the_model_stays(name, content, words):
    app = drop(open_page(), (name, content))
    (error,) = app.error
    assert words in error.value and error.value.endswith(".") and "\n" not in error.value
    assert app.metric


SHAPES = {
    "speech from noise": dict(C=1, L=32, sample_rate=16000, mask="relu", edges="cut", encoder="relu"),
    "a speaker and the noise, no skip paths": dict(Sc=0, norm="chLN", mask="relu", encoder="relu", edges="cut"),
    "three voices, 16 kHz, L = 32, biases, one norm, reflection": dict(
        C=3,
        L=32,
        sample_rate=16000,
        norm_in="chLN",
        mask="softmax",
        norm_eps=1e-5,
        coder_bias=True,
        second_norm=False,
        padding="reflect",
    ),
    "causal, 16 kHz, L = 32, batch norm": dict(
        causal=True, norm="BN", norm_in="chLN", P=4, L=32, sample_rate=16000, mask="relu", edges="cut"
    ),
}
TABS = ("Masks in numbers", "Ideal masks here", "Through the separator")
VIEWS = ("Pauses", "Conditions", "A test set")


@pytest.fixture
def light(monkeypatch):
    """What takes seconds shows the same with 2 s of sound, few values and without PESQ's work."""
    whole = workspace.example
    monkeypatch.setattr(workspace, "example", lambda *which: cut(whole(*which), 2.0))
    for name, steps in shifts.RANGES.items():
        monkeypatch.setitem(shifts.RANGES, name, steps[:2])
    monkeypatch.setattr(pauses, "SECONDS", pauses.SECONDS[1:2])
    monkeypatch.setattr(metrics, "_pesq", lambda reference, estimate, rate: 2.0)


@pytest.fixture(params=SHAPES)
def imported(request, monkeypatch, tmp_path):
    """The name of the only model there is, of this shape, and its configuration; no name comes twice in a process."""
    torch.manual_seed(0)
    config = ConvTasNetConfig(**({"N": 32, "L": 16, "B": 8, "H": 12, "Sc": 8, "X": 2, "R": 2} | SHAPES[request.param]))
    name = f"imported {list(SHAPES).index(request.param)}"
    noise = "noise" in request.param
    facts = TrainingFacts(task=SPEECH_FROM_NOISE) if noise else TrainingFacts()
    checkpoint.save(tmp_path / f"{name}.safetensors", ConvTasNet(config), facts)
    models = {name: tmp_path / f"{name}.safetensors"}
    monkeypatch.setattr(tasnet, "available", lambda: models)
    monkeypatch.delenv("TASNET_LENS_MODEL")
    monkeypatch.setattr(checkpoint, "bundled", lambda: models)
    return name, config


def cut(sound, seconds):
    part = slice(round(seconds * sound.rate))
    return dataclasses.replace(sound, mixture=sound.mixture[part], references=sound.references[:, part])


def assert_sound(app, where):
    assert not app.exception and not app.error, (where, [one.value for one in (*app.exception, *app.error)])


def test_every_page_works_with_it(light, imported):
    name, config = imported
    app = open_page(model=name)
    assert_sound(app, "separate")
    assert app.selectbox(key="model").value == name
    assert bool(app.metric) == (config.C > 1) and ("gives one voice" in texts(app)) == (config.C == 1)
    for page in ("filters", "inside", "ideal_masks", "corpus", "start_point", "designs", "live", "listening_test"):
        app.switch_page(f"pages/{page}.py").run()
        assert_sound(app, page)
    if config.C > 1:
        assert app.multiselect(key="listening_examples").value
    else:  # speech with noise comes along for a model that takes speech out of it
        said = "no example with as many voices" in texts(app)
        assert said or app.multiselect(key="listening_examples").value
    for tab in TABS:
        app.session_state["inside_tab"] = tab
        app.switch_page("pages/inside.py").run()
        assert_sound(app, tab)
    app.switch_page("pages/filters.py").run()
    app.selectbox(key="against").set_value("the same network untrained").run()
    assert_sound(app, "an untrained one beside it")
    app.switch_page("pages/start_point.py").run()
    assert app.multiselect(key="start_models").value == [name]
    for view in VIEWS:
        app.segmented_control(key="start_view").set_value(view).run()
        assert_sound(app, view)
        if view != "A test set":
            assert len(app.get("plotly_chart")) == (config.C > 1) and bool(app.warning) == (config.C == 1)
    app.switch_page("pages/corpus.py").run()
    for view in ("Compare", "Evaluate", "Training"):
        app.segmented_control(key="corpus_view").set_value(view).run()
        assert_sound(app, view)
    app.switch_page("pages/live.py").run()
    if not config.causal:
        assert "Only a causal" in texts(app)
        return
    app.button(key="live_start").click().run()
    assert_sound(app, "live")
    _, run = app.session_state["live"]
    wait_for(lambda: run.finished > 5, "the first packets")
    run.stop()


def test_a_listening_test_is_set_up_with_three_voices_at_16_khz(light, monkeypatch, tmp_path):
    monkeypatch.setenv(listening_tests.SETTING, str(tmp_path / "tests.sqlite3"))
    listening_tests.store.clear()
    app = drop(open_page(), ("three.pth", torchaudio_like(C=3, L=32)), ("conf.yml", b"sample_rate: 16000"))
    assert "Recognised: torchaudio" in texts(app)
    app.switch_page("pages/listening_test.py").run()
    next(one for one in app.button if one.label == "Set up").click().run()
    assert_sound(app, "set up")
    assert "operator" in app.query_params
    listening_tests.store.clear()


def test_a_dropped_checkpoint_is_used_on_every_page_and_evaluated(light, monkeypatch, tmp_path, voices):
    monkeypatch.setenv("TASNET_LENS_ROOT", str(tmp_path))
    for part, reference in zip(("s1", "s2"), voices[0], strict=True):
        (tmp_path / "set" / part).mkdir(parents=True)
        soundfile.write(tmp_path / "set" / part / "0.wav", reference[:8000], 8000)
    app = drop(open_page(), ("mine.pth", torchaudio_like()))
    own = app.selectbox(key="model").value
    for page in ("filters", "inside", "ideal_masks", "designs", "live", "listening_test", "start_point"):
        app.switch_page(f"pages/{page}.py").run()
        assert_sound(app, page)
        assert app.selectbox(key="model").value == own
    assert app.multiselect(key="start_models").value[0] == own and "**mine-" in texts(app)
    assert str(Path(own).parent) not in str(app.query_params)
    app.switch_page("pages/corpus.py").run()
    app.segmented_control(key="corpus_view").set_value("Evaluate").run()
    app.text_input(key="corpus_set").set_value("set")
    app.number_input(key="corpus_workers").set_value(1)
    next(one for one in app.button if one.label == "Evaluate").click().run()
    assert_sound(app, "evaluate")
    wait_for(lambda: not jobs.server_jobs().active, "the evaluation")
    app.run()
    assert any("The results are in" in one.value for one in app.success)
    drop(app)
    app.switch_page("pages/start_point.py").run()
    assert_sound(app, "without it")
    assert own not in app.multiselect(key="start_models").value
