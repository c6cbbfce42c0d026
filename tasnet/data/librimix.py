"""Libri2Mix and Libri3Mix (Cosentino et al., 2020) from LibriSpeech and LibriMix's own lists.

The order is LibriMix's: each 16 kHz recording times its gain, resampled (polyphase), cut or filled
up to one length, summed; written as 16-bit files, the mixture from the sums before rounding.
"""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.signal import resample_poly

from tasnet.atomic import make_folder
from tasnet.errors import opening

from .build import MODES, Report, build, fit, read_recording
from .lists import finite, path_below, problem_of_name, read_columns
from .mixture_sets import BadRow, CorpusError, MixtureSet

RATE = 16000  # Hz, of LibriSpeech and of WHAM's noise
MIXTURES = ("mix_clean", "mix_both", "mix_single")
LOWEST_GAIN, HIGHEST_GAIN = 1e-6, 1e6  # outside this range nothing would be left of 16 bits


@dataclass(frozen=True)
class LibriMixPlan:
    """One line of a list; paths and gains, of the noise where it is mixed in."""

    name: str
    sources: tuple[tuple[Path, float], ...]
    noise: tuple[Path, float] | None
    mixtures: tuple[str, ...]
    rate: int
    mode: str

    @property
    def folders(self) -> tuple[str, ...]:
        sources = tuple(f"s{k}" for k in range(1, len(self.sources) + 1))
        return (*sources, "noise", *self.mixtures) if self.noise else (*sources, *self.mixtures)

    def make(self) -> list[np.ndarray]:
        parts = [read_recording(path, RATE) for path, _ in self.sources]
        gains = [gain for _, gain in self.sources]
        if self.noise:
            longest = max(map(len, parts))
            parts.append(prolong(read_recording(self.noise[0], RATE, longest), longest))
            gains.append(self.noise[1])
        parts = [part * np.float32(gain) for part, gain in zip(parts, gains, strict=True)]
        if self.rate != RATE:
            parts = [resample_poly(part, self.rate, RATE) for part in parts]
        parts = fit(parts, self.mode)
        sources = parts[: len(self.sources)]
        mixed = {
            "mix_clean": sources,
            "mix_both": parts,
            "mix_single": [parts[0], parts[-1]],
        }
        return [*parts, *(np.sum(mixed[name], axis=0) for name in self.mixtures)]


def prolong(noise: np.ndarray, length: int) -> np.ndarray:
    """Noise repeated until `length`, each joint faded over half a second with a Hann window."""
    fade = np.hanning(RATE + 1)[: RATE // 2 + 1]
    if len(noise) >= length:
        return noise[:length]
    longer = noise
    while len(longer) < length:
        joint = longer[-len(fade) :] * fade[::-1] + noise[: len(fade)] * fade
        longer = np.concatenate([longer[: -len(fade)], joint, noise[len(fade) :]])
    return longer[:length]


def read_metadata(
    path: Path,
    librispeech: Path,
    *,
    wham: Path | None = None,
    mixtures: tuple[str, ...] = ("mix_clean",),
    rate: int = 8000,
    mode: str = "min",
) -> tuple[list[LibriMixPlan], dict[str, str]]:
    """The plans in one of LibriMix's lists of gains (libri2mix_test-clean.csv), and {line: why it is left out}.

    Raises CorpusError.
    """
    if mode not in MODES or not set(mixtures) <= set(MIXTURES) or not mixtures:
        raise CorpusError(f"LibriMix has the modes {', '.join(MODES)} and the mixtures {', '.join(MIXTURES)}.")
    header, lines = read_columns(path)
    count = sum(re.fullmatch(r"source_\d_gain", column) is not None for column in header)
    noisy = mixtures != ("mix_clean",)
    if noisy and wham is None:
        raise CorpusError("Mixtures with noise need the folder of WHAM's noise (--wham).")
    folders = {"noise": wham} if wham else {}
    parts = [f"source_{k}" for k in range(1, count + 1)] + (["noise"] if noisy else [])
    needed = {"mixture_ID", *(f"{part}_{what}" for part in parts for what in ("path", "gain"))}
    if count < 2 or not needed <= set(header):
        lacking = ", ".join(sorted(needed - set(header))) or "source_1_gain, source_2_gain"
        raise CorpusError(f"{path} is not one of LibriMix's lists of sources and gains: it has no {lacking}.")
    plans: dict[str, LibriMixPlan] = {}
    bad: dict[str, str] = {}
    for place, line in lines:
        try:
            if line is None:
                raise BadRow("A field is missing, or there is one too many.")
            name = line["mixture_ID"].strip()
            if problem := problem_of_name(name) or (f"The id {name} is there twice." if name in plans else ""):
                raise BadRow(problem)
            found = [
                _source(folders.get(part, librispeech), line[f"{part}_path"], line[f"{part}_gain"]) for part in parts
            ]
        except BadRow as error:
            bad[f"{place} of {path.name}"] = str(error)
            continue
        sources, noise = (found[:-1], found[-1]) if noisy else (found, None)
        plans[name] = LibriMixPlan(name, tuple(sources), noise, tuple(mixtures), rate, mode)
    if not plans:
        raise CorpusError(f"There is no mixture in {path}. {next(iter(bad.values()), '')}".strip())
    return list(plans.values()), bad


def _source(folder: Path, written: str, gain: str) -> tuple[Path, float]:
    """A recording below `folder` and its gain. Raises BadRow."""
    factor = finite(gain, LOWEST_GAIN, HIGHEST_GAIN)
    if factor is None:
        raise BadRow(f"The gain {gain[:20]!a} is no number from {LOWEST_GAIN} to {HIGHEST_GAIN}.")
    return path_below(folder, written), factor


def build_librimix(
    path: Path,
    librispeech: Path,
    out: Path,
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    **how: Any,
) -> Report:
    """Makes the mixtures of one list below out/LibriNMix/wav8k/min/test (say), and the metadata of
    those that are there. `how` as in `read_metadata`. Raises CorpusError."""
    plans, bad = read_metadata(path, librispeech, **how)
    kind = plans[0]
    split = path.stem.rpartition("_")[2].replace("-clean", "")
    top = out / f"Libri{len(kind.sources)}Mix" / f"wav{kind.rate // 1000}k" / kind.mode
    report = build(plans, top / split, workers, on_progress)
    for mixture in kind.mixtures:
        _write_metadata(top / "metadata" / f"mixture_{split}_{mixture}.csv", plans, report, mixture)
    report.bad |= bad
    return report


def _write_metadata(path: Path, plans: list[LibriMixPlan], report: Report, mixture: str) -> None:
    """LibriMix's table of finished mixtures, with this machine's paths."""
    sources = [name for name in plans[0].folders if name not in MIXTURES]
    if mixture == "mix_clean":
        sources = [name for name in sources if name != "noise"]
    elif mixture == "mix_single":
        sources = ["s1", "noise"]
    make_folder(path.parent)
    with opening(path, "be written"), path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = csv.writer(file)
        columns = ["noise_path" if s == "noise" else f"source_{s[1:]}_path" for s in sources]
        table.writerow(["mixture_ID", "mixture_path", *columns, "length"])
        for plan in plans:
            if plan.name not in report.bad:
                files = [report.folder / s / f"{plan.name}.wav" for s in (mixture, *sources)]
                length = soundfile.info(files[0]).frames
                table.writerow([plan.name, *(file.resolve() for file in files), length])


def check_librimix(plans: list[LibriMixPlan], made: MixtureSet) -> dict[str, float]:
    """{mixture: largest difference in 16-bit steps} between the sources in `made`, rounded, and
    those made anew, not rounded, for the rows that have a plan. Up to 1.5 they are the same: files
    are rounded to the nearest step or down, of 1/32768 or 1/32767. Raises BadRow, CorpusError."""
    by_name = {plan.name: plan for plan in plans}
    differences = {}
    for row in made:
        if row.name in by_name:
            sources = by_name[row.name].make()[: len(row.sources)]
            anew = np.clip(np.stack(sources).astype(np.float64), -1, 1)
            if anew.shape != row.sources.shape:
                raise CorpusError(f"{row.name} has {row.sources.shape[1]} samples instead of {anew.shape[1]}.")
            differences[row.name] = float(32768 * np.abs(anew - row.sources).max())
    return differences
