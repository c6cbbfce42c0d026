"""Builds the browser's engine, assets/browser/engine.wasm, with clang and lld.

python -m tasnet.kernels.wasm
"""

import argparse
import sys

from .build import ENGINE, EngineError, write_engine


def main() -> int:
    """The command line; 2 where there is no compiler."""
    argparse.ArgumentParser(prog="python -m tasnet.kernels.wasm", description=__doc__.splitlines()[0]).parse_args()
    try:
        print(f"{ENGINE}: {write_engine() / 1000:.1f} kB")
    except (EngineError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
