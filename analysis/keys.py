"""Keys in links: nobody can guess one, and response times reveal nothing about existing keys."""

import secrets
import sqlite3


def new_key() -> str:
    """A key of 128 random bits."""
    return secrets.token_urlsafe(16)


def same_key(known: str, given: str) -> bool:
    """Whether two keys are equal, in a time that does not depend on where they differ."""
    return secrets.compare_digest(known.encode(errors="replace"), given.encode(errors="replace"))


def rows_with_key(database: sqlite3.Connection, table: str, role: str, key: str) -> list[int]:
    """The rows of `table` whose column `role` is `key`, by number; all keys are compared."""
    rows = database.execute(f"SELECT rowid, {role} FROM {table} WHERE {role} != ''").fetchall()
    return [number for number, known in rows if same_key(known, key)]
