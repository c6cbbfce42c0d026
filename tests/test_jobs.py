"""Jobs of the server: their queue, their owners, and what a stop or a kill of the server leaves."""

import json
import subprocess
import sys
import threading
import time
from functools import partial

import pytest
from page_tools import wait_for

from analysis import jobs as module
from analysis.jobs import CANCELLED, DONE, FAILED, LOST, RUNNING, WAITING, JobError, Jobs
from analysis.workers import ROOT

ORDER: list[str] = []
GO = threading.Event()


def count(settings, report):
    """Counts to `to`, once `GO` is set."""
    ORDER.append(settings["name"])
    for done in range(settings["to"]):
        report(done / settings["to"], f"{done} of {settings['to']}")
        while not GO.wait(0.01):
            report(done / settings["to"], "waiting")
    return f"counted to {settings['to']}"


def fail(settings, report):
    report(0.5, "half")
    raise settings["problem"] and OSError(28, "No space left on device", "x.csv")


KINDS = {"count": count, "fail": fail}


@pytest.fixture
def server(tmp_path):
    ORDER.clear()
    GO.clear()
    started = []

    def start(**known) -> Jobs:
        started.append(Jobs(tmp_path / "jobs", known.get("kinds", KINDS)))
        return started[-1]

    yield start
    GO.set()
    for one in started:
        one.close()


def submit(jobs: Jobs, name: str, owner: str, to: int = 2):
    return jobs.submit("count", name, {"name": name, "to": to}, owner)


def ended(jobs: Jobs, job) -> bool:
    return jobs.find(job.id).state not in module.ACTIVE


def test_a_job_tells_how_far_it_is_and_what_it_gave(server):
    jobs = server()
    job = submit(jobs, "one", "ana", to=4)
    wait_for(lambda: jobs.find(job.id).state == RUNNING and jobs.find(job.id).words)
    assert jobs.find(job.id).seconds_left is None and jobs.place(job) == 0
    GO.set()
    wait_for(lambda: ended(jobs, job))
    found = jobs.find(job.id)
    assert (found.state, found.share, found.result, found.words) == (DONE, 1.0, "counted to 4", "3 of 4")
    failed = jobs.submit("fail", "bad", {"problem": True}, "ana")
    wait_for(lambda: ended(jobs, failed))
    assert jobs.find(failed.id).state == FAILED and "No space left" in jobs.find(failed.id).problem
    assert [one.name for one in jobs.owned("ana")] == ["bad", "one"] and not jobs.owned("ben")


def test_owners_take_turns(server):
    jobs = server()
    names = [submit(jobs, f"a{k}", "ana") for k in range(4)]
    wait_for(lambda: jobs.find(names[0].id).state == RUNNING)
    other = submit(jobs, "b0", "ben")
    submit(jobs, "b1", "ben")
    assert jobs.place(other) == 1 and jobs.place(names[1]) == 2
    GO.set()
    wait_for(lambda: not [one for who in ("ana", "ben") for one in jobs.owned(who) if one.state in module.ACTIVE])
    assert ORDER == ["a0", "b0", "a1", "b1", "a2", "a3"]


def test_only_its_owner_cancels_a_job(server):
    jobs = server()
    running, waiting = submit(jobs, "one", "ana"), submit(jobs, "two", "ana")
    wait_for(lambda: jobs.find(running.id).state == RUNNING)
    for key in ("ben", "", running.id, running.owner):
        with pytest.raises(JobError, match="Only who has started"):
            jobs.cancel(running, key)
    jobs.cancel(waiting, "ana")
    jobs.cancel(running, "ana")
    wait_for(lambda: ended(jobs, running))
    assert {jobs.find(one.id).state for one in (running, waiting)} == {CANCELLED} and ORDER == ["one"]
    with pytest.raises(JobError, match="no such job"):
        jobs.find("ana")


def test_the_same_job_is_not_taken_twice_nor_too_many(server, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    jobs = server()
    job = submit(jobs, "one", "ana")
    assert submit(jobs, "one", "ana").id == job.id and submit(jobs, "one", "ben").id != job.id
    submit(jobs, "two", "ana")
    submit(jobs, "three", "ana")
    with pytest.raises(JobError, match="3 of your jobs are waiting"):
        submit(jobs, "four", "ana")
    monkeypatch.setattr(module, "MOST_ACTIVE", 4)
    with pytest.raises(JobError, match="Too many jobs"):
        submit(jobs, "one", "eve")


def test_of_many_who_claim_one_name_at_once_one_gets_it(server):
    jobs, begin, refused = server(), threading.Barrier(8), []

    def ask(owner: str) -> None:
        def claim() -> None:
            taken = [one for one in jobs.known if one.settings["run"] == "mine"]
            time.sleep(0.01)  # between looking and taking
            if taken:
                raise JobError("taken")

        begin.wait()
        try:
            jobs.submit("count", "train", {"run": "mine", "to": 1, "name": owner}, owner, claim)
        except JobError:
            refused.append(owner)

    threads = [threading.Thread(target=ask, args=(f"owner {k}",)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7 and len(jobs.known) == 1


def test_a_stopped_server_s_jobs_go_on_under_the_next(server):
    first = server()
    running, waiting = submit(first, "one", "ana"), submit(first, "two", "ana")
    wait_for(lambda: first.find(running.id).state == RUNNING)
    with pytest.raises(JobError, match="Another server runs the jobs"):
        server()
    first.close()
    GO.set()
    second = server()
    wait_for(lambda: ended(second, running) and ended(second, waiting))
    assert ORDER == ["one", "one", "two"] and second.find(running.id).state == DONE
    assert [one.name for one in second.owned("ana")] == ["two", "one"]


def test_what_cannot_go_on_is_told_as_lost(server, tmp_path):
    first = server()
    job = submit(first, "one", "ana")
    first.close()
    path = first._file(job)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "state": RUNNING, "starts": module.MOST_STARTS}))
    (path.parent / "odd.json").write_text("[" * 100_000)
    (path.parent / "other.json").write_text('{"id": "x"}')
    second = server()
    assert second.find(job.id).state == LOST and "could not be taken up again" in second.find(job.id).problem
    second.close()
    path.write_text(json.dumps({**content, "state": WAITING, "kind": "gone"}))
    assert server().find(job.id).state == LOST


@pytest.mark.parametrize(("step", "state"), [(0.1, RUNNING), (0.0, LOST)])
def test_only_a_job_that_gets_no_further_is_lost_after_several_stops(server, step, state):
    begun = []

    def advance(settings, report):
        begun.append(None)
        while True:
            report(len(begun) * step, "at work")
            time.sleep(0.01)

    def far(jobs, job, stop) -> bool:
        known = jobs.find(job.id)
        return known.state == LOST or (len(begun) > stop and known.share == len(begun) * step)

    for stop in range(module.MOST_STARTS + 2):
        jobs = server(kinds={"count": advance})
        (job,) = jobs.owned("ana") or [submit(jobs, "one", "ana")]
        wait_for(partial(far, jobs, job, stop), "the work, or its loss")
        jobs.close()
    assert jobs.find(job.id).state == state


def test_a_killed_server_s_job_goes_on_where_it_was(tmp_path):
    """kill -9: what the job itself has put on the disk is not done again."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom analysis.jobs import Jobs\nfolder = Path(sys.argv[1])\n"
        "def work(settings, report):\n"
        "    done = folder / 'done'\n"
        "    for k in range(len(done.read_text()) if done.exists() else 0, 6):\n"
        "        report(k / 6, str(k))\n"
        "        with done.open('a') as file: file.write('x')\n"
        "        print(k, flush=True)\n"
        "        time.sleep(0.2 if len(sys.argv) < 3 else 0)\n"
        "    return 'all'\n"
        "jobs = Jobs(folder / 'jobs', {'work': work})\n"
        "jobs.owned('ana') or jobs.submit('work', 'a job', {}, 'ana')\n"
        "while jobs.owned('ana')[0].state in ('waiting', 'running'): time.sleep(0.02)\n"
        "print(jobs.owned('ana')[0].state, jobs.owned('ana')[0].starts, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert [process.stdout.readline().strip() for _ in range(3)] == ["0", "1", "2"]
    process.kill()
    process.wait()
    again = subprocess.run([*command, "fast"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    said = again.stdout.split()
    assert said[-2:] == ["done", "1"] and "0" not in said[:-2] and (tmp_path / "done").read_text() == "x" * 6


def test_a_full_disk_costs_a_job_nothing_but_its_memory_of_a_restart(server, monkeypatch):
    jobs = server()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "replacing", full)
    job = submit(jobs, "one", "ana")
    GO.set()
    wait_for(lambda: ended(jobs, job))
    assert jobs.find(job.id).state == DONE


def test_old_jobs_are_forgotten(server, monkeypatch):
    monkeypatch.setattr(module, "MOST_ENDED", 2)
    jobs = server()
    GO.set()
    for k in range(4):
        job = submit(jobs, f"j{k}", "ana")
        wait_for(lambda job=job: ended(jobs, job))
        time.sleep(0.01)
    assert [one.name for one in jobs.owned("ana")] == ["j3", "j2"] and len(list(jobs.folder.glob("*.json"))) == 2
