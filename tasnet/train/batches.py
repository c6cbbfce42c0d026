"""From a recipe's folders to batches for training and for validation."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tasnet.data.cache import cached_utterances
from tasnet.data.corpora import explain_mixtures, holds_mixtures, open_mixtures
from tasnet.data.disturbed import clean_and_not, speech_and_noise
from tasnet.data.mixture_sets import BadRow, MixtureSet
from tasnet.data.noise import open_noise
from tasnet.data.packs import INT16
from tasnet.data.rooms import HELD_OUT_ROOMS, LONGEST_T60, Room, measured_rooms, simulated_rooms
from tasnet.data.third_voice import ThirdVoicePlan, plan_third_voices
from tasnet.data.utterances import UtteranceSet
from tasnet.mixture import Mixture

from .mixing import ALONE, UTTERANCE_RMS, Batches, DynamicMixtures, Pool, Share, StaticMixtures
from .recipe import Recipe, RecipeError
from .scenes import Stage

HELD_OUT_BATCHES = 25  # validation batches of a run that holds speakers out


class WholeMixtures:
    """A set of mixtures at their full lengths, for validation; its one epoch is the whole set.

    The mixtures of a batch have the same length, as a padded one would be normalised differently.
    """

    def __init__(self, mixtures: MixtureSet, batch: int, device: torch.device | str = "cpu"):
        self.mixtures, self.device, self.notes = mixtures.checked(), device, explain_mixtures(mixtures)
        self.C = len(self.mixtures[0].sources)
        by_length: dict[int, list[int]] = {}
        for index in range(len(self.mixtures)):
            by_length.setdefault(self.mixtures.length(index), []).append(index)
        self.groups = [
            indices[k : k + batch] for _, indices in sorted(by_length.items()) for k in range(0, len(indices), batch)
        ]
        self.steps_per_epoch = len(self.groups)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """mixture (b, T), sources (b, C, T); a mixture that turns out bad is left out."""
        read = []
        for index in self.groups[step]:
            try:
                read.append(self.mixtures[index])
            except BadRow as error:
                self.mixtures.bad[self.mixtures.rows[index].name] = str(error)
        if not read:
            return torch.empty(0, 1), torch.empty(0, self.C, 1)
        mixture = torch.from_numpy(np.stack([m.mixture for m in read]))
        sources = torch.from_numpy(np.stack([m.sources for m in read]))
        return mixture.to(self.device), sources.to(self.device)

    @property
    def bad(self) -> dict[str, str]:
        return self.mixtures.bad

    def facts(self) -> dict:
        return {"set": self.mixtures.name, "mixtures": len(self.mixtures)}


@dataclass(frozen=True)
class ThreeVoicesRow:
    """A mixture of two voices with a third, made when it is read."""

    plan: ThirdVoicePlan
    speakers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.plan.name

    @cached_property
    def header(self) -> tuple[int, int]:
        (length, rate), (other, _) = self.plan.first.header, self.plan.other.header
        return min(length, other), rate

    def read(self, start: int = 0, length: int | None = None) -> Mixture:
        end = None if length is None else start + length
        sources = np.stack(self.plan.make())[:, start:end].astype(np.float32) / INT16
        return Mixture(sources.sum(0), sources, self.plan.rate, name=self.name)


def open_data(
    recipe: Recipe,
    device: torch.device | str = "cpu",
    share: Share = ALONE,
    say: Callable[[str], None] = lambda sentence: None,
    within: Path | None = None,
) -> tuple[Batches, Batches | None]:
    """Training batches (this process's share of each) and validation batches (all of them).

    say: gets a sentence where something takes long. within: as in `open_mixtures`. Raises RecipeError or CorpusError
    where the data do not fit the recipe.
    """
    if not recipe.train:
        raise RecipeError("Say with --train where the training data are.")
    paths = [Path(path) for path in recipe.train]
    static = [path for path in paths if holds_mixtures(path)]
    if static and len(static) < len(paths):
        raise RecipeError("Train either on mixtures or on speakers' utterances, not on both at once.")
    if static and recipe.hold_out:
        raise RecipeError("Only utterances can be held out: name validation mixtures with --valid.")
    train, held_out = (
        (_static(recipe, paths, device, share, within), None) if static else _dynamic(recipe, paths, device, share, say)
    )
    valid = _validation(recipe, device, within) if recipe.valid else held_out
    if valid is None and recipe.schedule == "plateau":
        raise RecipeError(
            "This schedule follows the validation set: name one with --valid, or hold speakers out "
            "with --set hold_out=0.05."
        )
    for batches in (train, valid):
        if batches is not None and batches.C != recipe.model.C:
            raise RecipeError(f"The data have {batches.C} sources, the network has {recipe.model.C} outputs.")
    return train, valid


def _sets(recipe: Recipe, paths: list[Path], split: str, within: Path | None) -> MixtureSet:
    sets = [
        open_mixtures(
            path,
            split=split,
            mixture=recipe.mixture or None,
            rate=recipe.model.sample_rate,
            speakers=recipe.model.C,
            within=within,
        )
        for path in paths
    ]
    rows = [row for mixtures in sets for row in mixtures.rows]
    notes = list(dict.fromkeys(note for mixtures in sets for note in mixtures.notes))
    return MixtureSet("+".join(m.name for m in sets), rows, recipe.model.sample_rate, notes=notes)


def _static(
    recipe: Recipe, paths: list[Path], device: torch.device | str, share: Share, within: Path | None
) -> StaticMixtures:
    return StaticMixtures(
        _sets(recipe, paths, "train", within),
        batch=recipe.batch,
        segment=recipe.segment_samples,
        seed=recipe.seed,
        device=device,
        share=share,
    )


def _validation(recipe: Recipe, device: torch.device | str, within: Path | None) -> WholeMixtures:
    """Where the network has three outputs and the set two voices, a third is added to each mixture.

    Where training has noise or rooms, validation has different ones.
    """
    mixtures = _sets(recipe, [Path(recipe.valid)], "valid", within)
    rate = recipe.model.sample_rate
    if recipe.noise and mixtures.voices == 2:
        return WholeMixtures(speech_and_noise(mixtures, open_noise(recipe.noise, rate, "valid")), recipe.batch, device)
    if recipe.background and recipe.model.C == mixtures.voices == 2:
        noise, rooms = open_noise(recipe.background, rate, "valid"), _rooms(recipe, held_out=True)
        return WholeMixtures(clean_and_not(mixtures, noise, rooms), recipe.batch, device)
    if recipe.model.C == 3 and mixtures.voices == 2:
        rows = [ThreeVoicesRow(plan) for plan in plan_third_voices(mixtures.checked())]
        mixtures = MixtureSet(f"{mixtures.name}, a third voice added", rows, mixtures.rate)
    return WholeMixtures(mixtures, recipe.batch, device)


def _dynamic(
    recipe: Recipe, paths: list[Path], device: torch.device | str, share: Share, say: Callable[[str], None]
) -> tuple[DynamicMixtures, DynamicMixtures | None]:
    """Training and, where speakers are held out, validation."""

    def on_decode() -> None:
        say("The speech is decoded first, once for all trainings: some seconds for every hour of it.")

    if recipe.fixed_order and not recipe.noise:
        raise RecipeError("Say with --noise where recordings of noise are.")
    if recipe.scenes.noise + recipe.scenes.silent > 0 and not recipe.noise and not recipe.background:
        raise RecipeError("Say with background where recordings of noise are that are heard beside the voices.")
    rate = recipe.model.sample_rate
    speech = _held_out(cached_utterances(paths, rate, UTTERANCE_RMS, on_decode), recipe)
    noise = _held_out(open_noise(recipe.noise, rate), recipe) if recipe.noise else None
    background = _held_out(open_noise(recipe.background, rate), recipe) if recipe.background else None
    measured, simulated = [], []
    if recipe.scenes.room:
        measured = _rooms(recipe)
        if not measured or recipe.scenes.measured < 1:
            say("The rooms are simulated first, once for all trainings: half a second each.")
            simulated = simulated_rooms(max(1, round(recipe.scenes.simulated)), rate, recipe.seed)

    def mixtures(kept: int, **how: Any) -> DynamicMixtures:
        # Corpora are weighted only in training: the held-out speakers may be from one corpus.
        weights, temper = ({}, 0.0) if kept else (recipe.weights, recipe.mixing.temper)
        voices = Pool(speech[kept], device, weights, temper)
        sources = [voices, Pool(noise[kept], device)] if noise else [voices] * recipe.model.C
        stage = None
        if recipe.scenes.any:
            heard = Pool(background[kept], device) if background else None
            stage = Stage(recipe.scenes, voices, heard, measured, simulated, sum(pool is voices for pool in sources))
        return DynamicMixtures(
            sources, recipe.mixing, batch=recipe.batch, segment=recipe.segment_samples, stage=stage, **how
        )

    train = mixtures(0, steps_per_epoch=recipe.epoch_steps, seed=recipe.seed, share=share)
    if not recipe.hold_out:
        return train, None
    return train, mixtures(1, steps_per_epoch=HELD_OUT_BATCHES, seed=recipe.seed + 1)


def _rooms(recipe: Recipe, held_out: bool = False) -> list[Room]:
    """The measured rooms to train with, or those that are held out of every training, by name."""
    if not recipe.rooms:
        return []
    rooms = measured_rooms(recipe.rooms, recipe.model.sample_rate)
    if held_out:
        return [room for room in rooms if room.name in HELD_OUT_ROOMS]
    return [room for room in rooms if room.name not in HELD_OUT_ROOMS and room.t60 <= LONGEST_T60]


def _held_out(utterances: UtteranceSet, recipe: Recipe) -> tuple[UtteranceSet, UtteranceSet]:
    """Utterances to train with and those of the held-out speakers (with one speaker: held-out utterances)."""
    if not recipe.hold_out:
        return utterances, utterances
    who = np.array(utterances.speakers)
    if len(set(who)) == 1:
        who = np.arange(len(who)).astype(str)
    names = np.unique(who)
    count = max(recipe.model.C, round(recipe.hold_out * len(names)))
    if count >= len(names):
        raise RecipeError(f"{utterances.name} has too few speakers to hold {count} of them out.")
    out = np.isin(who, np.random.default_rng(recipe.seed).choice(names, count, replace=False))
    return utterances.where(~out), utterances.where(out)
