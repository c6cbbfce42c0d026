"""How far a training run has got, by its log: the share done, and the time left at its pace so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class RunProgress:
    """share: 0 to 1, None where its recipe sets no end. seconds_left: of training; None where nothing tells it."""

    share: float | None
    seconds_left: float | None
    over: bool

    def in_words(self) -> str:
        """Such as "34 %, about 1:20:00 left"."""
        if self.over:
            return "through"
        if self.share is None:
            return "no end is set"
        left = "" if self.seconds_left is None else f", about {timedelta(seconds=round(self.seconds_left))} left"
        return f"{100 * self.share:.0f} %{left}"


def run_progress(records: Sequence[dict]) -> RunProgress:
    """Of the `records` of `read_log`."""
    over = any(record["event"] == "end" for record in records)
    recipe: dict = next((record["recipe"] for record in reversed(records) if "recipe" in record), {})
    timed = [record for record in records if "seconds" in record]
    if not timed or not recipe:
        return RunProgress(1.0 if over else None, None, over)
    spent = timed[-1]["seconds"]
    heard = timed[-1]["step"] * recipe.get("batch", 0) * recipe.get("segment", 0.0)
    hours = recipe.get("hours") or recipe.get("epochs", 0) * recipe.get("epoch_hours", 0.0)
    ends = [
        spent / recipe["total_seconds"] if recipe.get("total_seconds") else None,
        heard / (3600 * hours) if hours and not recipe.get("total_seconds") else None,
    ]
    share = next((min(1.0, end) for end in ends if end is not None), None)
    if over:
        return RunProgress(1.0, 0.0, True)
    left = spent / share - spent if share else None
    return RunProgress(share, left, False)
