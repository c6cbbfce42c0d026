"""Recipes: the paper's defaults, its tables, files of settings, and refusals in one sentence."""

import dataclasses
import json
from pathlib import Path

import pytest

from analysis import paper
from tasnet import ConvTasNetConfig, checkpoint
from tasnet.model_titles import model_title
from tasnet.train.__main__ import main
from tasnet.train.recipe import Recipe, RecipeError
from tasnet.train.recipes import load_recipe, recipes
from tasnet.training_facts import TrainingFacts

ROOT = Path(__file__).parents[1]


def test_the_default_is_the_paper():
    ready = load_recipe("paper")
    assert ready == Recipe()
    assert (ready.segment, ready.learning_rate, ready.epochs) == (4.0, 1e-3, 100)
    assert (ready.patience, ready.clip, ready.schedule, ready.ema) == (3, 5.0, "plateau", 0.0)
    assert ready.mixing.level == (-5.0, 5.0) and ready.mixing.speed == 0.0
    assert ready.segment_samples == 32000
    assert ready.epoch_steps * ready.batch * ready.segment == pytest.approx(30 * 3600, rel=1e-3)


def test_every_row_of_the_tables_is_a_recipe():
    ready = recipes()
    assert sum(name.startswith("table2-") for name in ready) == 15
    assert sum(name.startswith("table3-") for name in ready) == 5
    for number, printed in enumerate(paper.TABLE_II.rows, 1):
        model = ready[f"table2-{number}"].model
        symbols = ("N", "L", "B", "H", "Sc", "P", "X", "R", "norm", "causal")
        assert [getattr(model, s) for s in symbols] == [getattr(printed, s) for s in symbols]
    assert ready["table2-15"].model.causal and ready["table2-14"].model == Recipe().model
    coders = [(r.model.encoder, r.model.mask) for n, r in ready.items() if n.startswith("table3-")]
    assert coders == [(row.encoder.lower(), row.mask.lower()) for row in paper.TABLE_III.rows]


def test_settings_from_toml_and_json(tmp_path):
    toml = tmp_path / "mine.toml"
    toml.write_text(
        'based_on = "small"\ntrain = ["a", "b"]\nbatch = 4\nlearning_rate = 1\n'
        "[model]\nN = 64\n[mixing]\nlevel = [-3, 3]\n[weights]\nlibrispeech = 2.0\n"
    )
    recipe = load_recipe(toml)
    assert recipe.name == "mine" and recipe.train == ("a", "b") and recipe.batch == 4
    assert recipe.model.N == 64 and recipe.model.B == 64 and recipe.mixing.level == (-3, 3)
    assert recipe.mixing.speed == 0.07 and recipe.weights == {"librispeech": 2.0}
    written = tmp_path / "again.json"
    written.write_text(json.dumps(recipe.to_dict()))
    assert load_recipe(written) == recipe


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bach": 4}, "bach"),
        ({"model": {"Q": 4}}, r"model\.Q"),
        ({"batch": 0}, "batch"),
        ({"batch": "many"}, "batch"),
        ({"schedule": "stairs"}, "plateau, cosine, linear"),
        ({"ema": 1.0}, "ema"),
        ({"optimiser": "sgd"}, "adam, muon"),
        ({"engine": "abacus"}, "auto, autograd"),
        ({"legs": [1]}, "legs"),
        ({"legs": [{"hour": 1}]}, "hour"),
        ({"legs": [{"model": {"N": 3}}]}, "leg cannot change"),
        ({"begin_from": "nothing"}, "neither a file nor one of the bundled"),
        ({"begin_from": "x" * 5000}, "neither a file nor one of the bundled"),
        ({"noise": ["n"], "model": {"C": 3}}, "two outputs"),
    ],
)
def test_unknown_and_impossible_settings_are_refused(changes, message):
    with pytest.raises(RecipeError, match=message):
        Recipe().changed(changes)


@pytest.mark.parametrize("file", sorted((ROOT / "assets/recipes").glob("*.toml")), ids=lambda file: file.stem)
def test_every_recipe_begins_from_a_bundled_model_its_own_where_there_is_one(file, tmp_path):
    recipe = load_recipe(file)
    assert recipe.name == file.stem
    assert recipe.begin_from == file.stem or file.stem not in checkpoint.bundled()
    if recipe.begin_from or isinstance(recipe.model, ConvTasNetConfig):  # of the others no weights come along
        assert recipe.model == checkpoint.describe(checkpoint.bundled()[recipe.begin_from])[0]
    assert recipe.legs and recipe.schedule == "linear" and recipe.warmup > 0
    for number in range(len(recipe.legs)):
        leg = recipe.leg(number)
        assert leg.hours or leg.total_seconds
        assert leg.weights == {"librispeech": 2.0} and leg.mixing.same == 0.8
    assert recipe.any_sound == ("robust" in file.stem)
    title = model_title(recipe.model, TrainingFacts(any_sound=recipe.any_sound))
    assert title.endswith(", any sound") == recipe.any_sound
    for folder in ("train", "valid", "noise", "rooms"):
        (tmp_path / folder).mkdir()
    there = recipe.at(tmp_path)
    assert (there.train, there.valid) == ((str(tmp_path / "train"),), str(tmp_path / "valid"))
    with pytest.raises(RecipeError, match="nothing at"):
        recipe.at(tmp_path / "train")


def test_every_bundled_model_has_a_recipe():
    assert {file.stem for file in (ROOT / "assets/recipes").glob("*.toml")} >= set(checkpoint.bundled())


def test_a_recipe_grows_the_network_that_it_begins_from(tmp_path):
    file = tmp_path / "three.toml"
    file.write_text('begin_from = "convtasnet_small_gln_2spk_8k"\n[model]\nC = 3\nX = 8\n')
    recipe = load_recipe(file)
    small = checkpoint.describe(checkpoint.bundled()["convtasnet_small_gln_2spk_8k"])[0]
    assert recipe.model == dataclasses.replace(small, C=3, X=8)
    assert load_recipe("paper").changed(recipe.to_dict()) == recipe


def test_files_that_are_no_recipes_are_refused(tmp_path):
    with pytest.raises(RecipeError, match="neither a file"):
        load_recipe(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("a = [")
    with pytest.raises(RecipeError, match="TOML"):
        load_recipe(broken)


def test_command_line_lists_shows_and_refuses(tmp_path, capsys):
    assert main(["--list"]) == 0
    assert "table2-14" in capsys.readouterr().out
    assert main(["short", "--show", "--set", "model.N=64", "--set", "batch=2", "--train", "x"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["model"]["N"] == 64 and shown["batch"] == 2 and shown["train"] == ["x"]
    for refused in (
        ["nothing"],
        ["small"],
        ["small", "--set", "batch"],
        ["small", "--train", str(tmp_path / "nowhere"), "--out", str(tmp_path / "run")],
    ):
        assert main(refused) == 2
        error = capsys.readouterr().err
        assert error.strip().count("\n") == 0 and error.strip().endswith((".", "'batch'."))
