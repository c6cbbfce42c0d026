"""The answers of a listening test as tables: a line for every rated sound, and webMUSHRA's own columns."""

from collections.abc import Iterable

from .ratings import Store
from .trials import ABX, Answer, Session

# The columns that webMUSHRA writes to mushra.csv; it has a questionnaire where this test has a nickname.
WEBMUSHRA = ("session_test_id", "name", "session_uuid", "trial_id", "rating_stimulus", "rating_score", "rating_time")


def rated_sounds(answer: Answer) -> list[tuple[str, int]]:
    """(condition, score) of every sound that a MOS or MUSHRA answer rates."""
    values = answer.value if isinstance(answer.value, tuple) else (answer.value,)
    return list(zip(answer.systems, values, strict=True))


def long_form(store: Store, session: Session) -> dict[str, list]:
    """{column: values}, a row for every rated sound, or for every A/B/X answer; undefined times are empty."""
    listeners = {one.nickname: one for one in store.listeners(session)}
    labels = store.labels(session)
    rows = []
    for answer in store.answers(session):
        who = listeners[answer.listener]
        begin = {
            "test": session.id,
            "title": session.title,
            "method": session.method,
            "listener": answer.listener,
            "trial": answer.trial + 1,
            "stimulus": labels.get(answer.utterance, ""),
        }
        end = {
            "seconds": "" if answer.seconds is None else round(answer.seconds, 2),
            "given": answer.given,
            "headphones_right": "" if who.headphones is None else who.headphones,
            "device": who.device,
        }
        if session.method == ABX:
            names = dict(zip(("a", "b", "x"), answer.systems, strict=True))
            rows.append(begin | names | {"answer": "AB"[answer.choice], "correct": int(answer.correct)} | end)
        else:
            for position, (condition, score) in enumerate(rated_sounds(answer), 1):
                rows.append(begin | {"condition": condition, "position": position, "score": score} | end)
    return _columns(rows)


def webmushra_form(store: Store, session: Session) -> dict[str, list]:
    """The same ratings in webMUSHRA's columns, for scripts that read its mushra.csv: time in ms, of the whole page."""
    tokens = {one.nickname: f"{session.id}-{one.number}" for one in store.listeners(session)}
    labels = store.labels(session)
    return _columns(
        dict(
            zip(
                WEBMUSHRA,
                (
                    session.id,
                    answer.listener,
                    tokens[answer.listener],
                    labels.get(answer.utterance, ""),
                    condition.lower() if condition == session.systems[0] else condition,
                    score,
                    "" if answer.seconds is None else round(1000 * answer.seconds),
                ),
                strict=True,
            )
        )
        for answer in store.answers(session)
        for condition, score in rated_sounds(answer)
    )


def _columns(rows: Iterable[dict]) -> dict[str, list]:
    rows = list(rows)
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
