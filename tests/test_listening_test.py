"""The listening test as operator and listeners meet it, and a server killed in the middle of it."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import open_browser, open_server, start_server
from page_tools import open_page, wait_for, wait_until_settled
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from streamlit.testing.v1 import AppTest
from test_imported_tests import WEBMUSHRA

from analysis.listening import export, stimuli
from analysis.listening.headphones import QUESTIONS, headphone_questions
from analysis.listening.ratings import Store
from analysis.listening.trials import ABX, MOS, MUSHRA, Session, Stimulus, plan_training, plan_trials
from analysis.scores.comparison import compare_systems
from analysis.scores.metrics import pesq
from analysis.sounds.loudness import loudness
from pages.parts import folders
from pages.parts.listening_test import checks as listening_checks
from pages.parts.listening_test import own_sounds
from pages.parts.listening_test import setup as listening_setup
from pages.parts.listening_test import tests as listening_tests
from pages.parts.listening_test import trial as listening_trial
from pages.parts.player import PlayerState

ROOT = Path(__file__).parents[1]
RATE = 8000
SYSTEMS = ("Clean", "IRM", "Conv-TasNet")
APP = f"""
import streamlit as st

st.session_state.selection = (None, "", None)
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
    """The page alone, with what `app.py` leaves it: links need no sound and no model."""
    app = AppTest.from_file(str(ROOT / "pages" / "listening_test.py"), default_timeout=60)
    app.session_state["selection"] = (None, "", None)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def join(session: Session, nickname: str) -> AppTest:
    app = visit(test=session.id)
    app.text_input(key="listening_nickname").input(nickname)
    app.button[0].click()
    return app.run()


def begin(session: Session, nickname: str) -> AppTest:
    """Join and pass the level check."""
    return join(session, nickname).button(key="listening_level_right").click().run()


def texts(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.error, *app.success, *app.warning, *app.info]
    return "\n".join(part.value for part in parts)


class Ears(set):
    """What was heard, and where the faders stand."""

    def __init__(self, names) -> None:
        super().__init__(names)
        self.ratings: dict[str, int] = {}


@pytest.fixture
def ears(monkeypatch) -> set[str]:
    """Stands in for the browser's player: what it reports as heard, everything unless a test takes it out."""
    heard = Ears({"Reference", *"ABCDEFGX", "Sample"})

    def play(tracks, **_) -> PlayerState:
        ratings = tuple(heard.ratings.items())
        return PlayerState(heard=tuple(t.name for t in tracks if t.name in heard), ratings=ratings)

    monkeypatch.setattr(listening_trial, "player", play)
    monkeypatch.setattr(listening_checks, "player", play)
    monkeypatch.setattr(listening_trial, "QUICKEST", 0)
    return heard


def test_a_listener_joins_rates_goes_back_and_ends(store, session, ears):
    app = begin(session, "Ada")
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


def test_the_page_names_no_system_to_a_listener(store, session):
    """With the real player, whose data goes to the browser."""
    listener = store.join(session, "Ada")
    store.answer(session, listener, plan_trials(session, 0)[0], 3)
    app = visit(test=session.id, listener=listener.token)
    sent = "".join(str(getattr(node.proto, "json", "")) for node in app.main if hasattr(node, "proto")) + texts(app)
    assert "Reference" in sent and "Sample" in sent
    assert not any(system in sent for system in ("IRM", "Conv-TasNet", "Clean"))


def test_an_answer_within_a_key_press_of_the_last_is_refused_visibly(store, session, ears, monkeypatch):
    monkeypatch.setattr(listening_trial, "QUICKEST", 60)
    app = begin(session, "Ada")
    app.button(key="answer_0_4").click().run()
    assert store.answers(session) == []
    assert "was not stored. Please answer again" in texts(app)


@pytest.mark.parametrize("method, needed", [(MOS, ("Reference", "Sample")), (ABX, tuple("ABX"))])
def test_nothing_is_rated_before_it_was_played(store, ears, method, needed):
    systems = SYSTEMS if method == MOS else SYSTEMS[1:]
    session = store.create("x", method, systems, sounds(systems), seed=1)
    app = begin(session, "Ada")
    for name in needed:
        app.button(key="answer_0_1").click()  # and what was heard is gone before the click arrives
        ears.remove(name)
        app.run()
        assert app.button(key="answer_0_1").disabled
        assert f"Play {name} first" in texts(app)
        assert store.answers(session) == []
        ears.add(name)
        app.run()
    assert not app.button(key="answer_0_1").disabled
    app.button(key="answer_0_1").click().run()
    assert [a.value for a in store.answers(session)] == [1]


def test_the_level_comes_first_and_must_be_heard(store, session, ears):
    ears.clear()
    app = join(session, "Ada")
    assert "set your volume" in texts(app) and app.button(key="listening_level_right").disabled
    ears.update({"Sample", "Reference"})
    app.run()
    app.button(key="listening_level_right").click().run()
    assert app.get("progress")[0].proto.text == "Question 1 of 6"


def test_training_comes_before_the_test_and_does_not_count(store, ears):
    session = store.create("x", ABX, SYSTEMS[1:], sounds(SYSTEMS[1:]), seed=1, training=2)
    app = begin(session, "Ada")
    assert "Training 1 of 2" in app.get("progress")[0].proto.text
    trials = plan_training(session, 0)
    right = trials[0].systems.index(trials[0].systems[2])
    app.button(key=f"training_0_{right}").click().run()
    assert "That was right: X was " + "AB"[right] in texts(app)
    wrong = 1 - trials[1].systems.index(trials[1].systems[2])
    app.button(key=f"training_1_{wrong}").click().run()
    assert store.answers(session) == []
    assert app.get("progress")[0].proto.text == "Question 1 of 2"


@pytest.mark.parametrize("wrong", [0, 2])
def test_headphones_are_checked_and_the_operator_sees_it(store, ears, monkeypatch, wrong):
    monkeypatch.setattr(listening_checks.secrets, "randbelow", lambda _: 7)
    session = store.create("x", MOS, SYSTEMS, sounds(), seed=1, headphones=True)
    app = begin(session, "Ada")
    for number, question in enumerate(headphone_questions(7)):
        assert "faint tone" in texts(app)
        answer = question.answer if number >= wrong else question.answer % 3 + 1
        app.button(key=f"headphones_{number}_{answer}").click().run()
    assert (f"{QUESTIONS - wrong} of {QUESTIONS} answers were right" in texts(app)) == bool(wrong)
    app.button(key="headphones_go_on").click().run()
    assert app.get("progress")[0].proto.text == "Question 1 of 6"
    assert store.listeners(session)[0].headphones == QUESTIONS - wrong
    shown = texts(visit(operator=session.operator))
    assert ("Ada (4 of 6 right)" in shown) == bool(wrong)


def test_mushra_rates_all_on_one_page_and_reports_as_the_field_does(store, ears):
    systems = ("Clean", "Low-pass", "IRM", "Conv-TasNet")
    session = store.create("x", MUSHRA, systems, sounds(systems), seed=3)
    scores = {"Clean": 100, "Low-pass": 30, "IRM": 60, "Conv-TasNet": 80}
    for nickname, missed in (("Ada", 0), ("Bob", 0), ("Eve", 50)):
        app = begin(session, nickname)
        for number, trial in enumerate(plan_trials(session, len(store.listeners(session)) - 1)):
            letters = dict(zip("ABCD", trial.systems, strict=True))
            ears.ratings = {}
            assert "Move the fader of A, B, C and D." in texts(app.run())
            ears.ratings = {letter: scores[system] for letter, system in letters.items()}
            ears.remove("C")
            assert app.run().button(key=f"answer_{number}_next").disabled
            ears.add("C")
            if missed:  # the reference is taken for another
                worse = {"Clean": 100 - missed, "IRM": 100}
                ears.ratings |= {letter: worse[system] for letter, system in letters.items() if system in worse}
            else:
                ears.ratings |= {letter: 99 for letter, system in letters.items() if system == "Clean"}
                app.run()
                assert "Give 100 to at least one" in texts(app) and app.button(key=f"answer_{number}_next").disabled
                ears.ratings |= {letter: 100 for letter, system in letters.items() if system == "Clean"}
            assert not app.run().button(key=f"answer_{number}_next").disabled
            app.button(key=f"answer_{number}_next").click().run()
            assert not app.exception
        assert "All your 2 answers are stored" in texts(app)
    app = visit(operator=session.operator)
    assert not app.exception
    assert "Eve" in app.toggle(key="listening_screen").label  # who missed the hidden reference
    table = app.dataframe[0].value.set_index("System")
    assert table.loc["Clean", "Mean"] == "100.0" and table.loc["IRM", "Median"] == "60.0"
    assert table.loc["Clean", "Ratings"] == 4
    app.toggle(key="listening_screen").set_value(False).run()
    assert app.dataframe[0].value.set_index("System").loc["Clean", "Mean"] == "83.3"
    rows = export.long_form(store, session)
    assert {*rows} >= {"test", "stimulus", "condition", "score", "listener", "seconds", "headphones_right", "device"}
    first = store.answers(session)[0]
    assert rows["condition"][:4] == list(first.systems) and rows["score"][:4] == list(first.value)
    assert all(0 < seconds < 600 for seconds in rows["seconds"])
    theirs = export.webmushra_form(store, session)
    assert list(theirs)[:2] == ["session_test_id", "name"] and theirs["rating_score"] == rows["score"]


def test_what_a_test_can_show_is_said_before_it_is_set_up():
    reach = listening_setup.reach
    assert "p = 0.062 at best: no listener alone can reach p < 0.05" in reach(ABX, 4, 2, 1, 8)
    assert "answers 8 times: p = 0.0039 at best, 7 must be right" in reach(ABX, 4, 2, 2, 8)
    assert "answers 12 times" in reach(MOS, 4, 3, 1, 8) and "rank test over utterances gives p = 0.12" in reach(
        MOS, 4, 3, 1, 8
    )
    assert "too few for p < 0.05" in reach(MUSHRA, 6, 3, 1, 5) and "answers 6 times" in reach(MUSHRA, 6, 3, 1, 5)
    assert "nothing can be said of others" in reach(MOS, 6, 3, 1, 1)


def test_an_operator_s_tests_are_listed(store):
    first = store.create("The first", MOS, SYSTEMS, sounds(), seed=5)
    store.create("The second", ABX, SYSTEMS[1:], sounds(SYSTEMS[1:]), seed=5, owner=first.owner)
    store.create("Somebody else's", MOS, SYSTEMS, sounds(), seed=5)
    app = visit(operator=first.operator)
    shown = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    shown.query_params["owner"] = first.owner
    shown.switch_page("pages/listening_test.py").run()
    assert not shown.exception
    assert [b.label for b in shown.button if b.key and b.key.startswith("own_")] == ["The second", "The first"]
    assert app.button(key="listening_all").label == "All your tests"
    assert [s.title for s in store.owned(first.owner)] == ["The second", "The first"]
    assert store.owned("") == [] == store.owned("nobody")


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
    assert "does not exist" not in texts(visit(operator=session.operator))
    assert not visit(operator=session.operator).exception


def test_one_role_s_link_opens_no_other_s_view(store, session):
    """A listener changes one word of the link: no results, and nothing to delete."""
    listener = store.join(session, "Ada")
    for key in (session.id, listener.token, session.owner):
        app = visit(operator=key)
        assert "does not exist" in texts(app) and not [one for one in app.button if one.key == "listening_delete"]
    for key in (session.operator, session.owner, listener.token):
        assert "does not exist" in texts(visit(test=key))
    assert store.session(session.id) == session


def test_a_made_up_owner_is_nobody(store, monkeypatch):
    """A link with an owner's key that somebody has thought of does not collect the tests of who opens it."""
    from pages.parts.listening_test import tests

    class State(dict):
        __setattr__ = dict.__setitem__

    class Page:
        query_params, session_state = {"owner": "guessed"}, State()

    monkeypatch.setattr(tests, "st", Page)
    mine = tests.owner()
    assert mine != "guessed" and len(mine) >= 22 and tests.owner() == mine
    known = store.create("Known", MOS, SYSTEMS, sounds(), seed=5)
    Page.query_params = {"owner": known.owner}
    assert tests.owner() == known.owner


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
    assert differences.loc["Clean − IRM", "Listeners"] == 2 and differences.loc["Clean − IRM", "Utterances"] == 2
    app.segmented_control(key="listening_unit").set_value("rating").run()
    assert app.dataframe[1].value.set_index("Difference").loc["Clean − IRM", "Pairs"] == 4
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
    assert app.dataframe[0].value.loc[0, "95 % interval"] == "–"  # one listener says nothing of others
    assert "no listener hears anything in any utterance" in texts(app)


def test_results_without_answers(session):
    app = visit(operator=session.operator)
    assert not app.exception and not app.dataframe


def test_an_operator_sets_up_a_test_and_deletes_it(store):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.run().switch_page("pages/listening_test.py").run()
    assert not app.exception
    chosen = app.multiselect(key="listening_examples")
    chosen.set_value(chosen.value[:1])
    titles = []
    for method in (ABX, MUSHRA, MOS):
        app.segmented_control(key="listening_method").set_value(method).run()
        titles.append(next(one for one in app.text_input if one.key.startswith(f"listening_title_{method}")).value)
        assert "Each listener answers" in texts(app)
    assert len(set(titles)) == 3
    app.multiselect(key="listening_systems_MOS").set_value(["Clean", "IRM", "Conv-TasNet", "Mixture"])
    next(b for b in app.button if b.label == "Set up").click().run()
    assert not app.exception
    key = app.query_params["operator"]
    session = store.operated(key if isinstance(key, str) else key[0])
    assert session.systems == ("Clean", "IRM", "Conv-TasNet", "Mixture")
    assert (session.training, session.repetitions, session.headphones) == (3, 1, True)
    assert len(session.utterances) == 2
    assert len(store.pesq(session)) == 8
    app.button(key="listening_delete").click().run()
    assert not app.exception
    assert "operator" not in app.query_params
    assert "does not exist" in texts(visit(test=session.id))


def test_webmushra_s_example_is_set_up_where_it_lies(store, tmp_path, monkeypatch):
    monkeypatch.setenv(folders.SETTING, str(tmp_path))
    monkeypatch.setattr(own_sounds, "read_within_budget", lambda read, content: read(content))  # without a process
    audio = tmp_path / "webMUSHRA" / "configs" / "resources" / "audio"
    audio.mkdir(parents=True)
    for seed, name in enumerate(("ref", "c1", "c2", "c3")):
        (audio / f"mono_{name}.wav").write_bytes(wav(seed))
    (audio.parents[1] / "default.yaml").write_text(WEBMUSHRA)
    app = open_page("pages/listening_test.py", model="convtasnet_small_gln_2spk_8k")
    app.segmented_control(key="listening_source").set_value("Your own sounds").run()
    app.text_input(key="listening_folder").set_value("webMUSHRA").run()
    assert not app.error and "The mid anchor at 7 kHz is left out" in texts(app)
    next(one for one in app.button if one.label == "Set up").click().run()
    assert not app.exception and not app.error
    key = app.query_params["operator"]
    session = store.operated(key if isinstance(key, str) else key[0])
    assert session.method == MUSHRA and session.systems == ("Clean", "C1", "C2", "C3", "Low-pass")


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
def test_a_test_is_played_rated_and_survives_a_killed_server(store, session, tmp_path):
    """By keys in a browser; kill -9 the server, start another on its port: the open page goes on where it was."""
    (tmp_path / "app.py").write_text(APP)
    listener = store.join(session, "Ada")

    with open_browser(tmp_path / "profile") as browser:

        def shown(text: str) -> bool:
            return text in browser.find_element(By.TAG_NAME, "body").text

        def enabled(label: str) -> bool:
            return browser.execute_script(
                "const one = [...document.querySelectorAll('button')].find(b => b.innerText.includes(arguments[0]));"
                "return one && !one.disabled",
                label,
            )

        def hear_until(label: str) -> None:
            """Play what was not heard yet until the button `label` can be pressed."""
            play = (
                "const root = [...document.querySelectorAll('.tasnet-player')].pop();"
                "if (root?.dataset.state !== 'ready') return;"
                "const row = [...root.querySelectorAll('.tp-track')].find(r => !r.classList.contains('tp-heard'));"
                "if (row && !row.classList.contains('tp-active')) row.querySelector('.tp-name').click();"
                "if (row && !root.classList.contains('tp-playing')) root.querySelector('[data-do=play]').click();"
            )
            wait_for(lambda: browser.execute_script(play) or enabled(label), f"{label} stays closed")

        def rate(number: int, value: int) -> None:
            wait_for(lambda: shown(f"Question {number} of 6"), f"question {number} does not come")
            wait_until_settled(browser)  # till then the buttons are those of the question before
            hear_until("Excellent")
            time.sleep(listening_trial.QUICKEST)  # the rule that is tested elsewhere
            ActionChains(browser).send_keys(str(value)).perform()

        server, address = start_server(tmp_path / "app.py", tmp_path / "log")
        try:
            browser.get(f"{address}?test={session.id}&listener={listener.token}")
            wait_for(lambda: shown("set your volume"), "the level check does not come")
            assert not enabled("The level is right")
            hear_until("The level is right")
            browser.execute_script(
                "[...document.querySelectorAll('button')].find(b => b.innerText.includes('The level')).click()"
            )
            rate(1, 4)
            rate(2, 2)
            wait_for(lambda: shown("Question 3 of 6"), "question 3 does not come")
            wait_until_settled(browser)
            hear_until("Excellent")
        finally:
            server.kill()
            server.wait()
        wait_for(lambda: shown("Connection lost"), "nothing says that the server is gone")
        assert [a.value for a in store.answers(session)] == [4, 2]
        with open_server(tmp_path / "app.py", tmp_path / "log", port=int(address.split(":")[-1])):
            wait_for(lambda: not shown("Connection lost"), "the page does not find the server again")
            stored = lambda: len(store.answers(session)) >= 3  # noqa: E731

            def answered() -> bool:
                """In the page that was open all the time.

                To a server that has just come back an answer may come at once with the question, and too soon, or while
                the buttons close again because this server has not heard yet what was played; and where it takes long,
                the second one is that of the next question.
                """
                if shown("Question 3 of 6"):
                    rate(3, 1)
                until = time.monotonic() + 30
                while not stored() and time.monotonic() < until:
                    time.sleep(0.1)
                return stored()

            wait_for(answered, "an answer after the return is lost")
            wait_for(lambda: shown("Question 4 of 6") or shown("Question 5 of 6"), "the next question does not come")
    values = [a.value for a in store.answers(session)]
    assert values in ([4, 2, 1], [4, 2, 1, 1])
