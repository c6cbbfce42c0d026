"""What all command lines have in common."""

import sys


def program(module: str) -> str:
    """How `module`'s command line was called, for its usage: `tasnet NAME`, else `python -m MODULE`."""
    called = sys.argv[0]
    return called if called.startswith("tasnet ") else f"python -m {module}"
