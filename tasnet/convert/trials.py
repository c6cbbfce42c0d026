"""Settings that a file does not state, found by trial: those with which its network separates example speech.

With a norm, activation, sample rate or number of blocks in a repeat that is not its own, a trained network loses 1 dB
or more, usually all that it gains. Untrained weights prove nothing: then the program's default is taken, and reported;
where it has none that fits, the file is refused. A file that states sizes holds the arguments that the program was
called with: then everything else but the sample rate must be the program's default, and is not tried.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import cast

from tasnet.checkpoint import CheckpointError
from tasnet.config import LARGEST, ConvTasNetConfig
from tasnet.errors import UserError

from .importers import SIZES, Imported, Setting
from .layouts import Layout
from .proof import speech_gain

SECONDS = 2  # of example speech for each trial
PROVEN = 3.0  # dB that the network must gain
CLEAR = 0.5  # dB by which another setting must be better than the program's own
PASSES = 2  # the first settings are chosen while others may be wrong

VALUES: dict[str, tuple[Setting, ...]] = {
    "mask": ("sigmoid", "relu", "softmax"),
    "sample_rate": (8000, 16000),
    "causal": (False, True),
    "encoder_activation": ("linear", "relu"),
}
SETTING = {"norm": "norm_type", "encoder": "encoder_activation"}  # where its name is not that of the field


def settled(layout: Layout, settings: dict, again: Callable[[dict[str, Setting]], Imported]) -> Imported:
    """What `again` imports when the settings that the file does not state are those with which it separates speech
    best.

    `settings` are the stated ones; `again` takes further ones, by their names in `settings.SETTINGS`. Raises
    CheckpointError where the file does not state X, the program's default does not fit, and no trial shows it.
    """
    found = again({})
    own = cast(ConvTasNetConfig, found.model.config)
    blocks = own.X * own.R
    options = _options(found, layout, blocks)
    own_X_fits = blocks % layout.assumed.get("X", 1) == 0
    if any(name in settings for name in SIZES):
        uncertain = ("sample_rate",) if own_X_fits else ("sample_rate", "X")
        options = {name: values for name, values in options.items() if name in uncertain}
    if not options:
        return found
    tried: dict[tuple[Setting, ...], float] = {}

    def gain(chosen: dict[str, Setting]) -> float:
        key = tuple(chosen.values())
        if key not in tried:
            tried[key] = _gain(again, chosen)
        return tried[key]

    chosen = {name: values[0] for name, values in options.items()}
    for _ in range(PASSES):
        for name, values in options.items():
            best = max(({**chosen, name: value} for value in values), key=gain)
            if gain(best) > gain(chosen) + CLEAR:
                chosen = best
    reached = gain(chosen)
    if reached >= PROVEN:
        others = [{**chosen, name: value} for name, values in options.items() for value in values]
        second = max((gain(other) for other in others if other != chosen), default=-inf)
        trial = f"so it gains {reached:.1f} dB SI-SNR on {SECONDS} s of example speech, otherwise {second:.1f} or less"
        proven = again(chosen)
        untold = {name: getattr(proven.model.config, name) for name in found.untold}
        return replace(proven, untold=untold, trial=trial)
    if "X" in options and not own_X_fits:
        raise CheckpointError(
            f"The file does not say how many of its {blocks} blocks make a repeat, and example speech does not show "
            f"it: give X ({', '.join(map(str, sorted(options['X'])))}) in a file of settings."
        )
    return found


def _options(found: Imported, layout: Layout, blocks: int) -> dict[str, list[Setting]]:
    """{setting: its values, the program's default first} of what the file does not state."""
    options: dict[str, list[Setting]] = {}
    for name, own in found.untold.items():
        if name == "X":
            values: tuple[Setting, ...] = tuple(n for n in range(1, LARGEST["X"] + 1) if blocks % n == 0)
        elif name == "norm":
            values = norms = _norms(layout)
            own = next(norm for norm in norms if layout.norms[norm] == layout.assumed["norm"])
        else:
            values = VALUES[SETTING.get(name, name)]
        options[SETTING.get(name, name)] = [own, *(value for value in values if value != own)]
    return options


def _norms(layout: Layout) -> tuple[str, ...]:
    """One of the program's names for each norm that has no statistics."""
    names = {norm: name for name, norm in reversed(layout.norms.items()) if norm != "BN"}
    return tuple(names.values())


def _gain(again: Callable[[dict[str, Setting]], Imported], chosen: dict[str, Setting]) -> float:
    """What the network gains with these settings; -inf where there is none with them, or nothing to try it on."""
    try:
        gain = speech_gain(again(chosen), SECONDS)
    except UserError:
        return -inf
    return -inf if gain is None or gain != gain else gain
