"""Conv-TasNet and the ideal masks over a whole test set: Tables IV, V and VI for any corpus and model.

    python -m analysis.corpus DIR --model NAME [--limit N] [-o OUT.csv] [--workers K]

DIR is anything that `python -m tasnet.corpora layouts` lists: wsj0-mix, LibriMix, WHAM!, folders s1
and s2, a folder a mixture, a list, a pack. How it was understood is said first. Every mixture is
scored by SI-SNRi, SDRi, PESQ on both its scales, and STOI, for Conv-TasNet and for the ideal masks.
The rows go to a CSV file as they come (`results.py`); the same command continues a file that a killed
run left behind. Mixtures that cannot be used are reported, counted and skipped. The results do not
depend on the number of workers.

    python -m analysis.corpus.summary OUT.csv [OTHER.csv] [--markdown]

says again what the rows say, for a terminal or for a model's card, and compares two models.

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
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from analysis.set_command import set_parser
from tasnet.command_line import command_line, complain

from .engine import BACKENDS
from .evaluation import FOLDER, score_set
from .evaluation_run import Progress
from .summary import as_text


@command_line("Stopped: the same command goes on from here.")
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Exit code 0; 2 where something cannot be used; 130 after Ctrl-C."""
    settings = vars(_parser().parse_args(arguments))
    with _Bar() as bar:
        results = score_set(settings.pop("folder"), **settings, progress=bar, say=print)
    for name, problem in results.problems.items():
        print(f"{name}: {problem}", file=sys.stderr)
    if not results.good:
        return complain(f"None of the {len(results.rows)} mixtures could be scored.")
    print(as_text(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = set_parser("analysis.corpus", __doc__)
    add = parser.add_argument
    add("--model", required=True, metavar="NAME", help="a name from `python -m tasnet.separate --list`, or a file")
    add("-o", "--out", type=Path, metavar="CSV", help=f"by default {FOLDER}/<set>_<model>.csv")
    add("--workers", type=int, metavar="K", help="by default one for every core")
    add("--backend", default="loky", choices=BACKENDS, help="what runs the workers")
    add("--no-pesq", dest="pesq", action="store_false", help="leave out PESQ, which takes the most time")
    add("--kind", default="", metavar="FOLDER", help="the mixtures' folder where there are several, as mix_both")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    add("--precision", default="auto", help="auto, float32, bfloat16 or float16")
    return parser


class _Bar:
    """A progress bar with the time left, measured by the seconds of sound done."""

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
