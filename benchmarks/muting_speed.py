"""How long the page Explain takes from switching off a part to its sound: wall-clock and CPU seconds.

    python -m benchmarks.muting_speed [--model NAME] [--seconds 5] [--repeats 5]

Masks and filters of the output are changed in the existing representation; for blocks, and filters that the network
should not hear either, it runs again. Beside them stands what an unchanged separation takes in the same run. All are
medians; on a machine that is busy with other work the CPU's seconds say what an idle one would take on one thread.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from analysis.explain.muting import BINARY, Muted, blocks_of, muted_sources
from analysis.network.representation import represent
from analysis.sounds.examples import available_examples, mix_example
from tasnet import Separator


def seconds(work: Callable[[], object], repeats: int) -> dict[str, float]:
    """The medians of `repeats` runs of `work`, after one that warms up."""
    work()
    wall, cpu = [], []
    for _ in range(repeats):
        began = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
    return {"clock": round(statistics.median(wall), 2), "cpu": round(statistics.median(cpu), 2)}


def main() -> None:
    """Print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="convtasnet_large_gln_2spk_8k")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    separator = Separator(options.model, "cpu", "float32")
    name = next(one.id for one in available_examples() if len(one.voices) == separator.config.C)
    sound = mix_example(name)
    length = round(options.seconds * sound.rate)
    mixture, references = np.resize(sound.mixture, length), np.resize(sound.references, (separator.config.C, length))
    inside = represent(separator.model, mixture, references, separator.level)
    half, last = tuple(range(separator.config.N // 2)), blocks_of(separator.config, repeat=separator.config.R - 1)
    parts = {
        "filters in the output": Muted(output=half),
        "binary masks": Muted(masks=BINARY),
        "ideal masks (IRM)": Muted(masks="ideal (IRM)"),
        "last repeat": Muted(blocks=last),
        "filters altogether": Muted(whole=half),
    }
    found = {
        what: seconds(lambda off=off: muted_sources(inside, off, separator.level), options.repeats)
        for what, off in parts.items()
    }
    found["separation as it is"] = seconds(lambda: separator.separate(mixture, sound.rate), options.repeats)
    facts = {"model": separator.name, "seconds of sound": options.seconds, "threads": torch.get_num_threads()}
    print(json.dumps(facts | found, indent=1))


if __name__ == "__main__":
    main()
