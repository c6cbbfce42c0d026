"""What jobs do, without any page; their settings may come from an earlier server's file, so names are checked here."""

from collections.abc import Callable, Mapping
from typing import Any

from analysis.corpus import evaluation
from analysis.corpus.evaluation_run import Progress
from analysis.jobs import Report
from analysis.start_point import sets
from tasnet import Separator
from tasnet.data.mixture_sets import MixtureSet

from . import folders

EVALUATION, STARTS = "evaluation", "starts"


def score_below_root(settings: Mapping[str, Any], report: Report) -> str:
    """Score a model on a set; the file of results, below the root."""
    out = folders.folder_for(evaluation.FOLDER)
    mixtures = folders.mixtures_below_root(settings["folder"], split=settings["split"], kind=settings["kind"])

    def show(progress: Progress) -> None:
        unusable = f", {progress.unusable} could not be used" if progress.unusable else ""
        report(min(1.0, progress.share), f"{progress.mixtures} of {progress.of_mixtures} mixtures{unusable}")

    known = {name: value for name, value in settings.items() if name != "folder"}
    results = evaluation.score_set(mixtures, **known, out=out, progress=show, say=_telling(report))
    return folders.name_below_root(evaluation.results_path(out, results.header))


def vary_starts(settings: Mapping[str, Any], report: Report) -> str:
    """Start every mixture of a set at different samples, with each of the models; the set's name."""
    name, models = "", settings["models"]
    out = folders.folder_for(sets.FOLDER)
    opened: dict[int, MixtureSet] = {}  # by the number of voices, which are mixed where the folder is one of people
    for number, model in enumerate(models):
        separator = Separator(model, settings["device"])
        voices = separator.config.C
        if voices not in opened:
            opened[voices] = folders.mixtures_below_root(settings["folder"], speakers=voices)

        def show(done: int, of: int, number: int = number) -> None:
            report((number + done / of) / len(models), f"model {number + 1} of {len(models)}, {done} of {of} mixtures")

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
            raise ValueError(f"No mixture of {name} could be used: {next(iter(found.problems.values()))}")
    return name


def _telling(report: Report) -> Callable[[str], None]:
    """Sentences on how a set was understood go to where the progress is shown, until it begins."""
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        report(0.0, " ".join(said))

    return say


KINDS = {EVALUATION: score_below_root, STARTS: vary_starts}
