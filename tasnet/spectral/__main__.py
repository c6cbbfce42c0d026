"""The same weights as another system: `python -m tasnet.spectral MODEL OUTPUT -o FILE.safetensors`.

MODEL is a Chimera++ by its name or its file; OUTPUT says what is to separate: "masks", the masks' head; "clusters",
k-means on the embeddings, which is deep clustering (DPCL); or "misi", the masks and five iterations of MISI. Into the
folder in which MODEL's weights lie only their name is written: the file then is of use beside them alone.
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from tasnet import checkpoint
from tasnet.command_line import command_line, command_parser
from tasnet.config import OUTPUTS
from tasnet.errors import UserError
from tasnet.inference import find_checkpoint

from .network import ChimeraNet


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = command_parser("tasnet.spectral", __doc__)
    parser.add_argument("model", help="a name or a file")
    parser.add_argument("output", choices=OUTPUTS)
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="FILE.safetensors")
    options = parser.parse_args(arguments)
    path = find_checkpoint(options.model)
    network, facts = checkpoint.load(path)
    if not isinstance(network, ChimeraNet):
        raise UserError(f"{options.model} is no Chimera++, whose weights are several systems.")
    network.become(options.output)
    trunk = checkpoint.trunk_of(path) or path
    if options.out.parent.resolve() == trunk.parent.resolve():
        checkpoint.save_variant(options.out, trunk.stem, options.output)
    else:  # their scores are those of the output with which they were measured
        checkpoint.save(options.out, network, dataclasses.replace(facts, name=options.out.stem, scores={}))
    print(f"{options.out}: {network.config.system}, {network.num_parameters():,} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
