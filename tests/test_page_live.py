"""The page Live: a live run gives the offline voices, and the time per frame is measured here."""

import base64

import numpy as np
import pytest
import soundfile
import torch
from page_tools import open_page, texts, wait_for, wait_until_settled, wav_file
from selenium.webdriver.common.by import By
from streamlit.testing.v1 import AppTest
from test_model import tiny

from analysis.network import speed
from analysis.network.live import LiveRun
from analysis.sounds import examples
from tasnet.audio import resample

PAGE = "pages/live.py"
CAUSAL, NONCAUSAL = "convtasnet_small_cln_2spk_8k", "convtasnet_small_gln_2spk_8k"
EXAMPLE = next(e.id for e in examples.available_examples() if e.tier == "bundled" and len(e.voices) == 2)


def test_a_live_run_gives_the_offline_voices_at_their_level():
    model = tiny(norm="cLN", causal=True)
    mixture = np.random.default_rng(0).standard_normal(3001).astype(np.float32)
    run = LiveRun(model, mixture, packet=100).start()
    wait_for(lambda: not run.running, "the end of the run")
    assert (run.finished, run.samples, run.stopped) == (31, 3001, False)
    with torch.no_grad():
        offline = model(torch.from_numpy(mixture)[None])[0].numpy()
    for found, expected in zip(run.sources[:, 1000:], offline[:, 1000:], strict=True):
        assert abs(np.corrcoef(found, expected)[0, 1]) > 0.99  # but for the level, which glides
    assert (run.milliseconds > 0).all() and (run.delays >= run.milliseconds).all()
    assert run.late == (run.delays > 12.5).sum()


def test_a_live_run_can_be_stopped():
    run = LiveRun(tiny(norm="cLN", causal=True), np.ones(800_000, np.float32), packet=100).start()
    assert run.running
    run.stop()
    assert not run.running and run.stopped


def test_a_model_that_is_not_causal_is_not_played_and_another_is_offered():
    app = open_page(PAGE, example=EXAMPLE, model=NONCAUSAL)
    assert "Only a causal" in texts(app) and "the paper" in str(app.dataframe[0].value["Network"].tolist())
    app.button(key=f"use_{CAUSAL}").click().run()
    assert not app.exception and app.selectbox(key="model").value == CAUSAL
    assert "Only a causal" not in texts(app) and "5 ms" in texts(app)


def test_an_example_plays_live_and_stops():
    app = open_page(PAGE, example=EXAMPLE, model=CAUSAL)
    app.button(key="live_start").click().run()
    assert not app.exception and not app.error
    _, run = app.session_state["live"]
    wait_for(lambda: run.running and run.finished > 10, "the first packets")
    assert np.abs(run.sources[:, : run.samples]).max() > 0
    app.button(key="live_stop").click().run()
    assert not app.exception and run.stopped and not run.running


def test_the_time_per_frame_is_measured_here(monkeypatch):
    monkeypatch.setattr(speed, "ROUNDS", 1)
    monkeypatch.setattr(speed, "PUSHES", {"frame": 3, "packet": 3})
    monkeypatch.setattr(speed, "PAPER_NETWORKS", {})
    app = open_page(PAGE, example=EXAMPLE, model=CAUSAL)
    app.button(key="measure_speed").click().run()
    assert not app.exception and not app.error
    table = app.dataframe[0].value
    here = table[table["Network"] == CAUSAL]
    assert len(here) >= 3 and (here["Median (ms)"] > 0).all() and (here["Hop (ms)"] == 2.5).all()
    assert (here["99 % (ms)"] >= here["Median (ms)"]).all()
    assert 0.4 in table["Median (ms)"].tolist()  # the paper's


def test_the_last_minute_becomes_the_sound_of_all_pages():
    """What the live view sends, a WAV file as text, is taken as a recording; nothing else is."""
    sent = base64.b64encode(wav_file(0.1 * np.random.default_rng(0).standard_normal(4000).astype(np.float32))).decode()

    def page(sent):
        import streamlit as st

        from pages.parts import sound_inputs, talk, uploads

        st.session_state.heard = {"taken": sent}
        talk._take("heard")
        kept = uploads.current()
        st.session_state.kept = kept and kept.files.get(sound_inputs.RECORDING)

    app = AppTest.from_function(page, args=(sent,), default_timeout=60).run()
    assert not app.exception and app.session_state["sound"] == "record"
    assert [name for name, _ in app.session_state["kept"]] == ["The last minute"]
    app = AppTest.from_function(page, args=(None,), default_timeout=60).run()
    assert not app.exception and "sound" not in app.session_state


@pytest.mark.browser
def test_in_a_browser_the_voices_grow_and_can_be_switched_while_they_play(app_address, browser, tmp_path):
    sound = examples.mix_example(EXAMPLE, 0.0)
    long = np.tile(sound.mixture, 1 + 110 * sound.rate // len(sound.mixture))  # longer than a slow machine needs here
    soundfile.write(tmp_path / "long.wav", long, sound.rate, subtype="FLOAT")
    browser.get(f"{app_address}/live?sound=upload&model={CAUSAL}")
    door = '[data-testid="stMain"] input[type="file"]'
    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, door), "the page")[0].send_keys(str(tmp_path / "long.wav"))

    def press(name):
        button = f"document.querySelector('.st-key-live_{name} button')"
        wait_for(lambda: browser.execute_script(f"const one = {button}; if (one) one.click(); return !!one;"), name)

    def live(expression):
        return browser.execute_script(
            f"const live = document.querySelector('.tasnet-live')?.live; return live?.data && ({expression});"
        )

    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, ".st-key-live_start button"), "the sound")
    wait_until_settled(browser)
    press("start")
    first = wait_for(lambda: live("live.have > 0 && live.have"), "the first packets")
    wait_for(lambda: live(f"live.have > {first} && live.have"), "more of them")
    wait_for(lambda: live("live.data.running && live.context.state === 'running'"), "the sound while more is to come")
    live("live.root.dataset.whose = 'the first'")  # the end of the run makes no other player
    live("live.signals.forEach(one => one.fill(0, 0, live.have))")  # as if a busy browser had missed it
    tracks = "[...document.querySelectorAll('.tl-track')]"  # found anew each time, whatever the page draws meanwhile
    browser.execute_script(f"{tracks}[2].click()")
    heard = f"return {tracks}.map((track) => track.getAttribute('aria-checked'))"
    wait_for(lambda: browser.execute_script(heard) == ["false", "false", "true"], "the choice to be shown")
    gains = "JSON.stringify(live.gains.map(one => Math.round(one.gain.value)))"
    wait_for(lambda: live(gains) == "[0,0,1]", "the second voice to be heard")
    press("stop")
    wait_for(lambda: live("!live.data.running"), "the end of the sound")
    wait_until_settled(browser)
    assert live("live.root.dataset.whose") == "the first"
    assert browser.execute_script(heard) == ["false", "false", "true"]
    have = live("live.have")
    expected, shown = resample(long, sound.rate, 8000), np.array(live("[...live.signals[0].subarray(0, live.have)]"))
    assert first < have == len(shown) < live("live.data.total")
    assert np.corrcoef(shown, expected[:have])[0, 1] > 0.999  # but for what lies below speech, which glides
    assert have // 64 <= live("live.times.filter(one => one > 0).length") <= have // 64 + 1
    assert all(live("live.signals.slice(1).map(one => one.some(value => Math.abs(value) > 1e-3))"))
