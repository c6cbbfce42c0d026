"""How fast does training go here? Seconds of mixtures a second of every engine, side by side in one run.

    python -m benchmarks.train_speed
    python -m benchmarks.train_speed --sizes large --batch 4 --device cuda

Every engine in every precision that works here has a process of its own, all are ready before the first step is
measured, and they take their steps in turns, so that other load on the machine affects all alike. A step is what the
trainer does: mixtures are drawn, loss and gradient computed, the optimiser (Muon and Adam) moves the weights, the
average follows. The ratio is that of the medians, to PyTorch's gradients without a compiler.
"""

import argparse
import itertools
import multiprocessing
import os
import statistics
import time
from functools import partial
from multiprocessing.connection import Connection

import numpy as np
import torch

from tasnet.data.utterances import UtteranceSet
from tasnet.networks import make_network
from tasnet.train.engines import choose_engine, why_not
from tasnet.train.flat import flatten
from tasnet.train.losses import separation_loss
from tasnet.train.machine import find_machine
from tasnet.train.mixing import DynamicMixtures, Pool
from tasnet.train.optimiser import Optimiser
from tasnet.train.recipe import Recipe
from tasnet.train.recipes import load_recipe

SMALL = {"N": 128, "L": 40, "B": 64, "H": 128, "Sc": 64, "X": 7, "R": 2}
MEDIUM = {"N": 256, "L": 40, "B": 128, "H": 256, "Sc": 128, "X": 7, "R": 3}
SIZES = {"small": SMALL, "medium": MEDIUM, "large": {}}  # the last is the paper's best
CAUSAL = {"causal": True, "norm": "cLN"}
WAYS = (  # engine, precision, compiled; the first is what the others are compared with
    ("autograd", "float32", False),
    ("autograd", "float32", True),
    ("autograd", "bfloat16", False),
    ("cpu", "float32", False),
    ("cpu", "bfloat16", False),
    ("gpu", "float32", False),
    ("gpu", "bfloat16", False),
)


def main() -> None:
    """Prints a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["small", "medium"], choices=SIZES)
    parser.add_argument("--causal", action="store_true")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--turns", type=int, default=7, help="steps that are measured, of each")
    parser.add_argument("--threads", type=int, default=0, help="of each process; 0: as many as there are cores")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--engines", nargs="+", help="only these")
    parser.add_argument("--uncompiled", action="store_true", help="leave out what compiles for long")
    options = parser.parse_args()
    for size in options.sizes:
        model = SIZES[size] | (CAUSAL if options.causal else {})
        recipe = load_recipe("bundled").changed({"name": size, "model": model, "batch": options.batch})
        compare(recipe, options)


def compare(recipe: Recipe, options: argparse.Namespace) -> None:
    """The table of one size."""
    processes = multiprocessing.get_context("spawn")
    runs: list[tuple[str, Connection, multiprocessing.Process]] = []
    for engine, precision, compiled in WAYS:
        if (options.engines and engine not in options.engines) or (options.uncompiled and compiled):
            continue
        name = f"{engine} {precision}{' compiled' * compiled}"
        ours, theirs = processes.Pipe()
        way = recipe.changed({"engine": engine, "precision": precision, "compile": compiled})
        process = processes.Process(target=serve, args=(theirs, way, options.device, options.threads), daemon=True)
        process.start()
        answer = ours.recv()  # one after the other: compiling takes all cores
        if answer:
            print(f"{recipe.name}: {name} is left out: {answer}", flush=True)
            process.join()
        else:
            runs.append((name, ours, process))
    seconds: dict[str, list[float]] = {name: [] for name, *_ in runs}
    for _, (name, pipe, _process) in itertools.product(range(options.turns), runs):
        pipe.send(True)
        seconds[name].append(pipe.recv())
    for _, pipe, process in runs:
        pipe.send(False)
        process.join()
    audio = recipe.batch * recipe.segment
    plain = statistics.median(seconds[runs[0][0]])
    for name, took in seconds.items():
        median = statistics.median(took)
        print(
            f"{recipe.name:7} batch {recipe.batch} {name:27} {audio / median:7.1f} s of mixtures a second "
            f"(best {audio / min(took):.1f})  {plain / median:5.2f} times {runs[0][0]}",
            flush=True,
        )


def serve(pipe: Connection, recipe: Recipe, device: str, threads: int) -> None:
    """Answers "" or why it cannot work, then a step's seconds as often as it is asked."""
    torch.set_num_threads(threads or os.cpu_count() or 1)
    machine = find_machine(device, recipe.precision)
    reason = why_not(recipe.engine, recipe.model, machine)
    if reason:
        pipe.send(reason)
        return
    torch.manual_seed(0)
    model = make_network(recipe.model).to(machine.device).train()
    flat = flatten(model)
    average, optimiser = flat.like(), Optimiser(model, recipe, machine.precision)
    loss = partial(separation_loss, permute=True)
    try:
        engine = choose_engine(recipe.engine, model, machine, loss, compiled=recipe.compile)
    except ValueError as error:
        pipe.send(str(error))
        return
    mixtures = DynamicMixtures(
        [Pool(noises(recipe), machine.device)] * recipe.model.C,
        recipe.mixing,
        batch=recipe.batch,
        segment=recipe.segment_samples,
        steps_per_epoch=1,
        seed=0,
    )

    def step(number: int) -> float:
        began = time.perf_counter()
        engine.loss_and_gradient(*mixtures.batch(number))
        optimiser.step(0.1, recipe.clip)
        engine.weights_changed()
        average.lerp_(flat.values, 1 - recipe.ema)
        if machine.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    engine.weights_changed()
    for number in range(2):
        step(number)
    pipe.send("")
    for number in itertools.count(2):
        if not pipe.recv():
            return
        pipe.send(step(number))


def noises(recipe: Recipe) -> UtteranceSet:
    """Utterances of four people: noise, which teaches nothing but costs as much."""
    random = np.random.default_rng(0)
    lengths = np.full(8, 2 * recipe.segment_samples)
    pcm = random.normal(0, 1000, lengths.sum()).astype(np.int16)
    return UtteranceSet("noise", recipe.model.sample_rate, pcm, lengths, tuple(f"noise:{k // 2}" for k in range(8)), {})


if __name__ == "__main__":
    main()
