"""Which model does the same in less time: what to offer where a separation is slow, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasnet import ConvTasNetConfig
from tasnet.config import Config
from tasnet.model_titles import measured_on, stated_score
from tasnet.training_facts import TrainingFacts

from .cost import multiply_adds

LEAST = 2.0  # times less to compute: below that nobody would notice

Described = tuple[Config, TrainingFacts]  # as `checkpoint.describe` gives it


@dataclass(frozen=True)
class FasterModel:
    """A model for the same use: its name, how many times less it computes, and both scores.

    scores: SI-SNRi in dB of the slow one and of this one, as their facts state it; None where not both are known of the
    same mixtures.
    """

    name: str
    times: float
    scores: tuple[float, float] | None


def faster_model(slow: Described, others: Mapping[str, Described]) -> FasterModel | None:
    """The one of `others` {name: what it is} that scores best of those that are for the same use and clearly faster.

    The same use: the same task, voices and rate, and as causal. None where there is no such model.
    """
    config, facts = slow
    if not isinstance(config, ConvTasNetConfig):
        return None
    found = []
    for name, (its_config, its_facts) in others.items():
        if not isinstance(its_config, ConvTasNetConfig) or _use(its_config, its_facts) != _use(config, facts):
            continue
        times = multiply_adds(config) / multiply_adds(its_config)
        if times >= LEAST:
            found.append(FasterModel(name, times, _scores(facts, its_facts)))
    return max(found, key=lambda one: (one.scores is not None, one.scores and one.scores[1], one.times), default=None)


def _use(config: ConvTasNetConfig, facts: TrainingFacts) -> tuple:
    return facts.task, config.C, config.sample_rate, config.causal


def _scores(facts: TrainingFacts, other: TrainingFacts) -> tuple[float, float] | None:
    """What both score, where that was measured on the same."""
    one, two = stated_score(facts), stated_score(other)
    return None if one is None or two is None or measured_on(facts) != measured_on(other) else (one, two)
