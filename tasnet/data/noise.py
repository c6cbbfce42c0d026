"""Recordings of noise, and noise that is made: coloured, or of many people at once.

A pack of noise is a sound file and a JSON beside it, {"rate": Hz, "recordings": [[name, samples, split, ...], ...]};
the split (train, valid, test) is by recording.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from tasnet.sound_files import SUFFIXES

from .lists import read_object
from .mixture_sets import CorpusError, is_file
from .packs import are_lengths, packs_at, pcm_at_rate
from .utterances import UtteranceSet, open_utterances

SPLITS = ("train", "valid", "test")


def open_noise(paths: Sequence[str | Path], rate: int, split: str = "train") -> UtteranceSet:
    """The recordings below `paths`, each as one "speaker"; of packs of noise those of the `split`.

    Other packs and folders are read as `open_utterances` reads speech, and have no split. Raises CorpusError.
    """
    found: list[tuple[str, np.ndarray]] = []
    others: list[Path] = []
    for path in map(Path, paths):
        packs = packs_at(path)
        if packs and all(_recordings(pack) for pack in packs):
            for pack in packs:
                found += _read(pack, rate, split)
        else:
            others.append(path)
    bad: dict[str, str] = {}
    if others:
        more = open_utterances(others, rate)
        bad = more.bad
        found += [
            (name, more.pcm[start : start + length])
            for name, start, length in zip(more.speakers, more.starts, more.lengths, strict=True)
        ]
    if not found:
        raise CorpusError(f"There is no noise to be read at {', '.join(map(str, paths))}.")
    found.sort(key=lambda recording: recording[0])
    return UtteranceSet(
        "+".join(Path(path).stem for path in paths),
        rate,
        np.concatenate([pcm for _, pcm in found]),
        np.array([len(pcm) for _, pcm in found], dtype=np.int64),
        tuple(name for name, _ in found),
        bad,
    )


def coloured_noise(rng: np.random.Generator, samples: int, slope: float) -> np.ndarray:
    """(samples,) float64 at RMS 1, whose power falls by `slope` dB an octave: 0 white, 3 pink, 6 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    octave = np.log2(np.maximum(np.arange(len(spectrum)), 1))
    spectrum *= 10 ** (-slope * octave / 20)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, samples)
    return noise / np.sqrt(np.mean(noise**2))


def _recordings(path: Path) -> list | None:
    """What the JSON of a pack of noise lists; None where it is no such JSON."""
    listed = read_object(path).get("recordings")
    if not isinstance(listed, list) or not all(isinstance(x, list) and len(x) >= 3 for x in listed):
        return None
    return listed if are_lengths([x[1] for x in listed]) and all(x[2] in SPLITS for x in listed) else None


def _read(path: Path, rate: int, split: str) -> list[tuple[str, np.ndarray]]:
    listed = _recordings(path) or []
    sound = next((file for suffix in SUFFIXES if is_file(file := path.with_suffix(suffix))), None)
    if sound is None:
        raise CorpusError(f"{path} is the list of a pack of noise without its sound beside it.")
    try:
        pcm, pack_rate = soundfile.read(sound, dtype="int16")
    except soundfile.SoundFileError:
        raise CorpusError(f"{sound} cannot be read as sound.") from None
    ends = np.cumsum([samples for _, samples, *_ in listed])
    if pcm.ndim > 1 or pack_rate != read_object(path).get("rate") or len(pcm) != ends[-1]:
        raise CorpusError(f"{sound} is not what {path.name} says: another rate or length.")
    return [
        (f"{path.stem}:{name}", pcm_at_rate(pcm[end - samples : end], pack_rate, rate))
        for (name, samples, part, *_), end in zip(listed, ends, strict=True)
        if part == split
    ]
