"""The network beside the ideal masks: order, scores, and best values."""

import numpy as np
import pytest

from analysis.scores import comparison
from analysis.scores.metrics import perceptual_scores
from analysis.words.ideal_masks import explain_sound
from tasnet.mixture import Mixture


def mixture(count: int = 2, seconds: float = 1.5) -> Mixture:
    """Voices of coloured noise that overlap in time and frequency."""
    random = np.random.default_rng(3)
    length = int(seconds * 8000)
    t = np.arange(length) / 8000
    voices = [
        np.sin(2 * np.pi * 220 * (k + 1.3) * t) * (np.sin(2 * np.pi * (k + 2) * t) + 1)
        + 0.2 * random.standard_normal(length)
        for k in range(count)
    ]
    references = (0.2 * np.stack(voices)).astype(np.float32)
    return Mixture(references.sum(0), references, 8000, tuple("abc"[:count]), 0.0)


def test_rows_are_the_network_then_the_masks_in_reference_order():
    sound = mixture()
    swapped = (sound.references + 0.1 * sound.mixture)[::-1]
    found = comparison.compare_systems(sound, swapped)
    assert [row.name for row in found.rows] == ["Conv-TasNet", "IBM", "IRM", "WFM", "PSM"]
    assert found.network.scores.permutation == (1, 0)
    np.testing.assert_array_equal(found.network.estimates, swapped[::-1])
    for row in found.rows:
        assert row.estimates.shape == sound.references.shape
        assert row.masks.shape[0] == 2 and row.masks.dtype == np.uint8 and row.masks.max() <= 100


def test_best_is_the_largest_of_the_column():
    sound = mixture()
    found = comparison.compare_systems(sound, sound.references + 1e-4 * sound.mixture)
    assert found.best("si_snri") == "Conv-TasNet"
    found = comparison.compare_systems(sound, np.stack([sound.mixture] * 2))
    assert found.best("si_snri") != "Conv-TasNet"
    assert found.network.score("si_snri") == pytest.approx(0, abs=1e-6)


def test_another_number_of_voices_than_the_models_is_said_and_not_scored():
    sound = mixture(3)
    found = comparison.compare_systems(sound, sound.references[:2])
    assert found.network.scores is None
    assert explain_sound(found)[0].startswith("The model separates 2 voices and this mixture has 3")
    assert found.best("si_snri") in {"IBM", "IRM", "WFM", "PSM"}


def test_progress_ends_at_one_and_an_exception_in_it_cancels():
    seen = []
    comparison.compare_systems(mixture(), mixture().references, progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1

    def cancel(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        comparison.compare_systems(mixture(), mixture().references, progress=cancel)


def test_effective_masks_of_the_mixture_itself_are_one_and_of_silence_zero():
    sound = mixture()
    masks = comparison.effective_masks(np.stack([sound.mixture, 0 * sound.mixture]), sound.mixture, 8000)
    np.testing.assert_allclose(masks[0], 1, atol=1e-6)
    assert masks[1].max() == 0


@pytest.mark.parametrize("voices", [2, 3])
def test_pesq_and_stoi_added_system_by_system_are_those_measured_with_all(voices):
    sound = mixture(3)
    separated = (sound.references + 0.1 * sound.mixture)[::-1][:voices]
    quick = comparison.compare_systems(sound, separated, pesq=False)
    assert quick.unprocessed.scores.stoi == (None,) * 3
    heard = [perceptual_scores(row.estimates, sound.references, sound.rate) for row in quick.scored]
    found, whole = comparison.add_perceptual(quick, heard), comparison.compare_systems(sound, separated)
    assert found.perceptual and None not in found.unprocessed.scores.stoi
    assert [row.scores for row in found.rows] == [row.scores for row in whole.rows]
    assert found.unprocessed.scores == whole.unprocessed.scores
