"""Model cards: Markdown under a head of YAML, whose keys are those of the Hugging Face Hub's card metadata."""

import re
from dataclasses import dataclass

import yaml

from .config import Config
from .model_titles import model_title
from .training_facts import SPEAKERS, TrainingFacts

LIBRARY = "tasnet-lens"
PAPER = "arxiv:1809.07454"
TASK = {"type": "audio-to-audio", "name": "Speech separation"}
HEAD = re.compile(r"\A---\n.*?\n---\n\n?", re.DOTALL)
SCORE = re.compile(r"(?P<set>\w+?)_(?P<measure>si_snri|sdri)_db")  # a key of `TrainingFacts.scores`
MEASURES = {"si_snri": "SI-SNRi (dB)", "sdri": "SDRi (dB)", "pesq": "PESQ (MOS-LQO)", "stoi": "STOI"}
LICENCES = {"cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "mit", "apache-2.0"}
# The corpora that credits name, as the Hub calls them; it has no AN4.
DATASETS = {
    "LibriSpeech": "openslr/librispeech_asr",
    "Common Voice": "legacy-datasets/common_voice",
    "speechocean762": "mispeech/speechocean762",
}


@dataclass(frozen=True)
class Evaluation:
    """Mean scores on one set of mixtures."""

    set: str  # a short name, such as a folder's
    title: str  # what it is
    split: str  # of train, valid, test; empty where there is none
    scores: dict[str, float]  # by measure, as in MEASURES


def stated_evaluations(facts: TrainingFacts) -> list[Evaluation]:
    """The evaluations that the training facts state, one for each set."""
    found: dict[str, dict[str, float]] = {}
    for name, value in facts.scores.items():
        if match := SCORE.fullmatch(name):
            found.setdefault(match["set"], {})[match["measure"]] = value
    return [Evaluation(name, name, "", scores) for name, scores in found.items()]


def card_head(config: Config, facts: TrainingFacts, evaluations: list[Evaluation]) -> str:
    """The head of a card, including its lines of dashes."""
    tags = ["audio", "source-separation", "speech-separation" if facts.task == SPEAKERS else "speech-enhancement"]
    tags += ["conv-tasnet" if not hasattr(config, "network") else config.network.lower()]
    tags += ["causal" if config.causal else "non-causal", f"{config.C} outputs", f"{config.sample_rate} Hz", PAPER]
    head: dict = _licence(facts.licence) | {"library_name": LIBRARY, "pipeline_tag": TASK["type"], "tags": tags}
    if datasets := [there for corpus, there in DATASETS.items() if corpus in facts.credits]:
        head["datasets"] = datasets
    if evaluations:
        results = [_result(one) for one in evaluations]
        head["model-index"] = [{"name": facts.name or model_title(config, facts), "results": results}]
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000)}---\n\n"


def card_body(card: str) -> str:
    """A card without its head, for people."""
    return HEAD.sub("", card, count=1)


def make_card(config: Config, facts: TrainingFacts) -> str:
    """A card that says what is known about a network that has no card of its own."""
    known = {
        "Configuration": ", ".join(f"{name} {value}" for name, value in config.to_dict().items() if value != ""),
        "Training data": facts.training_data,
        "Recipe": facts.recipe,
        "Seen": f"{facts.hours_of_mixtures:.4g} h of mixtures in {facts.steps:,} steps" if facts.steps else "",
        "Licence": facts.licence,
        "Credits": facts.credits,
    }
    for one in stated_evaluations(facts):
        known |= {f"{MEASURES[measure]} on {one.title}": f"{value:.2f}" for measure, value in one.scores.items()}
    rows = "".join(f"| {name} | {_cell(value)} |\n" for name, value in known.items() if value)
    title = facts.name or model_title(config, facts)
    text = f"# {title}\n\n{facts.description or model_title(config, facts)}.\n\n| | |\n|---|---|\n{rows}"
    return card_head(config, facts, stated_evaluations(facts)) + text


def _result(one: Evaluation) -> dict:
    """An entry of the Hub's model-index."""
    dataset = {"name": one.title, "type": one.set} | ({"split": one.split} if one.split else {})
    metrics = [{"type": name, "name": MEASURES[name], "value": value} for name, value in one.scores.items()]
    return {"task": dict(TASK), "dataset": dataset, "metrics": metrics}


def _licence(licence: str) -> dict[str, str]:
    """What the Hub calls the licence; "other" with its own name where it is none of those known here."""
    called = licence.lower().replace(" ", "-")
    if called in LICENCES or not licence:
        return {"license": called} if called else {}
    return {"license": "other", "license_name": licence}


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")
