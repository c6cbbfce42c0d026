"""What `python -m tasnet.train` does with its options."""

import argparse
import json
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from tqdm import tqdm

from .legs import BEST, Leg, legs_to_go
from .machine import Machine, find_machine, leave_group
from .recipe import RecipeError
from .recipes import load_recipe, recipes
from .trainer import Trainer, TrainingProgress


def run(options: argparse.Namespace, began: float) -> int:
    """Train as the `options` of the command line say, or list or show what there is; the exit code.

    began: of `time.monotonic`, from which --max-seconds counts. Raises RecipeError and what `Trainer` raises.
    """
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
    say = partial(print, flush=True) if machine.leads else lambda sentence: None
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
        with closing(Bar(trainer.recipe.loss_unit)) as bar:
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

    def __init__(self, loss_unit: str = " dB") -> None:
        """loss_unit: see `Recipe.loss_unit`."""
        self._bar: tqdm | None = None
        self._unit = loss_unit

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
            f"epoch {progress.epoch} step {progress.step} | loss {progress.loss:.2f}{self._unit}{best} "
            f"| {progress.rate:.0f} audio-s/s"
        )
        self._bar.update(progress.share - self._bar.n)

    def close(self) -> None:
        """Leaves the line as it is."""
        if self._bar is not None:
            self._bar.close()


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
