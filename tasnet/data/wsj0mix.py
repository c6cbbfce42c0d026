"""WSJ0-2mix and WSJ0-3mix (Hershey et al., 2016) from WSJ0 and the lists of MERL's scripts.

As in those scripts: each recording resampled to 8 kHz, brought to an active speech level of 0 dB
(ITU-T P.56, measured at 8 kHz whatever the set's rate) plus the list's, cut or filled up to one
length, summed, and everything scaled to a peak of 0.9; rounded to 16 bits.

What is approximated: Matlab's resampling filter, and where the P.56 meter lays its thresholds, which are
3 dB apart there as here. The meter's levels as computed by MERL can be given instead (`read_levels`); only
the filter is left then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import cheby2, resample_poly, sosfilt

from .build import MODES, Report, build, fit, read_recording
from .lists import finite, path_below, problem_of_name, read_text
from .mixture_sets import BadRow, CorpusError
from .speech_level import active_speech_level

RATE = 16000  # Hz, of WSJ0
PEAK = 0.9
MOST_LEVEL = 100  # dB
TAIL_SECONDS = 0.35  # of silence, during which the last word fades


@dataclass(frozen=True)
class Wsj0MixPlan:
    """One line of a list: recordings, their levels in dB, their active powers where known."""

    name: str
    sources: tuple[tuple[Path, float], ...]
    powers: tuple[float | None, ...]
    rate: int
    mode: str

    @property
    def folders(self) -> tuple[str, ...]:
        return (*(f"s{k}" for k in range(1, len(self.sources) + 1)), "mix")

    def make(self) -> list[np.ndarray]:
        parts = []
        for (path, level), power in zip(self.sources, self.powers, strict=True):
            recording = read_recording(path, RATE).astype(np.float64)
            if power is None:
                power = active_power(resample_poly(recording, 8000, RATE), 8000)
            if power == 0:
                raise BadRow(f"The recording {path} is silent.")
            part = resample_poly(recording, self.rate, RATE) if self.rate != RATE else recording
            parts.append(part * 10 ** (level / 20) / np.sqrt(power))
        parts = fit(parts, self.mode)
        parts.append(np.sum(parts, axis=0))
        scale = PEAK / max(np.abs(part).max() for part in parts)
        return [np.rint(32768 * scale * part).astype(np.int16) for part in parts]


def active_power(x: np.ndarray, rate: int) -> float:
    """Active speech level of (T,) samples as a power, as MERL's scripts take it: of what lies above 200 Hz."""
    heard = np.pad(sosfilt(_above_200_hz(rate), x), (0, round(TAIL_SECONDS * rate)))
    return 10 ** (active_speech_level(heard, rate) / 10)


def _above_200_hz(rate: int) -> np.ndarray:
    """Chebyshev II high pass of order 5: -0.25 dB at 200 Hz, -50 dB in the stop band."""
    order, stop, edge = 5, 50.0, 200.0
    ripple = np.sqrt((10 ** (stop / 10) - 1) / (10**0.025 - 1))
    ratio = np.cosh(np.arccosh(ripple) / order)
    stop_edge = np.arctan(np.tan(np.pi * edge / rate) / ratio) * 2 / np.pi  # of Nyquist's frequency
    return cheby2(order, stop, stop_edge, "highpass", output="sos")


def read_levels(paths: list[Path]) -> dict[str, float]:
    """{recording: active power} from files of lines `recording power`. Raises CorpusError."""
    levels: dict[str, float] = {}
    for path in paths:
        lines = [line.split() for line in read_text(path).splitlines() if line.strip()]
        if any(len(words) != 2 for words in lines):
            raise CorpusError(f"{path} is not a list of recordings and their active powers.")
        for name, written in lines:
            power = finite(written, 1e-12, 1e12)
            if power is None:
                raise CorpusError(f"The active powers in {path} are not all numbers above zero.")
            levels[name.removesuffix(".wav")] = power
    return levels


def read_mixing_list(
    path: Path, wsj0: Path, *, levels: dict[str, float] | None = None, rate: int = 8000, mode: str = "min"
) -> tuple[list[Wsj0MixPlan], dict[str, str]]:
    """The plans in one of MERL's lists (mix_2_spk_tr.txt: path level path level ...), and {line: why it is left out}.

    wsj0: the folder that the list's paths begin in. Raises CorpusError.
    """
    if mode not in MODES:
        raise CorpusError(f"wsj0-mix has the modes {', '.join(MODES)}.")
    plans: dict[str, Wsj0MixPlan] = {}
    bad: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            if len(words) % 2 or len(words) < 4:
                raise BadRow(f"Not a path and a level for two voices or more: {line[:60]!a}.")
            pairs = [(path_below(wsj0, name), _level(text)) for name, text in zip(words[::2], words[1::2], strict=True)]
            stems = [source.stem for source, _ in pairs]
            # Five significant digits, as Matlab writes numbers.
            name = "_".join(f"{stem}_{level:.5g}" for stem, (_, level) in zip(stems, pairs, strict=True))
            if problem := problem_of_name(name) or (f"The mixture {name} is there twice." if name in plans else ""):
                raise BadRow(problem)
        except BadRow as error:
            bad[f"line {number} of {path.name}"] = str(error)
            continue
        powers = tuple((levels or {}).get(stem) for stem in stems)
        plans[name] = Wsj0MixPlan(name, tuple(pairs), powers, rate, mode)
    if not plans:
        raise CorpusError(f"{path} is not one of MERL's lists. {next(iter(bad.values()), '')}".strip())
    voices = len(next(iter(plans.values())).sources)
    for name, plan in list(plans.items()):
        if len(plan.sources) != voices:
            bad[name] = f"{name} has {len(plan.sources)} voices, the first mixture of {path.name} {voices}."
            del plans[name]
    return list(plans.values()), bad


def _level(text: str) -> float:
    """dB. Raises BadRow."""
    level = finite(text, -MOST_LEVEL, MOST_LEVEL)
    if level is None:
        raise BadRow(f"The level {text[:20]!a} is not a number of dB from -{MOST_LEVEL} to {MOST_LEVEL}.")
    return level


def build_wsj0mix(
    path: Path,
    wsj0: Path,
    out: Path,
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    **how: Any,
) -> Report:
    """Makes the mixtures of one list below out/2speakers/wav8k/min/tr (say); `how` as in
    `read_mixing_list`. Raises CorpusError."""
    plans, bad = read_mixing_list(path, wsj0, **how)
    kind = plans[0]
    split = path.stem.split("_")[-1]
    top = out / f"{len(kind.sources)}speakers" / f"wav{kind.rate // 1000}k" / kind.mode
    report = build(plans, top / split, workers, on_progress)
    report.bad |= bad
    return report
