"""What jobs do: long separations as the command line makes them, trainings, and that a cancel ends them at once."""

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from conftest import ROOT
from page_tools import wait_for
from starlette.applications import Starlette
from starlette.testclient import TestClient

from analysis.jobs import CANCELLED, DONE, FAILED, RUNNING, Job, Jobs
from pages.parts import budgeted, folders, job_files, job_kinds, startup
from pages.parts import jobs as page_jobs
from pages.parts.corpus import train_here
from pages.parts.job_kinds import SEPARATION
from tasnet.config import ConvTasNetConfig
from tasnet.train.recipe import Recipe

MODEL = "convtasnet_small_gln_2spk_8k"
RATE = 8000


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(folders.SETTING, str(tmp_path))
    return tmp_path


@pytest.fixture
def jobs(root):
    jobs = Jobs(folders.private_folder(), job_kinds.KINDS, job_kinds.ASIDE, perform=budgeted.perform_job)
    yield jobs
    jobs.close()


def recording(seconds: float) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(round(seconds * RATE))).astype(np.float32)


def whole(jobs: Jobs, seconds: float, model: str = MODEL):
    """A job that separates so much noise, and its settings."""
    path = jobs.folder / "in.wav"
    soundfile.write(path, recording(seconds), RATE)
    key = job_files.keep_file("my talk?.wav", path.read_bytes(), {})
    settings = {"files": key, "name": "my_talk_.wav", "model": model, "device": "cpu", "channel": None}
    return jobs.submit(SEPARATION, "all", settings, "ana"), path


def test_a_long_separation_gives_what_the_command_line_writes(jobs, root):
    model = "convtasnet_small_gln_denoise_8k"
    job, path = whole(jobs, 3, model)
    wait_for(lambda: jobs.find(job.id).state == DONE, "the job")
    found = job_files.files_of(jobs.find(job.id).result)
    assert [one.name for one in found] == ["my_talk__noise.wav", "my_talk__speech.wav"]  # the recording itself is gone
    command = [sys.executable, "-m", "tasnet.separate", str(path), "-o", str(root / "out"), "--model", model]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    for one, other in zip(found, sorted((root / "out").iterdir()), strict=True):
        voices = [soundfile.read(path, dtype="float32")[0] for path in (one, other)]
        np.testing.assert_allclose(*voices, atol=1e-6)  # threads may add up in another order
    # A server killed just before it noted the end finds the voices there, and no recording.
    again = job_kinds.separate_whole(jobs.find(job.id).settings, lambda *_: None)
    assert again == jobs.find(job.id).result


def test_a_cancel_ends_the_work_at_once_and_its_owner_removes_what_is_left(jobs):
    job, _ = whole(jobs, 1200)
    wait_for(lambda: jobs.find(job.id).words == "Separating ...", "the work")
    jobs.cancel(job, "ana")
    wait_for(lambda: jobs.find(job.id).state == CANCELLED, "its end")
    assert jobs.find(job.id).share < 0.9
    with pytest.raises(ValueError, match="Only who has started"):
        jobs.remove(job, "ben")
    jobs.remove(job, "ana")
    assert not jobs.owned("ana")
    job_files.remove(job_kinds.files_needed(job.settings))
    assert not list((folders.private_folder(job_files.FOLDER)).iterdir())


def test_a_server_that_is_gone_leaves_a_long_separation_to_the_next(jobs, root):
    job, _ = whole(jobs, 1200)
    wait_for(lambda: jobs.find(job.id).state == RUNNING, "the work")
    jobs.close()
    next_one = Jobs(jobs.folder, job_kinds.KINDS, job_kinds.ASIDE, perform=lambda *_: "begun again")
    wait_for(lambda: next_one.find(job.id).state == DONE, "the job")
    assert next_one.find(job.id).result == "begun again" and job_files.files_of(job.settings["files"])
    next_one.close()


def test_a_server_continues_earlier_jobs_before_anybody_comes(root, monkeypatch):
    begun = []
    monkeypatch.setattr(page_jobs, "_jobs", lambda folder, _server: begun.append(folder))
    monkeypatch.setattr(startup, "needed_modules", list)
    for module, name in ((startup.uploads, "watch_over_server"), (startup.sidebar, "prepare_first_view")):
        monkeypatch.setattr(module, name, lambda: None)
    monkeypatch.setattr(startup.gc, "freeze", lambda: None)
    startup.warm()
    assert not begun and not (root / "runs").exists()  # there never were any
    folder = folders.private_folder()
    startup.warm()
    assert begun == [folder]


def test_a_click_that_removes_a_job_draws_all_of_the_page_anew(jobs, monkeypatch):
    """Streamlit draws only the part in which the click was."""

    class Anew(Exception):
        pass

    def rerun() -> None:
        raise Anew

    parts = []
    monkeypatch.setattr(page_jobs, "server_jobs", lambda: jobs)
    monkeypatch.setattr(page_jobs, "_owner", lambda _jobs: "ana")
    monkeypatch.setattr(page_jobs.st, "fragment", lambda part, run_every: parts.append(part) or part)
    monkeypatch.setattr(page_jobs.st, "rerun", rerun)
    job = jobs.submit("unknown", "a job", {}, "ana")
    wait_for(lambda: jobs.find(job.id).state == FAILED, "its end")
    page_jobs.show_jobs("unknown", {}, lambda _job: None)
    jobs.remove(job, "ana")
    with pytest.raises(Anew):
        parts[0]()


def test_files_of_jobs_are_served_by_their_key_alone(root):
    key = job_files.keep_file("a.wav", b"sound", {})
    (job_files.folder_of(key) / ".hidden").write_bytes(b"no")
    (root / "secret").write_bytes(b"no")
    (job_files.folder_of(key) / "link.wav").symlink_to(root / "secret")
    client = TestClient(Starlette(routes=job_files.ROUTES))
    answer = client.get(job_files.address(job_files.files_of(key)[0]))
    assert answer.content == b"sound" and "attachment" in answer.headers["content-disposition"]
    assert client.get(f"/base{job_files.address(job_files.files_of(key)[0])}").content == b"sound"
    for path in (
        f"{key}/.hidden",
        f"{key}/..%2f..%2fsecret",
        f"{key[:-1]}/a.wav",
        "../a.wav",
        f"..%2f{key}/a.wav",
        "x/y",
    ):
        assert client.get(f"{job_files.PATH}/{path}").status_code == 404


def test_files_make_way_once_no_job_knows_them(root, monkeypatch):
    monkeypatch.setattr(job_files, "COMING", -1.0)
    old = job_files.keep_file("a", bytes(100), {})
    new = job_files.keep_file("b", bytes(100), {old: False})
    assert job_files.files_of(old) and job_files.files_of(new)
    monkeypatch.setattr(job_files, "ROOM", 150)
    with pytest.raises(job_files.JobFileError, match="no room"):
        job_files.keep_file("c", bytes(100), {old: True, new: True})  # both are needed
    third = job_files.keep_file("c", bytes(100), {old: False, new: False})
    assert not job_files.files_of(old) and not job_files.files_of(new) and job_files.files_of(third)


def test_a_training_is_a_job_that_ends_in_weights(root, monkeypatch):
    tiny = Recipe(name="tiny", model=ConvTasNetConfig(N=16, L=16, B=8, H=16, Sc=8, X=2, R=1), compile=False).changed(
        {"segment": 0.25, "batch": 2, "epoch_hours": 0.0002, "hold_out": 0.5}
    )
    monkeypatch.setattr(job_kinds, "recipes", lambda: {"tiny": tiny})
    for name in "abcd":
        (root / "data" / "train" / name).mkdir(parents=True)
        soundfile.write(root / "data" / "train" / name / "1.wav", recording(1), RATE)
    told = []
    settings = {"recipe": "tiny", "data": "data", "run": "mine", "hours": 0.0005, "device": "cpu"}
    assert job_kinds.train(settings, lambda *report: told.append(report)) == "runs/mine"
    assert (root / "runs" / "mine" / "best.safetensors").is_file()
    assert told[-1][0] == 1.0 and "SI-SNRi" in told[-1][1]
    for change, said in {
        ("recipe", "other"): "not one of the recipes",
        ("run", "../x"): "A run's name",
        ("data", ".."): "does not lie below",
    }.items():
        with pytest.raises(ValueError, match=said):
            job_kinds.training_recipe({**settings, change[0]: change[1]})
    outside = root.parent / "outside.wav"
    soundfile.write(outside, recording(1), RATE)
    (root / "data" / "valid").mkdir()
    for part in ("wav", "spk1", "spk2"):
        (root / "data" / "valid" / f"{part}.scp").write_text(f"a {outside}\n")
    with pytest.raises(ValueError, match="missing"):  # what a list names elsewhere is not there
        job_kinds.train({**settings, "run": "other"}, lambda *_: None)
    (root / "data" / "train" / "e").symlink_to("/usr")
    with pytest.raises(folders.FolderError, match="do not lie below"):
        job_kinds.training_recipe(settings)


def test_a_run_s_name_belongs_to_who_asked_first(root, monkeypatch):
    """Also before there is a folder of that name: a second training there would go on with the first one's weights."""
    job = Job("k" * 22, "hash of ana", job_kinds.TRAINING, "tiny as mine", {"run": "mine"}, 0.0)
    known = SimpleNamespace(known=[job], owned=lambda owner: [job] if owner == "ana" else [])
    monkeypatch.setattr(page_jobs, "server_jobs", lambda: known)
    for owner in ("ana", "ben"):
        monkeypatch.setattr(page_jobs, "_owner", lambda _jobs, owner=owner: owner)
        with nullcontext() if owner == "ana" else pytest.raises(folders.FolderError, match="not yours"):
            train_here._claim("mine")
