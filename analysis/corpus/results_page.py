"""docs/RESULTS.md, written from the files that hold what was measured, so that new weights touch no prose.

    python -m analysis.corpus.results_page

The scores are those in assets/results, which `python -m analysis.corpus.shipped` writes. Everything else is in
docs/measured/NAME.json: `order` on the page, `title`, `about` (what was measured), `command` (which repeats it),
`machine` (on which it ran), `columns` and `rows`, as the command printed them.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.conditions.alone_results import ASIDE, KEPT, QUIET, alone_file, read_alone
from analysis.conditions.denoise_results import denoise_file, denoise_table, read_denoise
from analysis.conditions.quality_results import QualityRow, by_kind, read_quality, summed_up
from analysis.scores import ideal_masks
from analysis.scores.systems import MEASURES, NETWORK
from tasnet import checkpoint
from tasnet.atomic import replacing
from tasnet.command_line import command_line
from tasnet.listener import MOST
from tasnet.quality import MODELS

from .failures import failure_shares
from .report import digits, mean
from .results import Results
from .shipped import FOLDER, read_shipped, shipped

DOCS = Path(__file__).parents[2] / "docs"
SCORES = ("si_snri", "sdri", "pesq", "raw_pesq", "stoi")
HEAD = """# What was measured

Every figure stands beside the command that repeats it; those that need `../shared` need the speech beside the project.
This page is written by `python -m analysis.corpus.results_page` from the files that hold the results.
"""


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the page; exit code 0."""
    argparse.ArgumentParser(prog="python -m analysis.corpus.results_page", description=__doc__).parse_args(arguments)
    with replacing(DOCS / "RESULTS.md") as file:
        file.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """The whole page as Markdown."""
    found = {name: read_shipped(name) for name in shipped()}
    parts = [HEAD]
    for voices in sorted({results.header.speakers for results in found.values()}):
        of_voices = {name: results for name, results in found.items() if results.header.speakers == voices}
        parts += [_models(voices, of_voices), _masks(voices, next(iter(of_voices.values())))]
    parts += [_denoising(name) for name in checkpoint.bundled() if denoise_file(name).is_file()]
    parts.append(_hearing(json.loads((FOLDER / "hearing.json").read_text(encoding="utf-8"))))
    parts.append(_alone([name for name in checkpoint.bundled() if alone_file(name).is_file()]))
    parts.append(_guesses(read_quality()))
    measured = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((DOCS / "measured").glob("*.json"))]
    parts += [_section(one) for one in sorted(measured, key=lambda one: one["order"])]
    return "\n".join(parts)


def _hearing(found: dict) -> str:
    """How often the network that listens is right."""
    rows = [[what, f"{100 * share:.1f}"] for what, share in found.items() if isinstance(share, float)]
    spoken = [
        [f"{number} or more" if number == MOST else str(number), *map(str, row)]
        for number, row in enumerate(found["true by said"])
    ]
    heads = ["voices", *(f"heard as {number}" for number in range(MOST)), f"as {MOST} or more"]
    return "\n".join(
        [
            "## Voices, noise and rooms heard",
            "",
            f"{found['windows']:,} windows of 3 to 4 s of nobody to three people, of speakers, noises and rooms "
            f"that were not in its training on {found['trained on']:,} windows. Written by "
            "`python -m analysis.conditions.fit_hearing ../shared/data`.",
            "",
            _table(["", "%"], rows),
            "",
            _table(heads, spoken),
            "",
        ]
    )


def _alone(models: Sequence[str]) -> str:
    """What models of several voices give where there is one voice, or none."""
    rows = []
    for name, found in zip(models, map(read_alone, models), strict=True):
        of = zip(found.medians, found.shares, strict=True)
        rows.append([f"`{name}`", *(f"{median:.0f} ({100 * share:.0f} %)" for median, share in of)])
    heads = [
        "model",
        f"other output below the voice (at least {ASIDE:g} dB)",
        f"SI-SNR of the voice (at least {KEPT:g} dB)",
        f"outputs below noise alone (at least {QUIET:g} dB)",
    ]
    return "\n".join(
        [
            "## One voice alone, or none",
            "",
            "Medians in dB over 50 voices of Libri2Mix test and 50 noises from white to brown, and how many of them "
            "reach what a model for any sound should. Written by `python -m analysis.conditions.alone "
            "../shared/data/libri2mix_test_subset`.",
            "",
            _table(heads, rows),
            "",
        ]
    )


def _guesses(rows: Sequence[QualityRow]) -> str:
    """How near the SI-SNR that is guessed without the clean voices comes, by the kind of the sound and by model."""
    by_model = {f"`{name}`": summed_up([row for row in rows if row.model == name]) for name in MODELS}
    table = [
        [what, str(of.outputs), f"{of.error:.2f}", f"{of.held:.1f}", f"{of.width:.1f}"]
        for what, of in {**by_kind(rows), **by_model}.items()
    ]
    heads = ["", "outputs", "mean error (dB)", "within the interval (%)", "its mean width (dB)"]
    return "\n".join(
        [
            "## SI-SNR guessed without the clean voices",
            "",
            "Windows of 3 to 4 s of two and three voices; speakers, noises and rooms are others than those fitted on. "
            "The interval is to hold nine of ten. Written by "
            "`python -m analysis.conditions.fit_quality ../shared/data`.",
            "",
            _table(heads, table),
            "",
        ]
    )


def _models(voices: int, found: dict[str, Results]) -> str:
    """The bundled models of so many voices on the standard set."""
    first = next(iter(found.values())).header
    rows = []
    for name, results in found.items():
        config, _ = checkpoint.describe(checkpoint.bundled()[name])
        failures = failure_shares(results)[0]
        rows.append(
            [
                f"`{name}`",
                "causal" if config.causal else "non-causal",
                f"{results.header.parameters / 1e6:.2f} M",
                *(_with_interval(results, NETWORK, measure) for measure in SCORES),
                f"{failures.mixtures.mean:.1%}",
            ]
        )
    heads = ["model", "", "parameters", *map(_head, SCORES), "below 0 dB"]
    return "\n".join(
        [
            f"## The models that come along, {voices} voices",
            "",
            f"{first.mixtures} mixtures of {first.set}, in {first.precision}; in brackets the 95 % interval over "
            "speakers. Written by `python -m analysis.corpus.shipped DIR`; the page Corpus opens with them, and "
            "`assets/weights` has a card for each.",
            "",
            _table(heads, rows),
            "",
        ]
    )


def _masks(voices: int, results: Results) -> str:
    """The ideal masks on the same mixtures, as the first model's run has them."""
    rows = [[system, *(_with_interval(results, system, measure) for measure in SCORES)] for system in ideal_masks.MASKS]
    return "\n".join(
        [f"## Ideal masks on the same mixtures, {voices} voices", "", _table(["mask", *map(_head, SCORES)], rows), ""]
    )


def _denoising(name: str) -> str:
    """A bundled model that takes speech out of noise."""
    found = read_denoise(name)
    return "\n".join(
        [
            f"## Speech from noise: `{name}`",
            "",
            f"{found.files} files at each ratio of speech to noise: the first voices of {found.set} with recordings of "
            "noise that no training has heard; in brackets the 95 % interval over speakers. Written by "
            f"`python -m analysis.conditions.denoise_scores DATA --model {name}`.",
            "",
            denoise_table(found),
            "",
        ]
    )


def _section(one: dict) -> str:
    """A benchmark's table with what is to be said of it."""
    where = f"`{one['command']}`, on {one['machine']}."
    return "\n".join([f"## {one['title']}", "", one["about"], "", where, "", _table(one["columns"], one["rows"]), ""])


def _head(measure: str) -> str:
    return MEASURES[measure].title


def _with_interval(results: Results, system: str, measure: str) -> str:
    found = mean(results, system, measure)
    if found is None:
        return "–"
    places = digits(measure)
    return f"{found.mean:.{places}f} ({found.low:.{places}f} to {found.high:.{places}f})"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *rows])


if __name__ == "__main__":
    sys.exit(main())
