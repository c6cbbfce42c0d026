"""How often two speakers change places over a long pause, as the network hears the file.

    python -m benchmarks.speaker_order SPEECH [SPEECH ...] [--files 60] [--pauses 0 5 12 30 60] [--model NAME]

SPEECH is a pack of single speakers' utterances, or a set of mixtures whose sources are taken apart (Libri2Mix's test).
Each file is three times the same two people, who speak at once for 8 s, with two pauses between; every stretch is of
other sentences. After the separation each stretch is compared with the clean voices: a swap is a pause over which the
order changes; those without a pause (0 s) are the network's own. A stretch of which it cannot be said (both orders
within 1 dB) does not count; in one where both orders are within 5 dB the voices are hardly separated, or change places
in the middle, so pauses between better ones are counted apart.

'Now' is what `separate` gives, which cuts long pauses out; 'chunks' leaves them in and links its chunks by their
overlap alone; 'whole' is the network on the whole file at once. What is weighed for a note was fitted to training
speakers: report others.
"""

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.scores.metrics import si_snr
from tasnet import Separator, available
from tasnet.data.corpora import UtteranceSet, holds_mixtures, open_mixtures, open_utterances
from tasnet.data.utterances import to_pcm
from tasnet.inference import CHUNK, OVERLAP
from tasnet.tracking import Stitcher, plan_chunks

STRETCH = 8.0  # s
STRETCHES = 3
NOISE = 1e-4  # RMS of what is in the room in the pauses
CLEAR, SEPARATED = 1.0, 5.0  # dB by which the one order must be better than the other


@dataclass
class Count:
    """Of one pause length and one way: pauses that count, swaps, files with one, and what was noted."""

    pauses: int = 0
    swaps: int = 0
    separated_pauses: int = 0  # between stretches that are well separated
    separated_swaps: int = 0
    files: int = 0
    swapped_files: int = 0
    noted: int = 0
    si_snr: float = 0.0  # dB, mean over the files, each stretch in its better order

    def add(self, margins: np.ndarray, quality: float, doubts: int) -> None:
        pauses, swaps = _swaps(margins, CLEAR)
        separated_pauses, separated_swaps = _swaps(margins, SEPARATED)
        self.pauses += pauses
        self.swaps += swaps
        self.separated_pauses += separated_pauses
        self.separated_swaps += separated_swaps
        self.files += 1
        self.swapped_files += swaps > 0
        self.noted += doubts > 0
        self.si_snr += (quality - self.si_snr) / self.files


def _swaps(margins: np.ndarray, clear: float) -> tuple[int, int]:
    """Pauses between stretches whose order is clear by so many dB, and the swaps among them."""
    pairs = [pair for pair in itertools.pairwise(margins) if np.abs(pair).min() > clear]
    return len(pairs), sum(one * other < 0 for one, other in pairs)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("speech", nargs="+", type=Path, help="a pack of utterances, or one set of mixtures")
    parser.add_argument("--files", type=int, default=60, help="in all, spread over the pauses")
    parser.add_argument("--pauses", type=float, nargs="+", default=[0, 5, 12, 30, 60], metavar="S")
    parser.add_argument("--seed", type=int, default=0, help="other people, other sentences")
    parser.add_argument("--model", default=next(iter(available()), None))
    arguments = parser.parse_args(argv)
    separator = Separator(arguments.model, "cpu")
    rate, random = separator.config.sample_rate, np.random.default_rng(arguments.seed)
    speech = open_speech(arguments.speech, rate)
    counts: dict[tuple[float, str], Count] = {}
    for number in range(arguments.files):
        pause = arguments.pauses[number % len(arguments.pauses)]
        stretches = conversation(speech, random)
        mixture, spans = with_pauses(stretches, round(pause * rate), random)
        for way, (sources, doubts) in separated(separator, mixture).items():
            counts.setdefault((pause, way), Count()).add(*compared(sources, stretches, spans), doubts)
        print(f"\r{number + 1} of {arguments.files}", end="", flush=True)
    print(f"\n{separator.name}: pauses over which the speakers changed places, of those that can be told")
    for (pause, way), one in sorted(counts.items()):
        print(
            f"  {pause:g} s, {way:7} {one.swaps} of {one.pauses} pauses, {one.separated_swaps} of the "
            f"{one.separated_pauses} between well separated stretches; {one.swapped_files} of {one.files} files; "
            f"{one.noted} files with a note; SI-SNR {one.si_snr:.2f} dB"
        )


def open_speech(paths: Sequence[Path], rate: int) -> UtteranceSet:
    """Utterances by their speakers; of mixtures, their sources."""
    if not holds_mixtures(paths[0]):
        return open_utterances(paths, rate)
    said = []
    for mixture in open_mixtures(paths[0], rate=rate):
        said += zip(mixture.speakers, to_pcm(mixture.sources), strict=True)
    speakers, pcm = zip(*said, strict=True)
    lengths = np.array([len(samples) for samples in pcm])
    return UtteranceSet(paths[0].name, rate, np.concatenate(pcm), lengths, speakers, {})


def conversation(speech: UtteranceSet, random: np.random.Generator) -> list[np.ndarray]:
    """STRETCHES of two different speakers, (2, T) each, of other sentences each."""
    rate, wanted = speech.rate, round(STRETCH * speech.rate)
    totals = {name: 0 for name in speech.speakers}
    for name, length in zip(speech.speakers, speech.lengths, strict=True):
        totals[name] += int(length)
    names = sorted(name for name, total in totals.items() if total > (STRETCHES + 1) * wanted)
    voices = []
    for name in random.choice(names, 2, replace=False):
        own = [k for k, speaker in enumerate(speech.speakers) if speaker == name]
        said = np.concatenate([speech.samples(k) for k in random.permutation(own)[:40]])
        voices.append(said / max(np.sqrt(np.mean(said**2)), 1e-6) * 0.05)
    starts = [k * (min(map(len, voices)) // STRETCHES) for k in range(STRETCHES)]
    assert starts[1] >= wanted >= rate
    return [np.stack([voice[start : start + wanted] for voice in voices]) for start in starts]


def with_pauses(stretches: list[np.ndarray], pause: int, random: np.random.Generator) -> tuple[np.ndarray, list[slice]]:
    """The mixture (T,) and where in it each stretch is."""
    length = stretches[0].shape[1]
    spans = [slice(k * (length + pause), k * (length + pause) + length) for k in range(len(stretches))]
    mixture = NOISE * random.standard_normal(spans[-1].stop)
    for span, stretch in zip(spans, stretches, strict=True):
        mixture[span] += stretch.sum(0)
    return mixture.astype(np.float32), spans


def separated(separator: Separator, mixture: np.ndarray) -> dict[str, tuple[np.ndarray, int]]:
    """{way: (sources (2, T), number of notes)}."""
    rate, shape = separator.config.sample_rate, (separator.config.C, len(mixture))
    now, chunks = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    notes = separator.separate_into(now, mixture, lambda fraction: None)
    stitcher = Stitcher(chunks, rate, round(OVERLAP * rate), causal=separator.config.causal)
    for chunk in plan_chunks(len(mixture), round(CHUNK * rate), stitcher.overlap):
        stitcher.add(chunk, separator._network(mixture[None, chunk])[0])
    whole = separator._network(mixture[None])[0]
    return {"now": (now, len(notes)), "chunks": (chunks, 0), "whole": (whole, 0)}


def compared(sources: np.ndarray, stretches: list[np.ndarray], spans: list[slice]) -> tuple[np.ndarray, float]:
    """By how many dB SI-SNR the order as given is better than the other one, by stretch; the mean of the better."""
    scores = [si_snr(sources[:, None, span], stretch[None]) for stretch, span in zip(stretches, spans, strict=True)]
    orders = np.array([(np.trace(one) / 2, np.trace(one[::-1]) / 2) for one in scores])
    return orders[:, 0] - orders[:, 1], float(orders.max(1).mean())


if __name__ == "__main__":
    main()
