"""Batches of mixtures: newly drawn from utterances each time, or cut from mixtures made beforehand.

A batch is a function of (seed, step) alone. A run that is resumed, or spread over several processes,
therefore sees the same data as otherwise, without any state to keep.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from tasnet.data.corpora import explain_mixtures
from tasnet.data.mixture_sets import BadRow, CorpusError, MixtureSet
from tasnet.data.utterances import UtteranceSet
from tasnet.errors import UserError

UTTERANCE_RMS = 0.05  # of every utterance in memory, -26 dB full scale


@dataclass(frozen=True)
class Share:
    """The part of each batch that one of several processes computes: rows rank*n ... rank*n + n-1."""

    rank: int = 0
    world: int = 1

    def rows(self, batch: int) -> slice:
        """Raises UserError where the batch cannot be shared evenly."""
        if batch % self.world:
            raise UserError(f"A batch of {batch} cannot be shared evenly by {self.world} processes.")
        each = batch // self.world
        return slice(self.rank * each, (self.rank + 1) * each)


ALONE = Share()


class Batches(Protocol):
    """What the trainer draws from."""

    steps_per_epoch: int
    C: int  # sources
    notes: list[str]  # sentences on how the data were understood

    @property
    def bad(self) -> dict[str, str]:
        """{file or mixture: why it was left out}, as far as it is known."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """This process' share of batch `step`: mixture (b, T) and sources (b, C, T), float32."""

    def facts(self) -> dict:
        """What the data are, for the log and the weights' header."""


@dataclass(frozen=True)
class Mixing:
    """How voices become a mixture. Levels are in dB, by the RMS of whole utterances."""

    level: tuple[float, float] = (-5.0, 5.0)  # of the first voice over the second, uniform
    loudness: tuple[float, float] = (-26.0, -26.0)  # RMS of the mixture, full scale, uniform
    speed: float = 0.0  # each voice is played at a speed uniform in 1 +- this
    same: float = 0.0  # the share of mixtures whose voices are all of one corpus, whatever chance gives
    temper: float = 0.0  # speakers of a corpus are drawn by their amount of speech to the power of 1 less this

    def gains(self, rng: np.random.Generator, batch: int, C: int) -> np.ndarray:
        """(batch, C) in dB. The levels of three voices and more are drawn one by one, from half the
        range each, so that any two of them stay within the range of two."""
        low, high = self.level
        if C == 2:
            relative = rng.uniform(low, high, (batch, 1))
            return np.concatenate([relative / 2, -relative / 2], axis=1)
        return rng.uniform(low / 2, high / 2, (batch, C))


class Pool:
    """Utterances on the training device, all at the same RMS, and how often each is to be drawn.

    An utterance is drawn in proportion to its length (but no more than `longest` seconds of it), so
    that every second of speech is as likely; `weights` multiplies the share of a whole corpus, and
    `temper` evens out how often the speakers of one corpus are drawn (1: all of them alike).
    """

    def __init__(
        self,
        utterances: UtteranceSet,
        device: torch.device | str = "cpu",
        weights: dict[str, float] | None = None,
        temper: float = 0.0,
        longest: float = 16.0,
    ):
        self.name, self.rate, self.hours = utterances.name, utterances.rate, utterances.hours
        self.bad = utterances.bad
        self.starts, self.lengths = utterances.starts, utterances.lengths
        names, speaker = np.unique(np.array(utterances.speakers), return_inverse=True)
        self.speaker, self.speakers = speaker, len(names)
        # The speaker's utterances are adjacent: how far a window may extend.
        first = np.searchsorted(speaker, np.arange(len(names)))
        last = np.searchsorted(speaker, np.arange(len(names)), side="right") - 1
        self.ends = (self.starts + self.lengths)[last][speaker]
        # The names are sorted, so a corpus's speakers are adjacent too.
        corpora, corpus = np.unique(np.array([name.split(":")[0] for name in names]), return_inverse=True)
        self.corpora = corpora.tolist()
        unknown = set(weights or {}) - set(corpora)
        if unknown:
            raise CorpusError(f"There is no speech of the corpus {min(unknown)} in {self.name}.")
        weight = np.minimum(self.lengths, longest * self.rate).astype(float)
        if temper:
            evened = weight * np.bincount(speaker, weight)[speaker] ** -temper
            before, after = (np.bincount(corpus[speaker], x) for x in (weight, evened))
            weight = evened * (before / after)[corpus][speaker]
        weight *= np.array([(weights or {}).get(name, 1.0) for name in corpora])[corpus][speaker]
        self.cumulative = np.cumsum(weight)
        # Of each speaker and of each speaker's corpus: the interval of the cumulative weight, and how many people.
        self.interval = self._intervals(speaker, first, last, weight)
        in_corpus = corpus[speaker]
        begins, ends = (np.searchsorted(in_corpus, range(len(corpora)), side=side) for side in ("left", "right"))
        self.corpus_interval = self._intervals(in_corpus, begins, ends - 1, weight)[:, corpus]
        self.corpus_speakers = np.bincount(corpus)[corpus]
        self.pcm = torch.from_numpy(utterances.levelled(UTTERANCE_RMS).pcm).to(device)

    def _intervals(self, of: np.ndarray, first: np.ndarray, last: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """(2, groups): from where to where the cumulative weight goes in each group of utterances."""
        end = self.cumulative[last]
        return np.stack([end - np.add.reduceat(weight, first), end])

    def draw(self, rng: np.random.Generator, batch: int, count: int, same: float = 0.0) -> np.ndarray:
        """(batch, count) indices of utterances, each row's of different speakers; `same` as in `Mixing`."""
        chosen = np.empty((batch, count), dtype=np.int64)
        low, high = np.zeros(batch), np.full(batch, self.cumulative[-1])
        for k in range(count):
            before = np.sort(self.speaker[chosen[:, :k]], axis=1)
            start, end = self.interval[:, before]
            # A point on the cumulative weight from which the speakers already chosen are cut out.
            point = low + rng.random(batch) * (high - low - (end - start).sum(1))
            for i in range(k):
                point += np.where(point >= start[:, i], (end - start)[:, i], 0.0)
            index = np.searchsorted(self.cumulative, point, side="right")
            chosen[:, k] = np.minimum(index, len(self.cumulative) - 1)
            if k == 0 and same:
                who = self.speaker[chosen[:, 0]]
                alike = (rng.random(batch) < same) & (self.corpus_speakers[who] >= count)
                low, high = np.where(alike, self.corpus_interval[:, who], (low, high))
        return chosen


class ScenePlayer(Protocol):
    """Turns drawn sources into more than their sum: `scenes.Stage`."""

    def play(
        self, rng: np.random.Generator, sources: Tensor, gains: np.ndarray, loudness: float
    ) -> tuple[Tensor, Tensor]:
        """sources (C, T), gains (C,) and loudness in dB -> mixture (T,), targets (C, T)."""


class DynamicMixtures:
    """Mixtures drawn from utterances, different for every step (dynamic mixing).

    pools: one for each source; sources that share a pool are always different speakers. stage: what is made of the
    sources; None: their sum.
    """

    def __init__(
        self,
        pools: list[Pool],
        mixing: Mixing,
        *,
        batch: int,
        segment: int,
        steps_per_epoch: int,
        seed: int,
        share: Share = ALONE,
        stage: ScenePlayer | None = None,
    ):
        self.C, self.stage = len(pools), stage
        self.pools, self.mixing, self.batch_size, self.segment = pools, mixing, batch, segment
        self.steps_per_epoch, self.seed, self.rows = steps_per_epoch, seed, share.rows(batch)
        self.notes: list[str] = []
        counts = [sum(other is pool for other in pools) for pool in pools]
        for pool, count in zip(pools, counts, strict=True):
            if pool.speakers < count:
                raise CorpusError(f"{pool.name} has fewer than {count} different speakers to mix.")

    @property
    def bad(self) -> dict[str, str]:
        return {file: reason for pool in dict.fromkeys(self.pools) for file, reason in pool.bad.items()}

    def facts(self) -> dict:
        distinct = list(dict.fromkeys(self.pools))
        return {
            "corpora": [name for pool in distinct for name in pool.corpora],
            "hours": round(sum(pool.hours for pool in distinct), 2),
            "speakers": sum(pool.speakers for pool in distinct),
            "left out": len(self.bad),
            "mixing": "dynamic",
        }

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, step))
        C, T = self.C, self.segment
        utterance = np.empty((self.batch_size, C), dtype=np.int64)
        for pool in dict.fromkeys(self.pools):
            slots = [c for c in range(C) if self.pools[c] is pool]
            utterance[:, slots] = pool.draw(rng, self.batch_size, len(slots), self.mixing.same)
        speed = rng.uniform(1 - self.mixing.speed, 1 + self.mixing.speed, utterance.shape)
        where = rng.random(utterance.shape)
        gains = self.mixing.gains(rng, self.batch_size, C)
        loudness = rng.uniform(*self.mixing.loudness, self.batch_size)
        mine = self.rows
        sources = torch.stack(
            [voice(pool, utterance[mine, c], where[mine, c], speed[mine, c], T) for c, pool in enumerate(self.pools)],
            dim=1,
        )
        if self.stage is None:
            return at_levels(sources, gains[mine], loudness[mine])
        rows = range(*mine.indices(self.batch_size))
        played = [
            self.stage.play(np.random.default_rng((self.seed, step, row)), sources[k], gains[row], loudness[row])
            for k, row in enumerate(rows)
        ]
        mixture, targets = (torch.stack(parts) for parts in zip(*played, strict=True))
        return mixture, targets


def voice(pool: Pool, utterance: np.ndarray, where: np.ndarray, speed: np.ndarray, T: int) -> Tensor:
    """(b,) utterances -> (b, T) float32, from `where` in [0, 1) of the starts that are possible.

    An utterance shorter than T goes on with the same speaker's next ones; zeros follow the last.
    """
    need = np.where(speed == 1, T, np.ceil(T * speed) + 3).astype(np.int64)  # with all four taps
    slack = np.maximum(pool.lengths[utterance] - need, 0)
    start = pool.starts[utterance] + (where * (slack + 1)).astype(np.int64)
    stop = np.minimum(start + need, pool.ends[utterance])
    heard = torch.zeros(len(start), int(need.max()), device=pool.pcm.device)
    for row, (first, last) in enumerate(zip(start, stop, strict=True)):
        heard[row, : last - first] = pool.pcm[first:last]
    heard /= 32768
    if (speed == 1.0).all():
        return heard
    speeds = torch.from_numpy(speed)[:, None].to(heard.device)
    if not heard.is_cpu:
        return at_speeds(heard, speeds, T)
    # One by one, so that the data stay in the processor's cache.
    return torch.cat([at_speeds(heard[row : row + 1], speeds[row : row + 1], T) for row in range(len(heard))])


def at_speeds(x: Tensor, speeds: Tensor, T: int) -> Tensor:
    """x (b, more) float32, speeds (b, 1) float64 -> (b, T), by the cubic through the four samples around each instant.

    The first instant is that of the second sample where the speed is not 1.
    """
    offset = torch.arange(T, device=x.device) * speeds
    first = offset.long()
    t = (offset - first).float()
    y0, y1, y2, y3 = (x[:, k:].gather(1, first) for k in range(4))
    cubic = (y3 - y0 + 3 * (y1 - y2)) / 6
    square = (y0 + y2) / 2 - y1
    linear = y2 - y1 - square - cubic
    return torch.addcmul(y1, torch.addcmul(linear, torch.addcmul(square, cubic, t), t), t)


def at_levels(sources: Tensor, gains: np.ndarray, loudness: np.ndarray) -> tuple[Tensor, Tensor]:
    """sources (b, C, T), gains (b, C) dB, loudness (b,) dB -> mixture (b, T), sources (b, C, T).

    Nothing exceeds full scale: a mixture that would is attenuated as a whole.
    """
    gain, rms_wanted = (torch.from_numpy(10 ** (x / 20)).float().to(sources.device) for x in (gains, loudness))
    sources = sources * gain[..., None]
    mixture = sources.sum(1)
    rms = mixture.square().mean(-1).sqrt()
    peak = torch.maximum(mixture.abs().amax(-1), sources.abs().amax((-1, -2)))
    factor = torch.minimum(rms_wanted / rms.clamp(min=1e-6), 1 / peak.clamp(min=1e-6))
    return mixture * factor[:, None], sources * factor[:, None, None]


class StaticMixtures:
    """Segments of mixtures made beforehand, all of them once an epoch, in a new order and cut at new
    places each epoch. A mixture shorter than a segment is followed by zeros.
    """

    def __init__(
        self,
        mixtures: MixtureSet,
        *,
        batch: int,
        segment: int,
        seed: int,
        device: torch.device | str = "cpu",
        share: Share = ALONE,
        workers: int = 4,
    ):
        self.mixtures, self.notes = mixtures.checked(), explain_mixtures(mixtures)
        self.batch_size, self.segment, self.seed = batch, segment, seed
        self.rows, self.device = share.rows(batch), device
        lengths = np.array([self.mixtures.length(i) for i in range(len(self.mixtures))])
        self.lengths = lengths
        self.row = np.repeat(np.arange(len(lengths)), np.maximum(1, lengths // segment))
        self.part = np.concatenate([np.arange(max(1, n // segment)) for n in lengths])
        self.steps_per_epoch = max(1, len(self.row) // batch)
        self.C = len(self.mixtures.read(0, 0, 1).sources)
        self._order = lru_cache(maxsize=2)(self._draw_order)
        self._pool = ThreadPoolExecutor(workers)
        self._ahead: dict[int, list[Future]] = {}

    def facts(self) -> dict:
        return {
            "corpora": [self.mixtures.name],
            "hours": round(float(self.lengths.sum()) / self.mixtures.rate / 3600, 2),
            "mixtures": len(self.mixtures),
            "left out": len(self.bad),
            "mixing": "static",
        }

    @property
    def bad(self) -> dict[str, str]:
        return self.mixtures.bad

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        parts = [future.result() for future in self._ahead.pop(step, None) or self._read(step)]
        self._ahead = {s: self._ahead.get(s) or self._read(s) for s in (step + 1, step + 2)}
        mixture, sources = (torch.from_numpy(np.stack(x)) for x in zip(*parts, strict=True))
        return mixture.to(self.device), sources.to(self.device)

    def _read(self, step: int) -> list[Future]:
        epoch, index = divmod(step, self.steps_per_epoch)
        order, shift = self._order(epoch)
        batch = np.take(order, range(index * self.batch_size, (index + 1) * self.batch_size), mode="wrap")
        return [self._pool.submit(self._segment, self.row[i], shift[i]) for i in batch[self.rows]]

    def _draw_order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Order of the segments in an epoch, and where each begins in its mixture."""
        rng = np.random.default_rng((self.seed, epoch))
        order = rng.permutation(len(self.row))
        slack = np.where(self.lengths >= self.segment, self.lengths % self.segment, 0)
        shift = (rng.random(len(self.lengths)) * (slack + 1)).astype(np.int64)
        return order, shift[self.row] + self.part * self.segment

    def _segment(self, row: int, start: int) -> tuple[np.ndarray, np.ndarray]:
        """One (T,) mixture and its (C, T) sources; a row that turns out bad counts as silence."""
        try:
            read = self.mixtures.read(row, start, self.segment)
        except BadRow as error:
            self.mixtures.bad[self.mixtures.rows[row].name] = str(error)
            silence = np.zeros((self.C, self.segment), np.float32)
            return silence[0], silence
        missing = self.segment - len(read.mixture)
        return np.pad(read.mixture, (0, missing)), np.pad(read.sources, ((0, 0), (0, missing)))
