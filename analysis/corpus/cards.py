"""The heads of the bundled models' cards: YAML for the Hugging Face Hub, with the measured scores.

    python -m analysis.corpus.cards

writes the head of every card under assets/weights anew, from the facts in the weights and from the results in
assets/results; the text under it is written by hand and stays. Run it again when either has changed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.scores.systems import NETWORK
from tasnet import checkpoint
from tasnet.atomic import replacing
from tasnet.cards import Evaluation, card_body, card_head
from tasnet.command_line import command_line
from tasnet.errors import opening

from .report import mean
from .results import ResultsError
from .shipped import is_current, read_shipped

DIGITS = {"si_snri": 2, "sdri": 2, "pesq": 2, "stoi": 3}  # of the measures that a card states
TITLES = {
    "libri2mix_test_subset": "Libri2Mix test (8 kHz, min, clean), every tenth mixture",
    "libri2mix_test_subset_three": "three voices of Libri2Mix test (8 kHz, min, clean)",
}


def card_file(model: str) -> Path:
    """The card of a bundled model."""
    return checkpoint.bundled()[model].with_suffix(".md")


def shipped_card(model: str) -> str:
    """The card of `model` under a head with its present facts and scores.

    Raises ResultsError where its results are missing, or of earlier weights, and OSError where it has no card.
    """
    results, (config, facts) = read_shipped(model), checkpoint.describe(checkpoint.bundled()[model])
    header = results.header
    if not is_current(model, header.weights):
        raise ResultsError(f"The results of {model} are of earlier weights: run `python -m analysis.corpus.shipped`.")
    scores = {
        name: round(found.mean, digits) for name, digits in DIGITS.items() if (found := mean(results, NETWORK, name))
    }
    measured = Evaluation(header.set, TITLES.get(header.set, header.set), header.split, scores)
    return card_head(config, facts, [measured]) + card_body(card_file(model).read_text(encoding="utf-8"))


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 2 where a card cannot be written."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.corpus.cards",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    for model in checkpoint.bundled():
        file = card_file(model)
        with opening(file):
            card = shipped_card(model)
            changed = card != file.read_text(encoding="utf-8")
        if changed:
            with replacing(file) as unfinished:
                unfinished.write_text(card, encoding="utf-8")
        print(f"{file.name}: {'written' if changed else 'as it was'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
