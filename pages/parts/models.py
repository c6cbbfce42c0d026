"""The models that can be chosen: their readable names, what kind each is, and its card."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import streamlit as st

import tasnet
from tasnet import checkpoint, model_titles
from tasnet.cards import card_body
from tasnet.config import CONV_TASNET
from tasnet.published import CATALOGUE, PublishedModel
from tasnet.training_facts import output_names

from .text import plain

Found = TypeVar("Found")


@dataclass(frozen=True)
class ModelLabel:
    """What the app calls a model."""

    title: str  # "Small, non-causal"
    scored: str  # "Small, non-causal · 5.2 dB"
    kind: str  # "small demonstration model"
    voices: int  # that it gives: one, where the other output is noise
    score: float | None  # SI-SNRi in dB that its facts state
    outputs: tuple[str, ...] = ("Speaker 1", "Speaker 2")
    measured_on: str = ""  # what the score was measured on, to follow it in a sentence
    system: str = CONV_TASNET  # what the literature calls such a system
    rate: int = 8000  # Hz
    any_sound: bool = False  # trained for noise, rooms, one voice alone and none too


def names() -> list[str]:
    """The names of all models here, the best first."""
    return list(tasnet.available())


def of_voices(count: int) -> list[str]:
    """The names of the models here that give so many voices, the best first."""
    return [name for name in names() if label(name).voices == count]


@lru_cache(maxsize=64)
def _label(path: str, _changed: float) -> ModelLabel:
    config, facts = checkpoint.describe(path)
    return ModelLabel(
        model_titles.model_title(config, facts),
        model_titles.scored_title(config, facts),
        model_titles.kind_in_words(config, facts),
        model_titles.voices_of(config, facts),
        model_titles.stated_score(facts),
        output_names(facts.task, config.C),
        model_titles.measured_on(facts),
        config.system,
        config.sample_rate,
        facts.any_sound,
    )


def label(name: str) -> ModelLabel:
    """The label of the model `name`; its file's name where the file cannot be read."""
    path = tasnet.available().get(name, Path(name))
    try:
        found = _label(str(path), path.stat().st_mtime)
    except (OSError, tasnet.CheckpointError):
        return ModelLabel(name, name, "model", 2, None)
    if name in CATALOGUE:  # the name people know it by
        return replace(found, title=name, scored=name + ("" if found.score is None else f" · {found.score:.1f} dB"))
    return found


def scored_titles(names: list[str]) -> dict[str, str]:
    """{name: title with score}, each title once: models that would read the same also show their file's name."""
    return _each_once({name: label(name).scored for name in names})


def plain_titles(names: list[str]) -> dict[str, str]:
    """{name: title}, each title once and unchanged by new weights of the same kind: for links and legends."""
    return _each_once({name: label(name).title for name in names})


def linked(asked: str | None, titles: Mapping[str, str]) -> str | None:
    """The one of `titles` {name: title} that a link asks for: by its name, an earlier name of it, or its title."""
    name = checkpoint.ALIASES.get(asked or "", asked)
    return next((one for one, title in titles.items() if name in (one, title)), None)


def with_titles(text: str) -> str:
    """`text` with the file names of models here replaced by their plain titles."""
    known = plain_titles(names())
    for name in sorted(known, key=len, reverse=True):
        text = text.replace(name, known[name])
    return text


def by_title(found: Mapping[str, Found]) -> dict[str, Found]:
    """Findings by model, under the models' plain titles; what is not a model here keeps its name."""
    shown = plain_titles(names())
    return {shown.get(name, name): one for name, one in found.items()}


def _each_once(known: dict[str, str]) -> dict[str, str]:
    count = Counter(known.values())
    return {name: title if count[title] == 1 else f"{title} · {name}" for name, title in known.items()}


def source(model: PublishedModel) -> str:
    """Who made a published model, as a link to its page, and its licence."""
    return f"[{model.credits.partition(',')[0].partition(':')[0]}]({model.page}) · {model.licence}"


def show_card(name: str) -> None:
    """A button that opens the model's card, where it has one; of a published model whose it is."""
    if name in CATALOGUE:
        st.caption(source(CATALOGUE[name]))
        return
    path = tasnet.available().get(name)
    if path is None or not (card := path.with_suffix(".md")).is_file():
        return
    if st.button("Model card", icon=":material/description:", type="tertiary", key="model_card"):
        st.dialog(plain(label(name).scored), width="large")(
            lambda: st.markdown(card_body(card.read_text(encoding="utf-8")))
        )()
