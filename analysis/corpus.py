"""Conv-TasNet and the ideal masks over a whole test set: Tables IV, V and VI for any corpus and model.

    python -m analysis.corpus DIR --model NAME [--limit N] [-o OUT.csv] [--workers K]

DIR is anything that `tasnet.train.corpora.open_mixtures` knows: wsj0-mix, LibriMix, folders s1 and
s2, a pack. Every mixture is scored by SI-SNRi, SDRi, PESQ on both its scales, and STOI, for
Conv-TasNet and for the ideal masks. The rows go to a CSV file as they come (`corpus_results`); the
same command goes on with a file that a kill has left. Mixtures that cannot be used are reported,
counted and skipped. The results do not depend on the number of workers.

A worker for every core scores, on one thread each. On a CPU each worker also separates. On a GPU
this process separates for all, mixtures of equal length together: padding shorter ones would change
the statistics that gLN (eq. 9) takes over the whole signal, and so the scores.

Several machines share the work through joblib's backends (pip install "dask[distributed]" or
"ray"). The signals travel with the tasks, so only this machine needs the corpus; the others need
the project, from whose folder all is started, and the model:

    PYTHONPATH=. dask scheduler                              # here; it prints its address
    PYTHONPATH=. dask worker tcp://HOST:8786 --nworkers auto --nthreads 1     # on every machine
    DASK_SCHEDULER_ADDRESS=tcp://HOST:8786 python -m analysis.corpus DIR --model NAME --backend dask

    PYTHONPATH=. ray start --head                            # here
    PYTHONPATH=. ray start --address=HOST:6379               # on every other machine
    RAY_ADDRESS=HOST:6379 python -m analysis.corpus DIR --model NAME --backend ray
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

import tasnet
from tasnet.train.corpora import CorpusError, open_mixtures

from . import corpus_engine
from .corpus_report import as_text
from .corpus_results import Header, Results, ResultsFile
from .corpus_scores import columns
from .corpus_work import Progress, Work, describe, separates_ahead

FOLDER = Path("runs") / "corpus"
TASKS_PER_WORKER = 4  # in a batch: at its end the workers wait for the slowest
GPU_BATCH = 16  # mixtures, among which those of equal length are separated together


def evaluate(
    folder: str | Path,
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
) -> Results:
    """Score `model` and the ideal masks on the mixtures in `folder`; the rows go to the file `out`.

    out: by default runs/corpus/<set>_<model>.csv. split: "test", "valid" or "train", where the
    folder has several. kind: the folder of the mixtures ("mix_both") where there are several.
    limit: so many mixtures, evenly spread over the set. workers: by default one for every core.
    progress: called before the first batch and after each; an exception that it raises ends the
    work, and what was done stays in the file. Raises ResultsError, CorpusError, CheckpointError or
    DeviceError (all ValueErrors).
    """
    mixtures = open_mixtures(folder, split=split, mixture=kind or None)
    chosen = _spread(len(mixtures), limit)
    separator = tasnet.Separator(model, device, precision)
    header = describe(mixtures, separator, model, split=split, kind=kind, pesq=pesq)
    with (
        corpus_engine.start(backend, workers) as engine,
        ResultsFile(out or default_out(header), header, columns(header.speakers, pesq)) as file,
    ):
        work = Work(mixtures, separator, model, file, chosen)
        progress(work.progress)
        size = TASKS_PER_WORKER * engine.workers if engine.workers > 1 else 1
        if separates_ahead(separator):
            size = max(size, GPU_BATCH)
        for batch in work.batches(size):
            work.do(batch, engine.run)
            progress(work.progress)
        return file.finish()


def default_out(header: Header) -> Path:
    """Where the results go if nothing else is said."""
    parts = [header.set, header.kind, header.model, "" if header.pesq else "no_pesq"]
    return FOLDER / f"{'_'.join(part for part in parts if part)}.csv"


def _spread(count: int, limit: int | None) -> list[int]:
    """All of `count` indices, or `limit` of them, evenly spread."""
    if limit is None or limit >= count:
        return list(range(count))
    if limit < 1:
        raise CorpusError(f"The limit must be at least one mixture, not {limit}.")
    return np.linspace(0, count - 1, limit).round().astype(int).tolist()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Exit code 0; 2 where something cannot be used; 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    settings = vars(options)
    try:
        with _Bar() as bar:
            results = evaluate(**settings, progress=bar)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or 'The results'} cannot be written: {error.strerror}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped: the same command goes on from here.", file=sys.stderr)
        return 130
    for name, problem in results.problems.items():
        print(f"{name}: {problem}", file=sys.stderr)
    print(as_text(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analysis.corpus",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folder", metavar="DIR", help="the mixtures with their clean voices")
    add("--model", required=True, metavar="NAME", help="a name from `python -m tasnet.separate --list`, or a file")
    add("--limit", type=int, metavar="N", help="so many mixtures, evenly spread over the set")
    add("-o", "--out", type=Path, metavar="CSV", help=f"by default {FOLDER}/<set>_<model>.csv")
    add("--workers", type=int, metavar="K", help="by default one for every core")
    add("--backend", default="loky", choices=corpus_engine.BACKENDS, help="what runs the workers")
    add("--no-pesq", dest="pesq", action="store_false", help="leave out PESQ, which takes the most time")
    add("--split", default="test", choices=("test", "valid", "train"), help="where DIR holds several")
    add("--kind", default="", metavar="FOLDER", help="the mixtures' folder where there are several, as mix_both")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    add("--precision", default="auto", help="auto, float32, bfloat16 or float16")
    return parser


class _Bar:
    """A progress bar with the time left, by the seconds of sound that are done."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=progress.of_seconds,
                initial=progress.seconds,
                bar_format="{percentage:3.0f} %|{bar:30}| {postfix[0]} [{elapsed}, {remaining} left]",
                postfix=[""],
            )
        unusable = f", {progress.unusable} unusable" if progress.unusable else ""
        self._bar.postfix[0] = f"{progress.mixtures} of {progress.of_mixtures} mixtures{unusable}"
        self._bar.update(progress.seconds - self._bar.n)


if __name__ == "__main__":
    sys.exit(main())
