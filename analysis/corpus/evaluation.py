"""Scoring a model and the ideal masks on a whole test set, resuming from what was already done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import tasnet
from tasnet.data.corpora import CorpusError, MixtureSet, explain_mixtures, open_mixtures

from . import engine as engines
from .evaluation_run import EvaluationRun, Progress, describe_run, separates_ahead
from .results import Header, Results, ResultsFile
from .scores import columns

FOLDER = Path("runs") / "corpus"
TASKS_PER_WORKER = 4  # in a batch: at its end the workers wait for the slowest
GPU_BATCH = 16  # mixtures, among which those of equal length are separated together


def score_set(
    mixtures: str | Path | MixtureSet,
    model: str | Path,
    out: str | Path | None = None,
    *,
    split: str = "test",
    kind: str = "",
    limit: int | None = None,
    pesq: bool = True,
    workers: int | None = None,
    backend: str = "loky",
    device: str = "auto",
    precision: str = "auto",
    progress: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Results:
    """Score `model` and the ideal masks on `mixtures`; the rows go to the file `out`.

    mixtures: a set, or its folder or list.
    out: by default runs/corpus/<set>_<model>.csv; in a folder, a file of that name there.
    split: "test", "valid" or "train", where the folder has several.
    kind: the folder of the mixtures ("mix_both") where there are several.
    limit: score only so many mixtures, evenly spread over the set. workers: by default one for every core.
    progress: called before the first batch and after each; an exception that it raises ends the
    work, and what was done stays in the file. say: called with sentences on how the set was understood.
    Raises ResultsError, CorpusError, CheckpointError or DeviceError (all UserErrors).
    """
    if not isinstance(mixtures, MixtureSet):
        mixtures = open_mixtures(mixtures, split=split, mixture=kind or None)
    for sentence in explain_mixtures(mixtures):
        say(sentence)
    chosen = spread_evenly(len(mixtures), limit)
    separator = tasnet.Separator(model, device, precision)
    header = describe_run(mixtures, separator, model, split=split, kind=kind, pesq=pesq)
    with (
        engines.start(backend, workers) as engine,
        ResultsFile(results_path(out, header), header, columns(header.speakers, pesq)) as file,
    ):
        run = EvaluationRun(mixtures, separator, model, file, chosen)
        progress(run.progress)
        size = TASKS_PER_WORKER * engine.workers if engine.workers > 1 else 1
        if separates_ahead(separator):
            size = max(size, GPU_BATCH)
        for batch in run.batches(size):
            run.score_batch(batch, engine.run)
            progress(run.progress)
        return file.finish()


def results_path(out: str | Path | None, header: Header) -> Path:
    """The file that the results go to: `out`, or one in the folder `out`, by default in `FOLDER`."""
    folder = FOLDER if out is None else Path(out)
    if out is not None and not folder.is_dir():
        return folder
    parts = [header.set, header.kind, header.model, "" if header.pesq else "no_pesq"]
    return folder / f"{'_'.join(part.replace('/', '-') for part in parts if part)}.csv"


def spread_evenly(count: int, limit: int | None) -> list[int]:
    """All of `count` indices, or `limit` of them, evenly spread."""
    if limit is None or limit >= count:
        return list(range(count))
    if limit < 1:
        raise CorpusError(f"The limit must be at least one mixture, not {limit}.")
    return np.linspace(0, count - 1, limit).round().astype(int).tolist()
