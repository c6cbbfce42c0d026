"""The network with parts switched off, and its voices with other masks: what each part is worth.

A filter can be muted in the output alone (what it hears still informs the masks) or altogether. A block that is left
out adds nothing to the skip sum and lets its input through unchanged.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from analysis.network.learned_masks import RATIO, oracle_mask
from analysis.network.representation import Representation
from analysis.scores.metrics import best_permutation, si_snr
from tasnet import ConvTasNet, ConvTasNetConfig, Separator
from tasnet.coders import overlap_add
from tasnet.errors import UserError
from tasnet.level import level_gains

ESTIMATED, BINARY, SWAPPED = "as estimated", "binary (0 or 1)", "swapped between the outputs"
IDEAL = {f"ideal ({kind})": kind for kind in ("IBM", "IRM", "WFM", RATIO)}
MASKS = (ESTIMATED, BINARY, SWAPPED, *IDEAL)
AT_ONCE = 16  # filters whose sound is in memory


class MutingError(UserError):
    """A part that cannot be switched off in this network, said in one sentence."""


@dataclass(frozen=True)
class Muted:
    """What is switched off: filters in the `output` alone or for the `whole` network, `blocks`, and `masks`."""

    output: tuple[int, ...] = ()
    whole: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()
    masks: str = ESTIMATED


def edited(model: ConvTasNet, filters: Sequence[int] = (), blocks: Iterable[int] = ()) -> ConvTasNet:
    """A copy of `model` whose encoder has no such `filters` and whose `blocks` (0, 1, ... X R - 1) add nothing.

    Raises MutingError for a filter of an encoder that is made from the decoder, and for a number that is none.
    """
    config = model.config
    if filters and config.encoder == "pinv":
        raise MutingError("The pinv encoder is made from the decoder: its filters cannot be muted one by one.")
    blocks = list(blocks)
    if any(not 0 <= number < config.N for number in filters) or any(not 0 <= b < config.X * config.R for b in blocks):
        raise MutingError(f"There are {config.N} filters and {config.X * config.R} blocks, counted from 0.")
    copied = copy.deepcopy(model).requires_grad_(False)
    with torch.no_grad():
        if filters:
            rows = torch.as_tensor(list(filters), device=copied.U.device)
            for parameter in copied.encoder.parameters():  # U, and the bias where there is one
                parameter[rows] = 0
        chain = list(copied.blocks())
        for number in blocks:
            for parameter in chain[number].conv_out.parameters():
                parameter.zero_()
    return copied


def blocks_of(config: ConvTasNetConfig, repeat: int | None = None, dilation: int | None = None) -> tuple[int, ...]:
    """The numbers of the blocks of a `repeat` (0, 1, ...) or of a `dilation`, or of both."""
    return tuple(
        number
        for number, own in enumerate(config.dilations)
        if repeat in (None, number // config.X) and dilation in (None, own)
    )


def muted_sources(inside: Representation, off: Muted, level: float = 1.0) -> np.ndarray:
    """The voices (C, T) with `off` switched off, audible, in the order of the references where there are as many.

    `level` is the network's (`tasnet.Separator.level`). Where masks alone change the network is not run again. Raises
    MutingError, also for ideal masks without references.
    """
    if off.masks not in MASKS:
        raise MutingError(f"Masks can be {', '.join(MASKS)}.")
    if off.masks in IDEAL and not inside.known:
        raise MutingError("Ideal masks are made from the clean voices of the mixture, one for each output.")
    again = off.whole or off.blocks
    if again and off.masks == ESTIMATED and not off.output:
        return _ordered(inside, _separated(inside, off, level))
    if again:
        raise MutingError("Masks and filters of the output are changed in the network as it is: undo the rest.")
    sources = np.stack([inside.decode(_masked(inside, off, speaker)) for speaker in range(len(inside.masks))])
    return sources * level_gains(sources, inside.mixture)[:, None]


def _separated(inside: Representation, off: Muted, level: float) -> np.ndarray:
    separator = Separator(edited(inside.model, off.whole, off.blocks), str(inside.model.U.device), "float32")
    separator.level = level
    sources = np.zeros((len(inside.masks), len(inside.mixture)), np.float32)
    # As the network heard it: what lies below speech has already been removed where needed.
    separator.separate_into(sources, inside.mixture, lambda done: None)
    return sources * level_gains(sources, inside.mixture)[:, None]


def _ordered(inside: Representation, sources: np.ndarray) -> np.ndarray:
    """In the order of the references, or of the network's own voices where these are not known; a `fixed` one stays."""
    if inside.fixed:
        return sources
    return sources[list(best_permutation(sources, _target(inside)[0]))]


def _target(inside: Representation) -> tuple[np.ndarray, bool]:
    """What voices (C, T) are compared with: the references where there is one for each, which is also said."""
    return (inside.voices if inside.known else inside.sources), inside.known


def _masked(inside: Representation, off: Muted, speaker: int) -> Callable[[int, int], np.ndarray]:
    """The masked representation of a voice, as `Representation.decode` takes it."""
    open_ = np.ones(inside.model.config.N, np.float32)
    open_[list(off.output)] = 0
    C = len(inside.masks)

    def d(start: int, stop: int) -> np.ndarray:
        w = inside.w(start, stop)
        if off.masks in IDEAL:
            masks = oracle_mask(IDEAL[off.masks], inside.clean(start, stop), w)[speaker]
        else:
            masks = inside.masks[(speaker + 1) % C if off.masks == SWAPPED else speaker, start:stop]
            masks = (masks >= 0.5).astype(np.float32) if off.masks == BINARY else masks
        return masks * open_ * w

    return d


def importance(inside: Representation, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """(groups,) dB of mean SI-SNR that the voices lose without each group of filters in the output.

    Where the references are not `known` it is the level of what changes, relative to the unchanged voices: their SI-SNR
    with the sign turned. The decoder is linear: a group's part of a voice is decoded once and subtracted.
    """
    target, known = _target(inside)
    whole = float(np.mean(si_snr(inside.sources, target))) if known else float("inf")
    lost = []
    for group in groups:
        rest = np.stack([inside.sources[c] - _part(inside, c, group) for c in range(len(inside.masks))])
        score = float(np.mean(si_snr(rest, target)))
        lost.append(whole - score if known else -score)
    return np.array(lost)


def filter_importance(inside: Representation) -> np.ndarray:
    """(N,) as `importance`, without each single filter: its part is overlap-added directly, not decoded."""
    target, known = _target(inside)
    V, length = inside.model.V.detach().cpu(), len(inside.mixture)
    scores = np.zeros((len(inside.masks), len(V)))
    for speaker, (source, own) in enumerate(zip(inside.sources, target, strict=True)):
        d = torch.from_numpy(np.ascontiguousarray(inside.d()[speaker].T))
        for start in range(0, len(V), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            parts = overlap_add(d[some, :, None] * V[some, None], length, inside.model.config.edges).numpy()
            scores[speaker, some] = si_snr(source - parts, own)
    whole = float(np.mean(si_snr(inside.sources, target))) if known else 0.0
    return whole - scores.mean(0)


def block_importance(
    inside: Representation,
    groups: Sequence[Sequence[int]],
    level: float = 1.0,
    progress: Callable[[float], None] = lambda done: None,
) -> np.ndarray:
    """(groups,) as `importance`, without each group of blocks; the network runs once for each."""
    target, known = _target(inside)
    whole = float(np.mean(si_snr(inside.sources, target))) if known else 0.0
    lost = []
    for number, blocks in enumerate(groups, 1):
        voices = muted_sources(inside, Muted(blocks=tuple(blocks)), level)
        lost.append(whole - float(np.mean(si_snr(voices, target))))
        progress(number / len(groups))
    return np.array(lost)


def _part(inside: Representation, speaker: int, group: Sequence[int]) -> np.ndarray:
    """What a group of filters adds to a voice (T,)."""
    keep = np.zeros(inside.model.config.N, np.float32)
    keep[list(group)] = 1
    return inside.decode(lambda start, stop: inside.masks[speaker, start:stop] * keep * inside.w(start, stop))
