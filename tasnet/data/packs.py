"""Packs: many sounds end to end in one file, and a JSON beside it that says what they are.

of utterances   NAME.json {"rate": Hz, "utterances": [[speaker, samples], ...]}, NAME.opus or .flac, .wav ...
of mixtures     NAME.json {"rate": Hz, "lengths": [samples, ...]}, NAME.flac, a channel a source
"""

import re
from pathlib import Path

import numpy as np
import soundfile

from tasnet.audio import resample
from tasnet.sound_files import SUFFIXES

from .lists import read_object
from .mixture_sets import Clip, CorpusError, FileRow, is_file

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
    """[("corpus:speaker", (T,) int16 at `rate` Hz)] of the JSON file of a pack of utterances. Raises CorpusError."""
    pack = read_object(path)
    sounds = [file for suffix in SUFFIXES if is_file(file := path.with_suffix(suffix))]
    listed = pack.get("utterances")
    pairs = listed if isinstance(listed, list) and all(isinstance(x, list) and len(x) == 2 for x in listed) else []
    lengths = [length for _, length in pairs]
    if not pairs or not sounds or not are_lengths(lengths):
        raise CorpusError(f"{path} is not the list of a pack of utterances with its sound beside it.")
    try:
        pcm, pack_rate = soundfile.read(sounds[0], dtype="int16")
    except soundfile.SoundFileError:
        raise CorpusError(f"{sounds[0]} cannot be read as sound.") from None
    if pcm.ndim > 1 or pack_rate != pack.get("rate") or len(pcm) != sum(lengths):
        raise CorpusError(f"{sounds[0]} is not what {path.name} says: another rate or length.")
    corpus, ends = corpus_of_pack(path.stem), np.cumsum(lengths)
    return [
        (f"{corpus}:{speaker}", pcm_at_rate(pcm[end - length : end], pack_rate, rate))
        for (speaker, length), end in zip(pairs, ends, strict=True)
    ]


def pcm_at_rate(pcm: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """(T,) int16 at another sampling rate in Hz."""
    if from_rate == to_rate:
        return pcm
    samples = resample(pcm.astype(np.float32) / INT16, from_rate, to_rate)
    return np.round(np.clip(samples, -1, 1) * (INT16 - 1)).astype(np.int16)


def packs_in(folder: Path) -> list[Path]:
    """The lists of packs in a folder."""
    return [file for file in sorted(folder.glob("*.json")) if is_file(file.with_suffix(".flac"))]


def holds_lengths(path: Path) -> bool:
    """Whether a .json is the list of a pack of mixtures. Raises CorpusError where it cannot be read."""
    return "lengths" in read_object(path)


def pack_rows(path: Path) -> list[FileRow]:
    """The mixtures of the pack whose list is at `path`. Raises CorpusError."""
    found = read_object(path)
    lengths = found.get("lengths")
    sound = path.with_suffix(".flac")
    if lengths is None or not is_file(sound):
        raise CorpusError(f"{path} is not the list of a pack of mixtures with a .flac beside it.")
    if not are_lengths(lengths):
        raise CorpusError(f"The lengths in {path} are not whole numbers of samples above zero.")
    try:
        header = soundfile.info(sound)
    except soundfile.SoundFileError:
        raise CorpusError(f"{sound} cannot be read as sound.") from None
    if header.frames != sum(lengths) or found.get("rate") not in (None, header.samplerate):
        raise CorpusError(f"{sound} is not what {path.name} says: another rate or length.")
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    return [
        FileRow(
            f"{path.stem}-{index:04d}",
            tuple(Clip(sound, start, length, channel) for channel in range(header.channels)),
        )
        for index, (start, length) in enumerate(zip(starts, lengths, strict=True))
    ]


def are_lengths(values: object) -> bool:
    """Whether these are whole numbers of samples, each above zero."""
    return isinstance(values, list) and all(type(value) is int and 0 < value < 1 << 48 for value in values)
