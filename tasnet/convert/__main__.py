"""Convert weights of other programs to the project's own files.

    python -m tasnet.convert IN... [--config JSON] [--info JSON] -o OUT.safetensors

IN is a checkpoint of asteroid's ConvTasNet, or weights in the research layout (see importers.py): one safetensors
file, or the PyTorch files over which they are spread, with their hyper-parameters in --config.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tasnet.checkpoint import save
from tasnet.facts import TrainingFacts

from .files import convert, read_tensors


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tasnet.convert", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", nargs="+", type=Path, help="safetensors or PyTorch files")
    parser.add_argument("--config", type=Path, help="JSON with the hyper-parameters, for the research layout")
    parser.add_argument("--info", type=Path, help="JSON: name, training data, steps, scores, licence, credits")
    parser.add_argument("-o", "--output", required=True, type=Path)
    options = parser.parse_args(arguments)
    try:
        stated = json.loads(options.info.read_text()) if options.info else {}
        facts = TrainingFacts.from_dict({"name": options.output.stem} | stated)
        config = json.loads(options.config.read_text()) if options.config else None
        model = convert(read_tensors(options.weights), config)
        sources = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in options.weights)
        save(options.output, model, replace(facts, source_sha256=sources))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.output}: {model.num_parameters():,} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
