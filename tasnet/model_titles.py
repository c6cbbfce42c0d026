"""What models are called where people choose one, from the configuration and the training facts."""

import torch

from .config import CONV_TASNET, Config
from .networks import make_network
from .training_facts import SPEAKERS, VALID, TrainingFacts

SMALL, LARGE = 1e6, 3e6  # parameters: below, small; from here on, large, as the paper's networks are (Table II)
# Of the sets that `TrainingFacts.scores` names.
MEASURED_ON = {
    "libri2mix_test_subset": "on clean read English by speakers it never heard",
    "libri2mix_test_subset_three": "on clean read English by speakers it never heard",
    "libri2mix_test_subset_noise": "on read English with noise 5 dB below it, neither of which it had heard",
}
DEMONSTRATION = 10.0  # dB: models below this serve to show how the network works; published ones reach 13 to 15


def stated_score(facts: TrainingFacts) -> float | None:
    """SI-SNRi in dB on a test set where the facts state one, else on the validation speakers, else None."""
    test = _test_score(facts)
    return facts.scores[test] if test else facts.valid_si_snri


def measured_on(facts: TrainingFacts) -> str:
    """What the stated score was measured on, to follow it in a sentence: no score is true of everything."""
    if not (test := _test_score(facts)):
        return "on its validation set"
    name = test.removesuffix("_si_snri_db")
    return MEASURED_ON.get(name, f"on {name}")


def _test_score(facts: TrainingFacts) -> str:
    """The name of the SI-SNRi on a test set among the facts' scores; "" where there is none."""
    tests = [name for name in facts.scores if name.endswith("si_snri_db") and name != VALID]
    return min(tests, key=len, default="")


def size_in_words(config: Config) -> str:
    """Small, medium or large, by the number of parameters."""
    with torch.device("meta"):
        count = make_network(config).num_parameters()
    return "small" if count < SMALL else "medium" if count < LARGE else "large"


def voices_in_words(count: int) -> str:
    """What a model does with so many outputs: "separates 2 voices"."""
    return "gives one voice" if count == 1 else f"separates {count} voices"


def voices_of(config: Config, facts: TrainingFacts) -> int:
    """How many voices a model gives: as many as outputs, or one where the other is noise."""
    return config.C if facts.task == SPEAKERS else 1


def model_title(config: Config, facts: TrainingFacts) -> str:
    """Such as "Medium, any sound": what tells a model from others, without its score."""
    size = size_in_words(config)
    if facts.task == SPEAKERS:
        system = (size.capitalize(),) if config.system == CONV_TASNET else (config.system, size)
        parts = [*system, "causal"] if config.causal else [*system, *([] if facts.any_sound else ["non-causal"])]
        parts += [f"{config.C} voices"] if config.C != 2 else []
        parts += ["any sound"] if facts.any_sound else []
    else:
        parts = ["Speech from noise", size, *(["causal"] if config.causal else [])]
    if config.sample_rate != 8000:
        parts.append(f"{config.sample_rate / 1000:g} kHz")
    return ", ".join(parts)


def scored_title(config: Config, facts: TrainingFacts) -> str:
    """The title with the score that the facts state: "Small, non-causal · 5.2 dB"."""
    score = stated_score(facts)
    return model_title(config, facts) + ("" if score is None else f" · {score:.1f} dB")


def kind_in_words(config: Config, facts: TrainingFacts) -> str:
    """What to expect of a model: "small demonstration model" where its stated score is far below published ones."""
    score = stated_score(facts)
    weak = facts.task == SPEAKERS and score is not None and score < DEMONSTRATION
    return f"{size_in_words(config)}{' demonstration' if weak else ''} model"
