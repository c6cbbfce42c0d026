"""What pages compute of a sound with networks, each a function of these: so it can be done in another process.

See `computing.with_networks`. progress: called with the share that is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from analysis.conditions.everyday import CONDITIONS
from analysis.explain import errors, swaps
from analysis.network.representation import Representation, represent
from analysis.network.spectral import SpectralInside, look
from analysis.scores import phase
from analysis.scores.comparison import Comparison, compare_systems
from analysis.scores.metrics import Scores, evaluate, mixture_scores
from analysis.scores.systems import MEASURES, ScoredSystem
from analysis.start_point.pauses import PauseCurve, measure_pauses
from analysis.start_point.probe_set import score_probe
from analysis.start_point.probes import PROBES
from analysis.start_point.shifts import StartCurve, growing_curve
from tasnet import ChimeraNet, ConvTasNet, Separator
from tasnet.mixture import Mixture
from tasnet.training_facts import any_order

Networks = Sequence[Separator]
Progress = Callable[..., None]


def separate_and_compare(networks: Networks, sound: Mixture, progress: Progress) -> Comparison:
    """What the one network makes of `sound`, scored beside the ideal masks."""
    (network,) = networks
    found = network.separate(sound.mixture, sound.rate)
    return compare_systems(sound, found.sources, system=network.config.system, progress=progress)


def look_inside(
    networks: Networks, mixture: np.ndarray, references: np.ndarray | None, progress: Progress
) -> Representation:
    """The inside of the one network, which is left out of it: whoever asks has it."""
    (network,) = networks
    heard, _ = network.without_what_lies_below(mixture)
    model, fixed = cast(ConvTasNet, network.model), not any_order(network.facts.task)
    return bare(represent(model, np.asarray(heard), references, network.level, fixed=fixed))


def look_at_spectrogram(
    networks: Networks, mixture: np.ndarray, references: np.ndarray | None, progress: Progress
) -> SpectralInside:
    """The inside of the one network, a `ChimeraNet`."""
    (network,) = networks
    heard, _ = network.without_what_lies_below(mixture)
    return look(cast(ChimeraNet, network.model), np.asarray(heard), references)


def bare(inside: Representation) -> Representation:
    """`inside` without its network."""
    return replace(inside, model=cast(ConvTasNet, None))


def with_inside(
    networks: Networks, function: Callable[..., Any], inside: Representation, *arguments: Any, progress: Progress
) -> Any:
    """`function(inside, *arguments)` of an inside that comes without its network."""
    (network,) = networks
    return function(replace(inside, model=cast(ConvTasNet, network.model)), *arguments)


def with_inside_told(
    networks: Networks, function: Callable[..., Any], inside: Representation, *arguments: Any, progress: Progress
) -> Any:
    """`with_inside` of a function that tells how far it is."""
    return with_inside(networks, function, inside, *arguments, progress, progress=progress)


def mean_scores(
    inside: Representation, sound: Mixture, names: Sequence[str], sources: np.ndarray | None = None
) -> dict[str, float | None]:
    """{title of a measure: mean over the voices} of the network's voices, or of `sources` in their order."""
    signals = (sound.sources, sound.mixture, sound.rate)
    baseline = mixture_scores(*signals, stoi=True)
    voices = inside.audible() if sources is None else sources
    found = evaluate(voices, *signals, permute=False, stoi=True, baseline=baseline)
    return {MEASURES[name].title: found.mean(name) for name in names}


def swapped_voices(inside: Representation, sound: Mixture) -> swaps.PhaseSwaps:
    """Phase and magnitude of the network's voices exchanged with others'."""
    return swaps.phase_swaps(inside.audible(), sound.sources, sound.mixture, sound.rate)


def split_errors(inside: Representation, sound: Mixture) -> list[errors.ErrorParts]:
    """The error of each of the network's voices. Raises MetricsError."""
    return [errors.split_error(one, sound.sources, c) for c, one in enumerate(inside.audible())]


def costs_of_phase(networks: Networks, sound: Mixture, progress: Progress) -> tuple[phase.PhaseCost, ...]:
    """What the phase costs each ideal mask; no network is needed."""
    return phase.phase_costs(sound.mixture, sound.sources, sound.rate)


def phase_rows(
    networks: Networks, sound: Mixture, mask: str, iterations: int, progress: Progress
) -> list[ScoredSystem]:
    """A mask with the mixture's phase, that of so many iterations of MISI, and the clean voices', each scored."""
    magnitudes = phase.masked_magnitudes(mask, sound.mixture, sound.sources, sound.rate)
    kept, *_, iterated = phase.iterate_phases(magnitudes, sound.mixture, sound.rate, iterations)
    clean = phase.with_phases_of(sound.sources, magnitudes, sound.rate)
    rows = []
    for name, voices in {mask: kept, f"{mask}, MISI-{iterations}": iterated, f"{mask}, clean phase": clean}.items():
        scores = evaluate(voices, sound.sources, sound.mixture, sound.rate, permute=False, pesq=False)
        rows.append(ScoredSystem(name, voices.astype(sound.mixture.dtype), None, scores))
    return rows


def pauses_of(
    networks: Networks, values: Sequence[float], sounds: Sequence[Mixture], progress: Progress
) -> dict[str, PauseCurve]:
    """{network: SDR over the length of a pause (s)}."""
    found = {}
    for number, network in enumerate(networks):

        def told(done: float, number: int = number) -> None:
            progress((number + done) / len(networks))

        found[network.name] = measure_pauses(network, sounds, values, told)
    return found


def starts_of(networks: Networks, sound: Mixture, shifts: Sequence[int], progress: Progress) -> dict[str, StartCurve]:
    """{network: SDRi over the start}; `progress` gets, beside the share, what is there so far, point by point."""
    found: dict[str, StartCurve] = {}
    curves = [growing_curve(one, sound.mixture, sound.sources, sound.rate, shifts) for one in networks]
    for number, points in enumerate(zip(*curves, strict=True), 1):
        found = {network.name: curve for network, curve in zip(networks, points, strict=True)}
        progress(number / len(shifts), found)
    return found


def turned(networks: Networks, name: str, value: float, sound: Mixture, progress: Progress) -> Mixture:
    """What the probe or condition `name` makes of `sound` at a value."""
    return (PROBES | CONDITIONS)[name].apply(sound, value)


def voice_scores(networks: Networks, name: str, sources: np.ndarray, sound: Mixture, progress: Progress) -> Scores:
    """The scores of `sources`, in the order of the clean voices, without what the probe does not score."""
    probe = (PROBES | CONDITIONS)[name]
    estimates, voices, mixture = (probe.scored(one, sound.rate) for one in (sources, sound.sources, sound.mixture))
    return evaluate(estimates, voices, mixture, sound.rate, permute=False, pesq=probe.speech, stoi=probe.speech)


def probe_scores(networks: Networks, name: str, sound: Mixture, progress: Progress) -> list[dict[float, float]]:
    """Of each network {value of the probe or condition `name`: SI-SNR in dB}."""
    probe = (PROBES | CONDITIONS)[name]
    found: list[dict[float, float]] = [{} for _ in networks]
    for number, value in enumerate(probe.values, 1):
        made = probe.apply(sound, value)
        for scores, network in zip(found, networks, strict=True):
            scores[value] = score_probe(network, probe, made)
        progress(number / len(probe.values))
    return found
