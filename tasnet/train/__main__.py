"""Train a network.

    python -m tasnet.train short --train SPEECH --valid MIXTURES --out runs/mine
    python -m tasnet.train settings.toml
    python -m tasnet.train --list

CONFIG is a ready recipe or a TOML or JSON file of settings, which may be based on one. The same
command goes on with a run that was stopped or killed. On several GPUs or machines:

    torchrun --nproc-per-node 4 -m tasnet.train paper --train ... --valid ... --out ...
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from tasnet.train.machine import find_machine, leave_group
from tasnet.train.recipe import load_recipe, recipes
from tasnet.train.trainer import Trainer, TrainingProgress


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0 through, 3 stopped and to be gone on with, 2 not
    possible."""
    began = time.monotonic()
    options = _parser().parse_args(arguments)
    if options.list:
        for name, recipe in recipes().items():
            print(f"{name:24} {_summary(recipe.to_dict()['model'])}")
        return 0
    try:
        recipe = load_recipe(options.config).changed(_changes(options))
        if options.show:
            print(json.dumps(recipe.to_dict(), indent=1))
            return 0
        out = options.out or Path("runs") / recipe.name
        machine = find_machine(options.device, recipe.precision)
        trainer = Trainer(recipe, out, machine=machine, init=options.init, save_every=options.save_every)
        if machine.leads:
            _describe(trainer)
        seconds = options.max_seconds - (time.monotonic() - began)
        if machine.leads and not options.quiet:
            with closing(Bar()) as bar:
                through = trainer.run(seconds, bar)
        else:
            through = trainer.run(seconds)
        leave_group()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or out} cannot be read or written: {error.strerror}.", file=sys.stderr)
        return 2
    if machine.leads:
        best = "" if trainer.counters.best is None else f", best SI-SNRi {trainer.counters.best:.2f} dB"
        end = "Trained" if through else "Stopped; the same command goes on from here"
        print(f"{end}: {trainer.counters.step} steps{best}. The weights are in {out}.")
    return 0 if through else 3


class Bar:
    """A progress bar: how far, how good, how fast, how long still."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def __call__(self, progress: TrainingProgress) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=1.0,
                initial=progress.share,
                bar_format="{percentage:5.1f} %|{bar:20}| {postfix[0]} [{elapsed}, {remaining} left]",
                postfix=[""],
            )
        best = "" if progress.best is None else f" | best SI-SNRi {progress.best:.2f} dB"
        self._bar.postfix[0] = (
            f"epoch {progress.epoch} step {progress.step} | loss {progress.loss:.2f} dB{best} "
            f"| {progress.rate:.0f} audio-s/s"
        )
        self._bar.update(progress.share - self._bar.n)

    def close(self) -> None:
        """Leaves the line as it is."""
        if self._bar is not None:
            self._bar.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasnet.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("config", nargs="?", default="paper", help="a ready recipe (--list) or a file of settings")
    add("--train", nargs="+", help="mixtures, or speakers' utterances to be mixed")
    add("--noise", nargs="+", help="recordings of noise: separate speech from noise")
    add("--valid", help="mixtures to validate with")
    add("--out", type=Path, help="the run's folder; runs/NAME by default")
    add("--init", type=Path, help="weights (.safetensors) to begin with")
    add("--max-seconds", type=float, default=float("inf"), help="stop this call after so long (and the step begun)")
    add("--total-seconds", type=float, help="length of the whole run by the clock, not by epochs")
    add("--save-every", type=float, default=300, help="seconds between two saves of the state")
    add("--device", default="auto", help="cpu, cuda, cuda:1")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="model.N=256, batch=4, ...")
    add("--list", action="store_true", help="the ready recipes")
    add("--show", action="store_true", help="the recipe as JSON, which can be edited and used")
    add("--quiet", action="store_true", help="no progress bar")
    return parser


def _changes(options: argparse.Namespace) -> dict:
    """The settings given on the command line. Raises ValueError."""
    changes: dict = {}
    for setting in options.set:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"--set needs NAME=VALUE, not {setting!r}.")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        group, _, member = name.partition(".")
        if member:
            changes.setdefault(group, {})[member] = value
        else:
            changes[name] = value
    given = {name: getattr(options, name) for name in ("train", "noise", "valid", "total_seconds")}
    return changes | {name: value for name, value in given.items() if value is not None}


def _describe(trainer: Trainer) -> None:
    facts = trainer.facts()
    data = facts["data"]
    print(
        f"{facts['name']}: {facts['parameters']:,} parameters; {data['hours']:.1f} hours of "
        f"{', '.join(data['corpora'])}, {data['mixing']} mixing; {facts['device']}, "
        f"{facts['precision']}, {facts['processes']} process{'es' * (facts['processes'] > 1)}."
    )
    for name, batches in (("Training", trainer.train), ("Validation", trainer.valid)):
        if batches is None:
            continue
        if batches.notes:
            print(f"{name}:", *batches.notes)
        if batches.bad:
            print(f"{name}: {len(batches.bad)} files or mixtures cannot be read and were left out:")
        for reason in batches.bad.values():
            print(reason, file=sys.stderr)
    if trainer.resumed:
        print(f"Going on from step {trainer.counters.step}.")
    if trainer.note:
        print(trainer.note)
    elif trainer.recipe.compile:
        print("The network is compiled first, which takes from half a minute to some minutes.")


def _summary(model: dict) -> str:
    return " ".join(f"{k}={v}" for k, v in model.items() if k not in ("sample_rate",))


if __name__ == "__main__":
    sys.exit(main())
