"""Where listening tests live: sessions, their sounds, listeners and every answer, in one SQLite file.

Each call is a transaction of its own connection in WAL mode with full synchronisation: when `answer` returns, the
answer is on disk, whatever happens to the process next, and any number of threads or processes may call at once.
"""

import contextlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from analysis.scores.systems import CLEAN

MOS = "MOS"  # rate one sample from 1 to 5, beside the clean utterance
ABX = "ABX"  # is X the same as A or as B?
METHODS = (MOS, ABX)
REFERENCE = CLEAN
LONGEST_NICKNAME = 40

SCHEMA = """
CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY, operator TEXT UNIQUE NOT NULL, title TEXT NOT NULL, method TEXT NOT NULL,
    seed INTEGER NOT NULL, systems TEXT NOT NULL, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS stimulus (
    session TEXT NOT NULL REFERENCES session ON DELETE CASCADE, utterance INTEGER NOT NULL, system TEXT NOT NULL,
    label TEXT NOT NULL, wav BLOB NOT NULL, pesq REAL, PRIMARY KEY (session, utterance, system));
CREATE TABLE IF NOT EXISTS listener (
    token TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES session ON DELETE CASCADE, number INTEGER NOT NULL,
    nickname TEXT NOT NULL, joined TEXT NOT NULL, UNIQUE (session, number), UNIQUE (session, nickname));
CREATE TABLE IF NOT EXISTS answer (
    listener TEXT NOT NULL REFERENCES listener ON DELETE CASCADE, trial INTEGER NOT NULL, utterance INTEGER NOT NULL,
    systems TEXT NOT NULL, value INTEGER NOT NULL, given TEXT NOT NULL, PRIMARY KEY (listener, trial));
"""


class RatingsError(ValueError):
    """A listening test that cannot go on as asked."""


@dataclass(frozen=True)
class Stimulus:
    """One system's version of an utterance, as a WAV file; `pesq` is its MOS-LQO where that is known."""

    utterance: int
    system: str
    label: str
    wav: bytes
    pesq: float | None = None


@dataclass(frozen=True)
class Session:
    """A listening test. `id` is what listeners get; `operator` opens results and deletes."""

    id: str
    operator: str
    title: str
    method: str
    seed: int
    systems: tuple[str, ...]
    utterances: tuple[int, ...]
    created: str


@dataclass(frozen=True)
class Listener:
    """Someone taking a test under a nickname; `token` is their key to go on after a pause."""

    token: str
    session: str
    number: int
    nickname: str


@dataclass(frozen=True)
class Trial:
    """One question. `systems` is the one to rate (MOS), or what A, B and X are (ABX)."""

    number: int
    utterance: int
    systems: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What a listener answered: 1 to 5 (MOS), or 0 for "X is A" and 1 for "X is B" (ABX)."""

    listener: str
    trial: int
    utterance: int
    systems: tuple[str, ...]
    value: int
    given: str

    @property
    def correct(self) -> bool:
        """Whether an A/B/X answer names the system that X was."""
        return self.systems[self.value] == self.systems[2]


def plan_trials(session: Session, listener: int) -> list[Trial]:
    """All trials of listener number `listener`, in an order that the session's seed and the number determine.

    MOS: the utterances in random order and, within each, the systems in random order. ABX: one trial for each
    utterance, A and B in random order, X one of them by chance.
    """
    rng = np.random.default_rng([session.seed, listener])
    questions = []
    for utterance in rng.permutation(session.utterances).tolist():
        order = tuple(session.systems[i] for i in rng.permutation(len(session.systems)))
        if session.method == MOS:
            questions += [(utterance, (system,)) for system in order]
        else:
            questions.append((utterance, (*order, order[rng.integers(2)])))
    return [Trial(number, *question) for number, question in enumerate(questions)]


class Store:
    """The tests in the file at `path`, which is made where it is missing."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Read and written by their owner only; SQLite gives the files beside it the same rights.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        self.path.chmod(0o600)
        with self._connect() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(SCHEMA)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous = FULL")
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("PRAGMA secure_delete = ON")
            yield database
        finally:
            database.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connect() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def create(
        self, title: str, method: str, systems: Sequence[str], stimuli: Sequence[Stimulus], seed: int
    ) -> Session:
        """Set up a test of `systems`; `stimuli` has every utterance once by each system and, for MOS, once clean.

        Raises RatingsError where that is not so, or where an A/B/X test has other than two systems.
        """
        needed = set(systems) | ({REFERENCE} if method == MOS else set())
        utterances = tuple(sorted({stimulus.utterance for stimulus in stimuli}))
        have = {(stimulus.utterance, stimulus.system) for stimulus in stimuli}
        if method not in METHODS:
            raise RatingsError(f"A listening test is one of {', '.join(METHODS)}, not {method}.")
        if method == ABX and len(set(systems)) != 2:
            raise RatingsError("An A/B/X test compares exactly two systems.")
        if not systems or not utterances:
            raise RatingsError("A listening test needs at least one system and one utterance.")
        if any((utterance, system) not in have for utterance in utterances for system in needed):
            raise RatingsError("Every utterance must be there in the version of every system.")
        session = Session(
            secrets.token_urlsafe(8), secrets.token_urlsafe(16), title, method, seed, tuple(systems), utterances, _now()
        )
        with self._transaction() as database:
            database.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?)",
                (session.id, session.operator, title, method, seed, json.dumps(systems), session.created),
            )
            database.executemany(
                "INSERT INTO stimulus VALUES (?, ?, ?, ?, ?, ?)",
                [(session.id, s.utterance, s.system, s.label, s.wav, s.pesq) for s in stimuli],
            )
        return session

    def session(self, key: str) -> Session:
        """The test that listeners know by `key`, or whose operator holds `key`."""
        with self._connect() as database:
            row = database.execute(
                "SELECT id, operator, title, method, seed, systems, created FROM session WHERE ? IN (id, operator)",
                (key,),
            ).fetchone()
            if row is None:
                raise RatingsError("This listening test does not exist, or it was deleted.")
            utterances = database.execute(
                "SELECT DISTINCT utterance FROM stimulus WHERE session = ? ORDER BY utterance", (row[0],)
            ).fetchall()
        *facts, systems, created = row
        return Session(*facts, tuple(json.loads(systems)), tuple(u for (u,) in utterances), created)

    def delete(self, session: Session) -> None:
        """Remove a test with its sounds, listeners and answers."""
        with self._transaction() as database:
            database.execute("DELETE FROM session WHERE id = ?", (session.id,))
        with self._connect() as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def stimulus(self, session: Session, utterance: int, system: str) -> Stimulus:
        """One sound of a test."""
        with self._connect() as database:
            row = database.execute(
                "SELECT utterance, system, label, wav, pesq FROM stimulus "
                "WHERE session = ? AND utterance = ? AND system = ?",
                (session.id, utterance, system),
            ).fetchone()
        if row is None:
            raise RatingsError("This listening test has no such sound, or it was deleted.")
        return Stimulus(*row)

    def pesq(self, session: Session) -> dict[tuple[int, str], float]:
        """PESQ (MOS-LQO) of every sound that has one, by utterance and system."""
        with self._connect() as database:
            rows = database.execute(
                "SELECT utterance, system, pesq FROM stimulus WHERE session = ? AND pesq IS NOT NULL", (session.id,)
            ).fetchall()
        return {(utterance, system): pesq for utterance, system, pesq in rows}

    def join(self, session: Session, nickname: str) -> Listener:
        """A new listener. Raises RatingsError for an empty, overlong or taken nickname."""
        nickname = nickname.strip()
        if not 0 < len(nickname) <= LONGEST_NICKNAME:
            raise RatingsError(f"Choose a nickname of 1 to {LONGEST_NICKNAME} characters.")
        token = secrets.token_urlsafe(16)
        with self._transaction() as database:
            if not database.execute("SELECT 1 FROM session WHERE id = ?", (session.id,)).fetchone():
                raise RatingsError("This listening test does not exist, or it was deleted.")
            (number,) = database.execute(
                "SELECT COALESCE(MAX(number) + 1, 0) FROM listener WHERE session = ?", (session.id,)
            ).fetchone()
            try:
                database.execute(
                    "INSERT INTO listener VALUES (?, ?, ?, ?, ?)", (token, session.id, number, nickname, _now())
                )
            except sqlite3.IntegrityError:
                raise RatingsError(
                    "Someone takes this test under that nickname already: choose another, or go on with your own link."
                ) from None
        return Listener(token, session.id, number, nickname)

    def listener(self, token: str) -> Listener:
        """The listener who holds `token`."""
        with self._connect() as database:
            row = database.execute(
                "SELECT token, session, number, nickname FROM listener WHERE token = ?", (token,)
            ).fetchone()
        if row is None:
            raise RatingsError("Nobody takes part under this link, or the test was deleted.")
        return Listener(*row)

    def listeners(self, session: Session) -> list[Listener]:
        """Everyone who joined, in that order."""
        with self._connect() as database:
            rows = database.execute(
                "SELECT token, session, number, nickname FROM listener WHERE session = ? ORDER BY number", (session.id,)
            ).fetchall()
        return [Listener(*row) for row in rows]

    def answered(self, listener: Listener) -> int:
        """How many trials a listener has answered; that is also the number of the next."""
        with self._connect() as database:
            return database.execute("SELECT COUNT(*) FROM answer WHERE listener = ?", (listener.token,)).fetchone()[0]

    def answer(self, session: Session, listener: Listener, trial: Trial, value: int) -> None:
        """Keep an answer; it is on disk on return. Answering a trial again replaces its answer.

        Raises RatingsError for a value off the scale and for a trial ahead of the next.
        """
        if value not in (range(1, 6) if session.method == MOS else (0, 1)):
            raise RatingsError("This answer is not on the scale.")
        with self._transaction() as database:
            (done,) = database.execute("SELECT COUNT(*) FROM answer WHERE listener = ?", (listener.token,)).fetchone()
            if trial.number > done:
                raise RatingsError("The trials are answered one after the other.")
            try:
                database.execute(
                    "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET value = excluded.value, given = excluded.given",
                    (listener.token, trial.number, trial.utterance, json.dumps(trial.systems), value, _now()),
                )
            except sqlite3.IntegrityError:
                raise RatingsError("This listening test was deleted.") from None

    def answers(self, session: Session) -> list[Answer]:
        """Every answer of a test, listener by listener in the order of their trials."""
        with self._connect() as database:
            rows = database.execute(
                "SELECT nickname, trial, utterance, systems, value, given FROM answer "
                "JOIN listener ON listener.token = answer.listener WHERE session = ? ORDER BY number, trial",
                (session.id,),
            ).fetchall()
        return [Answer(who, n, u, tuple(json.loads(systems)), value, at) for who, n, u, systems, value, at in rows]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
