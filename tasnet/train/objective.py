"""Which loss a recipe asks for."""

from functools import partial

from tasnet.config import ChimeraConfig
from tasnet.spectral.stft import STFT

from .engines import Loss
from .losses import separation_loss
from .recipe import Recipe
from .spectral_loss import chimera_loss


def objective(recipe: Recipe) -> Loss:
    """What a training minimises: of the sources, or of the heads of a network on spectrograms."""
    if isinstance(recipe.model, ChimeraConfig):
        model, transform = recipe.model, STFT.of(recipe.model)
        share = (recipe.embedding if model.has_masks else 1.0) if model.D else 0.0
        return partial(chimera_loss, transform=transform, embedding=share, permute=not recipe.fixed_order)
    return partial(separation_loss, permute=not recipe.fixed_order, kind=recipe.loss)
