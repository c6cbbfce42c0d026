"""Where listening tests live: sessions, their sounds, listeners and every answer, in one SQLite file.

Each call is a transaction of its own connection in WAL mode with full synchronisation: when `answer` returns, the
answer is on disk, whatever happens to the process next, and any number of threads or processes may call at once.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from analysis.keys import new_key, rows_with_key
from analysis.scores.systems import CLEAN
from tasnet.atomic import make_folder
from tasnet.errors import UserError, opening

MOS = "MOS"  # rate one sample from 1 to 5, beside the clean utterance
ABX = "ABX"  # is X the same as A or as B?
MUSHRA = "MUSHRA"  # rate all versions of one utterance from 0 to 100, a hidden reference and anchors among them
METHODS = (MOS, ABX, MUSHRA)
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
SESSION = "id, operator, title, method, seed, systems, created, training, repetitions, headphones, owner"
QUERY = f"SELECT {SESSION} FROM session"
# Columns that files of earlier versions lack: (table, column, type and default). A MUSHRA answer is a list in `value`.
ADDED = (
    ("session", "training", "INTEGER NOT NULL DEFAULT 0"),
    ("session", "repetitions", "INTEGER NOT NULL DEFAULT 1"),
    ("session", "headphones", "INTEGER NOT NULL DEFAULT 0"),
    ("session", "owner", "TEXT NOT NULL DEFAULT ''"),
    ("listener", "headphones", "INTEGER"),
)


class RatingsError(UserError):
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
    """A listening test. Three keys, none of which opens another's view: `id` is for listeners, `operator` for results
    and deletion, `owner` lists all tests that were set up under it.

    Each listener begins with `training` trials that do not count and a check for `headphones`; everything is asked
    `repetitions` times.
    """

    id: str
    operator: str
    title: str
    method: str
    seed: int
    systems: tuple[str, ...]
    utterances: tuple[int, ...]
    created: str
    training: int = 0
    repetitions: int = 1
    headphones: bool = False
    owner: str = ""


@dataclass(frozen=True)
class Listener:
    """Someone taking a test under a nickname; `token` is their key to go on after a pause.

    `headphones`: how many answers of the headphone check were right; None before it.
    """

    token: str
    session: str
    number: int
    nickname: str
    headphones: int | None = None


@dataclass(frozen=True)
class Trial:
    """One question. `systems` is the one to rate (MOS), what A, B and X are (ABX), or all in their order (MUSHRA)."""

    number: int
    utterance: int
    systems: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """An answer: 1 to 5 (MOS), 0 for "X is A" and 1 for "X is B" (ABX), or 0 to 100 for each system (MUSHRA)."""

    listener: str
    trial: int
    utterance: int
    systems: tuple[str, ...]
    value: int | tuple[int, ...]
    given: str

    @property
    def correct(self) -> bool:
        """Whether an A/B/X answer names the system that X was."""
        return self.systems[self.value] == self.systems[2]


def plan_trials(session: Session, listener: int) -> list[Trial]:
    """All trials of listener number `listener`, in an order that the session's seed and the number determine.

    The utterances come in random order, anew in each repetition. MOS: within each, the systems in random order. ABX:
    A and B in random order, X one of them by chance. MUSHRA: all systems at once in random order.
    """
    rng = np.random.default_rng([session.seed, listener])
    questions = [question for _ in range(session.repetitions) for question in _questions(session, rng)]
    return [Trial(number, *question) for number, question in enumerate(questions)]


def plan_training(session: Session, listener: int) -> list[Trial]:
    """The trials before the test, which do not count: of its own sounds, in another order."""
    rng = np.random.default_rng([session.seed, listener, 1])
    return [Trial(number, *question) for number, question in enumerate(_questions(session, rng)[: session.training])]


def _questions(session: Session, rng: np.random.Generator) -> list[tuple[int, tuple[str, ...]]]:
    """Every utterance's question or questions once: (utterance, systems)."""
    questions = []
    for utterance in rng.permutation(session.utterances).tolist():
        order = tuple(session.systems[i] for i in rng.permutation(len(session.systems)))
        if session.method == MOS:
            questions += [(utterance, (system,)) for system in order]
        elif session.method == ABX:
            questions.append((utterance, (*order, order[rng.integers(2)])))
        else:
            questions.append((utterance, order))
    return questions


class Store:
    """The tests in the file at `path`, which is made where it is missing."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        make_folder(self.path.parent)
        # Read and written by their owner only; SQLite gives the files beside it the same rights.
        with opening(self.path, "be written"):
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self.path.chmod(0o600)
        with self._connect() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(SCHEMA)
        with self._transaction() as database:
            for table, column, kind in ADDED:
                if column not in {row[1] for row in database.execute(f"PRAGMA table_info({table})")}:
                    database.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")

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
        self,
        title: str,
        method: str,
        systems: Sequence[str],
        stimuli: Sequence[Stimulus],
        seed: int,
        *,
        training: int = 0,
        repetitions: int = 1,
        headphones: bool = False,
        owner: str = "",
    ) -> Session:
        """Set up a test of `systems`; `stimuli` has every utterance once by each and, unless it is ABX, once clean.

        Raises RatingsError where that is not so, where an A/B/X test has other than two systems, or a MUSHRA test no
        hidden reference. For the rest see `Session`; without `owner` it gets one of its own.
        """
        needed = set(systems) | ({REFERENCE} if method != ABX else set())
        have = {(stimulus.utterance, stimulus.system) for stimulus in stimuli}
        utterances = tuple(sorted({utterance for utterance, _ in have}))
        if method not in METHODS:
            raise RatingsError(f"A listening test is one of {', '.join(METHODS)}, not {method}.")
        if method == ABX and len(set(systems)) != 2:
            raise RatingsError("An A/B/X test compares exactly two systems.")
        if method == MUSHRA and (REFERENCE not in systems or len(set(systems)) < 2):
            raise RatingsError("A MUSHRA test hides the clean reference among at least one other system.")
        if training < 0 or repetitions < 1:
            raise RatingsError("A test is asked at least once, and training cannot be negative.")
        if not systems or not utterances:
            raise RatingsError("A listening test needs at least one system and one utterance.")
        if any((utterance, system) not in have for utterance in utterances for system in needed):
            raise RatingsError("Every utterance must be there in the version of every system.")
        keys = new_key(), new_key()
        rest = training, repetitions, headphones, owner or new_key()
        session = Session(*keys, title, method, seed, tuple(systems), utterances, _now(), *rest)
        with self._transaction() as database:
            database.execute(
                f"INSERT INTO session ({SESSION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*keys, title, method, seed, json.dumps(systems), session.created, *rest),
            )
            database.executemany(
                "INSERT INTO stimulus VALUES (?, ?, ?, ?, ?, ?)",
                [(session.id, s.utterance, s.system, s.label, s.wav, s.pesq) for s in stimuli],
            )
        return session

    def session(self, key: str) -> Session:
        """The test that listeners know by `key`."""
        return self._opened("id", key)

    def operated(self, key: str) -> Session:
        """The test whose operator holds `key`."""
        return self._opened("operator", key)

    def _opened(self, role: str, key: str) -> Session:
        with self._connect() as database:
            for row in rows_with_key(database, "session", role, key):
                return _session(database, database.execute(f"{QUERY} WHERE rowid = ?", (row,)).fetchone())
        raise RatingsError("This listening test does not exist, or it was deleted.")

    def owned(self, owner: str) -> list[Session]:
        """All tests that were set up under `owner`, the newest first."""
        with self._connect() as database:
            found = rows_with_key(database, "session", "owner", owner)
            query = f"{QUERY} WHERE rowid IN ({','.join('?' * len(found))})"
            rows = database.execute(f"{query} ORDER BY created DESC, rowid DESC", found)
            return [_session(database, row) for row in rows.fetchall()]

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
        query = "SELECT utterance, system, pesq FROM stimulus WHERE session = ? AND pesq IS NOT NULL"
        with self._connect() as database:
            return {(utterance, system): pesq for utterance, system, pesq in database.execute(query, (session.id,))}

    def join(self, session: Session, nickname: str) -> Listener:
        """A new listener. Raises RatingsError for an empty, overlong or taken nickname."""
        nickname = nickname.strip()
        if not 0 < len(nickname) <= LONGEST_NICKNAME:
            raise RatingsError(f"Choose a nickname of 1 to {LONGEST_NICKNAME} characters.")
        token = new_key()
        with self._transaction() as database:
            if not database.execute("SELECT 1 FROM session WHERE id = ?", (session.id,)).fetchone():
                raise RatingsError("This listening test does not exist, or it was deleted.")
            (number,) = database.execute(
                "SELECT COALESCE(MAX(number) + 1, 0) FROM listener WHERE session = ?", (session.id,)
            ).fetchone()
            try:
                database.execute(
                    "INSERT INTO listener (token, session, number, nickname, joined) VALUES (?, ?, ?, ?, ?)",
                    (token, session.id, number, nickname, _now()),
                )
            except sqlite3.IntegrityError:
                raise RatingsError(
                    "Someone takes this test under that nickname already: choose another, or go on with your own link."
                ) from None
        return Listener(token, session.id, number, nickname)

    def listener(self, token: str) -> Listener:
        """The listener who holds `token`."""
        with self._connect() as database:
            for row in rows_with_key(database, "listener", "token", token):
                query = "SELECT token, session, number, nickname, headphones FROM listener WHERE rowid = ?"
                return Listener(*database.execute(query, (row,)).fetchone())
        raise RatingsError("Nobody takes part under this link, or the test was deleted.")

    def listeners(self, session: Session) -> list[Listener]:
        """Everyone who joined, in that order."""
        with self._connect() as database:
            rows = database.execute(
                "SELECT token, session, number, nickname, headphones FROM listener WHERE session = ? ORDER BY number",
                (session.id,),
            ).fetchall()
        return [Listener(*row) for row in rows]

    def keep_headphones(self, listener: Listener, correct: int) -> None:
        """How many answers of the headphone check were right."""
        with self._transaction() as database:
            database.execute("UPDATE listener SET headphones = ? WHERE token = ?", (correct, listener.token))

    def answered(self, listener: Listener) -> int:
        """How many trials a listener has answered; that is also the number of the next."""
        with self._connect() as database:
            return database.execute("SELECT COUNT(*) FROM answer WHERE listener = ?", (listener.token,)).fetchone()[0]

    def answer(self, session: Session, listener: Listener, trial: Trial, value: int | Sequence[int]) -> None:
        """Keep an answer; it is on disk on return. Answering a trial again replaces its answer.

        Raises RatingsError for a value off the scale and for a trial ahead of the next.
        """
        scale = {MOS: range(1, 6), ABX: range(2), MUSHRA: range(101)}[session.method]
        values = list(value) if session.method == MUSHRA else [value]
        if any(one not in scale for one in values):
            raise RatingsError("This answer is not on the scale.")
        if session.method == MUSHRA and len(values) != len(trial.systems):
            raise RatingsError("Every sound of a MUSHRA trial is rated.")
        kept = json.dumps(values) if session.method == MUSHRA else value
        with self._transaction() as database:
            (done,) = database.execute("SELECT COUNT(*) FROM answer WHERE listener = ?", (listener.token,)).fetchone()
            if trial.number > done:
                raise RatingsError("The trials are answered one after the other.")
            try:
                database.execute(
                    "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET value = excluded.value, given = excluded.given",
                    (listener.token, trial.number, trial.utterance, json.dumps(trial.systems), kept, _now()),
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
        return [
            Answer(
                who, n, u, tuple(json.loads(systems)), value if isinstance(value, int) else tuple(json.loads(value)), at
            )
            for who, n, u, systems, value, at in rows
        ]


def _session(database: sqlite3.Connection, row: tuple) -> Session:
    """A row of `SESSION` as what it is."""
    *facts, systems, created, training, repetitions, headphones, owner = row
    query = "SELECT DISTINCT utterance FROM stimulus WHERE session = ? ORDER BY utterance"
    utterances = tuple(u for (u,) in database.execute(query, (row[0],)))
    rest = training, repetitions, bool(headphones), owner
    return Session(*facts, tuple(json.loads(systems)), utterances, created, *rest)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
