"""What a sound seems to be, in words: never against what is known, and never surer than the figures are."""

import numpy as np
import pytest
import torch

from analysis.conditions import fit_hearing
from tasnet.hearing import Hearing
from tasnet.listener import HearingNetwork
from tasnet.mel_trunk import HOP, STRIDE

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


def test_who_speaks_in_a_frame_is_counted():
    T = 40 * HOP
    voices = np.random.default_rng(0).standard_normal((4, T))
    voices[1, : T // 2] = voices[2, : T // 2] = voices[3] = 0
    found = fit_hearing.speaking(voices, T)
    assert len(found) == (T // HOP + 1 + STRIDE - 1) // STRIDE
    assert (found[1:9] == 1).all() and (found[12:-1] == 3).all()


def window(_, seed: int, number: int) -> fit_hearing.Example:
    """So many bursts of noise."""
    rng, count = np.random.default_rng((seed, number)), number % 4
    voices = np.zeros((max(count, 1), 4000))
    voices[:count] = rng.standard_normal((count, 4000))
    return voices.sum(0) + 0.01 * rng.standard_normal(4000), voices, (count, bool(rng.random() < 0.5), count > 1)


def test_a_training_that_was_stopped_goes_on_to_the_same_listener(tmp_path, monkeypatch):
    """And what it hears does not depend on the level, nor on the 16 bits that it is kept in."""
    for name, value in {"BATCH": 4, "SAVE_EVERY": 1, "WARM_UP": 1, "draw_window": window}.items():
        monkeypatch.setattr(fit_hearing, name, value)
    whole = fit_hearing.fit_listener(None, 20, tmp_path / "whole.pt")

    def killed(of: None, seed: int, number: int) -> fit_hearing.Example:
        if number == 13:
            raise KeyboardInterrupt
        return window(of, seed, number)

    monkeypatch.setattr(fit_hearing, "draw_window", killed)
    with pytest.raises(KeyboardInterrupt):
        fit_hearing.fit_listener(None, 20, tmp_path / "state.pt")
    monkeypatch.setattr(fit_hearing, "draw_window", window)
    resumed = fit_hearing.fit_listener(None, 20, tmp_path / "state.pt")
    x = torch.from_numpy(window(None, 9, 3)[0]).float()[None]
    torch.testing.assert_close(resumed.probabilities(x), whole.probabilities(x), atol=1e-6, rtol=0)
    resumed.keep(tmp_path / "kept.safetensors")
    kept = HearingNetwork.load(tmp_path / "kept.safetensors")
    torch.testing.assert_close(kept.probabilities(100 * x), whole.probabilities(x), atol=2e-3, rtol=0)
    found = fit_hearing.measure_listener(kept, [window(None, 9, number) for number in range(8)])
    assert np.sum(found["true by said"]) == 8 and 0 <= found["count right"] <= 1
