"""How good the guesses of `tasnet.quality` were on voices, noises and rooms that it never heard: read and summed up.

`python -m analysis.conditions.fit_quality` writes assets/quality.csv.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from pathlib import Path

from analysis.corpus.results import ResultsError
from tasnet.atomic import replacing
from tasnet.quality import HEAD

RESULTS = HEAD.with_suffix(".csv")
KINDS = ("clean", "noise", "room", "noise and room")


@dataclass(frozen=True)
class QualityRow:
    """One output of one window: its SI-SNR in dB, and what was expected of it."""

    model: str
    voices: int
    kind: str  # of KINDS
    si_snr: float
    low: float
    median: float
    high: float

    @property
    def held(self) -> bool:
        """Whether the interval holds the value."""
        return self.low <= self.si_snr <= self.high


@dataclass(frozen=True)
class QualitySummary:
    """Of some rows: how many, the mean absolute error in dB, the share held in %, and the mean width in dB."""

    outputs: int
    error: float
    held: float
    width: float


def summed_up(rows: Sequence[QualityRow]) -> QualitySummary:
    """Of at least one row."""
    n = len(rows)
    return QualitySummary(
        n,
        sum(abs(row.median - row.si_snr) for row in rows) / n,
        100 * sum(row.held for row in rows) / n,
        sum(row.high - row.low for row in rows) / n,
    )


def by_kind(rows: Iterable[QualityRow]) -> dict[str, QualitySummary]:
    """{kind of sound: its summary}, and "all"."""
    rows = list(rows)
    groups = {kind: [row for row in rows if row.kind == kind] for kind in KINDS} | {"all": rows}
    return {kind: summed_up(group) for kind, group in groups.items() if group}


def write_quality(rows: Iterable[QualityRow], path: Path = RESULTS) -> None:
    """The rows as CSV, dB with one decimal."""
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow([field.name for field in fields(QualityRow)])
        for row in rows:
            lines.writerow([f"{x:.1f}" if isinstance(x, float) else x for x in astuple(row)])


@lru_cache(maxsize=1)
def read_quality(path: Path = RESULTS) -> tuple[QualityRow, ...]:
    """What `write_quality` wrote. Raises ResultsError where it is not there or is something else."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return tuple(
                QualityRow(
                    row["model"],
                    int(row["voices"]),
                    row["kind"],
                    *(float(row[name]) for name in ("si_snr", "low", "median", "high")),
                )
                for row in csv.DictReader(file)
            )
    except OSError:
        raise ResultsError("No results of the guesses come along.") from None
    except (KeyError, TypeError, ValueError):
        raise ResultsError(f"{path.name} is not what fit_quality writes.") from None
