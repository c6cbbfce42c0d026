"""How well speech is separated from noise never heard in training, beside a classical baseline and ideal masks.

    python -m analysis.conditions.denoise_scores ../shared/data --model NAME [--set valid | test] [--each 20]

The first voice of `--each` mixtures of the set with a recording of noise each, at -5, 0, 5, 10 and 15 dB (the active
speech level, ITU-T P.56, over the noise's power). The noises are those of the split of the same name. The baseline is
spectral subtraction by `pyroomacoustics.denoise`. Means over the files, with 95 % intervals over
the speakers, go to assets/results/NAME.denoise.json.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from analysis.corpus.intervals import estimate
from analysis.corpus.report import digits
from analysis.scores import ideal_masks
from analysis.scores.metrics import evaluate, mixture_scores
from analysis.scores.systems import MIXTURE, NETWORK
from tasnet import Separator, checkpoint
from tasnet.atomic import replacing
from tasnet.command_line import command_line, command_parser
from tasnet.data.corpora import open_mixtures
from tasnet.data.disturbed import SNRS, speech_and_noise
from tasnet.data.mixture_sets import MixtureSet
from tasnet.data.noise import open_noise
from tasnet.errors import UserError
from tasnet.inference import find_checkpoint
from tasnet.mixture import Mixture

from .denoise_results import SHOWN, DenoiseResults, Triple, denoise_file, denoise_table

SETS = {"valid": "valid", "test": "libri2mix_test_subset"}
SECONDS = 6.0  # of each file, at most
SUBTRACTION = "Spectral subtraction"
FFT = 256  # samples: 32 ms
MASKS = ("IBM", "IRM", "WFM")  # the paper's


def mixtures_of(data: Path, part: str, each: int) -> MixtureSet:
    """Speech with noise, `each` files at every SNR in turn."""
    known = open_mixtures(data / SETS[part])
    chosen = np.linspace(0, len(known) - 1, each * len(SNRS)).round().astype(int)
    rows = MixtureSet(known.name, [known.rows[k] for k in chosen], known.rate)
    return speech_and_noise(rows, open_noise([data / "noise"], known.rate, part))


def classical(mixture: np.ndarray) -> dict[str, np.ndarray]:
    """{name: (T,)} of a mixture (T,) at 8 kHz. Raises UserError where pyroomacoustics is not installed."""
    try:
        from pyroomacoustics import denoise
    except ImportError:
        raise UserError("The baseline needs pyroomacoustics: pip install pyroomacoustics.") from None
    delay = FFT // 2  # it streams: each frame comes out a hop late
    late = np.pad(mixture, (0, 2 * delay - len(mixture) % delay)).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):  # of the zeros added
        speech = denoise.apply_spectral_sub(late, nfft=FFT, db_reduc=10, lookback=5, beta=20)
    return {SUBTRACTION: speech[delay : delay + len(mixture)].astype(np.float32)}


def estimates(separator: Separator, one: Mixture) -> Iterator[tuple[str, np.ndarray]]:
    """(system, its speech (T,))."""
    yield NETWORK, separator.separate(one.mixture, one.rate).sources[0]
    yield from classical(one.mixture).items()
    for kind in MASKS:
        yield kind, ideal_masks.separate(kind, one.mixture, one.sources, one.rate)[0]


def denoise_means(separator: Separator, mixtures: MixtureSet, weights: str, name: str) -> DenoiseResults:
    """The mean scores of the speech at every SNR, for the network, the baseline, the masks and the mixture itself.

    name: of the set whose voices are in the `mixtures`.
    """
    scores: dict[tuple[str, str, int], list[float]] = {}
    speakers: dict[int, list[tuple[str, ...]]] = {}
    for number in tqdm(range(len(mixtures)), disable=None, unit="file"):
        whole, at = mixtures[number], number % len(SNRS)
        part = slice(round(SECONDS * whole.rate))
        one = replace(whole, mixture=whole.mixture[part], references=whole.sources[:, part])
        speech = one.sources[:1]
        plain = mixture_scores(speech, one.mixture, one.rate, pesq=True, stoi=True)
        found = {MIXTURE: plain}
        for system, samples in estimates(separator, one):
            found[system] = evaluate(
                samples[None], speech, one.mixture, one.rate, permute=False, stoi=True, baseline=plain
            )
        speakers.setdefault(at, []).append(one.speakers)
        for system, values in found.items():
            for measure in SHOWN:
                value = getattr(values, measure)[0]
                scores.setdefault((system, measure, at), []).append(np.nan if value is None else value)
    systems: dict[str, dict[str, list[Triple | None]]] = {}
    for (system, measure, at), each in sorted(scores.items(), key=lambda item: item[0][2]):
        mean = estimate(np.array(each), speakers[at])
        places = digits(measure)
        triple = (round(mean.mean, places), round(mean.low, places), round(mean.high, places)) if mean else None
        systems.setdefault(system, {}).setdefault(measure, []).append(triple)
    return DenoiseResults(weights, name, len(mixtures) // len(SNRS), SNRS, systems)


@command_line()
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = command_parser("analysis.conditions.denoise_scores", __doc__)
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder with the sets of mixtures and noise")
    parser.add_argument("--model", required=True, metavar="NAME")
    parser.add_argument("--set", choices=SETS, default="test")
    parser.add_argument("--each", type=int, default=20, metavar="N", help="files at every SNR")
    parser.add_argument("-o", "--out", type=Path, help="by default assets/results/NAME.denoise.json")
    options = parser.parse_args(arguments)
    separator = Separator(options.model, precision="float32")
    weights = checkpoint.weights_hash(find_checkpoint(options.model))
    mixtures = mixtures_of(options.data, options.set, options.each)
    found = denoise_means(separator, mixtures, weights, SETS[options.set])
    with replacing(options.out or denoise_file(separator.name)) as file:
        file.write_text(json.dumps(asdict(found), indent=1) + "\n")
    print(denoise_table(found))


if __name__ == "__main__":
    sys.exit(main())
