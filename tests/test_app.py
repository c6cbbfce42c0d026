"""The pages as a user meets them: every kind of sound, bad files, the URL, a change of page, a cancel."""

import re
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st
from page_tools import open_page, texts, upload, wav_file
from streamlit.testing.v1 import AppTest

import tasnet
from analysis.computing import first_model
from analysis.sounds import examples
from analysis.sounds.examples import available_examples
from pages.parts import workspace
from tasnet import ConvTasNet, ConvTasNetConfig, checkpoint

PAGES = ["pages/separate.py", "pages/ideal_masks.py"]
BUNDLED = next(example.id for example in available_examples() if example.tier == "bundled" and len(example.voices) == 2)
THREE = next(example.id for example in available_examples() if example.tier == "bundled" and len(example.voices) == 3)


@pytest.fixture(scope="module")
def mixture():
    """What somebody brings: two seconds of an example."""
    whole = examples.mix_example(BUNDLED)
    return replace(whole, mixture=whole.mixture[8000:24000], references=whole.references[:, 8000:24000])


def start(page: str = PAGES[0], **query) -> AppTest:
    return open_page(page, **{"example": BUNDLED, **query})


def test_the_first_page_shows_scores_of_the_separation():
    app = start()
    assert app.title[0].value == "Separate"
    assert {metric.label for metric in app.metric} == {"SI-SNRi (dB)", "SDRi (dB)", "PESQ (MOS-LQO)", "STOI"}
    assert all(np.isfinite(float(metric.value)) for metric in app.metric)
    assert "Synthetic voices" in texts(app)
    assert "Real-time factor" in texts(app)
    app.button(key="model_card").click().run()
    (card,) = [one.value for one in app.markdown if one.value.startswith("# ")]
    assert card.startswith(f"# {app.selectbox(key='model').value}\n") and "license:" not in card


def test_a_second_model_stands_beside_the_first_with_scores_of_its_own():
    first, second = (f"convtasnet_small_{norm}_2spk_8k" for norm in ("gln", "cln"))
    app = start(model=first, second=second)
    table = next(one.proto.body for one in app.html if "Scores of both models" in one.proto.body)
    scores = re.findall(r"<td[^>]*>([^<]+)</td>", table)[:3]  # the first row: mean SI-SNRi of both, the difference
    alone = [float(start(model=one).metric[0].value) for one in (first, second)]
    assert [float(value) for value in scores[:2]] == pytest.approx(alone, abs=0.051) and scores[0] != scores[1]
    shown = float(scores[1]) - float(scores[0])  # as who reads the row works it out
    assert float(scores[2].replace("−", "-")) == pytest.approx(shown, abs=1e-6)


def test_a_slow_separation_offers_a_faster_model_by_one_click_and_the_fastest_none(monkeypatch):
    def waits(*_):
        def compute(progress):
            progress(1e-9)  # as little is done as leaves hours
            st.stop()

        return compute

    monkeypatch.setattr(workspace, "LEFT_AFTER", 0.0)
    monkeypatch.setattr(workspace, "_separating", waits)
    app = start(model="convtasnet_medium_gln_2spk_8k", snr="1.5")
    offer = app.button(key="take_faster")
    assert offer.label == "Take Small, non-causal"
    assert any("times less to compute, at the price of " in one.value for one in app.markdown)
    offer.click().run()
    assert not app.exception and app.selectbox(key="model").value == "convtasnet_small_gln_2spk_8k"
    assert app.get("progress") and "take_faster" not in [one.key for one in app.button]


def test_pages_begin_with_the_operators_model_else_with_the_best(monkeypatch):
    best, second, *_ = checkpoint.bundled()
    monkeypatch.setenv("TASNET_LENS_MODEL", second)
    assert first_model() == second
    monkeypatch.delenv("TASNET_LENS_MODEL")
    assert first_model() == best
    monkeypatch.setenv("TASNET_LENS_MODEL", "nobody")
    app = start()
    assert [one.value.partition(",")[0] for one in app.error] == ["TASNET_LENS_MODEL is 'nobody'"] and not app.metric


def test_three_speakers_are_not_scored_by_a_model_of_two():
    app = start(example=THREE)
    assert "The model separates 2 voices and this mixture has 3" in texts(app)
    assert not app.metric


@pytest.fixture
def three_voices(monkeypatch, tmp_path) -> None:
    """Two models of three voices end a short list of small ones."""
    path = tmp_path / "three.safetensors"
    checkpoint.save(path, ConvTasNet(ConvTasNetConfig(N=16, L=40, B=8, H=16, Sc=8, P=3, X=2, R=1, C=3)))
    models = {name: file for name, file in checkpoint.bundled().items() if "small" in name}
    models |= {"three": path, "another": path}
    monkeypatch.setattr(checkpoint, "bundled", lambda: models)
    monkeypatch.setattr(tasnet, "available", lambda: models)


@pytest.mark.usefixtures("three_voices")
def test_example_and_model_of_as_many_voices_find_each_other():
    app = start(model="three")  # a link is followed, whatever it says
    first = next(iter(tasnet.available()))
    assert app.selectbox(key="example").value == BUNDLED and "separates 3 voices" in texts(app)
    app.selectbox(key="model").set_value(first).run()
    assert app.selectbox(key="example").value == BUNDLED and app.metric
    app.selectbox(key="model").set_value("three").run()
    chosen = next(one for one in available_examples() if one.id == app.selectbox(key="example").value)
    assert len(chosen.voices) == 3 and app.metric and not app.exception
    assert first not in app.selectbox(key="second").options
    app.selectbox(key="example").set_value(BUNDLED).run()
    assert app.selectbox(key="model").value == "three" and not app.metric
    app.button(key="fitting_model").click().run()
    assert app.selectbox(key="model").value == first and app.selectbox(key="example").value == BUNDLED
    app.selectbox(key="example").set_value(THREE).run()
    app.button(key="fitting_model").click().run()
    assert app.selectbox(key="model").value == "three" and app.selectbox(key="example").value == THREE


def test_an_unknown_model_or_example_in_the_url_falls_back():
    app = start(example="no-such-example", model="no-such-model")
    assert not app.error


@pytest.mark.parametrize(
    "content", [b"", b"no weights at all", b"PK\x03\x04" + bytes(200)], ids=["empty", "text", "pickle"]
)
def test_a_wrong_checkpoint_gets_one_sentence_and_another_model_goes_on(monkeypatch, tmp_path, content):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(content)
    models = {**checkpoint.bundled(), "broken": broken}
    monkeypatch.setattr(checkpoint, "bundled", lambda: models)
    monkeypatch.setattr(tasnet, "available", lambda: models)
    app = start(model="broken")
    (error,) = app.error
    assert "broken" in error.value and error.value.endswith(".") and "\n" not in error.value
    app.selectbox(key="model").set_value(next(iter(models))).run()
    assert not app.error and not app.exception and app.metric


@pytest.mark.parametrize("page", PAGES)
def test_an_uploaded_mixture_is_separated_without_scores(page, mixture):
    app = start(page, sound="upload")
    assert "Choose a sound" in texts(app)
    upload(app, "mixture_file", ("mix.wav", wav_file(mixture.mixture)))
    assert not app.metric and not app.error
    if page == PAGES[1]:
        assert "Ideal masks are computed from the clean voices" in texts(app)


def test_a_call_is_said_to_be_one_and_offered_channel_by_channel(mixture):
    call = np.stack([mixture.references[0], np.roll(mixture.references[1], 9000)], 1)
    app = upload(start(sound="upload"), "mixture_file", ("call.wav", wav_file(call)))
    assert "two ends of a call" in texts(app)
    app.segmented_control(key="channel").set_value("2").run()
    assert not app.exception and "2" in app.query_params["channel"]
    np.testing.assert_allclose(app.session_state.selection.sound.mixture, call[:, 1], atol=1e-6)
    upload(app, "mixture_file", ("other.wav", wav_file(call[:, ::-1])))
    np.testing.assert_allclose(app.session_state.selection.sound.mixture, call.mean(1), atol=1e-6)


@pytest.mark.parametrize("page", PAGES)
def test_an_uploaded_mixture_with_its_voices_is_scored(page, mixture):
    app = start(page, sound="upload")
    upload(app, "mixture_file", ("mix.wav", wav_file(mixture.mixture)))
    voices = [(f"s{k}.wav", wav_file(reference)) for k, reference in enumerate(mixture.references)]
    upload(app, "reference_files", *voices)
    assert not app.error
    if page == PAGES[0]:
        assert len(app.metric) == 4
        return
    table = app.html[0].proto.body
    for name in ("Conv-TasNet", "IBM", "IRM", "WFM", "PSM", "WSJ0-2mix", "15.3"):
        assert name in table
    assert "SI-SNRi" in texts(app) and "is not in the paper" in texts(app)


def test_two_voices_are_mixed_and_scored(mixture):
    app = start(sound="mix")
    upload(app, "voice_files", *[(f"v{k}.wav", wav_file(v, 8000)) for k, v in enumerate(mixture.references)])
    app.select_slider(key="snr").set_value(3.0).run()
    assert not app.exception and not app.error
    assert len(app.metric) == 4


def test_a_recording_is_separated(mixture):
    app = start(sound="record")
    app.audio_input(key="recording").set_value(("rec.wav", wav_file(mixture.mixture), "audio/wav")).run()
    assert not app.exception and not app.error
    assert "Choose a sound" not in texts(app)


def test_uploads_survive_a_change_of_page_and_of_the_kind_of_sound(mixture):
    app = upload(start(sound="upload"), "mixture_file", ("kept.wav", wav_file(mixture.mixture)))
    app.switch_page(PAGES[1]).run()
    app.segmented_control(key="sound").set_value("example").run()
    app.segmented_control(key="sound").set_value("upload").run()
    assert not app.exception
    assert "kept.wav" in texts(app)
    assert "Choose a sound" not in texts(app)


SPEECHLIKE = 0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
BAD_FILES = {
    "silent": wav_file(np.zeros(8000)),
    "NaN": wav_file(np.full(8000, np.nan)),
    "infinite": wav_file(np.full(8000, np.inf)),
    "no samples": wav_file(np.zeros(0)),
    "text": b"this is no sound at all, whatever its name says\n" * 20,
    "empty": b"",
    "header only": wav_file(SPEECHLIKE)[:30],
}


@pytest.fixture(scope="module")
def uploading():
    """The page that asks for a sound, one for all files that are brought one after another."""
    return start(sound="upload")


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_gets_one_sentence(uploading, case):
    upload(uploading, "mixture_file", ("bad.wav", BAD_FILES[case]))
    (error,) = uploading.error
    assert error.value.endswith(".") and "Traceback" not in error.value and "\n" not in error.value
    assert "bad.wav" in error.value


GOOD_FILES = {
    "one sample": wav_file(np.full(1, 0.5)),
    "10 ms": wav_file(SPEECHLIKE[:80]),
    "44.1 kHz": wav_file(SPEECHLIKE, 44100),
    "stereo": wav_file(np.stack([SPEECHLIKE, 0.5 * SPEECHLIKE], 1)),
    "5 channels": wav_file(np.stack([SPEECHLIKE] * 5, 1)),
    "truncated": wav_file(SPEECHLIKE)[:20000],
}


@pytest.mark.parametrize("case", GOOD_FILES)
def test_what_can_be_done_is_done(uploading, case):
    upload(uploading, "mixture_file", ("odd.wav", GOOD_FILES[case]))
    assert not uploading.error
    said = {"44.1 kHz": "44100 Hz", "stereo": "channels", "5 channels": "channels", "truncated": "odd.wav"}
    assert said.get(case, "") in texts(uploading)


def test_references_that_do_not_fit_get_one_sentence(mixture):
    app = upload(start(sound="upload"), "mixture_file", ("mix.wav", wav_file(mixture.mixture)))
    upload(app, "reference_files", ("only.wav", wav_file(mixture.references[0])))
    assert "2 or 3 speakers" in app.warning[0].value
    assert app.get("bidi_component") and not app.error, "the separation stays on show"
    upload(app, "reference_files", ("b.wav", wav_file(mixture.references[1][:8000])))
    assert "b.wav lasts 1.00 s" in app.warning[0].value
    app.button(key="remove_reference_files_1").click().run()
    assert "2 or 3 speakers" in app.warning[0].value
    app.button(key="remove_reference_files_0").click().run()
    assert not app.warning and not app.error


def test_a_voice_too_few_gets_one_sentence(mixture):
    app = upload(start(sound="mix"), "voice_files", ("one.wav", wav_file(mixture.references[0])))
    assert len(app.error) == 1 and "voice" in app.error[0].value


def test_the_download_of_librispeech_without_internet_gets_one_sentence(monkeypatch):
    def refuse() -> None:
        raise examples.ExampleError("The LibriSpeech readers could not be downloaded.")

    monkeypatch.setattr(examples, "fetch_librispeech", refuse)
    app = start()
    offers = [button for button in app.button if "LibriSpeech" in button.label]
    if not offers:
        pytest.skip("the LibriSpeech readers are already on this machine")
    offers[0].click().run()
    assert "could not be downloaded" in app.error[0].value
    assert app.metric
