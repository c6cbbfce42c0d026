"""What is computed for visitors in processes of their own is what the command line computes, bit for bit."""

import numpy as np
import pytest

import tasnet
from analysis import computing
from analysis.scores.comparison import compare_systems
from analysis.sounds.examples import mix_example
from analysis.workers import Budget, BudgetError, Nursery
from tasnet.training_facts import SPEAKERS

MODEL = "convtasnet_small_gln_2spk_8k"


@pytest.fixture(scope="module")
def nursery():
    nursery = Nursery(computing.MODULES, ready=computing.READY)
    yield nursery
    nursery.close()


def test_a_separation_and_its_scores_are_those_of_one_s_own(nursery):
    sound = mix_example("synthetic-men")
    shares = []
    found = nursery.call(
        computing.separate_apart,
        MODEL,
        "float32",
        sound.mixture,
        sound.rate,
        budget=Budget(60, 1 << 30),
        progress=lambda *told: shares.append(told),
        ready=f"float32 {MODEL}",
    )
    own = tasnet.Separator(MODEL, "cpu").separate(sound.mixture, sound.rate)
    np.testing.assert_array_equal(found.sources, own.sources)
    assert found.notes == own.notes and shares[-1] == (1.0,)
    scored = nursery.call(computing.compare, sound, found.sources, True, SPEAKERS, "DPCL", budget=Budget(60, 1 << 30))
    expected = compare_systems(sound, own.sources, pesq=False, system="DPCL")
    assert [row.scores for row in scored.rows] == [row.scores for row in expected.rows]
    for one, other in zip(scored.rows, expected.rows, strict=True):
        np.testing.assert_array_equal(one.estimates, other.estimates)


def test_what_a_sound_is_is_told_as_by_the_library(nursery):
    sound = mix_example("synthetic-men")
    assert nursery.call(computing.hear_apart, sound.mixture, sound.rate) == tasnet.hear(sound.mixture, sound.rate)


def test_the_model_that_pages_begin_with_is_loaded_ahead(monkeypatch):
    *_, last = tasnet.checkpoint.bundled()
    monkeypatch.setenv(computing.SETTING, last)
    computing._separator.cache_clear()
    computing.load_ahead("")
    assert computing._separator.cache_info().currsize == 1
    computing._separator(str(tasnet.available()[last]), "float32")
    assert computing._separator.cache_info().hits == 1


def test_what_cannot_be_computed_ends_in_a_sentence(nursery):
    sound = 0.1 * np.ones(8000, np.float32)
    with pytest.raises(tasnet.checkpoint.CheckpointError, match="no model named nothing"):
        nursery.call(computing.separate_apart, "nothing", "float32", sound, 8000, ready="float32 nothing")
    noise = np.random.default_rng(0).standard_normal(240_000).astype(np.float32)
    with pytest.raises(BudgetError, match="more than the 4 MB of memory"):
        nursery.call(computing.separate_apart, MODEL, "float32", noise, 8000, budget=Budget(60, 4 << 20))
