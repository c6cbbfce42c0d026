"""What 8 bits cost: SI-SNRi of a model by PyTorch in float32 and of its int8 graph by ONNX Runtime, on one test set.

    python -m benchmarks.int8_loss SET [--model NAME] [--limit N]

SET is anything that `python -m analysis.corpus` knows; each mixture goes through the networks whole. The graph is that
of `python -m tasnet.export NAME --int8`. Needs onnx and onnxruntime. The intervals are those of `analysis.corpus`.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from tqdm import tqdm

from analysis.corpus.intervals import Estimate, estimate
from analysis.scores.metrics import best_permutation, si_snr
from tasnet import ConvTasNet, Separator, available
from tasnet.data.corpora import open_mixtures
from tasnet.export.__main__ import write_onnx
from tasnet.kernels import tiled
from tasnet.mixture import Mixture

Network = Callable[[np.ndarray], np.ndarray]  # a mixture (1, T) -> sources (1, C, T)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("set", type=Path, help="of mixtures")
    parser.add_argument("--model", default=next(iter(available()), None))
    parser.add_argument("--limit", type=int, help="the first mixtures of the set only")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    separator = Separator(arguments.model, "cpu")
    mixtures = open_mixtures(arguments.set, rate=separator.config.sample_rate, speakers=separator.config.C)
    with TemporaryDirectory() as folder:
        sizes = {}
        for int8, name in ((False, "float32"), (True, "int8")):
            write_onnx(separator.model, file := Path(folder) / f"{name}.onnx", int8=int8)
            sizes[name] = file.stat().st_size / 1e6
        networks = {"float32": by_pytorch(separator.model), "int8": by_onnx_runtime(file)}
    scores, seconds, speakers = {name: [] for name in networks}, dict.fromkeys(networks, 0.0), []
    for mixture in tqdm(mixtures, total=min(len(mixtures), arguments.limit or len(mixtures)), leave=False):
        x = mixture.mixture[None] * np.float32(separator.level / max(1e-8, np.sqrt(np.mean(mixture.mixture**2))))
        for name, network in networks.items():
            began = time.thread_time()
            sources = network(x)[0]
            seconds[name] += time.thread_time() - began
            scores[name].append(improvement(sources, mixture))
        speakers.append(mixture.speakers)
        if len(speakers) == arguments.limit:
            break
    print(f"{separator.name}, SI-SNRi in dB on {len(speakers)} mixtures of {arguments.set}, 95 % intervals:")
    for name, found in scores.items():
        print(
            f"  {name:8} {in_words(estimate(np.array(found), speakers))}; {sizes[name]:.2f} MB as ONNX, "
            f"{seconds[name] / len(speakers) * 1000:.0f} ms of CPU time a mixture"
        )
    lost = np.array(scores["int8"]) - np.array(scores["float32"])
    print(f"  int8 less float32 {in_words(estimate(lost, speakers), '+.3f')}; worst {lost.min():+.2f}")


def by_pytorch(model: ConvTasNet) -> Network:
    """The network as the app runs it on a CPU."""
    return torch.inference_mode()(lambda x: tiled.forward(model, torch.from_numpy(x)).numpy())


def by_onnx_runtime(file: Path) -> Network:
    """The graph in `file`, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"mixture": x})[0]


def improvement(sources: np.ndarray, mixture: Mixture) -> float:
    """SI-SNRi in dB, the mean over the speakers, in the best order."""
    order = list(best_permutation(sources, mixture.sources))
    before = si_snr(np.broadcast_to(mixture.mixture, mixture.sources.shape), mixture.sources)
    return float(np.mean(si_snr(sources[order], mixture.sources) - before))


def in_words(found: Estimate, form: str = ".2f") -> str:
    return f"{found.mean:{form}} ({found.low:{form}} to {found.high:{form}})"


if __name__ == "__main__":
    main()
