"""Recordings of single speakers: a folder for each, or packs of many recordings in a file."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile

from tasnet.audio import resample
from tasnet.sound_files import printable

from .layouts import find_places
from .lists import read_json
from .packs import are_lengths
from .people import speaker_files
from .rows import SUFFIXES, BadRow, CorpusError, is_file, mean_of_channels

INT16 = 32768


@dataclass(frozen=True)
class UtteranceSet:
    """Utterances in memory, 16 bits a sample, the same speaker's side by side.

    An hour at 8 kHz takes 58 MB.
    """

    name: str
    rate: int
    pcm: np.ndarray  # (all samples,) int16
    lengths: np.ndarray  # (utterances,) int64
    speakers: tuple[str, ...]  # of each utterance
    bad: dict[str, str]  # {file: why it was left out}

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def starts(self) -> np.ndarray:
        """(utterances,) the first sample of each."""
        return np.cumsum(self.lengths) - self.lengths

    def samples(self, index: int) -> np.ndarray:
        """(T,) float32 in [-1, 1)."""
        start = self.starts[index]
        return self.pcm[start : start + self.lengths[index]].astype(np.float32) / INT16

    def where(self, chosen: np.ndarray) -> "UtteranceSet":
        """The utterances whose entry in `chosen` (utterances,) is true."""
        return replace(
            self,
            pcm=self.pcm[np.repeat(chosen, self.lengths)],
            lengths=self.lengths[chosen],
            speakers=tuple(np.array(self.speakers)[chosen]),
        )

    @property
    def hours(self) -> float:
        return len(self.pcm) / self.rate / 3600


def open_utterances(paths: str | Path | Iterable[str | Path], rate: int = 8000) -> UtteranceSet:
    """All utterances below `paths` at `rate` Hz: packs (.json beside a sound file), or a folder of
    recordings for each speaker. Files that cannot be read are left out and listed in `bad`.

    Speakers of LibriSpeech keep their numbers over all packs and folders; other speakers' names
    are those of their corpus, which is the part of a pack's name before the first hyphen.
    Raises CorpusError where nothing is left.
    """
    paths = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    found: list[tuple[str, np.ndarray]] = []
    bad: dict[str, str] = {}
    for path in paths:
        if not path.exists():
            raise CorpusError(f"There is nothing at {path}.")
        packs = [path] if path.suffix == ".json" else sorted(path.glob("*.json"))
        if packs:
            with ThreadPoolExecutor() as pool:
                for utterances in pool.map(lambda pack: _read_pack(pack, rate), packs):
                    found += utterances
        elif find_places(path):
            raise CorpusError(f"{path} holds mixtures and their voices, not a folder of recordings for each speaker.")
        else:
            found += _read_folder(path, rate, bad)
    if not found:
        raise CorpusError(f"There is no speech to be read at {', '.join(map(str, paths))}.")
    found.sort(key=lambda utterance: utterance[0])
    return UtteranceSet(
        name="+".join(path.stem for path in paths),
        rate=rate,
        pcm=np.concatenate([samples for _, samples in found]),
        lengths=np.array([len(samples) for _, samples in found], dtype=np.int64),
        speakers=tuple(speaker for speaker, _ in found),
        bad=bad,
    )


def _read_pack(path: Path, rate: int) -> list[tuple[str, np.ndarray]]:
    """{"rate", "utterances": [[speaker, samples], ...]} beside a sound file of them end to end."""
    pack = read_json(path)
    sounds = [file for suffix in SUFFIXES if is_file(file := path.with_suffix(suffix))]
    listed = pack.get("utterances") if isinstance(pack, dict) else None
    pairs = listed if isinstance(listed, list) and all(isinstance(x, list) and len(x) == 2 for x in listed) else []
    lengths = [length for _, length in pairs]
    if not pairs or not sounds or not are_lengths(lengths):
        raise CorpusError(f"{path} is not the list of a pack of utterances with its sound beside.")
    try:
        pcm, pack_rate = soundfile.read(sounds[0], dtype="int16")
    except soundfile.SoundFileError:
        raise CorpusError(f"{sounds[0]} cannot be read as sound.") from None
    if pcm.ndim > 1 or pack_rate != pack.get("rate") or len(pcm) != sum(lengths):
        raise CorpusError(f"{sounds[0]} is not what {path.name} says: another rate or length.")
    corpus = path.stem.split("-")[0]
    ends = np.cumsum(lengths)
    return [
        (f"{corpus}:{speaker}", _to_rate(pcm[end - length : end], pack_rate, rate))
        for (speaker, length), end in zip(pairs, ends, strict=True)
    ]


def _read_folder(folder: Path, rate: int, bad: dict[str, str]) -> list[tuple[str, np.ndarray]]:
    def read(file: Path) -> np.ndarray | None:
        try:
            samples, file_rate = soundfile.read(os.fsencode(file), dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            bad[printable(str(file))] = f"The file {printable(str(file))} cannot be read as sound."
            return None
        if not len(samples):
            bad[printable(str(file))] = f"The file {printable(str(file))} is empty."
            return None
        if not np.isfinite(samples).all():
            bad[printable(str(file))] = f"The file {printable(str(file))} holds samples that are not numbers."
            return None
        try:
            return _to_rate(to_pcm(mean_of_channels(samples, file)), file_rate, rate)
        except BadRow as error:
            bad[printable(str(file))] = str(error)
            return None

    speakers_and_files = speaker_files(folder)
    with ThreadPoolExecutor() as pool:
        samples = pool.map(read, (file for _, file in speakers_and_files))
        return [(speaker, x) for (speaker, _), x in zip(speakers_and_files, samples, strict=True) if x is not None]


def to_pcm(samples: np.ndarray) -> np.ndarray:
    """(T,) float32 in [-1, 1) as int16; what was stored in 16 bits comes out as it was."""
    return np.rint(np.clip(samples * INT16, -INT16, INT16 - 1)).astype(np.int16)


def _to_rate(pcm: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    if from_rate == to_rate:
        return pcm
    samples = resample(pcm.astype(np.float32) / INT16, from_rate, to_rate)
    return np.round(np.clip(samples, -1, 1) * (INT16 - 1)).astype(np.int16)
