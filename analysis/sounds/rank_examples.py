"""How well each model does on the examples, measured once and kept beside its weights.

    python -m analysis.sounds.rank_examples

measures every model under assets/weights on every example on this machine with as many voices as the model has, mixed
at 0 dB, and writes NAME.examples.json: the name of the weights (`checkpoint.weights_hash`) and the mean SI-SNRi (dB) of
each example. The app orders its list by it. Run it again when weights or examples change; figures of other weights are
ignored.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.scores.metrics import evaluate
from tasnet import Separator, available, checkpoint
from tasnet.atomic import replacing
from tasnet.command_line import command_line, command_parser
from tasnet.model_titles import voices_of
from tasnet.training_facts import any_order
from tasnet.typed import fitted

from .example_list import EXAMPLES, Example
from .examples import available_examples, mix_example

SCORES = "si_snri_db"
DECIMALS = 2


def ranking_file(weights: Path) -> Path:
    """Where the scores of the model in the file `weights` are kept."""
    return weights.with_suffix(".examples.json")


def score_examples(separator: Separator) -> dict[str, float]:
    """Mean SI-SNRi (dB) over the voices of every example on this machine that has the model's number of voices."""
    scores = {}
    for example in available_examples():
        if len(example.voices) != voices_of(separator.config, separator.facts):
            continue
        sound = mix_example(example.id)
        sources = separator.separate(sound.mixture, sound.rate).sources
        permute = any_order(separator.facts.task)
        value = evaluate(sources, sound.sources, sound.mixture, sound.rate, permute=permute, pesq=False).mean("si_snri")
        if value is not None:
            scores[example.id] = round(value, DECIMALS)
    return scores


def known_scores(weights: Path) -> dict[str, float]:
    """{example id: SI-SNRi in dB} as measured for these weights; empty where nothing was, or for other weights."""
    try:
        kept = fitted("the ranking", json.loads(ranking_file(weights).read_text()), dict)
        scores = fitted(SCORES, kept.get(SCORES), dict[str, float])
    except (OSError, ValueError):
        return {}
    return scores if kept.get("weights") == checkpoint.weights_hash(weights) else {}


def ordered(examples: Sequence[Example], scores: dict[str, float], voices: int) -> list[Example]:
    """`examples` as a model of so many `voices` with these `scores` offers them.

    First the best of real voices that is in English throughout, which most people understand, or else the best of real
    voices; then the best first, then those that were not measured, at last those with another number of voices.
    """
    known = sorted(
        examples,
        key=lambda one: (len(one.voices) != voices, one.id not in scores, -scores.get(one.id, 0.0)),
    )
    real = [one for one in known if len(one.voices) == voices and not one.synthetic]
    english = [one for one in real if one.languages == ("English",)]
    first = next(iter([*english, *real]), None)
    return known if first is None else [first, *(one for one in known if one is not first)]


@command_line()
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = command_parser("analysis.sounds.rank_examples", __doc__.splitlines()[0])
    parser.parse_args(arguments)
    here = available_examples()
    absent = [example.id for example in EXAMPLES if example not in here]
    if absent:
        print(f"Not on this machine, so not measured: {', '.join(absent)} (see `analysis.sounds.fetch_examples`).")
    for name, path in available().items():
        scores = score_examples(Separator(path))
        kept = {"weights": checkpoint.weights_hash(path), SCORES: scores}
        with replacing(ranking_file(path)) as unfinished:
            unfinished.write_text(json.dumps(kept, indent=1) + "\n")
        print(name, *(f"{value:6.2f} dB  {example}" for example, value in scores.items()), sep="\n  ")


if __name__ == "__main__":
    sys.exit(main())
