"""Builds the browser's engine, assets/web/browser/engine.wasm, with clang and lld.

python -m tasnet.kernels.wasm
"""

import sys
from collections.abc import Sequence

from tasnet.command_line import command_line, command_parser

from .build import ENGINE, write_engine


@command_line()
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; 2 where there is no compiler."""
    parser = command_parser("tasnet.kernels.wasm", __doc__.splitlines()[0])
    parser.parse_args(arguments)
    print(f"{ENGINE}: {write_engine() / 1000:.1f} kB")


if __name__ == "__main__":
    sys.exit(main())
