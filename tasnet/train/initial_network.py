"""The network that training begins with: random weights, or trained ones, grown if the network is to be larger."""

from collections.abc import Iterator

import torch
from torch import Tensor

from tasnet import checkpoint
from tasnet.model import MaskingNetwork, TasNet
from tasnet.networks import make_network
from tasnet.training_facts import TrainingFacts

from .growing import GrowingError, grow
from .mixing import Batches
from .recipe import Recipe, RecipeError, weights_file

SPEECH = 300.0  # seconds of the training speech, from which a shorter frame is guessed


def initial_network(recipe: Recipe, train: Batches) -> tuple[MaskingNetwork, TrainingFacts]:
    """The network of `recipe.model` with its initial weights, and what is known about their training.

    Raises RecipeError where the weights that the recipe begins from cannot become that network, and CheckpointError.
    """
    if not recipe.begin_from:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            return make_network(recipe.model), TrainingFacts()
    model, facts = checkpoint.load(weights_file(recipe.begin_from))
    if model.config != recipe.model:
        model = _grown(model, recipe, train)
    if isinstance(model, TasNet) and recipe.loss == "snr" and not facts.keeps_level:
        _at_level(model, train.batch(0)[0].cpu())
    return model, facts


def _grown(model: MaskingNetwork, recipe: Recipe, train: Batches) -> MaskingNetwork:
    speech = None
    if recipe.model.L < model.config.L:
        speech = torch.cat(list(_voices(train, SPEECH * recipe.model.sample_rate)))
    try:
        state, config = grow(model.state_dict(), model.config, recipe.model, speech=speech, seed=recipe.seed)
    except GrowingError as error:
        raise RecipeError(f"The training cannot begin from {recipe.begin_from}: {error}") from None
    grown = make_network(config)
    grown.load_state_dict(state)
    return grown


@torch.no_grad()
def _at_level(model: TasNet, mixture: Tensor) -> None:
    """Gives the decoder the gain, and sign, at which the sum of the outputs fits the mixture (b, T) best."""
    sums = model.eval()(mixture).sum(1)
    model.decoder.V.mul_((sums * mixture).sum() / sums.square().sum().clamp(min=1e-12))


def _voices(train: Batches, samples: float) -> Iterator[Tensor]:
    """(T,) on the CPU: first voices of the first batches, as many samples as asked for."""
    step = 0
    while samples > 0:
        voices = train.batch(step)[1][:, 0].flatten().cpu()
        samples, step = samples - len(voices), step + 1
        yield voices
