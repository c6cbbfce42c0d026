"""What everyday conditions cost the bundled models: noise, rooms, codecs, overlap, and more.

    python -m analysis.conditions DIR [--model NAME ...] [--limit 12]

DIR is anything that `python -m tasnet.corpora layouts` lists, with clean voices. Every mixture is separated in every
condition at every value (`analysis/conditions/everyday.py`) by every model for as many voices, and scored by SI-SNR.
The rows go to NAME.conditions.jsonl in assets/results; the same command continues with them. The view
Conditions of the page Start point shows them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.set_command import set_parser
from analysis.start_point.probe_set import SECONDS, SHIPPED, measure_probes, of_one_set
from tasnet import Separator, checkpoint
from tasnet.command_line import command_line, progress_bar
from tasnet.data.corpora import open_mixtures
from tasnet.model_titles import voices_of

from .everyday import CONDITIONS
from .table import SUFFIX, condition_results, condition_rows

LIMIT = 12


@command_line("Stopped: the same command goes on from here.")
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Exit code 0; 2 where something cannot be used; 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    voices = open_mixtures(options.folder, split=options.split).voices
    names = options.model or [
        name for name, path in checkpoint.bundled().items() if voices_of(*checkpoint.describe(path)) == voices
    ]
    for name in names:
        with progress_bar("mixture", name) as show:
            measure_probes(
                options.folder,
                [Separator(name, "auto", "float32")],
                options.out,
                split=options.split,
                limit=options.limit,
                seconds=options.seconds,
                probes=CONDITIONS,
                suffix=SUFFIX,
                progress=show,
                say=print,
            )
    measured = {name: found for name, found in condition_results().items() if name in names}
    for row in condition_rows(of_one_set(measured)):
        condition = CONDITIONS[row.condition]
        scores = ", ".join(f"{model} {found.mean:.2f} dB" for model, found in row.score.items() if found)
        print(f"{condition.title}, {row.value:g} {condition.unit}: {scores}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = set_parser("analysis.conditions", __doc__, LIMIT)
    add = parser.add_argument
    add("--model", nargs="+", metavar="NAME", help="by default all that come along for as many voices")
    add("--seconds", type=float, default=SECONDS, help=f"of each mixture, by default {SECONDS:g}")
    add("-o", "--out", type=Path, default=SHIPPED, metavar="FOLDER", help="for the results, by default assets/results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
