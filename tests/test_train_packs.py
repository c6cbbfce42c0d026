"""Packs of utterances: who is whom over packs, and samples that are decoded once."""

import json

import numpy as np
import pytest
import soundfile

from tasnet.data import cache
from tasnet.data.cache import cached_utterances
from tasnet.data.corpora import CorpusError, open_utterances
from tasnet.data.packs import corpus_of_pack
from tasnet.train.batches import open_data
from tasnet.train.recipes import load_recipe

RATE = 8000


def write_pack(folder, name: str, utterances: list[tuple[str, int]], seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    pcm = [rng.normal(0, 0.02 * (k + 1), length).clip(-1, 1) for k, (_, length) in enumerate(utterances)]
    soundfile.write(folder / f"{name}.flac", np.concatenate(pcm), RATE)
    (folder / f"{name}.json").write_text(json.dumps({"rate": RATE, "utterances": utterances}))


@pytest.fixture
def packs(tmp_path, monkeypatch):
    """Four people in three packs of two corpora; one of them speaks in two packs."""
    monkeypatch.setenv("TASNET_LENS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "train"
    write_pack(folder, "commonvoice-en", [("x", 900), ("y", 1200), ("x", 700)], 1)
    write_pack(folder, "commonvoice-en-2", [("x", 500), ("z", 800)], 2)
    write_pack(folder, "librispeech-dev-clean", [("84", 1500), ("x", 600)], 3)
    return folder


@pytest.mark.parametrize(
    ("pack", "corpus"),
    [
        ("commonvoice-en", "commonvoice-en"),
        ("commonvoice-en-4", "commonvoice-en"),
        ("commonvoice-multi", "commonvoice-multi"),
        ("librispeech-train-clean-5-1", "librispeech"),
        ("librispeech-train-clean-100-more", "librispeech"),
        ("speechocean762", "speechocean762"),
        ("an4", "an4"),
    ],
)
def test_the_corpus_of_a_pack_is_told_by_its_name(pack, corpus):
    assert corpus_of_pack(pack) == corpus


def test_the_same_name_in_the_same_corpus_is_the_same_person(packs):
    found = open_utterances(packs)
    people = [*("commonvoice-en:x", "commonvoice-en:y", "commonvoice-en:z"), "librispeech:84", "librispeech:x"]
    assert sorted(set(found.speakers)) == people
    of_x = np.array(found.speakers) == "commonvoice-en:x"
    assert sorted(found.lengths[of_x]) == [500, 700, 900]


def test_packs_are_decoded_once_and_brought_to_one_level(packs, monkeypatch):
    decoded = []
    first = cached_utterances([packs], RATE, 0.05, lambda: decoded.append(1))
    expected = open_utterances(packs)
    for name in ("speakers", "rate", "bad", "name"):
        assert getattr(first, name) == getattr(expected, name)
    assert np.array_equal(first.lengths, expected.lengths) and first.pcm.dtype == np.int16
    for index in range(len(first)):
        samples = first.samples(index)
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.05, rel=2e-3)
        assert np.corrcoef(samples, expected.samples(index))[0, 1] > 0.9999
    monkeypatch.setattr(cache, "open_utterances", None)  # nobody may decode again
    again = cached_utterances([str(packs)], RATE, 0.05, lambda: decoded.append(2))
    assert decoded == [1] and np.array_equal(again.pcm, first.pcm)
    assert isinstance(again.pcm, np.memmap) and again.levelled(0.05) is again


def test_packs_that_change_are_decoded_anew_and_old_ones_forgotten(packs):
    for part in range(4):
        write_pack(packs, f"an4-{part}", [("a", 1000 + part)], part)
        found = cached_utterances([packs], RATE, 0.05)
        assert sum(name == "an4:a" for name in found.speakers) == part + 1
    kept = [path for path in cache.speech_cache().iterdir() if path.is_dir()]
    assert len(kept) == cache.KEPT


def test_without_a_place_for_them_the_samples_stay_in_memory(packs, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TASNET_LENS_CACHE", str(tmp_path / "file"))
    found = cached_utterances([packs], RATE, 0.05)
    assert not isinstance(found.pcm, np.memmap) and len(found) == 7


def test_a_pack_that_lies_is_refused_and_leaves_nothing(packs):
    (packs / "an4.json").write_text(json.dumps({"rate": RATE, "utterances": [["a", 5]]}))
    soundfile.write(packs / "an4.flac", np.zeros(7), RATE)
    with pytest.raises(CorpusError, match="another rate or length"):
        cached_utterances([packs], RATE, 0.05)
    assert not [path for path in cache.speech_cache().iterdir() if path.is_dir()]


def write_mixtures(folder, count: int, length: int = 2000) -> None:
    """A pack of mixtures of two."""
    folder.mkdir()
    sound = np.random.default_rng(9).normal(0, 0.1, (count * length, 2)).astype(np.float32)
    soundfile.write(folder / "valid.flac", sound, RATE)
    (folder / "valid.json").write_text(json.dumps({"rate": RATE, "lengths": [length] * count}))


def test_a_recipe_trains_and_validates_on_packs(packs, tmp_path):
    write_mixtures(tmp_path / "valid", 6)
    recipe = load_recipe("bundled").changed({"segment": 0.1, "weights": {"librispeech": 2.0}}).at(tmp_path)
    train, valid = open_data(recipe)
    assert train.facts()["corpora"] == ["commonvoice-en", "librispeech"] and train.facts()["speakers"] == 5
    assert train.batch(0)[1].shape == (2, 2, 800)
    assert valid.facts()["mixtures"] == 6 and valid.batch(0)[1].shape == (2, 2, 2000)
    # For three outputs a third voice joins each mixture: that of the mixture half the set later.
    three = open_data(recipe.changed({"model": {"C": 3}}))[1]
    mixture, sources = three.batch(0)
    assert sources.shape == (2, 3, 2000) and three.facts()["mixtures"] == 6
    np.testing.assert_allclose(sources[0, :2], valid.batch(0)[1][0], atol=1e-4)
    np.testing.assert_allclose(sources[0, 2], valid.batch(1)[1][1, 0], atol=1e-4)
    np.testing.assert_allclose(mixture, sources.sum(1), atol=1e-6)


def test_the_real_packs(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("TASNET_LENS_CACHE", str(tmp_path))
    assert {corpus_of_pack(file.stem) for file in (shared / "data/train").glob("*.json")} >= {"librispeech", "an4"}
    recipe = load_recipe("bundled").changed(
        {"valid": str(shared / "data/valid"), "train": [str(shared / "data/train/an4.json")]}
    )
    assert open_data(recipe)[1].facts()["mixtures"] == 100
