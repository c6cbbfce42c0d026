"""The heads of the bundled models' cards: YAML for the Hugging Face Hub, with the measured scores.

    python -m analysis.corpus.cards

writes the head of every card under assets/weights anew, from the facts in the weights and from the results in
assets/results; the text under it is written by hand and stays. Run it again when either has changed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.conditions.denoise_results import read_denoise
from analysis.scores.systems import NETWORK
from tasnet import checkpoint
from tasnet.atomic import replacing
from tasnet.cards import MEASURES, Evaluation, card_body, card_head
from tasnet.command_line import command_line, command_parser
from tasnet.errors import opening
from tasnet.training_facts import SPEAKERS

from .report import digits, mean
from .results import ResultsError
from .shipped import is_current, read_shipped, shipped

HEADLINE_SNR = 5.0  # dB, of the scores that stand in the head of a model of speech in noise
TITLES = {
    "libri2mix_test_subset": "Libri2Mix test (8 kHz, min, clean), every tenth mixture",
    "libri2mix_test_subset_three": "three voices of Libri2Mix test (8 kHz, min, clean)",
}


def card_file(model: str) -> Path:
    """The card of a bundled model."""
    return checkpoint.bundled()[model].with_suffix(".md")


def shipped_card(model: str) -> str:
    """The card of `model` under a head with its present facts and scores.

    A variant may have no scores of its own. Raises ResultsError where its results are missing, or of earlier weights,
    and OSError where it has no card.
    """
    path, text = checkpoint.bundled()[model], card_body(card_file(model).read_text(encoding="utf-8"))
    config, facts = checkpoint.describe(path)
    if checkpoint.trunk_of(path) is not None and model not in shipped():
        return card_head(config, facts, []) + text
    weights, measured = _separation(model) if facts.task == SPEAKERS else _denoising(model)
    if not is_current(model, weights):
        raise ResultsError(f"The results of {model} are of earlier weights: measure it again (CONTRIBUTING.md).")
    return card_head(config, facts, [measured]) + text


def _separation(model: str) -> tuple[str, Evaluation]:
    """The weights that were measured, and the scores of the voices."""
    results = read_shipped(model)
    header = results.header
    means = {name: mean(results, NETWORK, name) for name in MEASURES}
    scores = {name: round(found.mean, digits(name)) for name, found in means.items() if found}
    return header.weights, Evaluation(header.set, TITLES.get(header.set, header.set), header.split, scores)


def _denoising(model: str) -> tuple[str, Evaluation]:
    """The weights that were measured, and the scores of the speech at `HEADLINE_SNR`."""
    found = read_denoise(model)
    at = found.snr.index(HEADLINE_SNR)
    scores = {name: triple[0] for name, by in found.systems[NETWORK].items() if (triple := by[at])}
    title = f"voices of {TITLES.get(found.set, found.set)}, each with noise at {HEADLINE_SNR:g} dB"
    return found.weights, Evaluation(f"{found.set}_noise", title, "test", scores)


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 2 where a card cannot be written."""
    parser = command_parser("analysis.corpus.cards", __doc__)
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
