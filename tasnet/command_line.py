"""What all command lines have in common: how they are called, and how they end."""

import argparse
import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence

from tqdm import tqdm

from .errors import UserError
from .sound_files import printable

DONE, UNUSABLE, INTERRUPTED = 0, 2, 130  # exit codes; 1 is Python's own, after a traceback

Main = Callable[[Sequence[str] | None], int | None]


def program(module: str) -> str:
    """How `module`'s command line was called, for its usage: `tasnet NAME`, else `python -m MODULE`."""
    called = sys.argv[0]
    return called if called.startswith("tasnet ") else f"python -m {module}"


def command_parser(module: str, description: str) -> argparse.ArgumentParser:
    """The parser of `module`'s command line; `description`, such as its docstring, begins the help as it is written."""
    return argparse.ArgumentParser(
        prog=program(module), description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def print_line(text: object) -> None:
    """Print `text`, whatever bytes the file names in it contain."""
    print(printable(str(text)))


def complain(problem: object) -> int:
    """Print to standard error what cannot be used; return the exit code."""
    print(printable(str(problem)), file=sys.stderr)
    return UNUSABLE


@contextlib.contextmanager
def progress_bar(unit: str, name: str = "") -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal during the block; yields a function to call with (done, total)."""
    with tqdm(disable=None, unit=unit, desc=name or None) as bar:

        def show(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        yield show


def command_line(stopped: str = "Stopped.") -> Callable[[Main], Callable[..., int]]:
    """Decorator of a `main(arguments)`: the one place where a command's end becomes an exit code.

    0, or the code that `main` returns; 2 for a UserError, whose sentence is printed; 130 after Ctrl-C, with `stopped`.
    Anything else is a fault of ours and is let through: Python prints the traceback and exits with 1.
    """

    def decorate(main: Main) -> Callable[..., int]:
        @functools.wraps(main)
        def run(arguments: Sequence[str] | None = None) -> int:
            try:
                return main(arguments) or DONE
            except UserError as problem:
                return complain(problem)
            except KeyboardInterrupt:
                print(f"\n{stopped}", file=sys.stderr)
                return INTERRUPTED
            except BrokenPipeError:  # whoever reads the output, such as `head`, has seen enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return DONE

        return run

    return decorate
