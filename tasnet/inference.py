"""Separation of a recording of any length and rate: device, precision, chunks and output level."""

from __future__ import annotations

import copy
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from . import audio, below_speech, checkpoint, published, threads
from .checkpoint import DTYPES
from .device import DeviceError, find_device, find_precision
from .disk import DiskArray, Sound
from .errors import UserError
from .level import CausalLevel, level_gains
from .model import ConvTasNet, MaskingNetwork
from .pauses import JoinedSpans, pauses_between, speech_spans
from .places import OF_A_RUN
from .tracking import Stitcher, best_order, plan_chunks
from .training_facts import SPEECH_FROM_NOISE, TrainingFacts, any_order, output_names

if TYPE_CHECKING:
    from .hearing import Hearing
    from .quality import Expected

WHOLE = 30.0  # s: a recording up to this length goes through the network in one piece
CHUNK = 20.0  # s
OVERLAP = 4.0  # s
FADE = 0.1  # s, from speech to a pause and back
DOUBTS_TOLD = 5  # in a note
BATCH = 8  # chunks at a time on a GPU; on a CPU more than one only costs memory


class SeparationError(UserError):
    """A separation that gave no sound; the message is one sentence for the user."""


@dataclass(frozen=True)
class Separation:
    """The speakers of one recording.

    sources: (C, T) float32 at `rate` Hz, as long as the mixture, at the level at which their sum
    fits the mixture best; not clipped. seconds: what the work took; real_time_factor: that over the
    length of the recording. notes: sentences that say what was changed on the way.
    """

    sources: np.ndarray
    rate: int
    seconds: float
    real_time_factor: float
    device: str
    precision: str
    mixture: np.ndarray = field(repr=False)  # (T,), as it came
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # of the sources, such as "Speech" and "Noise"
    model: str = ""  # the bundled model's name; "" for any other

    @cached_property
    def hearing(self) -> Hearing | None:
        """How many voices the mixture seems to have, and whether noise or reverberation; computed on demand.

        None where the model that listens is not installed.
        """
        from .hearing import HearingError, hear

        try:
            return hear(self.mixture, self.rate)
        except HearingError:
            return None

    @cached_property
    def expected(self) -> tuple[Expected, ...] | None:
        """What SI-SNR to expect of each source, without knowing the clean ones; computed on demand.

        None where that cannot be judged: see `quality.MODELS`.
        """
        from .quality import QualityError, expected_quality

        try:
            return expected_quality(self.mixture, self.sources, self.rate, self.model)
        except QualityError:
            return None


class Separator:
    """A trained network, ready to separate recordings. One may serve many threads.

    model: a name from `available()`, that of a published model, which is downloaded once (see `published`), the path of
    a checkpoint, or a network, of which a copy is kept. device: "auto" (the fastest there is), "cpu", "cuda",
    "cuda:1", "mps".
    precision: "auto", "float32", "bfloat16", "float16"; auto is half precision on CUDA and exact
    elsewhere. bfloat16 is for CPUs too, if they have instructions for it: with a matrix unit (AMX)
    it is the fastest (`kernels.on_cpu.fastest_precision`).
    Raises CheckpointError or DeviceError.

    >>> import numpy as np
    >>> from tasnet import ConvTasNet, ConvTasNetConfig, Separator
    >>> network = ConvTasNet(ConvTasNetConfig(N=32, L=16, B=16, H=32, Sc=16, X=2, R=1))  # or "a model's name"
    >>> separator = Separator(network, device="cpu")
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    >>> found = separator.separate(noise, rate=16000)  # at any rate; the network's own is 8000
    >>> found.sources.shape, found.rate
    ((2, 16000), 16000)
    """

    def __init__(self, model: str | Path | MaskingNetwork, device: str = "auto", precision: str = "auto") -> None:
        self.device = find_device(device)
        self.precision = find_precision(precision, self.device)
        if isinstance(model, MaskingNetwork):
            network, self.facts, self.name = copy.deepcopy(model), TrainingFacts(), type(model).__name__
            self.bundled = ""
        else:
            path = find_checkpoint(model)
            network, self.facts = checkpoint.load(path)
            self.name = str(model) if str(model) in published.CATALOGUE else path.stem
            self.bundled = path.stem if checkpoint.bundled().get(path.stem) == path else ""
        if self.device.type == "cpu" and self.precision != "float32" and not isinstance(network, ConvTasNet):
            raise DeviceError(
                "On a CPU only Conv-TasNet computes in another precision than float32; choose auto or float32."
            )
        self.model = network.eval().requires_grad_(False).to(self.device)
        self.config = self.model.config
        from .kernels.on_cpu import OnCPU  # kernels are loaded on separating, not with the package
        from .kernels.on_gpu import OnGPU

        self.on_cpu = self.on_gpu = None
        if self.device.type != "cpu":
            self.on_gpu = OnGPU(self.model, DTYPES[self.precision])
        elif isinstance(self.model, ConvTasNet):
            self.on_cpu = OnCPU(self.model, self.precision)
        # RMS of what the network hears.
        self.level = 10 ** (self.facts.level_dbfs / 20) if self.config.hears_level else 1.0
        self._turn = threading.Lock()  # one batch at a time: memory does not grow with the users

    def separate(
        self,
        samples: np.ndarray,
        rate: int,
        *,
        causal_level: bool = False,
        progress: Callable[[float], None] | None = None,
        heard: Callable[[int, np.ndarray], None] | None = None,
    ) -> Separation:
        """Separate a mixture (T,) at `rate` Hz into its C speakers.

        causal_level: the level at each moment fits what came before it (`level.CausalLevel`), as in a device that does
        not know the rest; otherwise it fits the whole recording.
        `progress` is called with the fraction done after each step; an exception that it raises ends the work and is
        passed on. Where the recording goes through the network in chunks, `heard` is called in between with what can
        already be listened to: the sample at which it begins, and the voices (C, t) from there on, at the level that
        fits best so far and with long pauses left silent.
        Raises AudioError if there is nothing to separate, SeparationError if the network gives no numbers.
        """
        began = time.perf_counter()
        sound = audio.check_samples(samples, rate, "the mixture")
        whole = audio.resample(sound.samples, sound.rate, self.config.sample_rate)
        mixture, below = self.without_what_lies_below(whole)
        sources = np.zeros((self.config.C, len(mixture)), np.float32)

        def tell(heard: Callable[[int, np.ndarray], None], begin: int, end: int) -> None:
            gains = self.gains(sources[:, :end], mixture[:end])
            voices = gains[:, None] * sources[:, begin:end]
            self.give_rumble_to_noise(voices, whole[begin:end], mixture[begin:end])
            voices = audio.resample(voices, self.config.sample_rate, sound.rate)
            heard(round(begin * sound.rate / self.config.sample_rate), voices)

        ready = partial(tell, heard) if heard else None
        notes = self.separate_into(sources, mixture, progress or (lambda fraction: None), ready)
        if causal_level and not self.facts.keeps_level:
            sources = CausalLevel(len(sources), self.config.sample_rate).apply(sources, mixture)
        else:
            sources *= self.gains(sources, mixture)[:, None]
        self.give_rumble_to_noise(sources, whole, mixture)
        sources = _of_length(audio.resample(sources, self.config.sample_rate, sound.rate), len(sound.samples))
        seconds = time.perf_counter() - began
        return Separation(
            sources,
            sound.rate,
            seconds,
            seconds / sound.seconds,
            str(self.device),
            self.precision,
            sound.samples,
            sound.notes + self.rate_notes(sound.rate) + below + notes,
            self.names,
            self.bundled,
        )

    def separate_batch(self, mixtures: np.ndarray, rate: int) -> np.ndarray:
        """The sources (batch, C, T) of mixtures (batch, T) of one length at `rate` Hz, as `separate` gives them.

        For test sets on a GPU: what is short enough to be separated whole goes through the network together. Raises
        AudioError if there is nothing to separate in one of them.
        """
        checked = np.stack([audio.check_samples(samples, rate, "the mixture").samples for samples in mixtures])
        own = self.config.sample_rate
        resampled = audio.resample(checked, rate, own)
        at_own_rate = np.stack([self.without_what_lies_below(mixture)[0] for mixture in resampled])
        has_pauses = any(speech_spans(mixture, own) != [slice(0, len(mixture))] for mixture in at_own_rate)
        if has_pauses or at_own_rate.shape[-1] > WHOLE * own:
            return np.stack([self.separate(samples, rate).sources for samples in checked])
        sources = self._network(at_own_rate)
        for voices, whole, mixture in zip(sources, resampled, at_own_rate, strict=True):
            voices *= self.gains(voices, mixture)[:, None]
            self.give_rumble_to_noise(voices, whole, mixture)
        sources = audio.resample(sources, self.config.sample_rate, rate)
        return np.stack([_of_length(voices, checked.shape[-1]) for voices in sources])

    @property
    def names(self) -> tuple[str, ...]:
        """Of the outputs: Speaker 1, Speaker 2, ..., or Speech and Noise."""
        return output_names(self.facts.task, self.config.C)

    def gains(self, sources: np.ndarray | DiskArray, mixture: np.ndarray | DiskArray) -> np.ndarray:
        """(C,) that bring the network's outputs (C, T) to the level of the mixture (T,): see `level.level_gains`.

        Ones where the network was trained to keep the level: there an output that is silent has to stay so.
        """
        if self.facts.keeps_level:
            return np.ones(len(sources), np.float32)
        return level_gains(sources, mixture)

    def rate_notes(self, rate: int) -> tuple[str, ...]:
        """Notes on a recording at `rate` Hz."""
        own = self.config.sample_rate
        if rate == own:
            return ()
        return (
            f"The model works at {own} Hz: the mixture was converted from {rate} Hz and the voices "
            f"back{f', with nothing in them above {own // 2} Hz' if rate > own else ''}.",
        )

    def without_what_lies_below(self, mixture: Sound) -> tuple[Sound, tuple[str, ...]]:
        """A mixture (T,) at the model's rate as the network is to hear it, and notes: see `below_speech`."""
        return below_speech.without(mixture, self.config.sample_rate, causal=self.config.causal)

    def give_rumble_to_noise(self, sources: np.ndarray, whole: np.ndarray, heard: np.ndarray) -> None:
        """What of the `whole` mixture (T,) the network has not `heard`, into the output that is Noise, of (C, T).

        Rumble and hum below speech are noise; no speaker has a part in them. An offset is no sound at all.
        """
        if self.facts.task == SPEECH_FROM_NOISE and len(sources) == 2:
            below = whole - heard
            sources[1] += below - below.mean()

    def separate_into(
        self,
        sources: np.ndarray | DiskArray,
        mixture: np.ndarray | DiskArray,
        progress: Callable[[float], None],
        ready: Callable[[int, int], None] | None = None,
    ) -> tuple[str, ...]:
        """Separate a mixture (T,) into `sources` (C, T), at the model's rate and the network's own level; notes.

        Beside the two arrays it takes the memory of a few chunks. ready: called after each chunk but the last with the
        samples of `sources` between which there is speech that will not change any more.
        """
        rate, samples = self.config.sample_rate, mixture.shape[-1]
        spans = speech_spans(mixture, rate)
        speech, voices = JoinedSpans(mixture, spans), JoinedSpans(sources, spans)
        length, overlap = speech.shape[-1], round(OVERLAP * rate)
        chunks = plan_chunks(length, length if length <= WHOLE * rate else round(CHUNK * rate), overlap)
        cuts, fixed_order = voices.starts[1:-1], not any_order(self.facts.task)
        stitcher = Stitcher(voices, rate, overlap, cuts, causal=self.config.causal, fixed_order=fixed_order)
        told = 0
        for batch in _batches(chunks, 1 if self.device.type == "cpu" else BATCH):
            separated = self._network(np.stack([speech[..., chunk] for chunk in batch]))
            for chunk, found in zip(batch, separated, strict=True):
                stitcher.add(chunk, found)
            progress(stitcher.done / samples)
            if ready is not None and overlap < stitcher.done < length:
                there, told = told, voices.place(stitcher.done - overlap)
                ready(there, told)
        if length < samples:
            self._separate_pauses(sources, mixture, spans, fixed_order, progress)
        return _doubt_notes([voices.place(sample) / rate for sample in stitcher.doubts])

    def _separate_pauses(
        self,
        sources: np.ndarray | DiskArray,
        mixture: np.ndarray | DiskArray,
        spans: list[slice],
        fixed_order: bool,
        progress: Callable[[float], None],
    ) -> None:
        """What lies between the `spans` of speech, into `sources` (C, T), where the speech is there already.

        Each piece goes through the network after the beginning of the speech, which determines its level and order.
        """
        rate, fade = self.config.sample_rate, round(FADE * self.config.sample_rate)
        context = slice(0, round(OVERLAP * rate))
        speech, known = JoinedSpans(mixture, spans)[..., context], JoinedSpans(sources, spans)[..., context]
        pauses = pauses_between(spans, mixture.shape[-1], fade)
        quiet, found = JoinedSpans(mixture, pauses), JoinedSpans(sources, pauses)
        places, weights = quiet.fades(fade)
        for piece in plan_chunks(quiet.shape[-1], round((CHUNK - OVERLAP) * rate), fade):
            separated = self._network(np.concatenate([speech, quiet[..., piece]])[None])[0]
            again, new = np.split(separated, [len(speech)], axis=1)
            if not fixed_order:
                new = new[best_order(again, known)]
            weight = np.interp(np.arange(piece.start, piece.stop), places, weights).astype(np.float32)
            if piece.start:
                weight[:fade] *= np.arange(fade) / fade
            there = found[..., piece]
            found[..., piece] = there + weight * (new - there)
            progress(1 - (quiet.shape[-1] - piece.stop) / mixture.shape[-1])

    def _network(self, mixtures: np.ndarray) -> np.ndarray:
        """(batch, T) -> (batch, C, T), each at the RMS `level` inside the network, whatever its own."""
        power = np.einsum("bt,bt->b", mixtures, mixtures) / mixtures.shape[-1]
        scale = (np.sqrt(np.maximum(power, 1e-30)) / self.level)[:, None].astype(np.float32)
        try:
            with self._turn, torch.inference_mode():
                x = torch.from_numpy(mixtures / scale).to(self.device)
                sources = self._forward(x).cpu().numpy()
        except torch.OutOfMemoryError:
            if len(mixtures) == 1:
                raise DeviceError(
                    f"The memory of {self.device} is too small for this; choose the device cpu."
                ) from None
            halves = np.array_split(mixtures, 2)
            return np.concatenate([self._network(half) for half in halves])
        if not np.isfinite(sources).all():
            raise SeparationError(
                f"{self.name} gave samples that are not numbers in {self.precision}: its weights are damaged, or they "
                "need the precision float32."
            )
        return sources * scale[..., None]

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.on_cpu:
            return self.on_cpu(x)
        if self.on_gpu:
            return self.on_gpu(x)
        with threads.one_torch_thread():  # an LSTM's threads would wait for each other at every frame
            return self.model(x)


def available() -> dict[str, Path]:
    """The models on this machine: name -> file, those of the project first, then the published ones in the cache."""
    return {**checkpoint.bundled(), **published.installed()}


def find_checkpoint(model: str | Path) -> Path:
    """The checkpoint of this name, an earlier one and published models included, or at this path; a run's folder too.

    Raises CheckpointError.
    """
    known = checkpoint.bundled()
    if (name := checkpoint.ALIASES.get(str(model), str(model))) in known:
        return known[name]
    if str(model) in published.CATALOGUE:
        return published.get(str(model))
    if Path(model).is_dir():
        return next((file for name in OF_A_RUN if (file := Path(model) / name).is_file()), Path(model))
    if Path(model).suffix or Path(model).exists():
        return Path(model)
    raise checkpoint.CheckpointError(f"There is no model named {model}; there are: {', '.join(known) or 'none'}.")


def _batches(chunks: Iterator[slice], size: int) -> Iterator[list[slice]]:
    """Runs of at most `size` chunks of one length."""
    for _, equal in itertools.groupby(chunks, lambda chunk: chunk.stop - chunk.start):
        while batch := list(itertools.islice(equal, size)):
            yield batch


def _doubt_notes(seconds: list[float]) -> tuple[str, ...]:
    if not seconds:
        return ()
    times = ", ".join(f"{int(second // 60)}:{int(second % 60):02d}" for second in seconds[:DOUBTS_TOLD])
    more = f" and at {len(seconds) - DOUBTS_TOLD} more" if len(seconds) > DOUBTS_TOLD else ""
    return (f"After the pauses at {times}{more} the voices may have changed places: they could not be told for sure.",)


def _of_length(samples: np.ndarray, length: int) -> np.ndarray:
    """Cut or filled with zeros at the end: rounding at two rates may cost a sample or two."""
    missing = length - samples.shape[-1]
    return np.pad(samples, ((0, 0), (0, missing))) if missing > 0 else samples[:, :length]
