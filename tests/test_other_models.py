"""The app with models of other programs: dropped on the sidebar, on every page; and who may see them."""

import io
from pathlib import Path

import pytest
import torch
from page_tools import open_page, texts
from test_other_programs import randomised

import tasnet
from pages.parts import own_model
from tasnet import ConvTasNet, ConvTasNetConfig, checkpoint
from tasnet.facts import SPEECH_FROM_NOISE, TrainingFacts

PAGES = ["separate", "filters", "inside", "ideal_masks", "corpus", "listening_test"]


def torchaudio_like(C=2, L=16):
    """The file of a small network in torchaudio's names and shapes."""
    N, B, H, X = 24, 8, 12, 2
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
    assert app.selectbox(key="model").value == next(iter(tasnet.available()))


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
    "three speakers, 16 kHz, L = 32, ReLU masks": dict(C=3, L=32, sample_rate=16000, mask="relu", edges="cut"),
    "speech from noise": dict(C=1, L=32, sample_rate=16000, mask="relu", edges="cut"),
    "speaker and noise, no skip paths": dict(C=2, Sc=0, norm="chLN", mask="relu", encoder="relu", edges="cut"),
    "torchaudio's edges": dict(edges="pad", mask="relu"),
    "biases, reflection, batch norm": dict(
        norm="BN", norm_in="chLN", coder_bias=True, padding="reflect", mask="softmax"
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_page_works_with_it(monkeypatch, tmp_path, shape):
    torch.manual_seed(0)
    config = ConvTasNetConfig(**({"N": 32, "L": 16, "B": 8, "H": 12, "Sc": 8, "X": 2, "R": 2} | SHAPES[shape]))
    facts = TrainingFacts(task=SPEECH_FROM_NOISE) if config.C == 1 else TrainingFacts()
    checkpoint.save(tmp_path / "imported.safetensors", ConvTasNet(config), facts)
    models = {"imported": tmp_path / "imported.safetensors"}
    monkeypatch.setattr(tasnet, "available", lambda: models)
    monkeypatch.setattr(checkpoint, "available", lambda: models)
    app = open_page(model="imported")
    assert not app.error
    for page in PAGES[1:]:
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception and not app.error, (page, [error.value for error in app.error])
    for tab in ("Masks in numbers", "Ideal masks here", "Through the separator"):
        app.session_state["inside_tab"] = tab
        app.switch_page("pages/inside.py").run()
        assert not app.exception and not app.error, (tab, [error.value for error in app.error])
