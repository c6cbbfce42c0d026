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
import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from tasnet.command_line import command_line, program
from tasnet.train.legs import BEST, Leg, legs_to_go
from tasnet.train.machine import Machine, find_machine, leave_group
from tasnet.train.recipe import ENGINES, RecipeError
from tasnet.train.recipes import load_recipe, recipes
from tasnet.train.trainer import Trainer, TrainingProgress


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0 when the run is complete, 3 when it was stopped and can be continued,
    2 when it is not possible."""
    began = time.monotonic()
    options = _parser().parse_args(arguments)
    if options.list:
        for name, recipe in recipes().items():
            print(f"{name:24} {_summary(recipe.to_dict()['model'])}")
        return 0
    recipe = load_recipe(options.config).changed(_changes(options))
    if options.data:
        recipe = recipe.at(options.data)
    if options.show:
        print(json.dumps(recipe.to_dict(), indent=1))
        return 0
    out = options.out or Path("runs") / recipe.name
    machine = find_machine(options.device, recipe.precision)
    through, legs = True, 0
    for leg in legs_to_go(recipe, out, machine):
        through, legs = _train(leg, machine, options, options.max_seconds - (time.monotonic() - began)), legs + 1
        if not through:
            break
    if not legs and machine.leads:
        print(f"All {len(recipe.legs)} legs in {out} are through: a further one in the recipe would go on from there.")
    leave_group()
    return 0 if through else 3


def _train(leg: Leg, machine: Machine, options: argparse.Namespace, seconds: float) -> bool:
    """Train one leg, or the rest of it, for at most so many seconds; whether it is complete."""
    say = print if machine.leads else lambda sentence: None
    say(f"{leg.recipe.name}{f', {leg.title}' if leg.title else ''}: reading the data ...")
    began = time.monotonic()
    trainer = Trainer(leg.recipe, leg.folder, machine=machine, save_every=options.save_every, say=say)
    if machine.leads:
        _describe(trainer)
    if trainer.recipe.compile and trainer.engine.name == "autograd":
        say("The network is compiled first, which takes from half a minute to some minutes.")
    trainer.warm_up()
    say(f"Engine {trainer.engine.name}{f': {trainer.engine.note}' if trainer.engine.note else ''}.")
    left = seconds - (time.monotonic() - began)
    if machine.leads and not options.quiet:
        with closing(Bar()) as bar:
            through = trainer.run(left, bar)
    else:
        through = trainer.run(left)
    best = "" if trainer.counters.best is None else f", best SI-SNRi {trainer.counters.best:.2f} dB"
    end = "Trained" if through else "Stopped; the same command goes on from here"
    kept = [name for name in (BEST, "last.safetensors", "last.pt") if (trainer.out / name).is_file()]
    say(f"{end}: {trainer.counters.step} steps{best}. In {trainer.out}: {', '.join(kept)}.")
    return through


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
        prog=program("tasnet.train"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    add("--engine", choices=ENGINES, help="who computes the gradient: the fastest that works here by default")
    add("--device", default="auto", help="cpu, cuda, cuda:1")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="model.N=256, batch=4, ...")
    add("--list", action="store_true", help="the ready recipes")
    add("--show", action="store_true", help="the recipe as JSON, which can be edited and used")
    add("--quiet", action="store_true", help="no progress bar")
    return parser


def _changes(options: argparse.Namespace) -> dict:
    """The settings given on the command line. Raises RecipeError."""
    changes: dict = {}
    for setting in options.set:
        name, equals, text = setting.partition("=")
        if not equals:
            raise RecipeError(f"--set needs NAME=VALUE, not {setting!r}.")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        group, _, member = name.partition(".")
        if member:
            changes.setdefault(group, {})[member] = value
        else:
            changes[name] = value
    given = {name: getattr(options, name) for name in ("train", "noise", "valid", "total_seconds", "engine")}
    given["begin_from"] = options.init
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
    elif trainer.recipe.begin_from:
        print(f"Beginning from {trainer.recipe.begin_from}.")


def _summary(model: dict) -> str:
    return " ".join(f"{k}={v}" for k, v in model.items() if k not in ("sample_rate",))


if __name__ == "__main__":
    sys.exit(main())
