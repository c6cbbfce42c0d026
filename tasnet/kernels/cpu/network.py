"""One Conv-TasNet in the compiled library: forward in any number of threads, and the gradient of every weight."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...config import Config, ConvTasNetConfig
from ...flat_layout import aligned_zeros, offsets_in_vector
from ...model import MaskingNetwork
from . import build
from .build import BuildError

PRECISIONS = ("float32", "bfloat16")
KEPT = 64 << 20  # bytes: a larger workspace is not kept for the next sound
_MASKS = ("sigmoid", "softmax", "relu")  # in the order of `Mask` in network.h


def why_not(config: Config, precision: str = "float32", *, training: bool = False) -> str:
    """Empty where the compiled network can compute this one here, else one sentence that says why it cannot.

    This compiles nothing: where the library is not built yet, `library` may still fail.
    """
    return why_not_here(precision) or _why_not_this(config, training)


def why_not_here(precision: str) -> str:
    """The same for any network: why this machine cannot use it; "" if it can."""
    has = build.processor()
    if not has:
        return "The compiled network is for Linux on x86-64 processors."
    if not {"avx2", "fma"} <= has:
        return "The compiled network needs a processor with AVX2 and FMA."
    if precision not in PRECISIONS:
        return f"The compiled network computes in {' or '.join(PRECISIONS)}, not in {precision}."
    if precision == "bfloat16" and "avx512_bf16" not in has:
        return "This processor has no products in bfloat16 (AVX512-BF16 or AMX)."
    return build.why_not_built()


def _why_not_this(config: Config, training: bool) -> str:
    if not isinstance(config, ConvTasNetConfig):
        return "The compiled network is Conv-TasNet alone."
    norm = config.norm_in or config.norm
    usual = ("cLN", "cLN") if config.causal else ("gLN", "gLN")
    reasons = {
        "The compiled network has gLN, or where it is causal cLN.": (config.norm, norm) != usual,
        "The compiled network has no pinv encoder.": config.encoder == "pinv",
        "The compiled network has D-convs of three taps.": config.P != 3,
        "The compiled network has skip paths.": config.Sc == 0,
        "The compiled network has PReLU and norm behind every D-conv.": not config.second_norm,
        "The compiled network has zeros beyond the first and last frame.": config.padding != "zeros",
        "The compiled network has no constants in encoder and decoder.": config.coder_bias,
        "The compiled network needs N, B, H and Sc that are multiples of 16.": any(
            channels % 16 for channels in (config.N, config.B, config.H, config.Sc)
        ),
        "The compiled network is trained with masks by sigmoid or relu.": training and config.mask == "softmax",
        "The compiled network is trained with X of 12 at most.": training and config.X > 12,
    }
    return next((sentence for sentence, holds in reasons.items() if holds), "")


def bfloat16_is_faster() -> bool:
    """Whether bfloat16 is worth its rounding here: on a matrix unit (AMX). Builds the library if necessary."""
    if why_not_here("bfloat16"):
        return False
    try:
        return bool(build.library().tasnet_matrix_unit())
    except BuildError:
        return False


class Network:
    """A Conv-TasNet for which weights are `pack`ed once; then any number of threads may use it.

    precision: of the factors in the products, "float32" or "bfloat16". flags: what the library is compiled with.
    Raises ValueError for a network that it cannot compute (`why_not`), BuildError where the library cannot be built.
    """

    def __init__(self, config: Config, precision: str = "float32", *, flags: tuple[str, ...] = build.NATIVE) -> None:
        reason = _why_not_this(config, training=False)
        if not isinstance(config, ConvTasNetConfig) or reason or precision not in PRECISIONS:
            raise ValueError(reason or f"There is no precision {precision}; there are {', '.join(PRECISIONS)}.")
        self.config, self.precision = config, precision
        self._library = build.library(flags)
        if precision == "bfloat16" and not self._library.tasnet_bfloat16():
            raise ValueError("This processor has no products in bfloat16 (AVX512-BF16 or AMX).")
        self._handle: _Handle | None = None
        self._values: Tensor | None = None  # must stay in place: biases, norms and taps are read from it
        self._offsets: list[int] = []
        self._idle: list[Workspace] = []  # workspaces
        self._idle_lock = threading.Lock()

    @classmethod
    def of(cls, model: MaskingNetwork, precision: str = "float32", *, flags: tuple[str, ...] = build.NATIVE) -> Network:
        """The network of a model, with a copy of its weights. Raises as the class does."""
        network = cls(model.config, precision, flags=flags)
        network.pack(*flat_copy(model))
        return network

    def pack(self, values: Tensor, offsets: Sequence[int], part: int = 0, parts: int = 1) -> None:
        """Takes the weights from a flat float32 vector, in which the parameters begin at `offsets`.

        offsets: of all parameters, in the order of `named_parameters()`. Call it again when weights
        have changed, but not while the network computes; once, or from `parts` threads, each with its own `part`, all
        after the first call.
        """
        _check(values, "the flat vector of weights")
        places = list(offsets)
        handle = self._handle
        if handle is None or places != self._offsets:
            handle = self._create(places)
        self._values = values
        if self._library.tasnet_pack(handle.address, values.data_ptr(), part, parts):
            raise MemoryError("There is no memory for the weights.")

    def _create(self, places: list[int]) -> _Handle:
        c = self.config
        expected = 9 + 12 * c.X * c.R
        if len(places) != expected:
            raise ValueError(f"This network has {expected} parameters, not {len(places)}.")
        edge = c.hop if c.edges == "pad" else 0
        numbers = [c.N, c.L, c.B, c.H, c.Sc, c.X, c.R, c.C, c.causal, c.encoder == "relu", _MASKS.index(c.mask)]
        numbers += [self.precision == "bfloat16", edge, c.edges == "cut"]
        shape, at = (ctypes.c_int * len(numbers))(*map(int, numbers)), (ctypes.c_int64 * expected)(*places)
        address = self._library.tasnet_network(shape, c.norm_eps, at)
        self._handle, self._offsets = _Handle(address, self._library.tasnet_network_free), places
        self._idle.clear()
        return self._handle

    def forward(self, mixture: Tensor, threads: int = 1) -> Tensor:
        """mixture (T,) or (batch, T), float32 -> sources (C, T) or (batch, C, T): `model(mixture)` without gradients.

        threads: how many work on each mixture; their number changes no bit of the result. Other Python threads go on
        meanwhile.
        """
        if mixture.ndim == 2:
            sources = mixture.new_empty(len(mixture), self.config.C, mixture.shape[-1])
            for one, out in zip(mixture, sources, strict=True):
                self._separate_into(out, one, threads)
            return sources
        return self._separate_into(mixture.new_empty(self.config.C, len(mixture)), mixture, threads)

    def _separate_into(self, out: Tensor, mixture: Tensor, threads: int) -> Tensor:
        work = self._take(len(mixture), threads)
        try:
            work.separate(mixture, out)
        finally:
            self._give_back(work)
        return out

    def workspace(self, samples: int) -> Workspace:
        """What one training utterance of up to so many samples needs. Raises ValueError (`why_not`)."""
        reason = _why_not_this(self.config, training=True)
        if reason:
            raise ValueError(reason)
        return Workspace(self, samples, threads=1, keeps=True)

    def _take(self, samples: int, threads: int) -> Workspace:
        """A workspace for inference that is large enough, but not much larger."""
        with self._idle_lock:
            for place, work in enumerate(self._idle):
                if work.threads == threads and samples <= work.samples <= 4 * samples:
                    return self._idle.pop(place)
        return Workspace(self, samples, threads, keeps=False)

    def _give_back(self, work: Workspace) -> None:
        if work.bytes <= KEPT:
            with self._idle_lock:
                self._idle = [*self._idle, work][-2:]


class Workspace:
    """The memory for one sound on its way through a network. One thread at a time may use it."""

    def __init__(self, network: Network, samples: int, threads: int, keeps: bool) -> None:
        if network._handle is None:
            raise ValueError("The network has no weights yet: pack them.")
        self.network, self.samples, self.threads, self.keeps = network, samples, threads, keeps
        self._library, self._net = network._library, network._handle
        address = self._library.tasnet_workspace(self._net.address, samples, threads, keeps)
        self._handle = _Handle(address, self._library.tasnet_workspace_free)
        self._done = 0  # samples of the present sound

    @property
    def bytes(self) -> int:
        """Memory."""
        return self._library.tasnet_workspace_bytes(self._handle.address)

    def forward(self, mixture: Tensor) -> Tensor:
        """mixture (T,) -> estimates (C, T); keeps what `backward` needs, until the next call."""
        return self.separate(mixture, mixture.new_empty(self.network.config.C, len(mixture)))

    def separate(self, mixture: Tensor, out: Tensor) -> Tensor:
        """mixture (T,) -> `out` (C, T)."""
        mixture = mixture.contiguous()
        _check(mixture, "the mixture")
        samples = len(mixture)
        if not 1 <= samples <= self.samples:
            raise ValueError(f"The workspace is for 1 to {self.samples} samples, not {samples}.")
        address = self._handle.address, mixture.data_ptr(), samples, out.data_ptr()
        if self._library.tasnet_separate(self._net.address, *address):
            raise MemoryError("There is no memory for the separation.")
        self._done = samples
        return out

    def backward(self, d_estimates: Tensor, gradient: Tensor) -> None:
        """Adds the gradient of every weight to the flat vector `gradient`, laid out like the weights.

        d_estimates (C, T): the gradient of a loss by what `forward` gave last.
        """
        d_estimates = d_estimates.contiguous()
        _check(d_estimates, "the gradient of the estimates")
        _check(gradient, "the flat vector of gradients")
        if not self.keeps or d_estimates.shape != (self.network.config.C, self._done):
            raise ValueError("There was no forward pass to go back through.")
        self._library.tasnet_add_gradients(
            self._net.address, self._handle.address, d_estimates.data_ptr(), gradient.data_ptr()
        )


class _Handle:
    """An object of the library's, freed when nothing refers to it any more."""

    def __init__(self, address: int | None, free: Callable[[int], object]) -> None:
        if not address:
            raise MemoryError("There is no memory for the network.")
        self.address = address
        weakref.finalize(self, free, address)


def flat_copy(model: MaskingNetwork) -> tuple[Tensor, list[int]]:
    """The parameters of a model as one float32 vector, 64-byte aligned, and where each begins."""
    parameters = dict(model.named_parameters())
    offsets, end = offsets_in_vector(parameters)
    values = aligned_zeros(end)
    for name, parameter in parameters.items():
        values[offsets[name] : offsets[name] + parameter.numel()] = parameter.detach().float().cpu().flatten()
    return values, list(offsets.values())


def _check(values: Tensor, what: str) -> None:
    if values.dtype != torch.float32 or values.device.type != "cpu" or not values.is_contiguous():
        raise ValueError(f"The compiled network needs {what} in float32 on the CPU, without gaps.")
