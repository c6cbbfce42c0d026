"""How well speech is separated from noise never heard in training, beside a classical baseline and ideal masks.

    python -m analysis.conditions.denoise_scores ../shared/data --model NAME [--set valid | test] [--each 20]

The first voice of `--each` mixtures of the set with a recording of noise each, at -5, 0, 5, 10 and 15 dB (the active
speech level, ITU-T P.56, over the noise's power). The noises are those of the split of the same name. The baseline is
spectral subtraction by `pyroomacoustics.denoise`. Means over the files go to assets/results/NAME.denoise.json.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from analysis.scores import ideal_masks
from analysis.scores.metrics import evaluate, mixture_scores
from analysis.scores.systems import MIXTURE, NETWORK
from tasnet import Separator, checkpoint
from tasnet.atomic import replacing
from tasnet.command_line import command_line, program
from tasnet.data.corpora import open_mixtures
from tasnet.data.disturbed import SNRS, speech_and_noise
from tasnet.data.mixture_sets import MixtureSet
from tasnet.data.noise import open_noise
from tasnet.errors import UserError
from tasnet.mixture import Mixture

FOLDER = Path(__file__).parents[2] / "assets" / "results"
SETS = {"valid": "valid", "test": "libri2mix_test_subset"}
SECONDS = 6.0  # of each file, at most
MEASURES = {"si_snri": 2, "pesq": 2, "stoi": 3}
SUBTRACTION = "Spectral subtraction"
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
    length = len(mixture)
    found = {
        SUBTRACTION: denoise.apply_spectral_sub(mixture.astype(np.float32), nfft=256, db_reduc=10, lookback=5, beta=20),
    }
    return {name: np.pad(x[:length], (0, max(0, length - len(x)))).astype(np.float32) for name, x in found.items()}


def estimates(separator: Separator, one: Mixture) -> Iterator[tuple[str, np.ndarray]]:
    """(system, its speech (T,))."""
    yield NETWORK, separator.separate(one.mixture, one.rate).sources[0]
    yield from classical(one.mixture).items()
    for kind in MASKS:
        yield kind, ideal_masks.separate(kind, one.mixture, one.sources, one.rate)[0]


def denoise_means(separator: Separator, mixtures: MixtureSet) -> dict:
    """{"systems": {system: {measure: [mean at each SNR]}}, "snr": [...], "files": ...}; JSON."""
    scores: dict[str, dict[str, list[list[float]]]] = {}
    for number in tqdm(range(len(mixtures)), disable=None, unit="file"):
        whole = mixtures[number]
        part = slice(round(SECONDS * whole.rate))
        one = replace(whole, mixture=whole.mixture[part], references=whole.sources[:, part])
        speech = one.sources[:1]
        plain = mixture_scores(speech, one.mixture, one.rate, pesq=True, stoi=True)
        found = {MIXTURE: plain}
        for system, estimate in estimates(separator, one):
            found[system] = evaluate(
                estimate[None], speech, one.mixture, one.rate, permute=False, stoi=True, baseline=plain
            )
        for system, values in found.items():
            rows = scores.setdefault(system, {name: [[] for _ in SNRS] for name in MEASURES})
            for name in MEASURES:
                if (value := getattr(values, name)[0]) is not None:
                    rows[name][number % len(SNRS)].append(value)
    return {
        "set": mixtures.name,
        "files": len(mixtures),
        "snr": list(SNRS),
        "systems": {system: {name: _means(by, name) for name, by in rows.items()} for system, rows in scores.items()},
    }


def _means(by: list[list[float]], name: str) -> list[float | None]:
    return [round(float(np.mean(values)), MEASURES[name]) if values else None for values in by]


def as_table(found: dict) -> str:
    """The results in Markdown: a row a system, SI-SNRi, PESQ and STOI at every SNR."""
    heads = ["", *(f"{snr:g} dB" for snr in found["snr"])]
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for name, title in (("si_snri", "SI-SNRi, dB"), ("pesq", "PESQ (MOS-LQO)"), ("stoi", "STOI")):
        for system, by in found["systems"].items():
            if name == "si_snri" and system == MIXTURE:
                continue
            values = ["–" if value is None else f"{value:.{MEASURES[name]}f}" for value in by[name]]
            lines.append(f"| {title}: {system} | {' | '.join(values)} |")
    return "\n".join(lines)


@command_line()
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=program("analysis.conditions.denoise_scores"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder with the sets of mixtures and noise")
    parser.add_argument("--model", required=True, metavar="NAME")
    parser.add_argument("--set", choices=SETS, default="test")
    parser.add_argument("--each", type=int, default=20, metavar="N", help="files at every SNR")
    parser.add_argument("-o", "--out", type=Path, help="by default assets/results/NAME.denoise.json")
    options = parser.parse_args(arguments)
    separator = Separator(options.model, precision="float32")
    found = denoise_means(separator, mixtures_of(options.data, options.set, options.each))
    weights = checkpoint.bundled().get(options.model, Path(options.model))
    found = {"weights": checkpoint.weights_hash(weights), **found}
    with replacing(options.out or FOLDER / f"{separator.name}.denoise.json") as file:
        file.write_text(json.dumps(found, indent=1) + "\n")
    print(as_table(found))


if __name__ == "__main__":
    sys.exit(main())
