"""What 16 bits cost: SI-SNRi of models with weights stored in float32, float16 and bfloat16 on one test set, and with
products in bfloat16, by the compiled network, where this processor can.

    python -m benchmarks.weight_precision SET [FILE ...] [--limit N]

SET is anything that `python -m analysis.corpus` knows; each mixture goes through the networks whole. Each FILE that
gives as many voices as the mixtures have is measured as it is, in float32, and rounded as `checkpoint.save` rounds it.
Without FILE: the models that come along, which are stored in float16, so that nothing is lost there; they came in
float32 until 98a60ae:

    git archive 98a60ae assets/weights | tar -x -C runs
    python -m benchmarks.weight_precision ../shared/data/valid runs/assets/weights/*.safetensors

The intervals are those of `analysis.corpus`.
"""

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from analysis.corpus.intervals import estimate
from benchmarks.int8_loss import Network, by_pytorch, improvement, in_words
from tasnet import TasNet, checkpoint
from tasnet.data.corpora import open_mixtures
from tasnet.kernels import cpu

SHORT = ("float16", "bfloat16")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.weight_precision",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("set", type=Path, help="of mixtures")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--limit", type=int, help="the first mixtures of the set only")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    voices = open_mixtures(arguments.set).voices
    print("SI-SNRi in dB in float32, and by how much 16 bits change it: 95 % intervals")
    for file in arguments.files or checkpoint.bundled().values():
        config, _ = checkpoint.describe(file)
        if voices == config.C:
            measure(file, arguments.set, arguments.limit)


def measure(file: Path, folder: Path, limit: int | None) -> None:
    """Prints the scores of the model in `file` on the mixtures in `folder`."""
    model, facts = checkpoint.load(file)
    networks = {"float32": by_pytorch(model)}
    networks |= {dtype: by_pytorch(in_precision(model, dtype)) for dtype in SHORT}
    if not cpu.why_not(model.config, "bfloat16"):
        networks["products"] = by_compiled_products(model)
    mixtures = open_mixtures(folder, rate=model.config.sample_rate, speakers=model.config.C)
    level = 10 ** (facts.level_dbfs / 20)
    scores, speakers = {name: [] for name in networks}, []
    for mixture in tqdm(mixtures, total=min(len(mixtures), limit or len(mixtures)), leave=False):
        x = mixture.mixture[None] * np.float32(level / max(1e-8, np.sqrt(np.mean(mixture.mixture**2))))
        for name, network in networks.items():
            scores[name].append(improvement(network(x)[0], mixture))
        speakers.append(mixture.speakers)
        if len(speakers) == limit:
            break
    exact = np.array(scores.pop("float32"))
    print(f"{file.stem}: {in_words(estimate(exact, speakers))} on {len(speakers)} mixtures of {folder.name}")
    for name, found in scores.items():
        change = np.array(found) - exact
        print(
            f"  {name:8} {in_words(estimate(change, speakers), '+.5f')}; of one mixture {change.min():+.4f} to "
            f"{change.max():+.4f}",
            flush=True,
        )


def by_compiled_products(model: TasNet) -> Network:
    """The compiled network with products in bfloat16."""
    network = cpu.Network.of(model, "bfloat16")
    return lambda x: network.forward(torch.from_numpy(x)).numpy()


def in_precision(model: TasNet, dtype: str) -> TasNet:
    """A copy of `model` in float32 with the weights that a file in `dtype` would give back."""
    found = copy.deepcopy(model)
    found.load_state_dict({name: checkpoint.rounded(value, dtype) for name, value in model.state_dict().items()})
    return found


if __name__ == "__main__":
    main()
