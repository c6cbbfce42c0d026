"""Networks by name: folders in the layout of huggingface_hub's mixin, repositories, and their cards."""

import csv
import json
import statistics
import sys

import pytest
import safetensors.torch
import torch
import yaml

import tasnet
from analysis.corpus import cards, shipped
from tasnet import ConvTasNet, ConvTasNetConfig, LSTMTasNet, LSTMTasNetConfig, TasNet, checkpoint, pretrained
from tasnet.cards import Evaluation, card_body, card_head, make_card
from tasnet.training_facts import TrainingFacts

TINY = dict(N=6, L=4, B=4, H=5, Sc=3, P=3, X=2, R=2)
FACTS = TrainingFacts(
    name="tiny",
    training_data="two | three words",
    scores={"valid_si_snri_db": 1.5, "other_set_sdri_db": 2},
    licence="MIT",
    credits="LibriSpeech (CC BY 4.0), AN4",
)
MODELS = checkpoint.bundled()
OWN = {name: path for name, path in MODELS.items() if checkpoint.trunk_of(path) is None}  # weights


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ConvTasNet(ConvTasNetConfig(**TINY, norm="cLN", causal=True)).eval()


def same(one: TasNet, other: TasNet) -> bool:
    states = one.state_dict(), other.state_dict()
    return one.config == other.config and all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def head_of(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


# --- a folder ------------------------------------------------------------------------------------


def test_a_folder_is_what_was_saved_in_the_mixins_layout(tmp_path, model):
    model.save_pretrained(tmp_path / "new" / "tiny", FACTS, dtype="float32")
    folder = tmp_path / "new" / "tiny"
    assert {file.name for file in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}
    assert ConvTasNetConfig(**json.loads((folder / "config.json").read_text())) == model.config
    assert safetensors.torch.load_file(folder / "model.safetensors").keys() == model.state_dict().keys()
    again = TasNet.from_pretrained(folder)
    assert same(again, model) and isinstance(again, ConvTasNet) and not again.training
    assert pretrained.read_pretrained(str(folder))[1] == FACTS
    assert checkpoint.load(folder / "model.safetensors")[1] == FACTS  # as any file of weights


def test_weights_are_saved_in_16_bits_unless_asked_otherwise(tmp_path, model):
    model.save_pretrained(tmp_path)
    stored = safetensors.torch.load_file(tmp_path / "model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.float16}
    assert {value.dtype for value in TasNet.from_pretrained(tmp_path).state_dict().values()} == {torch.float32}


def test_a_folder_needs_no_huggingface_hub(tmp_path, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    model.save_pretrained(tmp_path, dtype="float32")
    assert same(ConvTasNet.from_pretrained(tmp_path), model)
    with pytest.raises(ValueError, match=r"no folder nobody/nothing here, .* needs the package huggingface_hub: pip"):
        ConvTasNet.from_pretrained("nobody/nothing")


@pytest.mark.parametrize("name", list(MODELS)[-1:])
def test_models_that_come_along_are_known_by_name_and_by_file(name):
    exact, _ = checkpoint.load(MODELS[name])
    assert same(TasNet.from_pretrained(name), exact) and same(ConvTasNet.from_pretrained(MODELS[name]), exact)


def test_every_network_is_told_by_its_configuration(tmp_path):
    network = LSTMTasNet(LSTMTasNetConfig(N=6, L=4, H=4, layers=2)).eval()
    network.save_pretrained(tmp_path, dtype="float32")
    assert same(TasNet.from_pretrained(tmp_path), network)
    with pytest.raises(ValueError, match="is of the class LSTMTasNet, not ConvTasNet"):
        ConvTasNet.from_pretrained(tmp_path)


def test_tensors_alone_take_their_configuration_from_beside_them(tmp_path, model):
    model.save_pretrained(tmp_path)
    safetensors.torch.save_file(model.state_dict(), tmp_path / "model.safetensors")
    assert same(TasNet.from_pretrained(tmp_path), model)
    assert pretrained.read_pretrained(tmp_path)[1] == TrainingFacts()


BAD = {
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "holds no model.safetensors"),
    "not JSON": (lambda folder: (folder / "config.json").write_text("{"), "does not describe a network"),
    "of another program": (
        lambda folder: (folder / "config.json").write_text('{"hidden_size": 3}'),
        "does not describe a network.*hidden_size",
    ),
    "a list": (lambda folder: (folder / "config.json").write_text("[1]"), "does not describe a network"),
    "another network": (
        lambda folder: (folder / "config.json").write_text(json.dumps(ConvTasNetConfig().to_dict())),
        "another network than the configuration beside it",
    ),
    "tensors alone": (
        lambda folder: (
            (folder / "config.json").unlink(),
            safetensors.torch.save_file({"a": torch.zeros(1)}, folder / "model.safetensors"),
        ),
        "no description of a Conv-TasNet",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_folder_is_one_clear_sentence(tmp_path, model, case):
    spoil, words = BAD[case]
    model.save_pretrained(tmp_path)
    spoil(tmp_path)
    with pytest.raises(checkpoint.CheckpointError, match=words) as caught:
        TasNet.from_pretrained(tmp_path)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_an_unknown_name_is_refused():
    with pytest.raises(checkpoint.CheckpointError, match="There is no model named nobody"):
        TasNet.from_pretrained("nobody")


# --- huggingface_hub -----------------------------------------------------------------------------


def test_the_mixin_reads_what_is_saved_and_writes_what_is_read(tmp_path, model):
    hub = pytest.importorskip("huggingface_hub")

    class Mixed(hub.PyTorchModelHubMixin, ConvTasNet):
        pass

    model.save_pretrained(tmp_path / "ours", FACTS, dtype="float32")
    theirs = Mixed.from_pretrained(tmp_path / "ours")
    assert same(theirs, model)
    theirs.save_pretrained(tmp_path / "theirs")
    assert same(ConvTasNet.from_pretrained(tmp_path / "theirs"), model)


def test_a_repository_is_fetched_by_huggingface_hub(tmp_path, model, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    model.save_pretrained(tmp_path, dtype="float32")
    asked = []

    def download(repository, revision, allow_patterns):
        asked.append((repository, revision, allow_patterns))
        if repository == "nobody/nothing":
            raise hub.errors.LocalEntryNotFoundError("Not here.\nAnd more.")
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", download)
    assert same(TasNet.from_pretrained("owner/tiny", revision="v1"), model)
    assert asked == [("owner/tiny", "v1", ["config.json", "model.safetensors"])]
    with pytest.raises(ValueError, match=r"^The repository nobody/nothing cannot be fetched: Not here\.$"):
        TasNet.from_pretrained("nobody/nothing")


@pytest.mark.parametrize("name", OWN)
def test_the_hub_understands_the_cards(name):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard.load(cards.card_file(name))
    scores = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert card.data.license == "cc-by-4.0" and card.data.model_name == name
    assert scores.keys() == {"si_snri", "sdri", "pesq", "stoi"}


# --- cards ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_the_cards_tell_what_was_measured_and_what_is_stored(name):
    card = cards.card_file(name).read_text()
    assert card == cards.shipped_card(name), "python -m analysis.corpus.cards"
    assert card_body(card).startswith(f"# {name}\n")
    if name not in OWN:
        assert f"| Weights | those of `{checkpoint.trunk_of(MODELS[name]).stem}`" in card
        return
    assert f"| File | float16, {MODELS[name].stat().st_size / 1e6:.1f} MB" in card
    stored = safetensors.torch.load_file(MODELS[name])
    assert {value.dtype for value in stored.values()} == {torch.float16}


@pytest.mark.parametrize("name", shipped.shipped())
def test_the_heads_of_the_cards_hold_the_means_over_the_set(name):
    with shipped.shipped()[name].open() as file:
        next(file)
        rows = list(csv.DictReader(file))
    head = head_of(cards.card_file(name).read_text())
    ((result,),) = [one["results"] for one in head["model-index"]]
    assert result["dataset"]["type"] == shipped.read_shipped(name).header.set
    for metric in result["metrics"]:
        columns = [column for column in rows[0] if column.startswith(f"Conv-TasNet.{metric['type']}.")]
        measured = statistics.mean(float(row[column]) for row in rows for column in columns)
        assert metric["value"] == pytest.approx(measured, abs=0.006 if metric["type"] != "stoi" else 0.0006)
    assert head["datasets"] == ["openslr/librispeech_asr", "legacy-datasets/common_voice", "mispeech/speechocean762"]


def test_a_card_is_made_of_the_facts_and_kept_where_there_is_one(tmp_path, model):
    model.save_pretrained(tmp_path, FACTS)
    made = (tmp_path / "README.md").read_text()
    assert made == make_card(model.config, FACTS)
    head = head_of(made)
    assert head["license"] == "mit" and head["datasets"] == ["openslr/librispeech_asr"] and "causal" in head["tags"]
    sets = {one["dataset"]["type"]: one["metrics"][0] for one in head["model-index"][0]["results"]}
    assert sets["valid"]["value"] == 1.5 and sets["other_set"]["type"] == "sdri"
    assert "| Training data | two \\| three words |" in made and "&id" not in made
    (tmp_path / "README.md").write_text("my own")
    model.save_pretrained(tmp_path, FACTS)
    assert (tmp_path / "README.md").read_text() == "my own"
    model.save_pretrained(tmp_path, FACTS, card="another")
    assert (tmp_path / "README.md").read_text() == "another"


def test_the_head_says_only_what_is_known():
    config = ConvTasNetConfig()
    head = head_of(card_head(config, TrainingFacts(), []))
    assert head.keys() == {"library_name", "pipeline_tag", "tags"}
    head = head_of(card_head(config, TrainingFacts(licence="Ours, ask us"), [Evaluation("s", "S", "", {"stoi": 1})]))
    assert (head["license"], head["license_name"]) == ("other", "Ours, ask us")
    assert head["model-index"][0]["results"][0]["dataset"] == {"name": "S", "type": "s"}
    assert card_body("# No head\n---\nrule\n---\n") == "# No head\n---\nrule\n---\n"


def test_the_command_writes_a_folder_with_the_models_own_card(tmp_path, capsys):
    name = list(MODELS)[-1]
    assert pretrained.main([name, str(tmp_path / "out")]) == 0 and "model.safetensors" in capsys.readouterr().out
    assert (tmp_path / "out" / "README.md").read_text() == cards.card_file(name).read_text()
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == MODELS[name].read_bytes()
    assert pretrained.main(["nobody", str(tmp_path / "none")]) == 2 and "no model named" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    assert pretrained.main([name, str(tmp_path / "file")]) == 2 and "cannot be" in capsys.readouterr().err


def test_cards_of_earlier_weights_are_not_written(monkeypatch, capsys):
    monkeypatch.setattr(cards, "is_current", lambda model, weights: False)
    assert cards.main([]) == 2 and "are of earlier weights" in capsys.readouterr().err


def test_importing_the_package_leaves_huggingface_hub_alone():
    import subprocess

    code = "import tasnet.pretrained, sys; print('huggingface_hub' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tasnet.__path__[0] + "/..", capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
