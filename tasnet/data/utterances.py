"""Recordings of single speakers: a folder for each, or packs of many recordings in a file."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tasnet.audio import read as read_sound
from tasnet.sound_files import AudioError, printable

from .layouts import find_places
from .mixture_sets import CorpusError
from .packs import INT16, packs_at, pcm_at_rate, read_pack
from .people import speaker_files


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
    notes: dict[str, str] = field(default_factory=dict)  # {file: what was changed when it was read}
    rms: float = 0.0  # common to all utterances once they are `levelled`; 0: as recorded

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

    def levelled(self, rms: float) -> "UtteranceSet":
        """Every utterance at that RMS, or below it where it would clip; silent ones as they are."""
        if self.rms == rms:
            return self
        pcm = np.empty_like(self.pcm)
        for start, length in zip(self.starts, self.lengths, strict=True):
            pcm[start : start + length] = at_rms(self.pcm[start : start + length], rms)
        return replace(self, pcm=pcm, rms=rms)

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
    are those of their corpus, which `corpus_of_pack` tells from a pack's name.
    Raises CorpusError where nothing is left.
    """
    folders = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    found: list[tuple[str, np.ndarray]] = []
    bad: dict[str, str] = {}
    notes: dict[str, str] = {}
    for path in folders:
        if not path.exists():
            raise CorpusError(f"There is nothing at {path}.")
        packs = packs_at(path)
        if packs:
            with ThreadPoolExecutor() as pool:
                for utterances in pool.map(lambda pack: read_pack(pack, rate), packs):
                    found += utterances
        elif find_places(path):
            raise CorpusError(f"{path} holds mixtures and their voices, not a folder of recordings for each speaker.")
        else:
            found += _read_folder(path, rate, bad, notes)
    if not found:
        raise CorpusError(f"There is no speech to be read at {', '.join(map(str, folders))}.")
    found.sort(key=lambda utterance: utterance[0])
    return UtteranceSet(
        name="+".join(path.stem for path in folders),
        rate=rate,
        pcm=np.concatenate([samples for _, samples in found]),
        lengths=np.array([len(samples) for _, samples in found], dtype=np.int64),
        speakers=tuple(speaker for speaker, _ in found),
        bad=dict(sorted(bad.items())),  # as the threads have it, their order is chance
        notes=dict(sorted(notes.items())),
    )


def _read_folder(folder: Path, rate: int, bad: dict[str, str], notes: dict[str, str]) -> list[tuple[str, np.ndarray]]:
    """[(speaker, samples)]; what is to be said of the files goes to `bad` and `notes`, in the files' order."""

    def read(file: Path) -> tuple[np.ndarray | None, str]:
        try:
            sound = read_sound(file, printable(str(file)))
        except AudioError as error:
            return None, str(error)
        return pcm_at_rate(to_pcm(sound.samples), sound.rate, rate), " ".join(sound.notes)

    speakers_and_files = speaker_files(folder)
    found = []
    with ThreadPoolExecutor() as pool:
        results = pool.map(read, (file for _, file in speakers_and_files))
        for (speaker, file), (samples, said) in zip(speakers_and_files, results, strict=True):
            if samples is not None:
                found.append((speaker, samples))
            if said:
                (bad if samples is None else notes)[printable(str(file))] = said
    return found


def at_rms(pcm: np.ndarray, rms: float) -> np.ndarray:
    """(T,) int16 at that RMS, or below it where it would clip; silence as it is."""
    samples = pcm.astype(np.float32)
    now = np.sqrt(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    if not now:
        return pcm
    return np.rint(samples * np.float32(min(rms * INT16 / now, (INT16 - 1) / np.abs(samples).max()))).astype(np.int16)


def to_pcm(samples: np.ndarray) -> np.ndarray:
    """(T,) float32 in [-1, 1) as int16; what was stored in 16 bits comes out as it was."""
    return np.rint(np.clip(samples * INT16, -INT16, INT16 - 1)).astype(np.int16)
