"""The store of listening tests: nothing answered is ever lost, orders repeat, nobody sees another's test."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from test_disks import full_disk

from analysis import keys
from analysis.listening import ratings
from analysis.listening.ratings import Store
from analysis.listening.trials import (
    ABX,
    MOS,
    MUSHRA,
    RatingsError,
    Session,
    Stimulus,
    Trial,
    plan_training,
    plan_trials,
)
from tasnet.errors import PathError

ROOT = Path(__file__).parents[1]
SYSTEMS = ("Clean", "IRM", "Conv-TasNet")


def sounds(utterances: int, systems=SYSTEMS) -> list[Stimulus]:
    return [
        Stimulus(u, system, f"utterance {u}", f"{u} {system}".encode(), 2.5 + u)
        for u in range(utterances)
        for system in systems
    ]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "deep" / "tests.sqlite3")


@pytest.fixture
def session(store) -> Session:
    return store.create("A test", MOS, SYSTEMS, sounds(4), seed=7)


def test_a_session_comes_back_as_it_was_made(store, session):
    again = Store(store.path)
    assert again.session(session.id) == session == again.operated(session.operator)
    assert session.utterances == (0, 1, 2, 3)
    found = again.stimulus(session, 2, "IRM")
    assert (found.wav, found.label, found.pesq) == (b"2 IRM", "utterance 2", 4.5)
    assert again.pesq(session)[3, "Clean"] == 5.5


def test_a_full_disk_is_told_and_loses_no_answer(store, session):
    listener = store.join(session, "Ada")
    trials = plan_trials(session, listener.number)
    store.answer(session, listener, trials[0], 3)
    with full_disk(), pytest.raises(PathError, match=r"^tests.sqlite3 cannot be written: .+\.$"):
        store.answer(session, listener, trials[1], 4)
    assert [one.value for one in Store(store.path).answers(session)] == [3]
    store.answer(session, listener, trials[1], 4)
    assert [one.value for one in store.answers(session)] == [3, 4]


def test_every_role_has_a_key_of_its_own(store, session):
    listener = store.join(session, "Ada")
    keys = {"session": session.id, "operated": session.operator, "owned": session.owner, "listener": listener.token}
    assert len(set(keys.values())) == 4 and min(map(len, keys.values())) >= 22  # 128 bits
    for role in keys:
        for holder, key in keys.items():
            if holder == role:
                assert getattr(store, role)(key)
            elif role == "owned":
                assert store.owned(key) == []
            else:
                with pytest.raises(RatingsError):
                    getattr(store, role)(key)
    for odd in ("", "\ud800", "é", "%", session.operator[:-1], session.operator + "\0"):
        with pytest.raises(RatingsError):
            store.operated(odd)
        assert store.owned(odd) == []


def test_keys_are_compared_in_constant_time(store, session, monkeypatch):
    compared = []
    monkeypatch.setattr(
        keys.secrets, "compare_digest", lambda known, given: compared.append((known, given)) or known == given
    )
    other = store.create("Another", MOS, SYSTEMS, sounds(1), seed=7)
    assert store.operated(session.operator) == session
    assert {known.decode() for known, _ in compared} == {session.operator, other.operator}


def test_the_file_is_in_wal_mode(store):
    with store._connect() as database:
        assert database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert database.execute("PRAGMA synchronous").fetchone()[0] == 2  # full


def test_every_listener_hears_everything_once_in_an_order_of_their_own(session):
    orders = [[(t.utterance, t.systems[0]) for t in plan_trials(session, number)] for number in range(20)]
    everything = {(u, system) for u in range(4) for system in SYSTEMS}
    assert all(len(order) == 12 and set(order) == everything for order in orders)
    assert len({tuple(order) for order in orders}) == 20
    # One utterance after the other: its versions follow each other.
    assert all(len({u for u, _ in order[i : i + 3]}) == 1 for order in orders for i in (0, 3, 6, 9))
    assert [t.number for t in plan_trials(session, 3)] == list(range(12))


def test_orders_repeat_by_seed(store, session):
    same = store.create("Another", MOS, SYSTEMS, sounds(4), seed=7)
    other = store.create("Another", MOS, SYSTEMS, sounds(4), seed=8)
    assert plan_trials(same, 5) == plan_trials(session, 5)
    assert plan_trials(other, 5) != plan_trials(session, 5)


def test_no_place_in_the_order_favours_a_system(session):
    firsts = [plan_trials(session, number)[0].systems[0] for number in range(600)]
    counts = [firsts.count(system) for system in SYSTEMS]
    assert min(counts) > 150 and max(counts) < 250  # 200 expected, standard deviation 11.5


def test_training_and_repetitions(store):
    session = store.create("x", MOS, SYSTEMS, sounds(3), seed=1, training=4, repetitions=3)
    again = store.session(session.id)
    assert (again.training, again.repetitions, again.headphones) == (4, 3, False)
    trials = plan_trials(again, 0)
    assert [t.number for t in trials] == list(range(27))
    asked = [(t.utterance, t.systems) for t in trials]
    assert all(asked.count(question) == 3 for question in asked)
    assert asked[:9] != asked[9:18] and set(asked[:9]) == set(asked[9:18])
    training = plan_training(again, 0)
    assert len(training) == 4 and plan_training(again, 1) != training != trials[:4]
    with pytest.raises(RatingsError, match="at least once"):
        store.create("x", MOS, SYSTEMS, sounds(3), seed=1, repetitions=0)


def test_mushra_answers_are_kept_in_the_order_of_the_sounds(store):
    session = store.create("x", MUSHRA, SYSTEMS, sounds(2), seed=1)
    listener = store.join(session, "Ada")
    trials = plan_trials(session, 0)
    assert [sorted(t.systems) for t in trials] == [sorted(SYSTEMS)] * 2
    store.answer(session, listener, trials[0], (100, 7, 0))
    store.answer(session, listener, trials[1], [1, 2, 3])
    assert [(a.systems, a.value) for a in store.answers(session)] == [
        (trials[0].systems, (100, 7, 0)),
        (trials[1].systems, (1, 2, 3)),
    ]
    for value, complaint in [((1, 2, 101), "scale"), ((1, 2), "Every sound"), ((1, 2, 0.5), "scale")]:
        with pytest.raises(RatingsError, match=complaint):
            store.answer(session, listener, trials[0], value)


def test_a_file_of_an_earlier_version_goes_on(tmp_path):
    """Made as the version before training, repetitions, headphones and owners made it."""
    path = tmp_path / "old.sqlite3"
    with sqlite3.connect(path) as database:
        database.executescript(ratings.SCHEMA)
        database.execute("INSERT INTO session VALUES ('a', 'b', 't', 'MOS', 7, '[\"IRM\"]', '2026-01-01')")
        database.execute("INSERT INTO stimulus VALUES ('a', 0, 'IRM', 'x', x'00', NULL)")
        database.execute("INSERT INTO listener VALUES ('k', 'a', 0, 'Ada', '2026-01-01')")
        database.execute("INSERT INTO answer VALUES ('k', 0, 0, '[\"IRM\"]', 4, '2026-01-01')")
    store = Store(path)
    session = Store(path).session("a")
    assert (session.training, session.repetitions, session.headphones, session.owner) == (0, 1, False, "")
    assert [a.value for a in store.answers(session)] == [4]
    listener = store.listener("k")
    assert listener.headphones is None
    store.keep_headphones(listener, 6)
    assert store.listener("k").headphones == 6 and store.owned("") == []


def test_abx_hides_one_of_two(store):
    session = store.create("x", ABX, ("IRM", "Conv-TasNet"), sounds(30), seed=1)
    trials = [trial for number in range(20) for trial in plan_trials(session, number)]
    assert all({a, b} == {"IRM", "Conv-TasNet"} and x in (a, b) for a, b, x in (t.systems for t in trials))
    assert 240 < sum(t.systems[2] == t.systems[0] for t in trials) < 360  # 300 expected, standard deviation 12
    assert 240 < sum(t.systems[0] == "IRM" for t in trials) < 360
    listener = store.join(session, "Ada")
    first = plan_trials(session, listener.number)[0]
    store.answer(session, listener, first, first.systems[:2].index(first.systems[2]))
    assert store.answers(session)[0].correct is True
    store.answer(session, listener, first, 1 - first.systems[:2].index(first.systems[2]))
    assert store.answers(session)[0].correct is False


def test_answers_come_back_with_what_was_asked(store, session):
    listener = store.join(session, "  Ada ")
    assert (listener.nickname, listener.number) == ("Ada", 0)
    for trial, value in zip(plan_trials(session, 0)[:3], (5, 2, 4), strict=True):
        store.answer(session, listener, trial, value)
    assert store.answered(listener) == 3
    assert store.listener(listener.token) == listener
    found = store.answers(session)
    assert [(a.listener, a.trial, a.value) for a in found] == [("Ada", 0, 5), ("Ada", 1, 2), ("Ada", 2, 4)]
    assert [(a.utterance, a.systems) for a in found] == [(t.utterance, t.systems) for t in plan_trials(session, 0)[:3]]


def test_an_answer_can_be_changed_but_not_doubled(store, session):
    listener = store.join(session, "Ada")
    trial = plan_trials(session, 0)[0]
    store.answer(session, listener, trial, 5)
    store.answer(session, listener, trial, 3)
    assert [a.value for a in store.answers(session)] == [3]


@pytest.mark.parametrize("value", [0, 6, 2.5, -1])
def test_values_off_the_scale_are_refused(store, session, value):
    listener = store.join(session, "Ada")
    with pytest.raises(RatingsError, match="scale"):
        store.answer(session, listener, plan_trials(session, 0)[0], value)
    assert store.answers(session) == []


def test_trials_cannot_be_skipped(store, session):
    listener = store.join(session, "Ada")
    with pytest.raises(RatingsError, match="one after the other"):
        store.answer(session, listener, plan_trials(session, 0)[1], 3)


def test_nicknames(store, session):
    store.join(session, "Ada")
    for nickname, complaint in [("Ada", "already"), (" ", "1 to 40"), ("x" * 41, "1 to 40")]:
        with pytest.raises(RatingsError, match=complaint):
            store.join(session, nickname)
    store.join(store.create("Another", MOS, SYSTEMS, sounds(1), seed=0), "Ada")
    assert [x.nickname for x in store.listeners(session)] == ["Ada"]


def test_a_deleted_session_leaves_nothing(store, session):
    listener = store.join(session, "Ada the first")
    store.answer(session, listener, plan_trials(session, 0)[0], 4)
    other = store.create("Another", MOS, SYSTEMS, sounds(1), seed=0)
    store.delete(session)
    for ask in (
        lambda: store.session(session.id),
        lambda: store.listener(listener.token),
        lambda: store.join(session, "Bob"),
        lambda: store.answer(session, listener, plan_trials(session, 0)[0], 4),
        lambda: store.stimulus(session, 0, "Clean"),
    ):
        with pytest.raises(RatingsError):
            ask()
    assert store.session(other.id) == other
    assert b"Ada the first" not in store.path.read_bytes()


@pytest.mark.parametrize(
    "method, systems, stimuli, complaint",
    [
        ("AB", SYSTEMS, sounds(1), "one of"),
        (MUSHRA, SYSTEMS[1:], sounds(1), "hides the clean reference"),
        (ABX, SYSTEMS, sounds(1), "exactly two"),
        (MOS, SYSTEMS, [], "at least one"),
        (MOS, ("IRM", "IBM"), sounds(1), "version of every system"),
        (MOS, ("IRM",), sounds(1, ("IRM",)), "version of every system"),  # no clean reference
    ],
)
def test_tests_that_cannot_be_taken_are_refused(store, method, systems, stimuli, complaint):
    with pytest.raises(RatingsError, match=complaint):
        store.create("x", method, systems, stimuli, seed=0)


RATE_UNTIL_KILLED = """
import sys
from analysis.listening.ratings import Store
from analysis.listening.trials import plan_trials
store = Store(sys.argv[1])
session, listener = store.session(sys.argv[2]), store.listener(sys.argv[3])
for trial in plan_trials(session, listener.number):
    store.answer(session, listener, trial, 1 + trial.number % 5)
    print(trial.number, flush=True)
"""


def test_a_killed_process_keeps_every_answer_it_gave(store):
    session = store.create("Long", MOS, SYSTEMS, sounds(400), seed=3)
    listener = store.join(session, "Ada")
    process = subprocess.Popen(
        [sys.executable, "-c", RATE_UNTIL_KILLED, str(store.path), session.id, listener.token],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    told = [int(process.stdout.readline()) for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    process.wait()
    kept = Store(store.path).answers(session)
    assert len(told) < 1200
    # At most the one answer that was on disk but not yet reported.
    assert len(kept) in (len(told), len(told) + 1)
    assert [a.value for a in kept] == [1 + n % 5 for n in range(len(kept))]
    # The listener goes on where they stopped.
    store.answer(session, listener, plan_trials(session, listener.number)[len(kept)], 5)


def test_ten_listeners_at_once_lose_nothing(store):
    session = store.create("Crowd", MOS, SYSTEMS, sounds(5), seed=4)
    start = threading.Barrier(10)
    problems = []

    def listen(name: str) -> None:
        try:
            own = Store(store.path)
            start.wait(30)
            listener = own.join(session, name)
            for trial in plan_trials(session, listener.number):
                own.answer(session, listener, trial, 1 + (trial.utterance + listener.number) % 5)
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=listen, args=(f"listener {i}",)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    listeners = store.listeners(session)
    assert [x.number for x in listeners] == list(range(10))
    answers = store.answers(session)
    assert len(answers) == 10 * 15
    number = {x.nickname: x.number for x in listeners}
    assert all(a.value == 1 + (a.utterance + number[a.listener]) % 5 for a in answers)
    for x in listeners:
        own = [Trial(a.trial, a.utterance, a.systems) for a in answers if a.listener == x.nickname]
        assert own == plan_trials(session, x.number)
