"""Section IV-F for a whole test set: how much the SDRi of each mixture depends on the sample at which it starts.

    python -m analysis.start_point DIR --model NAME [NAME ...] [--limit N]

DIR is anything that `python -m tasnet.corpora layouts` lists. Every mixture is separated from each of 11 starts; its
row is the standard deviation of the SDRi over them, as in the box plots of Fig. 4B. The rows go to a file a model
(runs/start_point/<set>_<model>.jsonl), from which the page "Start point" draws; the same command continues it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.set_command import set_parser
from analysis.words.start_point import explain_set_starts
from tasnet import Separator
from tasnet.command_line import command_line, complain, progress_bar

from .sets import FOLDER, vary_set


@command_line("Stopped: the same command goes on from here.")
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Exit code 0; 2 where something cannot be used; 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    found = {}
    for model in options.model:
        separator = Separator(model, options.device)
        out = options.out and options.out / f"{separator.name}.jsonl"
        with progress_bar("mixture", separator.name) as show:
            found[separator.name] = vary_set(
                options.folder, separator, out, split=options.split, limit=options.limit, progress=show, say=print
            )
    for name, results in found.items():
        for mixture, problem in results.problems.items():
            print(f"{name}, {mixture}: {problem}", file=sys.stderr)
    said = [sentence.replace("**", "") for sentence in explain_set_starts(found)]
    if not said:
        return complain("No mixture could be measured.")
    print("Standard deviation of the SDRi over the starts:", *said, sep="\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = set_parser("analysis.start_point", __doc__)
    add = parser.add_argument
    add("--model", required=True, nargs="+", metavar="NAME", help="names from `tasnet.separate --list`, or files")
    add("-o", "--out", type=Path, metavar="FOLDER", help=f"for the files of results, by default {FOLDER}")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    return parser


if __name__ == "__main__":
    sys.exit(main())
