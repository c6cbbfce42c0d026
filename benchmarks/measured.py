"""Writes what a benchmark found to docs/measured: `python -m analysis.corpus.results_page` makes a section of it."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "measured"


def write_measured(
    name: str, *, order: float, title: str, about: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """The file of the benchmark `name`: rows of text under `columns`, and the machine as far as it tells."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts = {"order": order, "title": title, "about": about, "command": f"python -m benchmarks.{name}"}
    machine = f"{cores} core{'s' * (cores != 1)} of {_processor()}"
    found = facts | {"machine": machine, "columns": list(columns), "rows": [list(row) for row in rows]}
    (FOLDER / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _processor() -> str:
    """What the processor is called, without the marks of its maker."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or "a CPU"
    return " ".join(name.replace("(R)", "").replace("(TM)", "").split())
