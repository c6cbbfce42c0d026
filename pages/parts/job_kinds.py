"""What jobs do, without a page; their settings may come from an earlier server's file, so names are checked here."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from analysis.corpus import evaluation
from analysis.corpus.evaluation_run import Progress
from analysis.jobs import Report
from analysis.start_point import sets
from analysis.start_point.shifts import StartPointError
from analysis.words.say import number
from tasnet import Separator, audio, available
from tasnet.data.mixture_sets import MixtureSet
from tasnet.recordings import separate_recording
from tasnet.separate import file_ending
from tasnet.train.legs import BEST, legs_to_go
from tasnet.train.machine import find_machine
from tasnet.train.recipe import Recipe, RecipeError
from tasnet.train.recipes import recipes
from tasnet.train.trainer import Trainer, TrainingProgress

from . import folders, job_files

EVALUATION, STARTS, SEPARATION, TRAINING = "evaluation", "starts", "separation", "training"
ASIDE = frozenset({TRAINING})  # takes days, and gives way to all others
RUNS = Path("runs")
SAVE_EVERY = 60.0  # s between two saved states of a training run: the most that a cancellation loses
KEPT = "kept:"  # a model that a visitor brought: followed by the key of its files


def perform(root: str, scratch: str, kind: str, settings: dict[str, Any], progress: Report) -> str:
    """Do the work of a job, in its own process. root: what the pages read; scratch: for temporary files."""
    os.environ.update({folders.SETTING: root, "JOBLIB_TEMP_FOLDER": scratch})
    tempfile.tempdir = scratch
    if kind in ASIDE and hasattr(os, "nice"):
        os.nice(19)
    return KINDS[kind](settings, progress)


def model_of(name: str) -> str:
    """The model of a job's settings as `Separator` takes it: one that is here, a run's, or one that was brought.

    Raises JobFileError and FolderError.
    """
    if not name.startswith(KEPT):
        return name if name in available() else str(folders.file_below_root(name))
    return str(next(iter(job_files.files_of(name.removeprefix(KEPT))), job_files.folder_of(name.removeprefix(KEPT))))


def files_needed(settings: Mapping[str, Any]) -> set[str]:
    """The keys of the files that a job with these settings needs."""
    names = [settings.get("model", ""), *settings.get("models", [])]
    kept = {name.removeprefix(KEPT) for name in names if isinstance(name, str) and name.startswith(KEPT)}
    return kept | ({settings["files"]} if "files" in settings else set())


def score_below_root(settings: Mapping[str, Any], report: Report) -> str:
    """Score a model on a set; the file of results, below the root."""
    out = folders.folder_for(evaluation.FOLDER)
    mixtures = folders.mixtures_below_root(settings["folder"], split=settings["split"], kind=settings["kind"])

    def show(progress: Progress) -> None:
        unusable = f", {progress.unusable} could not be used" if progress.unusable else ""
        report(min(1.0, progress.share), f"{progress.mixtures} of {progress.of_mixtures} mixtures{unusable}")

    known = {name: value for name, value in settings.items() if name != "folder"}
    known["model"] = model_of(settings["model"])
    results = evaluation.score_set(mixtures, **known, out=out, progress=show, say=_telling(report))
    return folders.name_below_root(evaluation.results_path(out, results.header))


def vary_starts(settings: Mapping[str, Any], report: Report) -> str:
    """Start every mixture of a set at different samples, with each of the models; return the set's name."""
    name, models = "", settings["models"]
    out = folders.folder_for(sets.FOLDER)
    opened: dict[int, MixtureSet] = {}  # by number of voices
    for index, model in enumerate(models):
        separator = Separator(model_of(model), settings["device"])
        voices = separator.config.C
        if voices not in opened:
            opened[voices] = folders.mixtures_below_root(settings["folder"], speakers=voices)

        def show(done: int, of: int, index: int = index) -> None:
            report((index + done / of) / len(models), f"model {index + 1} of {len(models)}, {done} of {of} mixtures")

        found = sets.vary_set(
            opened[voices],
            separator,
            out,
            limit=settings["limit"],
            progress=show,
            say=_telling(report),
        )
        name = found.header.set
        if not found.sdri:
            raise StartPointError(f"No mixture of {name} could be used: {next(iter(found.problems.values()))}")
    return name


def _telling(report: Report) -> Callable[[str], None]:
    """Show sentences on how a set was understood in place of the progress, until that begins."""
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        report(0.0, " ".join(said))

    return say


def separate_whole(settings: Mapping[str, Any], report: Report) -> str:
    """Separate a recording of any length into files beside it, as `tasnet.separate` writes them; the files' key."""
    folder, name = job_files.folder_of(settings["files"]), settings["name"]
    source = folder / name
    separator = Separator(model_of(settings["model"]), settings["device"])
    targets = [folder / f"{source.stem}{file_ending(output)}" for output in separator.names]
    if not source.exists() and all(target.is_file() for target in targets):  # killed after its last step
        return settings["files"]
    report(0.0, "Reading the recording ...")
    found = separate_recording(
        separator,
        source,
        folder,
        channel=settings["channel"],
        progress=lambda done: report(0.95 * done, "Separating ..."),
    )
    for voice, target in enumerate(targets):
        report(0.95 + 0.05 * voice / len(targets), "Writing the voices ...")
        audio.write(target, found.sources.row(voice), found.rate)
    source.unlink()
    return settings["files"]


def training_recipe(settings: Mapping[str, Any]) -> Recipe:
    """The recipe of a training. Raises RecipeError and FolderError, as far as can be told beforehand."""
    ready = recipes()
    if settings["recipe"] not in ready:
        raise RecipeError(f"{settings['recipe']} is not one of the recipes {', '.join(ready)}.")
    if not re.fullmatch(r"\w[\w.-]{0,40}", settings["run"]):
        raise RecipeError("A run's name has letters, digits, dots and hyphens, 41 at most.")
    data = folders.tree_below_root(settings["data"])
    changed = ready[settings["recipe"]].changed({"name": settings["run"], "total_seconds": 3600 * settings["hours"]})
    return changed.at(data)


def train(settings: Mapping[str, Any], report: Report) -> str:
    """Train a network, or go on with a run; its folder below the root."""
    recipe, out = training_recipe(settings), folders.folder_for(RUNS / settings["run"])
    machine = find_machine(settings["device"], recipe.precision)

    def show(progress: TrainingProgress) -> None:
        best = "" if progress.best is None else f", best SI-SNRi {number(progress.best, 2)} dB"
        words = f"epoch {progress.epoch}, step {progress.step}, loss {number(progress.loss, 2)}{recipe.loss_unit}{best}"
        report(min(1.0, progress.share), words)

    for leg in legs_to_go(recipe, out, machine):
        trainer = Trainer(
            leg.recipe,
            leg.folder,
            machine=machine,
            save_every=SAVE_EVERY,
            say=_telling(report),
            within=folders.reading_root(),
        )
        trainer.run(on_progress=show)
    if not (out / BEST).is_file():
        raise RecipeError(f"The run {settings['run']} gave no weights: it was too short for an epoch.")
    return folders.name_below_root(out)


KINDS = {EVALUATION: score_below_root, STARTS: vary_starts, SEPARATION: separate_whole, TRAINING: train}
