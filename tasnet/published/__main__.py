"""The models that others have published: list and fetch them; see the package."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tasnet.checkpoint import load
from tasnet.command_line import command_line, program
from tasnet.published import CATALOGUE, get, installed


@command_line("Stopped; nothing of the download is kept.")
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 2 where a model is not available, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog=program("tasnet.published"), description="Trained Conv-TasNets that others have published."
    )
    parser.add_argument("name", nargs="*", help="models to get, by their names in the list")
    parser.add_argument("--list", action="store_true", help="print the models that there are")
    options = parser.parse_args(arguments)
    if options.list or not options.name:
        here, width = installed(), max(map(len, CATALOGUE))
        for name, model in CATALOGUE.items():
            print(f"{'*' if name in here else ' '} {name:{width}}  {model.describe()}")
        print("* on this machine. Get another with: python -m tasnet.published NAME")
        return 0
    for name in options.name:
        file = _got(name)
        network, facts = load(file)
        print(f"{file}: {network.num_parameters():,} parameters\n{facts.credits} {facts.licence}.")
    return 0


def _got(name: str) -> Path:
    with tqdm(desc=name, total=1.0, leave=False, disable=None, bar_format="{desc}: {percentage:3.0f} %") as bar:
        return get(name, lambda done: bar.update(done - bar.n))


if __name__ == "__main__":
    sys.exit(main())
