"""What was measured of the models that take speech out of noise: assets/results/NAME.denoise.json, read and told.

`python -m analysis.conditions.denoise_scores` writes the files.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from analysis.corpus.report import digits
from analysis.corpus.results import ResultsError
from analysis.corpus.shipped import FOLDER
from analysis.scores.systems import MEASURES, MIXTURE
from analysis.words.say import number
from tasnet.cards import MEASURES as SHOWN
from tasnet.typed import from_plain

Triple = tuple[float, float, float]  # a mean and its 95 % interval over the speakers


@dataclass(frozen=True)
class DenoiseResults:
    """Mean scores of the speech, by system and measure, at every ratio of speech to noise.

    weights: which were measured (`checkpoint.weights_hash`). set: whose voices. snr: dB. files: at each of them.
    systems: {system: {measure: a triple at each SNR, None where it was not defined}}.
    """

    weights: str
    set: str
    files: int
    snr: tuple[float, ...]
    systems: dict[str, dict[str, list[Triple | None]]]


def denoise_file(model: str) -> Path:
    """Where the results of a bundled model are."""
    return FOLDER / f"{model}.denoise.json"


def read_denoise(model: str) -> DenoiseResults:
    """The bundled results of `model`. Raises ResultsError where there are none."""
    try:
        known = json.loads(denoise_file(model).read_text(encoding="utf-8"))
    except OSError:
        raise ResultsError(f"No results of {model} come along.") from None
    return from_plain(DenoiseResults, known)


def denoise_table(found: DenoiseResults) -> str:
    """The results in Markdown: a row a measure and system, a column an SNR."""
    lines = [["", *(f"{number(snr, 0)} dB" for snr in found.snr)], ["---"] * (len(found.snr) + 1)]
    for measure in SHOWN:
        for system, by in found.systems.items():
            if MEASURES[measure].unprocessed and system == MIXTURE:  # an improvement of itself
                continue
            cells = [_cell(value, digits(measure)) for value in by[measure]]
            lines.append([f"{MEASURES[measure].title}: {system}", *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Triple | None, decimals: int) -> str:
    if value is None:
        return "–"
    mean, low, high = (number(one, decimals) for one in value)
    return mean if math.isnan(value[1]) else f"{mean} ({low} to {high})"
