"""Convert weights of other programs to the project's own files.

    python -m tasnet.convert IN... [--config JSON] [--info JSON] [--dtype float16] -o OUT.safetensors

IN is a checkpoint of asteroid, torchaudio, espnet, speechbrain (its encoder, masknet and decoder files together),
kaituoxu/Conv-TasNet, funcwj/conv-tasnet or JusperLee/Conv-TasNet, or weights in the research layout (see importers.py);
or asteroid's LSTM-TasNet or DPRNN-TasNet (see recurrent.py); or deep clustering or Chimera++ of asteroid, funcwj,
JusperLee or tky823, with the statistics of its features where it has a file of them (see spectral.py).
The program is recognised by the names of the tensors, wherever in the file they are. Of several sets of weights the
plain one is taken, with which training continues, rather than averages and copies (ema, swa, best ...); the output
lists them all, and --take chooses another. What the tensors do not show, such as the masks' activation and the sample
rate, is taken from --config (the program's own JSON or YAML), or else from the program's defaults. Objects in the file
that are not tensors are not opened. The last lines say what was assumed and prove the conversion: which tensors were
left over, and how much a few seconds of speech gain. The weights are stored as they were, in float32, unless --dtype
asks for half the space.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tasnet.checkpoint import DTYPES, CheckpointError, save
from tasnet.command_line import command_line, command_parser
from tasnet.errors import opening
from tasnet.training_facts import TrainingFacts

from .files import imported, read_tensors
from .proof import prove
from .settings import read_settings


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = command_parser("tasnet.convert", __doc__)
    parser.add_argument("weights", nargs="+", type=Path, help="safetensors or PyTorch files")
    parser.add_argument("--config", type=Path, help="JSON or YAML with the hyper-parameters, in the program's words")
    parser.add_argument("--take", metavar="NAME", help="which of several sets of weights, as the output names them")
    parser.add_argument("--info", type=Path, help="JSON: name, training data, steps, scores, licence, credits")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="in which the weights are stored")
    parser.add_argument("-o", "--output", required=True, type=Path)
    options = parser.parse_args(arguments)
    facts = _read_facts(options.info, options.output.stem)
    config = read_settings(_read_text(options.config), options.config.name) if options.config else None
    found = imported(read_tensors(options.weights), config, options.take)
    sources = tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in options.weights)
    save(options.output, found.model, replace(facts, source_sha256=sources), dtype=options.dtype)
    system = found.model.config.system
    print(f"{options.output}: {system}, {found.model.num_parameters():,} parameters, from {found.program}")
    for sentence in (*found.notes, prove(found)):
        print(sentence)
    return 0


def _read_text(path: Path) -> str:
    with opening(path):
        return path.read_text(errors="replace")


def _read_json(path: Path | None) -> dict:
    """The object in a JSON file; nothing where there is no file. Raises CheckpointError and PathError."""
    if path is None:
        return {}
    try:
        stated = json.loads(_read_text(path))
    except (ValueError, RecursionError):
        raise CheckpointError(f"{path} is not a JSON file.") from None
    if not isinstance(stated, dict):
        raise CheckpointError(f"{path} must hold a JSON object, not a {type(stated).__name__}.")
    return stated


def _read_facts(path: Path | None, name: str) -> TrainingFacts:
    stated = {"name": name} | _read_json(path)
    try:
        return TrainingFacts.from_dict(stated)
    except ValueError as error:
        raise CheckpointError(f"{path} does not hold the facts of a training: {error}.") from None


if __name__ == "__main__":
    sys.exit(main())
