"""What all commands that measure a set of mixtures have in common."""

import argparse

from tasnet.command_line import command_parser
from tasnet.data.corpora import SPLITS


def set_parser(module: str, description: str, limit: int | None = None) -> argparse.ArgumentParser:
    """The parser of such a command, as `command_parser`, with `folder`, `split` and `limit`, None for the whole set."""
    parser = command_parser(module, description)
    by_default = "" if limit is None else f"; by default {limit}"
    parser.add_argument("folder", metavar="DIR", help="the mixtures with their clean voices")
    parser.add_argument("--split", default="test", choices=SPLITS, help="where DIR holds several")
    parser.add_argument(
        "--limit",
        type=int,
        default=limit,
        metavar="N",
        help=f"so many mixtures, evenly spread{by_default}",
    )
    return parser
