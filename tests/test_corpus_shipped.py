"""What comes along with the models: their scores on the standard set and the points of their training."""

import dataclasses
import json
import re

import numpy as np
import pytest
import soundfile
import torch

from analysis.conditions.alone_results import alone_file, read_alone
from analysis.conditions.denoise_results import denoise_table, read_denoise
from analysis.conditions.denoise_scores import MASKS, SUBTRACTION, classical
from analysis.conditions.table import beside_table
from analysis.corpus import shipped
from analysis.corpus.failures import failure_shares
from analysis.corpus.report import digits, mean
from analysis.corpus.results import ResultsError, read_results, shareable
from analysis.figures.training import validation_curves
from analysis.scores.systems import MEASURES, MIXTURE, NETWORK
from analysis.sounds.rank_examples import known_scores
from tasnet import ConvTasNet, ConvTasNetConfig, checkpoint
from tasnet.data.mixture_sets import read_genders
from tasnet.training_facts import SPEAKERS

OWN = {name: path for name, path in checkpoint.bundled().items() if checkpoint.trunk_of(path) is None}  # weights
MODELS = {
    name: path
    for name, path in checkpoint.bundled().items()
    if checkpoint.describe(path)[1].task == SPEAKERS and (name in OWN or name in shipped.shipped())
}
DENOISING = [name for name in OWN if name not in MODELS]
SETS = {2: "libri2mix_test_subset", 3: "libri2mix_test_subset_three"}  # by the number of voices
AGAIN = "weights have changed: python -m analysis.corpus.shipped DIR"


def write_set(folder, count: int, voices: int = 2) -> str:
    """Mixtures of noises that come and go, 0.75 s each."""
    random, t = np.random.default_rng(0), np.arange(6000) / 8000
    for k in range(count):
        for part in ("s1", "s2", "s3")[:voices]:
            (folder / part).mkdir(parents=True, exist_ok=True)
            x = 0.1 * random.standard_normal(t.size) * np.sin(2 * np.pi * random.uniform(2, 4) * t) ** 2
            soundfile.write(folder / part / f"m{k}.wav", x, 8000)
    return str(folder)


def write_model(path, seed: int, C: int = 2) -> None:
    torch.manual_seed(seed)
    checkpoint.save(path, ConvTasNet(ConvTasNetConfig(N=16, L=16, B=8, H=16, Sc=8, P=3, X=2, R=1, C=C)))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_comes_with_its_scores(model):
    results = shipped.read_shipped(model)
    header = results.header
    assert header.weights == checkpoint.weights_hash(MODELS[model]), AGAIN
    config, facts = checkpoint.describe(MODELS[model])
    assert (header.model, header.set, header.speakers) == (model, SETS[config.C], config.C)
    assert (len(results.good), header.pesq) == (300, True)
    for measure in ("si_snri", "sdri"):
        found = mean(results, "Conv-TasNet", measure).mean
        assert found == pytest.approx(facts.scores[f"{SETS[config.C]}_{measure}_db"], abs=0.011)
    assert known_scores(MODELS[model]), "weights have changed: python -m analysis.sounds.rank_examples"


@pytest.mark.parametrize("model", DENOISING)
def test_models_of_speech_in_noise_come_with_their_scores(model):
    found = read_denoise(model)
    assert found.weights == checkpoint.weights_hash(checkpoint.bundled()[model]), (
        "python -m analysis.conditions.denoise_scores DATA"
    )
    assert found.systems.keys() == {MIXTURE, NETWORK, SUBTRACTION, *MASKS} and found.files >= 20
    assert denoise_table(found) in checkpoint.bundled()[model].with_suffix(".md").read_text()


@pytest.mark.parametrize("model", [name for name in MODELS if checkpoint.describe(MODELS[name])[1].any_sound])
def test_the_card_of_a_model_for_any_sound_has_its_conditions_as_they_were_measured(model):
    card = MODELS[model].with_suffix(".md").read_text()
    assert beside_table(model, "convtasnet_medium_gln_2spk_8k") in card


@pytest.mark.parametrize("model", MODELS)
def test_cards_state_every_measure_as_it_was_measured(model):
    """Not SI-SNRi alone: by PESQ and STOI the systems stand in another order."""
    results = shipped.read_shipped(model)
    figures = [f"{mean(results, NETWORK, name).mean:.{digits(name)}f}" for name in MEASURES]
    card = MODELS[model].with_suffix(".md").read_text()
    (line,) = [line for line in card.splitlines() if line.startswith("| **this model**") and line.count("|") > 7]
    assert [cell.strip() for cell in line.split("|")][-6:-1] == [f"**{one}**" for one in figures]
    heads = card[: card.index(line)].rpartition("| SI-SNRi (dB) |")[2]
    assert heads.startswith("".join(f" {MEASURES[name].title} |" for name in list(MEASURES)[1:]))
    for one in failure_shares(results):  # with intervals, at none of the mixtures the exact one
        ends = f"{100 * one.mixtures.low:.1f} to {100 * one.mixtures.high:.1f}"
        assert f"| {100 * one.mixtures.mean:.1f} % ({ends}) |" in card and one.mixtures.high > 0


def test_no_file_that_comes_along_says_where_it_was_made():
    """No path from the root of this or another machine; only scores: small files of text."""
    for file in shipped.FOLDER.iterdir():
        text = file.read_text()
        assert not re.search(r"(^|[\s\"',(:])(/\w|[A-Z]:\\|~/)", text), file.name
        assert file.stat().st_size < 300_000
        if file.suffix == ".csv":
            header = read_results(file).header
            assert header.file == header.folder == ""


@pytest.mark.parametrize("model", [name for name in OWN if alone_file(name).is_file()])
def test_what_is_told_of_one_voice_alone_is_of_these_weights(model):
    found = read_alone(model)
    assert found.weights == checkpoint.weights_hash(OWN[model]), "run python -m analysis.conditions.alone"
    assert len(found.below) == len(found.voice) == len(found.noise) > 0


@pytest.mark.parametrize("model", OWN)
def test_the_points_of_the_training_end_where_the_weights_are(model):
    run = shipped.read_training(model)
    assert shipped.is_current(model, run.weights), "the weights have changed: write down how they were trained"
    hours = [point.hours for point in run.points]
    assert hours == sorted(hours)
    assert run.points[-1].si_snri == checkpoint.describe(checkpoint.bundled()[model])[1].scores["valid_si_snri_db"]
    (curve,) = validation_curves({model: run}).data
    assert list(curve.x) == hours and list(curve.y) == [point.si_snri for point in run.points]


def test_a_model_without_records_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    (tmp_path / "odd.training.json").write_text(json.dumps({"points": [{"hours": 1}]}))
    assert shipped.read_training("odd") is None and shipped.read_training("none") is None
    assert shipped.shipped() == {}
    with pytest.raises(ResultsError, match="No results of none come along"):
        shipped.read_shipped("none")


def test_what_is_passed_on_holds_all_but_the_paths(tmp_path):
    original = shipped.FOLDER / f"{next(iter(MODELS))}.csv"
    told = read_results(original)
    head = json.dumps(dataclasses.asdict(told.header) | {"file": "/home/a/model", "folder": "/home/a/set"})
    path = tmp_path / "own.csv"
    path.write_bytes(f"# {head}\n".encode() + original.read_bytes().split(b"\n", 1)[1])
    assert read_results(path).header.folder == "/home/a/set"
    assert shareable(path) == original.read_bytes()
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ResultsError, match="not a file of results"):
        shareable(path)


def test_what_is_passed_on_tells_the_sexes_of_known_speakers(tmp_path):
    original = shipped.FOLDER / f"{next(iter(MODELS))}.csv"
    path = tmp_path / "own.csv"
    path.write_text(re.sub(r";(\d+),[FM]{2},", r";\1,,", original.read_text()))
    assert {row.genders for row in read_results(path).rows} == {""}
    genders = read_genders(shipped.SPEAKERS)
    assert shareable(path, genders) == original.read_bytes()
    path.write_bytes(shareable(path, {**genders, "1089": ""}))
    assert {row.genders for row in read_results(path).rows if "1089" in row.speakers} == {""}


def test_the_command_measures_what_is_not_of_the_present_weights(tmp_path, monkeypatch, capsys):
    path, folder = tmp_path / "tiny.safetensors", write_set(tmp_path / "set", 2)
    monkeypatch.setattr(checkpoint, "bundled", lambda: {"tiny": path})
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(shipped, "RUNS", tmp_path / "runs")
    found = []
    for seed in (0, 1):
        write_model(path, seed)
        assert shipped.main([folder, "--workers", "1"]) == 0
        found.append(shipped.read_shipped("tiny"))
        assert found[-1].header.weights == checkpoint.weights_hash(path)
        assert (found[-1].header.set, found[-1].header.folder, len(found[-1].good)) == ("set", "", 2)
    assert found[0].rows != found[1].rows
    before = (tmp_path / "results" / "tiny.csv").stat().st_mtime_ns
    capsys.readouterr()
    assert shipped.main([folder, "tiny"]) == 0 and "measured with these weights" in capsys.readouterr().out
    assert (tmp_path / "results" / "tiny.csv").stat().st_mtime_ns == before
    write_model(path, 2)
    assert shipped.read_shipped("tiny").header.model == "tiny (earlier weights)"
    assert shipped.main([folder, "other"]) == 2 and "no model other" in capsys.readouterr().err


def test_the_command_measures_the_models_of_as_many_voices_as_the_set_has(tmp_path, monkeypatch, capsys):
    models = {f"tiny{C}": tmp_path / f"tiny{C}.safetensors" for C in (2, 3)}
    for C, path in zip((2, 3), models.values(), strict=True):
        write_model(path, 0, C)
    monkeypatch.setattr(checkpoint, "bundled", lambda: models)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(shipped, "RUNS", tmp_path / "runs")
    three = write_set(tmp_path / "three", 2, 3)
    assert shipped.main([three, "--workers", "1"]) == 0
    assert list(shipped.shipped()) == ["tiny3"] and shipped.read_shipped("tiny3").header.speakers == 3
    assert shipped.main([three, "tiny2", "--workers", "1"]) == 2
    assert "tiny2 separates 2 voices, but the mixtures of three have 3" in capsys.readouterr().err
    assert shipped.main([str(tmp_path / "none")]) == 2 and "There is nothing at" in capsys.readouterr().err


def test_the_classical_baseline_stands_under_the_mixture():
    """It streams and gives its frames late; scored as it comes it would lie 30 dB below the mixture."""
    pytest.importorskip("pyroomacoustics")
    random, t = np.random.default_rng(0), np.arange(8001) / 8000
    x = (0.1 * random.standard_normal(t.size) * np.sin(2 * np.pi * 3 * t) ** 2).astype(np.float32)
    y = classical(x)[SUBTRACTION]
    assert y.shape == x.shape and np.argmax(np.correlate(y, x, "full")) == len(x) - 1
