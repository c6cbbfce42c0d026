"""Train a network.

    python -m tasnet.train short --train SPEECH --valid MIXTURES --out runs/mine
    python -m tasnet.train settings.toml
    python -m tasnet.train assets/recipes/convtasnet_small_gln_2spk_8k.toml --data ../shared/data
    python -m tasnet.train --list

CONFIG is a ready recipe or a TOML or JSON file of settings, which may be based on one. The same
command continues a run that was stopped or killed, and after one of its legs starts the next. On
several GPUs or machines:

    torchrun --nproc-per-node 4 -m tasnet.train paper --train ... --valid ... --out ...
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tasnet.command_line import command_line, command_parser


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0 when the run is complete, 3 when it was stopped and can be continued,
    2 when it is not possible."""
    began = time.monotonic()
    options = _parser().parse_args(arguments)
    if not (options.list or options.show) and os.environ.get("RANK", "0") == "0":
        print(f"Training {options.config}: loading PyTorch ...", flush=True)
    from .command import run  # PyTorch takes seconds, after the first line

    return run(options, began)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("tasnet.train", __doc__)
    add = parser.add_argument
    add("config", nargs="?", default="paper", help="a ready recipe (--list) or a file of settings")
    add("--train", nargs="+", help="mixtures, or speakers' utterances to be mixed")
    add("--data", type=Path, help="the folder below which the recipe's data lie: train, valid")
    add("--noise", nargs="+", help="recordings of noise: separate speech from noise")
    add("--valid", help="mixtures to validate with")
    add("--out", type=Path, help="the run's folder; runs/NAME by default")
    add("--init", help="weights to begin from, a file or a bundled name, and their network")
    add("--max-seconds", type=float, default=float("inf"), help="stop this call after so long (and the step begun)")
    add("--total-seconds", type=float, help="length of the whole run by the clock, not by epochs")
    add("--save-every", type=float, default=300, help="seconds between two saves of the state")
    add("--engine", help="who computes the gradient: autograd, cpu or gpu; the fastest that works here by default")
    add("--device", default="auto", help="cpu, cuda, cuda:1")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="model.N=256, batch=4, ...")
    add("--list", action="store_true", help="the ready recipes")
    add("--show", action="store_true", help="the recipe as JSON, which can be edited and used")
    add("--quiet", action="store_true", help="no progress bar")
    return parser


if __name__ == "__main__":
    sys.exit(main())
