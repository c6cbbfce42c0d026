"""The page Explain: every view of a sound with and without clean voices, for models of several shapes."""

import numpy as np
import plotly.io
import pytest
import torch
from page_tools import open_page, texts, wav_file
from streamlit.testing.v1 import AppTest

from analysis.explain import muting, swaps
from analysis.network.representation import represent
from analysis.scores.metrics import si_snr
from analysis.sounds import examples
from pages.parts.explain import choose
from tasnet import ConvTasNet, ConvTasNetConfig, Separator, checkpoint
from tasnet.training_facts import SPEAKERS, SPEECH_FROM_NOISE, TrainingFacts

PAGE = "pages/explain.py"
VIEWS = (
    "Switch off and hear",
    "Phase and magnitude",
    "Where the error is",
    "What each filter does",
    "What each block does",
)
BUNDLED = {len(example.voices): example.id for example in examples.available_examples() if example.tier == "bundled"}
SHAPES = {
    "plain": {"N": 24, "L": 16},
    "tiny": {"N": 1, "L": 2, "X": 1, "R": 1},
    "three": {"N": 20, "L": 10, "C": 3, "encoder": "relu", "Sc": 0},
    "noise": {"N": 24, "L": 16},
    "pinv": {"N": 24, "L": 16, "encoder": "pinv", "mask": "softmax", "norm": "cLN", "causal": True},
}


@pytest.fixture(autouse=True)
def unseen(tmp_path, monkeypatch) -> None:
    """Small weights of several shapes in the place of the bundled ones."""
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    monkeypatch.delenv("TASNET_LENS_MODEL")  # the small model is not among these
    for name, shape in SHAPES.items():
        torch.manual_seed(2)
        model = ConvTasNet(ConvTasNetConfig(**{"B": 4, "H": 6, "Sc": 4, "X": 3, "R": 2} | shape)).eval()
        facts = TrainingFacts(task=SPEECH_FROM_NOISE if name == "noise" else SPEAKERS)
        checkpoint.save(tmp_path / f"{name}.safetensors", model, facts, dtype="float32")


def start(**query: str) -> AppTest:
    return open_page(PAGE, **{"example": BUNDLED[2], "model": "plain", **query})


@pytest.mark.parametrize(
    ("name", "voices"), [("plain", 3), ("tiny", 2), ("three", 3), ("pinv", 2), ("noise", 1), ("noise", 2)]
)
def test_every_view_opens(name, voices):
    app = start(model=name, example=BUNDLED[voices])
    fits = {"three": 3, "noise": 1}.get(name, 2) == voices
    for view in VIEWS:
        app.segmented_control(key="explain_view").set_value(view).run()
        assert not app.exception and not app.error
        assert bool(app.info) == (view in VIEWS[1:3] and not fits)
        if view == VIEWS[2] and fits:
            assert ("Speech: SIR" if name == "noise" else "Speaker 2: SIR") in texts(app)
    app.button(key="explain_measure_blocks").click().run()
    assert not app.exception and not app.error
    assert ("lost" if fits else "changes without") in texts(app)


def test_every_block_has_its_point_and_can_be_heard_left_out(monkeypatch):
    app = start(explain_view=VIEWS[4], explain_left_out="Single blocks")
    assert "runs 6 times" in texts(app)
    app.button(key="explain_measure_blocks").click().run()
    assert not app.exception and not app.error
    sound, separator = examples.mix_example(BUNDLED[2]), Separator("plain", "cpu")
    inside = represent(separator.model, sound.mixture, sound.references, separator.level)
    lost = muting.block_importance(inside, [[block] for block in range(6)], separator.level)
    (curve,) = plotly.io.from_json(app.get("plotly_chart")[1].proto.spec).data
    assert list(curve.x) == [1, 2, 3, 4, 5, 6] and np.allclose(curve.y, lost, atol=0.05)
    assert f"block {lost.argmax() + 1} (repeat" in texts(app) and "The mean loss without one block is" in texts(app)
    found = {}
    with monkeypatch.context() as patch:
        patch.setattr(choose.st, "session_state", found)
        choose.hear_without_blocks(separator.config, "block 3")
    for name, value in found.items():
        app.session_state[name] = value
    app.run()
    assert not app.exception and not app.warning and "Block 3 left out" in texts(app)


def test_filters_are_linked_both_ways():
    app = start(explain_filters="One filter", explain_filter="7")
    assert "1 filter 7 muted in the output" in texts(app) or "Filter 7 muted in the output" in texts(app)
    app = open_page("pages/filters.py", model="plain", filter_model="7")
    (link,) = app.get("page_link")
    assert "explain_filter=7" in link.proto.query_string and "explain" in link.proto.page


def test_a_mixture_without_clean_voices():
    app = start(sound="upload")
    noise = np.random.default_rng(0).normal(size=6000) / 10
    app.file_uploader(key="mixture_file").set_value(("a.wav", wav_file(noise), "audio/wav")).run()
    for view in VIEWS:
        app.segmented_control(key="explain_view").set_value(view).run()
        assert not app.exception and not app.error
        assert bool(app.info) == (view in VIEWS[1:3])
    app.segmented_control(key="explain_view").set_value(VIEWS[0]).run()
    app.segmented_control(key="explain_kind").set_value("Masks").run()
    assert not any("ideal" in option for option in app.selectbox(key="explain_masks").options)


def test_what_is_switched_off_is_scored_as_it_is():
    app = start(explain_kind="Masks")
    sound = examples.mix_example(BUNDLED[2])
    separator = Separator("plain", "cpu")
    inside = represent(separator.model, sound.mixture, sound.references, separator.level)
    for masks in (muting.ESTIMATED, muting.SWAPPED, "ideal (IRM)"):
        app.selectbox(key="explain_masks").set_value(masks).run()
        assert not app.exception and not app.error
        table = app.dataframe[0].value
        voices = muting.muted_sources(inside, muting.Muted(masks=masks))
        own = np.mean(si_snr(np.stack([sound.mixture] * 2), sound.references))
        assert table["SI-SNRi (dB)"][1] == pytest.approx(np.mean(si_snr(voices, sound.references)) - own, abs=1e-2)
        assert list(table.columns[1:]) == ["SI-SNRi (dB)", "SDRi (dB)", "PESQ (MOS-LQO)", "STOI"]
        assert f"Masks {masks}" in texts(app)
    app.segmented_control(key="explain_kind").set_value("Filters").run()
    for how in app.selectbox(key="explain_filters").options:
        app.selectbox(key="explain_filters").set_value(how).run()
        assert not app.exception and not app.error
    app.segmented_control(key="explain_where_True").set_value("altogether").run()
    assert not app.exception and not app.error and "muted altogether" in texts(app)
    app.segmented_control(key="explain_kind").set_value("Blocks").run()
    assert not app.exception and not app.error and "Repeat 2 left out" in texts(app)


def test_the_swaps_are_on_the_page_as_measured():
    app = start(explain_view=VIEWS[1])
    sound = examples.mix_example(BUNDLED[2])
    separator = Separator("plain", "cpu")
    voices = represent(separator.model, sound.mixture, sound.references, separator.level).audible()
    found = swaps.phase_swaps(voices, sound.references, sound.mixture, sound.rate).scores
    shown = plotly.io.from_json(app.get("plotly_chart")[0].proto.spec).data[0]
    assert shown.text[1][1] == f"{found['network', 'network']:.1f}".replace("-", "−")
    assert shown.text[2][2] == "∞" and shown.text[1][0] == f"{found['network', 'mixture']:.1f}".replace("-", "−")
