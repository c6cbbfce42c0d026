"""The page `start_point`: the start of one sound and of a set, the limits, bad input."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from page_tools import open_page, texts, upload, wait_for, wav_file
from streamlit.testing.v1 import AppTest

from analysis.computing import first_model
from analysis.conditions.everyday import CONDITIONS
from analysis.conditions.table import ConditionRow
from analysis.sounds.examples import available_examples, mix_example
from analysis.start_point import pauses, sets, shifts
from analysis.start_point.probe_set import ProbeHeader, ProbeResults
from pages.parts import folders, jobs, models
from pages.parts.start_point import conditions, probe
from tasnet import checkpoint

PAGE = "pages/start_point.py"
EXAMPLE = next(example.id for example in available_examples() if example.tier == "bundled" and len(example.voices) == 2)
THREE = next(example.id for example in available_examples() if len(example.voices) == 3)
BUNDLED = checkpoint.bundled()
MODELS = [first_model(), next(name for name in BUNDLED if checkpoint.describe(BUNDLED[name])[0].causal)]
TITLES = list(models.plain_titles(MODELS).values())


@pytest.fixture(autouse=True)
def few_values(monkeypatch, tmp_path):
    """What takes seconds for all values shows the same with three of them."""
    monkeypatch.setenv(folders.SETTING, str(tmp_path))
    monkeypatch.setattr(sets, "FOLDER", Path("results"))
    for name, steps in shifts.RANGES.items():
        monkeypatch.setitem(shifts.RANGES, name, steps[:3])
    monkeypatch.setattr(pauses, "SECONDS", pauses.SECONDS[1:3])


def start(view: str, **query: str) -> AppTest:
    app = open_page(PAGE, **{"example": EXAMPLE, "start_view": view, **query})
    assert not app.error
    return app


def test_causal_and_non_causal_stand_side_by_side_and_the_missing_lstm_is_explained():
    app = start("This sound")
    assert set(app.multiselect(key="start_models").value) == set(MODELS[:2])
    said = texts(app)
    assert all(f"**{title}**: SDRi" in said for title in TITLES[:2]) and "standard deviation" in said
    assert "python -m tasnet.train lstm" in said
    assert len(app.get("plotly_chart")) == 1
    found = app.session_state["handout"]
    assert found.said["starts"] and "start_curves" in found.pictures
    assert any("handout" in button.proto.id for button in app.get("download_button"))
    app.segmented_control(key="start_range").set_value("every 101st").run()
    assert not app.exception and not app.error
    app.multiselect(key="start_models").set_value(MODELS[:1]).run()
    assert not app.exception and f"**{TITLES[1]}**" not in texts(app)


@pytest.mark.parametrize("names", [MODELS, TITLES])
def test_a_link_names_models_by_title_or_by_name(names):
    assert start("Pauses", start_models=names[1]).multiselect(key="start_models").value == [MODELS[1]]


def test_pauses_have_their_curves():
    app = start("Pauses", start_models=MODELS[0])
    assert "swapped after 0 of 2 pauses" in texts(app) and len(app.get("plotly_chart")) == 1
    app.toggle(key="start_examples").set_value(True).run()
    assert not app.exception and len(app.get("plotly_chart")) == 1


def test_conditions_are_a_table_whose_rows_can_be_heard():
    app = start("Noise", start_models=MODELS[0])  # as earlier links call them
    assert app.segmented_control(key="start_view").value == "Conditions"
    table = app.dataframe[0].value
    assert set(table["Condition"]) == {one.title for one in CONDITIONS.values()} and "clearly lower" in texts(app)
    app.selectbox(key="condition_name").set_value("pink").run()
    app.select_slider(key="probe_value_pink").set_value(-5).run()
    assert not app.exception and "from the sound as it is to −5 dB" in texts(app)
    pictures = len(app.get("plotly_chart"))
    app.toggle(key="start_guesses").set_value(True).run()
    assert not app.exception and len(app.get("plotly_chart")) == pictures + 1
    *kinds, whole = app.dataframe[-1].value["Outputs"]
    assert whole == sum(kinds)


def test_a_row_of_the_table_turns_the_sound(monkeypatch):
    monkeypatch.setattr(conditions.st, "session_state", {})
    none = dict.fromkeys(MODELS[:1])
    conditions._turn(ConditionRow("room", 0.4, none, none, None))
    assert conditions.st.session_state == {"condition_name": "room", "probe_value_room": 0.4}


def test_other_models_results_are_not_taken_for_those_of_the_chosen_ones(monkeypatch):
    said = []
    monkeypatch.setattr(probe, "caption", said.append)

    def measured(of: str, mixtures: str) -> ProbeResults:
        scores = {"room": np.array([[ord(name)] for name in mixtures], float)}
        header = ProbeHeader("m", "w", of, 9, 4.0, {"room": (0.0,)})
        return ProbeResults(header, scores, scores, ((),) * len(mixtures), tuple(mixtures))

    known = {"a": measured("two", "pqr"), "b": measured("two", "rq"), "other": measured("three", "pq")}

    def shown(models: list[str]) -> dict[str, tuple[str, ...]]:
        found = probe.chosen_or_all(known, models)
        assert all(of.network["room"].ravel().tolist() == [*map(ord, of.mixtures)] for of in found.values())
        return {model: of.mixtures for model, of in found.items()}

    assert shown(["b", "c"]) == {"b": ("r", "q")} and not said
    assert shown(["other", "a"]) == {"other": ("p", "q")} and not said  # of one set
    assert probe.chosen_or_all({}, ["c"]) == {} and not said
    assert shown(["c"]) == {"a": ("q", "r"), "b": ("r", "q")} and "have not been measured" in said[0]


@pytest.mark.usefixtures("jobs_here")
def test_a_set_is_measured_and_drawn(tmp_path, monkeypatch):
    monkeypatch.setenv(folders.SETTING, str(tmp_path))
    sound = mix_example(EXAMPLE)
    for part, reference in zip(("s1", "s2"), sound.references, strict=True):
        (tmp_path / "voices" / part).mkdir(parents=True)
        for number in range(2):
            soundfile.write(tmp_path / "voices" / part / f"{number}.wav", reference[4000 * number :][:6400], 8000)
    app = start("A test set")
    assert "No set has been measured yet." in texts(app)
    app.text_input(key="start_folder").set_value(str(tmp_path / "voices"))
    app.button[0].click().run()
    wait_for(lambda: not jobs.server_jobs().active)
    app.run()
    assert not app.exception and not app.error
    assert texts(app).count("over 2 mixtures") == 2 and len(app.get("plotly_chart")) == 1
    assert start("A test set").selectbox(key="start_set").value == "voices"


@pytest.mark.parametrize(
    ("folder", "said"),
    [("", "Name the folder"), ("no/such/folder", "There is nothing at"), ("/no/such", "not lie below")],
)
def test_a_folder_that_cannot_be_used_gets_one_sentence(folder, said):
    app = start("A test set", start_models=MODELS[0])
    app.text_input(key="start_folder").set_value(folder)
    app.button[0].click().run()
    (error,) = app.error
    assert said in error.value and "\n" not in error.value and not app.exception


def test_what_cannot_be_scored_is_said():
    app = start("This sound", example=THREE)
    assert [f"{title} separates 2 voices, this sound has 3." for title in TITLES[:2]] == [w.value for w in app.warning]
    app = open_page(PAGE, sound="upload", start_view="Reverberation")
    assert app.segmented_control(key="start_view").value == "Conditions"  # what earlier links called so
    rng = np.random.default_rng(0)
    upload(app, "mixture_file", ("mix.wav", wav_file(0.1 * rng.standard_normal(8000).astype(np.float32))))
    assert any("Scores need the clean voices" in info.value for info in app.info)
    voices = [(f"{n}.wav", wav_file(0.1 * rng.standard_normal(1000 * 4).astype(np.float32))) for n in range(2)]
    app = open_page(PAGE, sound="mix", start_view="This sound", start_models=MODELS[0])
    upload(app, "voice_files", *voices)
    assert "too short" in app.error[0].value
