"""Build the compiled network where possible, and report the outcome in one line.

    python -m tasnet.kernels.cpu

Exits with 0 either way: without it everything works, only slower.
"""

import argparse
import time

from .build import BuildError, is_built, library, library_path
from .network import why_not_here


def main() -> None:
    """The command line."""
    argparse.ArgumentParser(prog="python -m tasnet.kernels.cpu", description=__doc__.splitlines()[0]).parse_args()
    print(report())


def report() -> str:
    """Builds the library; one line about it."""
    reason = why_not_here("float32")
    there, began = is_built(), time.perf_counter()
    try:
        if reason:
            raise BuildError(reason)
        built = library()
    except BuildError as error:
        return f"Without the compiled network, so slower: {error}"
    halves = "no bfloat16"
    if built.tasnet_bfloat16():
        halves = "bfloat16 on the matrix unit" if built.tasnet_matrix_unit() else "bfloat16"
    kind = f"{'AVX-512' if built.tasnet_lanes() == 16 else 'AVX2'}, {halves}"
    took = "was there" if there else f"built in {time.perf_counter() - began:.1f} s"
    return f"The compiled network for this processor ({kind}) {took}: {library_path()}"


if __name__ == "__main__":
    main()
