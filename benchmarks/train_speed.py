"""How fast does training go here? Seconds of mixtures a second, plain and compiled, in both precisions.

    OMP_NUM_THREADS=1 python -m benchmarks.train_speed small --batch 4
    python -m benchmarks.train_speed short --device cuda

Each line is one process: forward, loss, backward, clipping and Adam on random mixtures of 4 s, after
a warm-up that includes compiling. On a CPU the rate is also given per second of its own CPU time,
which other programs on the machine do not disturb.
"""

import argparse
import subprocess
import sys
import time

import torch

from tasnet.model import ConvTasNet
from tasnet.train.losses import separation_loss
from tasnet.train.machine import compile_blocks, find_machine
from tasnet.train.recipes import load_recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="small")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", nargs=2, metavar=("HOW", "PRECISION"), help="plain|compiled float32|bfloat16")
    options = parser.parse_args()
    if options.only:
        measure(options, *options.only)
        return
    for how in ("plain", "compiled"):
        for precision in ("float32", "bfloat16"):
            subprocess.run([sys.executable, "-m", "benchmarks.train_speed", *sys.argv[1:], "--only", how, precision])


def measure(options: argparse.Namespace, how: str, precision: str) -> None:
    """One line of the table."""
    recipe = load_recipe(options.recipe)
    machine = find_machine(options.device, precision)
    torch.manual_seed(0)
    model = ConvTasNet(recipe.model).to(machine.device).train()
    gpu = machine.device.type == "cuda"
    optimiser = torch.optim.Adam(model.parameters(), fused=gpu)
    sources = 0.05 * torch.randn(options.batch, recipe.model.C, recipe.segment_samples, device=machine.device)

    def step() -> None:
        with machine.autocast():
            estimates = model(sources.sum(1))
        optimiser.zero_grad(set_to_none=True)
        separation_loss(estimates, sources).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimiser.step()
        if gpu:
            torch.cuda.synchronize()

    began = time.perf_counter()
    note = compile_blocks(model, machine.device) if how == "compiled" else ""
    step()
    first = time.perf_counter() - began
    step()
    wall, cpu = [], []
    for _ in range(options.steps):
        began, began_cpu = time.perf_counter(), time.process_time()
        step()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
    audio = options.batch * recipe.segment
    print(
        f"{recipe.name} {machine.name} batch {options.batch} {how:8} {precision:8} "
        f"{audio / min(wall):7.1f} audio-s/s"
        + ("" if gpu else f" {audio / min(cpu):7.1f} audio-s per CPU second")
        + f"  first step {first:.0f} s {note}",
        flush=True,
    )


if __name__ == "__main__":
    main()
