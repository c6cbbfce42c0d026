"""Is a mixture the sum of its sources? Measured on a few rows, and reported.

The rule: in the first, the middle and the last row that can be read, ten seconds of the mixture, from its first sample
that is not silent (within its first minute), are compared with the sum of the sources, and of the noise where it lies
beside them, times the gain that fits best. A remainder of 20 dB below the mixture or less is rounding. Where more is
left, one gain for each source and a common shift of up to a quarter of a second are tried, and the finding is reported,
never corrected. Where the sources explain hardly anything of the mixtures (less than 1 % of the energy), they do not
belong together, and the set is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import correlate

from .mixture_sets import BadRow, Clip, CorpusError, FileRow, MixtureSet

FIRST_SECONDS, SECONDS = 60, 10
ROWS = 3
SHIFT_SECONDS = 0.25
SAME_DB = -20.0  # what is left over of a mixture that is the sum
UNRELATED = 0.01  # of the mixture's energy is in the sources
HALF = 0.5
MORE_THAN_ONE = 0.05  # of it is told by a second file
NOT_BY_CHANCE = 0.3  # of a recording's energy is in others: independent voices have a few hundredths in common


@dataclass(frozen=True)
class Fit:
    """How a mixture follows from its sources: the remainder, in dB below the mixture, with the gains that fit best."""

    left_db: float
    gains: np.ndarray
    shift: int = 0  # samples that the mixture lies later than the sources

    @property
    def explained(self) -> float:
        """The share of the mixture's energy that the sources explain."""
        return 1 - 10 ** (self.left_db / 10)


def fit_gains(mixture: np.ndarray, parts: np.ndarray) -> Fit:
    """(T,) = gains @ (n, T) by least squares, means taken away, in double precision."""
    mixture, parts = (x.astype(np.float64) - x.mean(-1, keepdims=True, dtype=np.float64) for x in (mixture, parts))
    gains = np.linalg.lstsq(parts.T, mixture, rcond=None)[0]
    energy = mixture @ mixture
    left = mixture - gains @ parts
    return Fit(float(10 * np.log10(max(left @ left, 1e-30) / max(energy, 1e-30))), gains)


def sum_notes(mixtures: MixtureSet) -> list[str]:
    """Sentences on whether the mixtures are the sums of their sources, for sets with mixture files.

    Raises CorpusError where the mixtures hardly hold anything of their sources.
    """
    rows = [row for row in mixtures.rows if isinstance(row, FileRow) and row.mixture]
    found = [note for row in sample_rows(rows) if (note := _compare(row))]
    if not found:
        return []
    if all(note.unrelated for note in found):
        raise CorpusError(
            f"The mixtures of {mixtures.name} are not those of their sources: of {found[0].name}, "
            f"{100 * found[0].explained:.1f} % is in its sources."
        )
    by_text: dict[str, list[str]] = {}
    for note in found:
        by_text.setdefault(note.text, []).append(note.name)
    return [f"In {', '.join(names)}, {text}" for text, names in by_text.items()]


@dataclass(frozen=True)
class Note:
    """What was found about one row."""

    name: str
    text: str
    explained: float

    @property
    def unrelated(self) -> bool:
        return self.explained < UNRELATED


def _compare(row: FileRow) -> Note | None:
    """Compare one row; None where it cannot be read, or is silent."""
    try:
        longest = FIRST_SECONDS * row.header[1]
        read, noise = row.read(0, longest), _noise(row.noise, longest)
    except BadRow:
        return None
    loud = np.flatnonzero(read.mixture)
    if not loud.size:
        return None
    part = slice(loud[0], loud[0] + SECONDS * read.rate)
    mixture, sources = read.mixture[part], read.sources[:, part]
    whole = fit_gains(mixture, sources.sum(0, keepdims=True))
    if whole.left_db <= SAME_DB:
        return Note(row.name, f"the mixture is the sum of its sources{_times(whole.gains[0])}.", whole.explained)
    if noise is not None and len(noise) == len(read.mixture):
        noise = noise[part]
        both = fit_gains(mixture, (sources.sum(0) + noise)[None])
        if both.left_db <= SAME_DB:
            said = f"the mixture is the sum of its sources and of the noise beside them{_times(both.gains[0])}."
            return Note(row.name, said, whole.explained)
    single = fit_gains(mixture, sources)
    if single.left_db <= SAME_DB:
        gains = ", ".join(f"{gain:.2f}" for gain in single.gains)
        said = f"the mixture is the sum of its sources at other levels, times {gains}."
        return Note(row.name, said, single.explained)
    shifted = _shifted(mixture, sources, read.rate)
    if shifted.shift and shifted.left_db <= SAME_DB:
        said = f"the mixture is the sum of its sources, but lies {shifted.shift:+d} samples later than they."
        return Note(row.name, said, shifted.explained)
    best = max(whole, single, shifted, key=lambda fit: fit.explained)
    said = (
        f"the mixture holds more than its sources, as noise or echoes, {max(0.0, -best.left_db):.0f} dB below it."
        if best.explained >= HALF
        else f"the mixture is not the sum of its sources: {100 * best.explained:.0f} % of it is in them."
    )
    return Note(row.name, said, best.explained)


def _noise(clip: Clip | None, length: int) -> np.ndarray | None:
    try:
        return clip.read(0, length) if clip else None
    except BadRow:
        return None


def _shifted(mixture: np.ndarray, sources: np.ndarray, rate: int) -> Fit:
    """The fit at the shift at which the sources' sum is most like the mixture."""
    most = min(round(SHIFT_SECONDS * rate), len(mixture) - 1)
    like = np.abs(correlate(mixture, sources.sum(0), "full", "fft"))
    middle = len(mixture) - 1
    shift = int(np.argmax(like[middle - most : middle + most + 1])) - most
    if shift >= 0:
        mixture, sources = mixture[shift:], sources[:, : sources.shape[1] - shift]
    else:
        mixture, sources = mixture[:shift], sources[:, -shift:]
    fit = fit_gains(mixture, sources)
    return Fit(fit.left_db, fit.gains, shift)


def _times(gain: float) -> str:
    return "" if abs(gain - 1) < 0.01 else f", times {gain:.3g}"


def sample_rows(rows: Sequence[FileRow]) -> list[FileRow]:
    """The first, the middle and the last of the rows whose headers can be read."""
    found = []
    for start in np.linspace(0, len(rows) - 1, min(ROWS, len(rows))).round().astype(int):
        for row in rows[start : start + ROWS]:
            try:
                row.header  # noqa: B018  read for its errors
            except BadRow:
                continue
            if row not in found:
                found.append(row)
            break
    return found


def find_sum(files: Sequence[Path]) -> Path | None:
    """The one of two to six files of one length that is in good part made up of the others; None without any.

    Of three or more, it must be made up of at least two: one alone may be the same thing said, or recorded, twice.
    """
    if not 2 <= len(files) <= 6:
        return None
    clips = [Clip(file) for file in files]
    try:
        if len({clip.header for clip in clips}) > 1:
            return None
        samples = np.stack([clip.read(0, SECONDS * clips[0].header[1]) for clip in clips])
    except BadRow:
        return None
    samples = samples - samples.mean(1, keepdims=True)
    if not samples.any(axis=1).all() or samples.shape[1] < 1000:
        return None
    for k, file in enumerate(files):
        others = np.delete(samples, k, axis=0)
        fit = fit_gains(samples[k], others)
        alone = max(fit_gains(samples[k], other[None]).explained for other in others) if len(others) > 1 else 0.0
        if (fit.gains > 0).all() and fit.explained > NOT_BY_CHANCE and fit.explained - alone > MORE_THAN_ONE:
            return file
    return None
