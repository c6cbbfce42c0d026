"""The listening test as operator and listeners meet it, and a server killed in the middle of it."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import open_browser, start_server
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from streamlit.testing.v1 import AppTest

from analysis.listening import stimuli
from analysis.listening.ratings import ABX, MOS, Session, Stimulus, Store, plan_trials
from analysis.scores.comparison import compare_systems
from analysis.scores.metrics import pesq
from analysis.sounds.loudness import loudness
from pages.parts.listening_test import tests as listening_tests
from pages.parts.listening_test import trial as listening_trial

ROOT = Path(__file__).parents[1]
RATE = 8000
SYSTEMS = ("Clean", "IRM", "Conv-TasNet")
APP = f"""
import streamlit as st

st.navigation([st.Page({str(ROOT / "pages" / "listening_test.py")!r}, title="Listening test")]).run()
"""


def wav(seed: int) -> bytes:
    file = io.BytesIO()
    samples = 0.1 * np.random.default_rng(seed).standard_normal(RATE)
    soundfile.write(file, samples, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def sounds(systems=SYSTEMS, utterances: int = 2) -> list[Stimulus]:
    every = [(u, system) for u in range(utterances) for system in systems]
    return [Stimulus(u, s, f"utterance {u}", wav(i), 2.0 + 0.1 * i) for i, (u, s) in enumerate(every)]


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    """A store of this test's own, which the page opens too."""
    path = tmp_path / "tests.sqlite3"
    monkeypatch.setenv(listening_tests.SETTING, str(path))
    listening_tests.store.clear()
    yield Store(path)
    listening_tests.store.clear()


@pytest.fixture
def session(store) -> Session:
    return store.create("A test", MOS, SYSTEMS, sounds(), seed=5)


def visit(**query) -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "listening_test.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def join(session: Session, nickname: str) -> AppTest:
    app = visit(test=session.id)
    app.text_input(key="listening_nickname").input(nickname)
    app.button[0].click()
    return app.run()


def texts(app: AppTest) -> str:
    return "\n".join(part.value for part in [*app.markdown, *app.caption, *app.error, *app.success])


def test_a_listener_joins_rates_goes_back_and_ends(store, session, monkeypatch):
    monkeypatch.setattr(listening_trial, "QUICKEST", 0)
    app = join(session, "Ada")
    assert not app.exception
    (listener,) = store.listeners(session)
    assert listener.token in app.query_params["listener"]
    app.button(key="answer_0_4").click().run()
    app.button(key="answer_1_2").click().run()
    assert [a.value for a in store.answers(session)] == [4, 2]
    next(b for b in app.button if b.label == "Back").click().run()
    app.button(key="answer_1_3").click().run()
    assert [a.value for a in store.answers(session)] == [4, 3]
    for number in range(2, 6):
        app.button(key=f"answer_{number}_5").click().run()
    assert "Thank you, Ada. All your 6 answers are stored" in texts(app)
    assert [(a.utterance, a.systems) for a in store.answers(session)] == [
        (t.utterance, t.systems) for t in plan_trials(session, listener.number)
    ]


def test_the_page_names_no_system_to_a_listener(session):
    app = join(session, "Ada")
    sent = "".join(str(getattr(node.proto, "json", "")) for node in app.main if hasattr(node, "proto")) + texts(app)
    assert "Reference" in sent and "Sample" in sent
    assert not any(system in sent for system in ("IRM", "Conv-TasNet", "Clean"))


def test_an_answer_within_a_key_press_of_the_last_does_not_count(store, session, monkeypatch):
    monkeypatch.setattr(listening_trial, "QUICKEST", 60)
    app = join(session, "Ada")
    app.button(key="answer_0_4").click().run()
    assert store.answers(session) == []


def test_a_listener_goes_on_by_link(store, session):
    listener = store.join(session, "Ada")
    for trial in plan_trials(session, listener.number)[:4]:
        store.answer(session, listener, trial, 3)
    app = visit(test=session.id, listener=listener.token)
    assert app.get("progress")[0].proto.text == "Question 5 of 6"


def test_taken_nicknames_and_wrong_links_are_explained(store, session):
    join(session, "Ada")
    assert "nickname already" in texts(join(session, "Ada"))
    assert "does not exist" in texts(visit(test="nothing"))
    assert "does not exist" in texts(visit(operator="nothing"))
    assert "Nobody takes part" in texts(visit(test=session.id, listener="nobody"))
    other = store.create("Another", MOS, SYSTEMS, sounds(), seed=5)
    token = store.listeners(session)[0].token
    assert "another listening test" in texts(visit(test=other.id, listener=token))
    # A listener's link does not open the results.
    assert "does not exist" not in texts(visit(operator=session.operator))
    assert not visit(operator=session.operator).exception


def rate(store: Store, session: Session, nickname: str, scores: dict[str, int]) -> None:
    listener = store.join(session, nickname)
    for trial in plan_trials(session, listener.number):
        store.answer(session, listener, trial, scores[trial.systems[0]])


def test_results_show_means_tests_and_the_papers_table(store, session):
    rate(store, session, "Ada", {"Clean": 5, "IRM": 3, "Conv-TasNet": 4})
    rate(store, session, "Bob", {"Clean": 4, "IRM": 2, "Conv-TasNet": 4})
    app = visit(operator=session.operator)
    assert not app.exception
    table = app.dataframe[0].value.set_index("System")
    assert table.loc["IRM", "MOS"] == "2.50" and table.loc["IRM", "Paper: MOS"] == "3.51"
    assert table.loc["Clean", "Ratings"] == 4
    differences = app.dataframe[1].value.set_index("Difference")
    assert differences.loc["IRM − Conv-TasNet", "Mean"] == "−1.50"
    assert differences.loc["Clean − IRM", "Pairs"] == 4
    assert [metric.value for metric in app.metric] == ["2", "2", "12"]
    assert session.id in app.code[0].value


def test_results_of_abx(store):
    session = store.create("x", ABX, SYSTEMS[1:], sounds(SYSTEMS[1:], 6), seed=1)
    listener = store.join(session, "Ada")
    for trial in plan_trials(session, listener.number):
        store.answer(session, listener, trial, trial.systems.index(trial.systems[2]))
    app = visit(operator=session.operator)
    assert not app.exception
    assert app.dataframe[0].value.loc[0, "Correct"] == "6 of 6"
    assert app.dataframe[0].value.loc[0, "p (guessing)"] == "0.016"


def test_results_without_answers(session):
    app = visit(operator=session.operator)
    assert not app.exception and not app.dataframe


def test_an_operator_sets_up_a_test_and_deletes_it(store):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.run().switch_page("pages/listening_test.py").run()
    assert not app.exception
    chosen = app.multiselect(key="listening_examples")
    chosen.set_value(chosen.value[:1])
    app.multiselect(key="listening_systems_MOS").set_value(["Clean", "IRM", "Conv-TasNet", "Mixture"])
    next(b for b in app.button if b.label == "Set up").click().run()
    assert not app.exception
    key = app.query_params["operator"]
    session = store.session(key if isinstance(key, str) else key[0])
    assert session.systems == ("Clean", "IRM", "Conv-TasNet", "Mixture")
    assert len(session.utterances) == 2
    assert len(store.pesq(session)) == 8
    app.button(key="listening_delete").click().run()
    assert not app.exception
    assert "operator" not in app.query_params
    assert "does not exist" in texts(visit(test=session.id))


def test_stimuli_are_the_systems_sounds_at_one_loudness():
    from analysis.sounds import examples

    bundled = next(e.id for e in examples.available_examples() if e.tier == "bundled" and len(e.voices) == 2)
    sound = examples.mix_example(bundled)
    found = compare_systems(sound, sound.references[::-1] * 0.3)
    made = stimuli.stimuli(stimuli.versions(found, "x", stimuli.STIMULUS_SYSTEMS))
    assert len(made) == 2 * len(stimuli.STIMULUS_SYSTEMS)
    decoded = {(s.utterance, s.system): soundfile.read(io.BytesIO(s.wav))[0] for s in made}
    assert np.ptp([loudness(x, sound.rate) for x in decoded.values()]) < 0.01
    assert max(np.abs(x).max() for x in decoded.values()) < 0.985
    quality = {(s.utterance, s.system): s.pesq for s in made}
    for speaker, clean in enumerate(sound.references):
        for system, samples in (("Clean", clean), ("Mixture", sound.mixture), ("Conv-TasNet", clean)):
            version = decoded[speaker, system]
            assert np.corrcoef(version, samples)[0, 1] > 0.9999
        assert quality[speaker, "Mixture"] == pesq(clean, sound.mixture, sound.rate)
        assert quality[speaker, "Clean"] > 4.5


@pytest.mark.browser
def test_ratings_survive_a_killed_server(store, session, tmp_path):
    """Rate by keys in a browser, kill -9 the server, start another: the listener goes on where they were."""
    (tmp_path / "app.py").write_text(APP)
    listener = store.join(session, "Ada")
    link = f"?test={session.id}&listener={listener.token}"

    def question(browser, number: int) -> None:
        until = time.monotonic() + 40
        while f"Question {number} of 6" not in browser.find_element(By.TAG_NAME, "body").text:
            assert time.monotonic() < until, f"question {number} does not come"
            time.sleep(0.05)
        state = "return document.querySelector('.tasnet-player')?.dataset.state"
        while browser.execute_script(state) != "ready":
            time.sleep(0.05)
        time.sleep(listening_trial.QUICKEST + 0.1)

    with open_browser(tmp_path / "profile") as browser:
        server, address = start_server(tmp_path / "app.py", tmp_path / "log")
        try:
            browser.get(address + link)
            for number, value in enumerate((4, 2, 5), start=1):
                question(browser, number)
                ActionChains(browser).send_keys(str(value)).perform()
            question(browser, 4)
        finally:
            server.kill()
            server.wait()
        assert [a.value for a in store.answers(session)] == [4, 2, 5]
        server, address = start_server(tmp_path / "app.py", tmp_path / "log")
        try:
            browser.get(address + link)
            question(browser, 4)
            ActionChains(browser).send_keys("1").perform()
            question(browser, 5)
        finally:
            server.terminate()
            server.wait()
    assert [a.value for a in store.answers(session)] == [4, 2, 5, 1]
