"""Where listening tests live: sessions, their sounds, listeners and every answer, in one SQLite file.

Each call is a transaction of its own connection in WAL mode with full synchronisation: when `answer` returns, the
answer is on disk, whatever happens to the process next, and any number of threads or processes may call at once.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from analysis.keys import new_key, rows_with_key
from tasnet.atomic import make_folder
from tasnet.errors import PathError, opening

from .trials import (
    ABX,
    LONGEST_DEVICE,
    LONGEST_NICKNAME,
    METHODS,
    MOS,
    MUSHRA,
    REFERENCE,
    Answer,
    Listener,
    RatingsError,
    Session,
    Stimulus,
    Trial,
)

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
LISTENER = "token, session, number, nickname, headphones, device"
QUERY = f"SELECT {SESSION} FROM session"
# Columns that files of earlier versions lack: (table, column, type and default). A MUSHRA answer is a list in `value`.
ADDED = (
    ("session", "training", "INTEGER NOT NULL DEFAULT 0"),
    ("session", "repetitions", "INTEGER NOT NULL DEFAULT 1"),
    ("session", "headphones", "INTEGER NOT NULL DEFAULT 0"),
    ("session", "owner", "TEXT NOT NULL DEFAULT ''"),
    ("listener", "headphones", "INTEGER"),
    ("listener", "device", "TEXT NOT NULL DEFAULT ''"),
    ("answer", "seconds", "REAL"),
)

# SQLite's codes for what is no fault of ours: a disk that is full, fails or is read-only, a file that another keeps.
OF_THE_DISK = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
}


class Store:
    """The tests in the file at `path`, which is made where it is missing."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        make_folder(self.path.parent)
        # Readable and writable by their owner only; SQLite gives its companion files the same permissions.
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
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF not in OF_THE_DISK:
                raise
            raise PathError(f"{self.path.name} cannot be written: {problem}.") from None
        finally:
            database.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connect() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                if database.in_transaction:  # SQLite itself gives up what a full disk stopped
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
        key, operator, owner, now = new_key(), new_key(), owner or new_key(), _now()
        asked = training, repetitions, headphones, owner
        session = Session(key, operator, title, method, seed, tuple(systems), utterances, now, *asked)
        with self._transaction() as database:
            database.execute(
                f"INSERT INTO session ({SESSION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key, operator, title, method, seed, json.dumps(systems), now, *asked),
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

    def join(self, session: Session, nickname: str, device: str = "") -> Listener:
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
                    "INSERT INTO listener (token, session, number, nickname, joined, device) VALUES (?, ?, ?, ?, ?, ?)",
                    (token, session.id, number, nickname, _now(), device[:LONGEST_DEVICE]),
                )
            except sqlite3.IntegrityError:
                raise RatingsError(
                    "Someone takes this test under that nickname already: choose another, or go on with your own link."
                ) from None
        return Listener(token, session.id, number, nickname, device=device[:LONGEST_DEVICE])

    def listener(self, token: str) -> Listener:
        """The listener who holds `token`."""
        with self._connect() as database:
            for row in rows_with_key(database, "listener", "token", token):
                query = f"SELECT {LISTENER} FROM listener WHERE rowid = ?"
                return Listener(*database.execute(query, (row,)).fetchone())
        raise RatingsError("Nobody takes part under this link, or the test was deleted.")

    def listeners(self, session: Session) -> list[Listener]:
        """Everyone who joined, in that order."""
        with self._connect() as database:
            rows = database.execute(
                f"SELECT {LISTENER} FROM listener WHERE session = ? ORDER BY number",
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

    def answer(
        self,
        session: Session,
        listener: Listener,
        trial: Trial,
        value: int | Sequence[int],
        seconds: float | None = None,
    ) -> None:
        """Keep an answer, given `seconds` after the question; it is on disk on return. Again: it is replaced.

        Raises RatingsError for a value off the scale and for a trial ahead of the next.
        """
        scale = {MOS: range(1, 6), ABX: range(2), MUSHRA: range(101)}[session.method]
        values = list(value) if isinstance(value, Sequence) else [value]
        if any(one not in scale for one in values) or (len(values) != 1 and session.method != MUSHRA):
            raise RatingsError("This answer is not on the scale.")
        if session.method == MUSHRA and len(values) != len(trial.systems):
            raise RatingsError("Every sound of a MUSHRA trial is rated.")
        kept = json.dumps(values) if session.method == MUSHRA else values[0]
        with self._transaction() as database:
            (done,) = database.execute("SELECT COUNT(*) FROM answer WHERE listener = ?", (listener.token,)).fetchone()
            if trial.number > done:
                raise RatingsError("The trials are answered one after the other.")
            try:
                database.execute(
                    "INSERT INTO answer (listener, trial, utterance, systems, value, given, seconds) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, "
                    "given = excluded.given, seconds = excluded.seconds",
                    (listener.token, trial.number, trial.utterance, json.dumps(trial.systems), kept, _now(), seconds),
                )
            except sqlite3.IntegrityError:
                raise RatingsError("This listening test was deleted.") from None

    def answers(self, session: Session) -> list[Answer]:
        """Every answer of a test, listener by listener in the order of their trials."""
        with self._connect() as database:
            rows = database.execute(
                "SELECT nickname, trial, utterance, systems, value, given, seconds FROM answer "
                "JOIN listener ON listener.token = answer.listener WHERE session = ? ORDER BY number, trial",
                (session.id,),
            ).fetchall()
        return [
            Answer(who, n, u, tuple(json.loads(systems)), _value(value), at, seconds)
            for who, n, u, systems, value, at, seconds in rows
        ]

    def labels(self, session: Session) -> dict[int, str]:
        """What every utterance is called."""
        with self._connect() as database:
            query = "SELECT utterance, label FROM stimulus WHERE session = ? GROUP BY utterance"
            return dict(database.execute(query, (session.id,)).fetchall())


def _value(kept: int | str) -> int | tuple[int, ...]:
    return kept if isinstance(kept, int) else tuple(json.loads(kept))


def _session(database: sqlite3.Connection, row: tuple) -> Session:
    """A row of `SESSION` as what it is."""
    key, operator, title, method, seed, systems, created, training, repetitions, headphones, owner = row
    query = "SELECT DISTINCT utterance FROM stimulus WHERE session = ? ORDER BY utterance"
    utterances = tuple(u for (u,) in database.execute(query, (key,)))
    about = key, operator, title, method, seed, tuple(json.loads(systems)), utterances, created
    return Session(*about, training, repetitions, bool(headphones), owner)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
