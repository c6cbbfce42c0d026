"""The scores and the training of the bundled models: files in assets/results, made once.

    python -m analysis.corpus.shipped ../shared/data/libri2mix_test_subset [MODEL ...]

scores every model under assets/weights (or those named) that gives as many voices as the mixtures have, as `python -m
analysis.corpus` does, and writes NAME.csv: its results without any path. What was measured with the present weights is
left as it is; for other weights the old file stays until the new one is complete, and the same command resumes after a
stop; `python -m analysis.corpus.cards` then puts the scores into the cards. The speakers' sexes are those of
speakers.txt there, where no list of them lies beside the set. Models of three voices are scored on what `python -m
tasnet.corpora three ../shared/data/libri2mix_test_subset --out DIR` makes.

NAME.training.json holds how the model did on the validation speakers while it was trained. It is written by hand from
what the training said: `weights` as in the results, `validation` (of what), `begun` (from which weights), `source`
(where the figures stand), `points` of `hours` of mixtures, `si_snri` in dB, and `what` was done until then.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasnet import checkpoint
from tasnet.atomic import make_folder, replacing
from tasnet.command_line import command_line, command_parser, complain
from tasnet.data.corpora import open_mixtures
from tasnet.data.mixture_sets import read_genders
from tasnet.model_titles import voices_of
from tasnet.typed import from_plain

from .evaluation import FOLDER as RUNS
from .results import Results, ResultsError, read_header, read_results, shareable

FOLDER = Path(__file__).parents[2] / "assets" / "results"
SPEAKERS = FOLDER / "speakers.txt"  # of LibriSpeech test-clean, in the layout of LibriSpeech's SPEAKERS.TXT


@dataclass(frozen=True)
class Point:
    """A validation during training."""

    hours: float  # of mixtures heard in this run
    si_snri: float  # dB
    what: str  # was done until then


@dataclass(frozen=True)
class Training:
    """How a model did on the validation speakers while it was trained."""

    weights: str  # that it ended in, as in `Header.weights`
    validation: str
    begun: str
    source: str
    points: tuple[Point, ...]


def shipped() -> dict[str, Path]:
    """{model: its file of results} of the project's models that have one."""
    files = {name: FOLDER / f"{name}.csv" for name in checkpoint.bundled()}
    return {name: file for name, file in files.items() if file.is_file()}


def read_shipped(model: str) -> Results:
    """The bundled results of `model`.

    Where its weights are no longer those that were measured, `Header.model` says so. Raises ResultsError.
    """
    path = shipped().get(model)
    if path is None:
        raise ResultsError(f"No results of {model} come along.")
    found = read_results(path)
    if is_current(model, found.header.weights):
        return found
    return dataclasses.replace(found, header=dataclasses.replace(found.header, model=f"{model} (earlier weights)"))


def is_current(model: str, weights: str) -> bool:
    """Whether `weights` names those of the model `model` that are here."""
    path = checkpoint.bundled().get(model)
    return path is not None and checkpoint.weights_hash(path) == weights


def read_training(model: str) -> Training | None:
    """How `model` did while it was trained; None where there is no record."""
    try:
        return from_plain(Training, json.loads((FOLDER / f"{model}.training.json").read_text()))
    except (OSError, ValueError):
        return None


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit codes as `python -m analysis.corpus` has them."""
    from .__main__ import main as evaluate  # a command's, which an app that only reads results does not need

    models = checkpoint.bundled()
    parser = command_parser("analysis.corpus.shipped", __doc__)
    parser.add_argument("folder", metavar="DIR", help="the mixtures with their clean voices")
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(models)}")
    parser.add_argument("--workers", type=int, metavar="K", help="by default one for every core")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.models if name not in models]:
        return complain(f"There is no model {unknown[0]} under assets/weights: {', '.join(models)}.")
    voices = open_mixtures(options.folder).voices
    outputs = {name: voices_of(*checkpoint.describe(path)) for name, path in models.items()}
    for name in options.models or [name for name, count in outputs.items() if count == voices]:
        path, weights = FOLDER / f"{name}.csv", checkpoint.weights_hash(models[name])
        kept = read_header(path)
        if kept and kept.weights == weights:
            print(f"{name}: measured with these weights ({weights}).")
            continue
        unfinished = RUNS / f"shipped_{name}_{weights}.csv"
        workers = ["--workers", str(options.workers)] if options.workers else []
        if code := evaluate([options.folder, "--model", str(models[name]), "--out", str(unfinished), *workers]):
            return code
        make_folder(FOLDER)
        with replacing(path) as file:
            file.write_bytes(shareable(unfinished, read_genders(SPEAKERS)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
