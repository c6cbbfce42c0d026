"""What a sound seems to be, in words: never against what is known, and never surer than the figures are."""

import pytest

from tasnet.hearing import Hearing

TWO, THREE = ("Speaker 1", "Speaker 2"), ("Speaker 1", "Speaker 2", "Speaker 3")


def hearing(*voices: float, noise: float = 0.0, room: float = 0.0) -> Hearing:
    return Hearing(voices, noise, room)


@pytest.mark.parametrize(
    "heard, outputs, known, sentence",
    [
        (hearing(0, 0, 1, 0), TWO, None, "This sounds like two people (100 % sure)."),
        (
            hearing(0, 0.9, 0.1, 0, noise=0.8),
            TWO,
            None,
            "one person with noise (90 % sure): the other output is what was left",
        ),
        (hearing(0, 0.9, 0.1, 0), THREE, None, "the other outputs are what was left over"),
        (hearing(0, 0, 0.1, 0.9, room=0.6), TWO, None, "with a room (90 % sure): a model of 2 voices cannot tell"),
        (hearing(0.8, 0.2, 0, 0), TWO, None, "nobody (80 % sure): what the outputs give is no voice"),
        (hearing(0, 0.9, 0.1, 0), ("Speech", "Noise"), None, "This sounds like one person (90 % sure)."),
        # Where two numbers are near each other both are said, and nothing follows from the first.
        (hearing(0, 0, 0.4, 0.6), TWO, None, "three people or more (60 % sure), or two people (40 %)."),
        # Where it is known how many there are.
        (
            hearing(0, 0, 0.1, 0.9),
            TWO,
            2,
            "There are two people here, as the clean signals tell; by its sound alone it would pass for three people",
        ),
        (hearing(0, 0, 0.1, 0.9), TWO, 4, "a model of 2 voices cannot tell all of them apart"),
        (hearing(0, 0, 0.6, 0.4), TWO, 2, "This sounds like two people (60 % sure)."),
    ],
)
def test_the_sentence_follows_the_figures(heard, outputs, known, sentence):
    said = heard.sentence(outputs, known)
    assert sentence in said and said.startswith(("This sounds like ", "There are ")) and said.endswith(".")
