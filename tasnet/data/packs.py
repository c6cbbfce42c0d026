"""Packs of utterances: one sound file with many, end to end, and a JSON beside it that says who speaks how long.

NAME.json   {"rate": Hz, "utterances": [[speaker, samples], ...]}
NAME.opus   or .flac, .wav ...; as long as all utterances together
"""

import json
import re
from pathlib import Path

import numpy as np
import soundfile

from tasnet.audio import resample

from .rows import SUFFIXES, CorpusError

INT16 = 32768
LIBRISPEECH = "librispeech"


def packs_at(path: Path) -> list[Path]:
    """The JSON files of the packs at `path`, which is one of them or their folder."""
    return [path] if path.suffix == ".json" else sorted(path.glob("*.json"))


def corpus_of_pack(name: str) -> str:
    """The corpus whose people a pack called `name` has: the same name in the same corpus is the same person.

    Parts of a corpus are numbered (commonvoice-en, commonvoice-en-1); LibriSpeech's speakers keep their numbers in all
    of its sets.
    """
    return LIBRISPEECH if name.split("-")[0] == LIBRISPEECH else re.sub(r"-\d+$", "", name)


def read_pack(path: Path, rate: int) -> list[tuple[str, np.ndarray]]:
    """[("corpus:speaker", (T,) int16 at `rate` Hz)] of a pack's JSON file. Raises CorpusError."""
    pack = json.loads(path.read_text())
    sounds = [file for file in path.parent.glob(f"{path.stem}.*") if file.suffix in SUFFIXES]
    if "utterances" not in pack or not sounds:
        raise CorpusError(f"{path} is not the list of a pack of utterances with its sound beside.")
    pcm, pack_rate = soundfile.read(sounds[0], dtype="int16")
    lengths = [length for _, length in pack["utterances"]]
    if pack_rate != pack["rate"] or len(pcm) != sum(lengths):
        raise CorpusError(f"{sounds[0]} is not what {path.name} says: another rate or length.")
    corpus, ends = corpus_of_pack(path.stem), np.cumsum(lengths)
    return [
        (f"{corpus}:{speaker}", pcm_at_rate(pcm[end - length : end], pack_rate, rate))
        for (speaker, length), end in zip(pack["utterances"], ends, strict=True)
    ]


def pcm_at_rate(pcm: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """(T,) int16 at another sampling rate in Hz."""
    if from_rate == to_rate:
        return pcm
    samples = resample(pcm.astype(np.float32) / INT16, from_rate, to_rate)
    return np.round(np.clip(samples, -1, 1) * (INT16 - 1)).astype(np.int16)
