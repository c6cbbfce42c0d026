"""What models of several voices give where there is one voice, or none.

    python -m analysis.conditions.alone ../shared/data/libri2mix_test_subset [--model NAME ...] [--limit 50]

separates the first voices of so many mixtures by themselves, and as many pieces of noise from white to brown; how far
below the first output the second stays, how good the voice is, and how far the outputs stay below the noise goes to
assets/results/NAME.alone.json. The view Conditions of the page Start point shows it.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from analysis.corpus.evaluation import spread_evenly
from analysis.scores.metrics import si_snr
from analysis.set_command import set_parser
from analysis.words.start_point import explain_alone
from tasnet import Separator, checkpoint
from tasnet.atomic import replacing
from tasnet.command_line import command_line, progress_bar
from tasnet.data.corpora import MixtureSet, open_mixtures
from tasnet.data.noise import coloured_noise
from tasnet.inference import find_checkpoint
from tasnet.model_titles import voices_of

from .alone_results import AloneResults, alone_file

LIMIT = 50
SECONDS = 6.0  # of each voice, at most, and of each noise
STEEPEST = 6.0  # dB an octave: brown noise
NOISE_RMS = 0.05
FURTHEST = 99.0  # dB: of outputs that are silent


def below_in_db(power: float, of: float) -> float:
    """By how much `power` lies below `of`, within limits."""
    return float(np.clip(10 * np.log10(of / max(power, 1e-20)), -FURTHEST, FURTHEST))


def one_voice(separator: Separator, voice: np.ndarray, rate: int) -> tuple[float, float]:
    """How far the other outputs stay below the voice's for a voice (T,) alone, and the voice's SI-SNR, in dB."""
    sources = separator.separate(voice, rate).sources.astype(float)
    scores = si_snr(sources, np.broadcast_to(voice.astype(float), sources.shape))
    best = int(np.argmax(scores))
    power = (sources**2).mean(1)
    aside = below_in_db(float(np.delete(power, best).max()), float(power[best]))
    return aside, float(np.clip(scores[best], -FURTHEST, FURTHEST))


def no_voice(separator: Separator, noise: np.ndarray, rate: int) -> float:
    """How far the loudest output lies below a noise (T,), in dB."""
    sources = separator.separate(noise, rate).sources.astype(float)
    return below_in_db(float((sources**2).mean(1).max()), float((noise.astype(float) ** 2).mean()))


def measure_alone(separator: Separator, mixtures: MixtureSet, limit: int, weights: str) -> AloneResults:
    """What `separator` gives for the first voices of `limit` mixtures, and for as many noises."""
    chosen, rate = spread_evenly(len(mixtures), limit), mixtures.rate
    size, below, kept, noises = round(SECONDS * rate), [], [], []
    with progress_bar("sound", separator.name) as show:
        for number, index in enumerate(chosen):
            aside, voice = one_voice(separator, mixtures[index].sources[0, :size], rate)
            below.append(round(aside, 1))
            kept.append(round(voice, 1))
            slope = STEEPEST * number / max(1, len(chosen) - 1)
            noise = NOISE_RMS * coloured_noise(np.random.default_rng(number), size, slope)
            noises.append(round(no_voice(separator, noise.astype(np.float32), rate), 1))
            show(number + 1, len(chosen))
    return AloneResults(weights, mixtures.name, tuple(below), tuple(kept), tuple(noises))


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Exit code 0; 2 where something cannot be used."""
    parser = set_parser("analysis.conditions.alone", __doc__, LIMIT)
    add = parser.add_argument
    add("--model", nargs="+", metavar="NAME", help="by default all of two voices or more that come along")
    options = parser.parse_args(arguments)
    mixtures = open_mixtures(options.folder, split=options.split)
    bundled = checkpoint.bundled().items()
    for name in options.model or [name for name, path in bundled if voices_of(*checkpoint.describe(path)) > 1]:
        separator = Separator(name, "auto", "float32")
        weights = checkpoint.weights_hash(find_checkpoint(name))
        found = measure_alone(separator, mixtures, options.limit, weights)
        with replacing(alone_file(separator.name)) as file:
            file.write_text(json.dumps(asdict(found)) + "\n")
        print(f"{name}: {explain_alone(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
