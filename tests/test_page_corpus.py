"""The page `corpus`: results and uploads, sets that are evaluated there, training curves, bad input, the browser."""

import json
import shutil
import threading
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from page_tools import open_page, texts, wait_for
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from streamlit.testing.v1 import AppTest

from analysis.corpus import evaluation, failures, shipped
from analysis.corpus.evaluation_run import EvaluationRun
from analysis.corpus.report import mean
from analysis.corpus.results import ResultsFile, read_results
from analysis.jobs import Job, JobError
from analysis.sounds.examples import available_examples, mix_example
from pages.parts import folders, jobs
from pages.parts.models import label
from tasnet import available as models
from tasnet import checkpoint
from tasnet.data.corpora import CorpusError
from tasnet.errors import PathError

PAGE = "pages/corpus.py"
EXAMPLE = next(example.id for example in available_examples() if example.tier == "bundled" and len(example.voices) == 2)
MODEL = next(iter(models()))
TITLE = label(MODEL).title
SECONDS = 120


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory) -> Path:
    """Four short mixtures of the bundled voices, with genders; one of a fifth mixture's files is missing."""
    folder = tmp_path_factory.mktemp("set") / "voices"
    sound = mix_example(EXAMPLE)
    names = ["1-1-1_2-1-1", "2-1-2_1-1-2", "1-1-3_3-1-3", "3-1-4_2-1-4", "1-1-5_2-1-5"]
    for number, name in enumerate(names):
        for part, reference in zip(("s1", "s2"), sound.references, strict=True):
            (folder / part).mkdir(parents=True, exist_ok=True)
            piece = reference[2000 * number : 2000 * number + 10000]
            soundfile.write(folder / part / f"{name}.wav", piece, sound.rate)
    (folder / "s2" / f"{names[-1]}.wav").unlink()
    (folder / "SPEAKERS.TXT").write_text("1 | F | a | 1 | A\n2 | M | a | 1 | B\n3 | F | a | 1 | C\n")
    return folder


@pytest.fixture(scope="module")
def runs(mixtures, tmp_path_factory) -> Path:
    """A folder with the results on the mixtures."""
    folder = tmp_path_factory.mktemp("runs")
    evaluation.score_set(mixtures, MODEL, folder / "voices.csv", pesq=False, workers=1, device="cpu")
    (folder / "notes.csv").write_text("this,is\nno,result\n")
    return folder


@pytest.fixture(autouse=True)
def root(tmp_path_factory, monkeypatch) -> None:
    """The page may read what the tests have written."""
    monkeypatch.setenv(folders.SETTING, str(tmp_path_factory.getbasetemp()))
    monkeypatch.setattr(folders, "PRIVATE", Path("runs") / ".pages")  # the browser's server keeps its jobs in the other
    monkeypatch.delenv("TASNET_LENS_MODEL")  # the results that come along are looked at as visitors find them


def start(**query: str) -> AppTest:
    return open_page(PAGE, **{"example": EXAMPLE, **query})


def tables(app: AppTest) -> list[str]:
    return [part.proto.body for part in app.html]


def button(app: AppTest, label: str):
    return next(one for one in app.button if label in one.label)


def test_the_page_opens_with_what_comes_along_with_the_sidebars_model():
    app = start()
    model, *others = models()
    results = shipped.read_shipped(model)
    said, (systems, published) = texts(app), tables(app)
    assert not app.info and not app.warning and not app.error
    assert results.header.weights in said and "300 of 300 mixtures" in said
    found = mean(results, "Conv-TasNet", "si_snri")
    lines = f"{found.mean:.2f}\n{found.low:.2f} to {found.high:.2f}\n{found.naive_low:.2f} to {found.naive_high:.2f}"
    assert lines in systems and "Conv-TasNet\n95 %\nnaive" in systems and "WSJ0-2mix" in systems
    assert TITLE in published and "train-360" in published
    assert "How it was trained" in said and len(app.get("plotly_chart")) == 5
    next(one for one in app.button if one.key.startswith("The 10 worst")).click().run()
    assert not app.exception and "name the folder of these mixtures" in app.info[0].value
    app.selectbox(key="model").set_value(others[0]).run()
    assert app.selectbox(key="corpus_file").value == f"shipped:{others[0]}"
    assert shipped.read_shipped(others[0]).header.weights in texts(app) and results.header.weights not in texts(app)


def test_the_models_that_come_along_are_compared_by_one_click():
    app = start()
    button(app, "Compare with").click().run()
    assert not app.exception and not app.error
    one, other = (label(name).title for name in list(models())[:2])
    assert f"By STOI {one} is better than {other} by" in texts(app) and "300 mixtures" in texts(app)
    assert len(app.get("plotly_chart")) == 1


def test_a_model_is_compared_only_with_those_of_as_many_voices():
    voices = {name: shipped.read_shipped(name).header.speakers for name in shipped.shipped()}
    alone = [name for name, count in voices.items() if list(voices.values()).count(count) == 1]
    if not alone:
        pytest.skip("every model that comes along has another of as many voices")
    for name, count in voices.items():
        offered = any(one.key == "corpus_compare" for one in start(model=name).button)
        assert offered == (list(voices.values()).count(count) > 1)
    app = start(model=alone[0], corpus_view="Compare")
    assert app.selectbox(key="corpus_other").value is None and not app.error


def test_scores_of_earlier_weights_are_not_shown_as_the_models(tmp_path, monkeypatch):
    for file in shipped.FOLDER.iterdir():
        text = file.read_text().replace(shipped.read_shipped(MODEL).header.weights, "0123456789abcdef")
        (tmp_path / file.name).write_text(text)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    app = start(model=MODEL)
    (warning,) = app.warning
    assert "earlier weights" in warning.value and "0123456789abcdef" in warning.value
    assert f"{TITLE} (earlier weights)" in tables(app)[1]
    assert "measured with this model's weights" not in texts(app)
    assert "These are the points of **earlier weights**" in texts(app)


def test_a_folder_without_results_says_how_to_get_some(tmp_path):
    app = start(corpus_folder=str(tmp_path))
    assert "python -m analysis.corpus" in app.info[0].value
    assert not app.error


def test_results_stand_beside_the_papers_and_published_ones(runs):
    app = start(corpus_folder=str(runs))
    assert app.selectbox(key="corpus_file").value == folders.name_below_root(runs / "voices.csv")
    systems, published = tables(app)[:2]
    for name in ("Conv-TasNet", "IBM", "IRM", "WFM", "PSM", "WSJ0-2mix", "15.3"):
        assert name in systems
    for name in (TITLE, "asteroid", "train-100", "13.0", "train-360", "14.8", "torchaudio", "15.6", "h of read speech"):
        assert name in published
    assert "PSM is not in the paper" in texts(app)
    said = texts(app)
    assert "4 of 5 mixtures" in said and "1 mixture could not be used" in said
    assert "By SI-SNRi Conv-TasNet" in said and "By STOI Conv-TasNet" in said
    results = read_results(runs / "voices.csv")
    assert f"{mean(results, 'IBM', 'si_snri').mean:.2f}" in systems
    assert [row.genders for row in results.good] == ["FM", "FF", "MF", "FM"]


def test_failures_and_few_speakers_are_told(runs):
    app = start(corpus_folder=str(runs))
    said = texts(app)
    assert "worse than" in said and "Of mixtures of one sex" in said
    assert "With only 3 speakers there is no interval" in said and "4 mixtures can say little" in said
    counts = next(one.value for one in app.dataframe if "A voice or a mixture fails" in one.value)
    assert len(counts) == len(failures.THRESHOLDS)
    app.segmented_control(key="corpus_fails").set_value("below 10 dB").run()
    table = next(one.value for one in app.dataframe if "Below 10 dB" in one.value)
    assert list(table["Mixtures"])[:3] == ["all", "different sex", "same sex"]
    assert "| measure | mean" in app.code[0].value


def test_two_models_are_compared_and_heard(runs, tmp_path):
    text = (runs / "voices.csv").read_text()
    (tmp_path / "voices.csv").write_text(text)
    (tmp_path / "other.csv").write_text(text.replace(f'"model": "{MODEL}"', '"model": "twin"'))
    app = start(corpus_folder=str(tmp_path), corpus_view="Compare", corpus_file="voices.csv")
    assert "second model" in app.info[0].value
    name = read_results(runs / "voices.csv").good[0].mixture
    heard = start(
        corpus_folder=str(tmp_path),
        corpus_view="Compare",
        corpus_file="voices.csv",
        corpus_other="other.csv",
        corpus_mixture=name,
    )
    assert (
        "is 0.00 dB on the mean" in texts(heard) and "level on" in texts(heard) and len(heard.get("plotly_chart")) == 1
    )
    assert heard.selectbox(key="corpus_mixture").value == name
    assert not any("cannot be played" in one.value for one in heard.warning)


@pytest.mark.parametrize("measure", ["sdri", "stoi"])
def test_every_measure_has_its_charts(runs, measure):
    app = start(corpus_folder=str(runs))
    app.segmented_control(key="corpus_measure").set_value(measure).run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 4


def test_a_click_plays_the_worst_and_the_url_remembers_it(runs):
    app = start(corpus_folder=str(runs))
    assert "The 2 worst" in texts(app) and "The 2 best" in texts(app)
    assert len(tables(app)) == 2
    worst = next(one for one in app.button if one.key.startswith("The 2 worst"))
    worst.click().run()
    assert not app.exception and not any("cannot be played" in one.value for one in app.warning)
    name = app.selectbox(key="corpus_mixture").value
    assert name in worst.label
    assert len(tables(app)) == 3 and "Speaker 2" in tables(app)[2]
    again = start(corpus_folder=str(runs), corpus_mixture=name)
    assert again.selectbox(key="corpus_mixture").value == name and len(tables(again)) == 3


def test_mixtures_that_are_gone_are_told(runs, mixtures, tmp_path):
    moved = (runs / "voices.csv").read_text().replace(str(mixtures), str(tmp_path / "gone"))
    (tmp_path / "moved.csv").write_text(moved)
    app = start(corpus_folder=str(tmp_path))
    next(one for one in app.button if one.key.startswith("The 2 best")).click().run()
    assert not app.exception
    said = [one.value for one in (*app.warning, *app.info, *app.error)]
    assert any("name the folder of these mixtures" in one for one in said), said


def test_a_finished_run_is_compared_by_ear(tmp_path, monkeypatch):
    monkeypatch.setenv(folders.SETTING, str(tmp_path))
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    shutil.copy(checkpoint.bundled()["convtasnet_small_gln_2spk_8k"], tmp_path / "runs" / "mine" / "best.safetensors")
    job = Job("k" * 22, "nobody", "training", "short as mine", {}, 0.0, state="done", result="runs/mine")
    (folders.private_folder() / "known.json").write_text(json.dumps(asdict(job)))
    app = open_page("pages/corpus.py", corpus_view="Training", job=job.id)
    next(one for one in app.button if one.key == f"run_compare_{job.id}").click().run()
    assert not app.exception and not app.error
    assert app.session_state["own_model"] and app.session_state["second"] in models()


def test_results_can_be_uploaded(runs, tmp_path):
    app = start(corpus_folder=str(tmp_path))
    app.file_uploader(key="corpus_upload").set_value(("mine.csv", (runs / "voices.csv").read_bytes(), "text/csv")).run()
    assert not app.exception and not app.error
    assert app.selectbox(key="corpus_file").value == "the uploaded file"
    assert "mine.csv" in app.selectbox(key="corpus_file").options
    assert "15.3" in tables(app)[0]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\x00" * 50])
def test_a_bad_upload_gets_one_sentence(content, tmp_path):
    app = start(corpus_folder=str(tmp_path))
    app.file_uploader(key="corpus_upload").set_value(("bad.csv", content, "text/csv")).run()
    assert not app.exception
    (error,) = app.error
    assert error.value.startswith("bad.csv is not a file of results") and "\n" not in error.value


def run_evaluation(folder: str, **settings) -> AppTest:
    return ended(ask_for_evaluation(folder, **settings))


def ask_for_evaluation(folder: str, **settings) -> AppTest:
    app = start(corpus_view="Evaluate")
    app.text_input(key="corpus_set").set_value(folder)
    app.number_input(key="corpus_workers").set_value(1)
    app.toggle(key="corpus_pesq").set_value(False)
    for key, value in settings.items():
        app.number_input(key=f"corpus_{key}").set_value(value)
    return button(app, "Evaluate").click().run()


def ended(app: AppTest) -> AppTest:
    """The page after its jobs."""
    assert not app.exception
    if not app.error:  # it was refused at once
        wait_for(lambda: not jobs.server_jobs().active, "the jobs' end")
        app.run()
    assert not app.exception
    return app


def test_a_folder_is_evaluated_from_two_pages_and_its_results_are_shown(mixtures, tmp_path, monkeypatch):
    """Two visitors ask for the same: the second job waits for the first and loses none of its rows."""
    monkeypatch.setattr(evaluation, "FOLDER", tmp_path / "out")
    app, other = (ask_for_evaluation(str(mixtures), limit=3) for _ in range(2))
    assert app.query_params["jobs"] != other.query_params["jobs"]
    for one in (app, other):
        assert "The results are in" in ended(one).success[0].value
    (kept,) = {jobs.server_jobs().owned(one.query_params["jobs"])[0].result for one in (app, other)}
    found = read_results(folders.file_below_root(kept))
    assert len(found.rows) == 3 and len({row.index for row in found.rows}) == 3
    button(app, "Show and hear the results").click().run()
    assert not app.exception
    assert app.segmented_control(key="corpus_view").value == "Results"
    assert "2 of 5 mixtures" in texts(app)  # of the three one is missing
    assert len(tables(app)) == 2


@pytest.mark.parametrize(
    ("folder", "said"), [("", "Name the folder"), ("no/such", "There is nothing at"), ("/no", "not lie below")]
)
def test_a_folder_that_cannot_be_used_gets_one_sentence(folder, said, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "FOLDER", tmp_path / "out")
    (error,) = run_evaluation(folder).error
    assert said in error.value and "\n" not in error.value


@pytest.mark.usefixtures("jobs_here")
def test_a_job_is_found_again_and_its_owner_alone_ends_it(mixtures, tmp_path, monkeypatch):
    """Started, left, closed; found by the address and by its link; cancelled by its owner and by nobody else."""
    monkeypatch.setattr(evaluation, "FOLDER", tmp_path / "out")
    go, do = threading.Event(), EvaluationRun.score_batch

    def slow(self, *known) -> None:
        do(self, *known)
        go.wait(60)

    monkeypatch.setattr(EvaluationRun, "score_batch", slow)
    app = start(corpus_view="Evaluate")
    app.text_input(key="corpus_set").set_value(str(mixtures))
    app.number_input(key="corpus_workers").set_value(1)
    app.toggle(key="corpus_pesq").set_value(False)
    button(app, "Evaluate").click().run()
    server = jobs.server_jobs()
    owner = app.query_params["jobs"]
    (job,) = server.owned(owner)
    app.switch_page("pages/separate.py").run()  # left; then closed
    wait_for(lambda: server.find(job.id).words)
    again = start(corpus_view="Evaluate", jobs=owner)
    assert button(again, "Cancel") and "mixtures" in again.get("progress")[0].proto.text
    other = start(corpus_view="Evaluate", job=job.id)
    assert job.name.split(" on ")[0] in texts(other) and not [one for one in other.button if one.label == "Cancel"]
    assert owner not in texts(other) and other.query_params.get("jobs") in (None, [])
    with pytest.raises(JobError):
        server.cancel(job, "somebody")
    assert "no such job" in texts(start(corpus_view="Evaluate", job="guessed"))
    button(again, "Cancel").click().run()
    assert "Ending." in texts(again)
    go.set()
    assert "Cancelled" in texts(ended(again)) and server.find(job.id).state == "cancelled"
    (kept,) = (tmp_path / "out").glob("*.csv")
    assert 0 < len(read_results(kept).rows) < 5  # what was scored stays
    monkeypatch.setattr(EvaluationRun, "score_batch", do)
    button(again, "Go on").click().run()
    assert "The results are in" in ended(again).success[0].value and len(read_results(kept).rows) == 5


def full_disk(self, rows) -> None:
    rows = list(rows)
    if rows:
        raise PathError("voices.csv cannot be written: No space left on device.")


@pytest.mark.usefixtures("jobs_here")
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (full_disk, "voices.csv cannot be written: No space left on device"),
        (MemoryError("too much"), "under which the log has the details"),
        (CorpusError("A worker process died."), "A worker process died."),
    ],
)
def test_an_error_ends_the_runs_display_and_the_page_goes_on(error, said, mixtures, tmp_path, monkeypatch):
    """Of bar and Cancel nothing stays; the second try goes through."""
    monkeypatch.setattr(evaluation, "FOLDER", tmp_path / "out")

    def fails(*_) -> None:
        raise error

    with monkeypatch.context() as broken:
        if error is full_disk:
            broken.setattr(ResultsFile, "append", full_disk)
        else:
            broken.setattr(EvaluationRun, "score_batch", fails)
        app = run_evaluation(str(mixtures), limit=3)
    (shown,) = app.error
    assert said in shown.value.replace("\\", "") and "\n" not in shown.value
    assert not app.get("progress") and not any(one.label == "Cancel" for one in app.button)
    button(app, "Evaluate").click().run()
    wait_for(lambda: not jobs.server_jobs().active, "the jobs' end")
    assert "The results are in" in app.run().success[0].value


def test_training_curves_are_those_of_the_diaries(tmp_path):
    app = start(corpus_view="Training", training_folder=str(tmp_path))
    assert "There is no run" in app.info[0].value
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        values = {"step": 10, "loss": -3.0, "learning_rate": 1e-3, "seconds": 60.0, "audio_seconds_per_second": 40.0}
        records = [{"event": "train", **values}, {"event": "epoch", "epoch": 1, "valid_si_snri": 2.5, **values}]
        records[1]["best_si_snri"] = 2.5
        (tmp_path / name / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records) + '{"torn')
    app.run()
    app.multiselect(key="training_runs").set_value(
        [folders.name_below_root(tmp_path / n / "log.jsonl") for n in ("first", "second")]
    ).run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 2  # the first is of the models that come along
    table = app.dataframe[0].value
    assert sorted(table["Run"]) == ["first", "second"]
    np.testing.assert_array_equal(table["Best SI-SNRi (dB)"], [2.5, 2.5])


@pytest.mark.browser
def test_the_page_opens_on_a_phone_with_a_table_whose_names_stay(app_address, browser):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    browser.get(f"{app_address}/corpus?example={EXAMPLE}")
    script = """const tables = [...document.querySelectorAll('table')];
                const table = tables.find(one => one.innerText.includes('IRM'));
                if (!table) return null;
                const name = table.querySelector('tbody th'), score = table.querySelector('tbody td');
                const before = [name, score].map(one => one.getBoundingClientRect().left);
                table.parentElement.scrollLeft = 120;
                const after = [name, score].map(one => one.getBoundingClientRect().left);
                return [after[0] - before[0], after[1] - before[1], document.documentElement.scrollWidth];"""
    name, score, width = WebDriverWait(browser, SECONDS).until(lambda window: window.execute_script(script))
    assert abs(name) < 1 and abs(score + 120) < 1 and width <= 390


@pytest.mark.browser
def test_the_page_fits_a_small_screen_and_plays_by_a_click(app_address, browser, runs):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 800, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.get(f"{app_address}/corpus?example={EXAMPLE}&corpus_folder={runs}")
    script = """const all = [...document.querySelectorAll('button')];
                const one = all.find(button => button.innerText.includes('_') && button.innerText.includes('·'));
                if (one) one.click();
                return !!one;"""
    WebDriverWait(browser, SECONDS).until(lambda window: window.execute_script(script))
    WebDriverWait(browser, SECONDS).until(
        lambda window: len(window.find_elements(By.CSS_SELECTOR, "[data-track-name]")) == 13
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 800
    assert "corpus_mixture=" in browser.current_url
    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not [message for message in severe if "_stcore" not in message]


def test_back_leads_through_every_view(tmp_path):
    """Back changes the address alone; the view it left out is the first."""
    app = open_page("pages/corpus.py")
    steps = []
    for view in ("Training", "Compare"):
        app.segmented_control(key="corpus_view").set_value(view).run()
        steps.append(app.query_params.get("corpus_view"))
    assert steps == ["Training", "Compare"]
    app.query_params["corpus_view"] = "Training"
    assert app.run().segmented_control(key="corpus_view").value == "Training"
    del app.query_params["corpus_view"]
    assert app.run().segmented_control(key="corpus_view").value == "Results"
    assert not app.exception
