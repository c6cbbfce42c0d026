"""What a training run is: the network, the data, the schedule."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from tasnet import checkpoint
from tasnet.config import ChimeraConfig, Config, ConvTasNetConfig, config_from_dict
from tasnet.errors import UserError

from .mixing import Mixing
from .scenes import SHARES, Scenes

SCHEDULES = ("plateau", "cosine", "linear")
OPTIMISERS = ("adam", "muon")
LARGEST = 1e12  # of any number
AUTO = "auto"
ENGINES = (AUTO, "autograd", "cpu", "gpu")
CHIMERA_LOSS = "chimera"
LOSSES = ("si-snr", "snr", CHIMERA_LOSS)
ANY_SOUND = ("one", "silent", "noise", "room")  # scenes, all of which are in a training for any sound
PRECISIONS = (AUTO, "float32", "bfloat16")


class RecipeError(UserError):
    """A recipe that cannot be followed, said in one sentence."""


@dataclass(frozen=True)
class Recipe:
    """One training run. The defaults are the paper's (section III) where the paper says them.

    `train` are either mixtures made beforehand (static) or speakers' utterances, which are mixed
    anew for every step (dynamic); the data show which. With `noise` the task is to separate speech from noise, in that
    fixed order; otherwise speakers are separated with uPIT, and `background` is noise heard beside them.

    A run can have `legs`: each is this recipe with the changes it names, begins from the best weights of the previous
    one, warms up, and takes its rates to zero, so that it ends in usable weights, and only weights have to be kept.
    """

    name: str = "paper"
    model: Config = field(default_factory=ConvTasNetConfig)
    begin_from: str = ""  # weights, a bundled name or a file, grown where `model` is another network; "": at random
    legs: tuple[dict, ...] = ()
    # Data
    train: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    background: tuple[str, ...] = ()
    rooms: str = ""  # a pack of measured ones
    valid: str = ""  # a set of mixtures; or
    hold_out: float = 0.0  # the share of the speakers kept out of training, to validate with
    mixture: str = ""  # the folder of the mixtures where there are several: "mix_both", "mix_single"
    weights: dict[str, float] = field(default_factory=dict)  # how often to draw from a corpus
    mixing: Mixing = field(default_factory=Mixing)
    scenes: Scenes = field(default_factory=Scenes)
    epoch_hours: float = 30.0  # of dynamic mixtures in an epoch, as many as the paper's training set
    segment: float = 4.0  # seconds
    batch: int = 8  # segments in a step, over all processes (the paper does not say its own)
    seed: int = 0
    # Optimisation
    loss: str = "si-snr"  # eq. 15; "snr", which teaches the level too, and silence; "chimera" for Chimera++
    embedding: float = 0.5  # the share of the embeddings in the loss "chimera": 0 to 1
    epochs: int = 100
    hours: float = 0.0  # of mixtures: the run's length instead of epochs; 0: by epochs
    optimiser: str = "adam"  # or "muon": for the 1x1 convolutions, Adam for the rest
    learning_rate: float = 1e-3  # of Adam
    betas: tuple[float, float] = (0.9, 0.999)  # of Adam
    matrix_rate: float = 1e-3  # the learning rate of Muon
    momentum: float = 0.95  # of Muon
    matrix_decay: float = 0.0  # weight decay of the matrices that Muon moves
    coder_decay: float = 0.0  # weight decay of encoder and decoder
    schedule: str = "plateau"  # halved without improvement; "cosine" or "linear" to zero
    patience: int = 3  # epochs without improvement before the learning rate is halved
    warmup: int = 0  # steps until the learning rate is reached
    clip: float = 5.0  # largest L2 norm of the gradient
    total_seconds: float = 0.0  # the run's length by the clock instead of by epochs; 0: by epochs
    ema: float = 0.0  # decay of the average of the weights that is validated and kept; 0: none
    # Computing
    engine: str = AUTO  # what computes the gradient: the fastest engine that works here, or a named one
    precision: str = AUTO  # bfloat16 where the device is faster with it; norms and loss: float32
    compile: bool = True  # the network's blocks, by the engine autograd, where a compiler works

    def __post_init__(self) -> None:
        for name, choices in (
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
            ("optimiser", OPTIMISERS),
            ("engine", ENGINES),
            ("loss", LOSSES),
        ):
            if getattr(self, name) not in choices:
                raise RecipeError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}.")
        for name in ("epoch_hours", "segment", "batch", "epochs", "learning_rate", "matrix_rate", "patience", "clip"):
            if not getattr(self, name) > 0:
                raise RecipeError(f"{name} must be greater than 0, not {getattr(self, name)!r}.")
        if (self.loss == CHIMERA_LOSS) != isinstance(self.model, ChimeraConfig):
            raise RecipeError('The network Chimera++ is trained with loss = "chimera", and no other network is.')
        if not 0 <= self.embedding <= 1:
            raise RecipeError(f"embedding is a share, from 0 to 1, not {self.embedding!r}.")
        for name in ("hold_out", "ema", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise RecipeError(f"{name} must be at least 0 and below 1.")
        if self.fixed_order and self.model.C != 2:
            raise RecipeError("Speech from noise needs a network of two outputs (model.C = 2).")
        shares = {name: getattr(self.scenes, name) for name in SHARES}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise RecipeError(f"scenes.{name} is a share, from 0 to 1, not {share!r}.")
        for one, other in (("silent", "one"), ("coloured", "babble")):
            if shares[one] + shares[other] > 1:
                raise RecipeError(f"scenes.{one} and scenes.{other} are together more than 1.")
        if self.scenes.silent + self.scenes.one > 0 and self.loss == "si-snr":
            raise RecipeError('Silent sources have no SI-SNR: take loss = "snr" with scenes.silent and scenes.one.')
        for number in range(len(self.legs)):
            self.leg(number)

    @property
    def loss_unit(self) -> str:
        """As it follows a figure: " dB", or nothing."""
        return "" if self.loss == CHIMERA_LOSS else " dB"

    @property
    def any_sound(self) -> bool:
        """Whether voices are to be separated whatever is heard besides: noise, rooms, one of them alone, none."""
        return not self.fixed_order and min(getattr(self.scenes, kind) for kind in ANY_SOUND) > 0

    @property
    def fixed_order(self) -> bool:
        """Whether the outputs have an order of their own: speech first, noise second."""
        return bool(self.noise) or self.mixture == "mix_single"

    def leg(self, number: int) -> "Recipe":
        """The recipe of one of the `legs`, from 0 on. Raises RecipeError where its changes are not settings."""
        changes = self.legs[number]
        for name in ("legs", "model", "begin_from"):
            if name in changes:
                raise RecipeError(f"A leg cannot change the setting {name}.")
        return dataclasses.replace(self, legs=()).changed(changes)

    def at(self, data: Path) -> "Recipe":
        """This recipe with its data below the folder `data`; where it names none, its folders train and valid.

        Raises RecipeError where they are not there.
        """
        named = [*self.train, *self.noise, *self.background, *filter(None, (self.rooms, self.valid))]
        for path in named or ("train",):
            if not (data / path).exists():
                raise RecipeError(f"There is nothing at {data / path}.")
        valid = data / (self.valid or "valid")
        return dataclasses.replace(
            self,
            train=tuple(str(data / path) for path in self.train or ("train",)),
            noise=tuple(str(data / path) for path in self.noise),
            background=tuple(str(data / path) for path in self.background),
            rooms=str(data / self.rooms) if self.rooms else "",
            valid=str(valid) if valid.exists() else "",
        )

    @property
    def segment_samples(self) -> int:
        return round(self.segment * self.model.sample_rate)

    @property
    def epoch_steps(self) -> int:
        """Steps in an epoch of dynamic mixing."""
        return max(1, round(self.epoch_hours * 3600 / (self.segment * self.batch)))

    def to_dict(self) -> dict:
        """Plain values, ready for JSON and understood by `changed`."""
        return dataclasses.asdict(self)

    def changed(self, changes: dict) -> "Recipe":
        """This recipe with other values; `model` and `mixing` take dicts. Raises RecipeError.

        With `begin_from` the network is that of these weights, but for what `model` changes in it.
        """
        known = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values: dict = {}
        if changes.get("begin_from"):
            known["model"] = values["model"] = _config_of(changes["begin_from"])
        for name, value in changes.items():
            if name not in known:
                raise RecipeError(f"A recipe has no setting {name!r}.")
            old = known[name]
            if name == "model" and isinstance(value, dict):
                old = _same_network(old, value)
            if dataclasses.is_dataclass(old) and not isinstance(old, type) and isinstance(value, dict):
                unknown = set(value) - {f.name for f in dataclasses.fields(old)}
                if unknown:
                    raise RecipeError(f"A recipe has no setting {name}.{min(unknown)}.")
                value = {k: _fitting(f"{name}.{k}", v, getattr(old, k)) for k, v in value.items()}
                value = dataclasses.replace(old, **value)
            values[name] = _fitting(name, value, old)
        return dataclasses.replace(self, **values)


def weights_file(name: str) -> Path:
    """The file of bundled weights, or the file that `name` is itself."""
    return checkpoint.bundled().get(name, Path(name))


def _config_of(weights: object) -> Config:
    """The network of weights to begin from. Raises RecipeError."""
    path = weights_file(str(_fitting("begin_from", weights, "")))
    try:
        found = path.is_file()
    except (OSError, ValueError):  # not a possible file name
        found = False
    if not found:
        raise RecipeError(
            f"The training cannot begin from {weights!s:.80}: it is neither a file nor one of the bundled weights "
            f"{', '.join(checkpoint.bundled())}."
        )
    return checkpoint.describe(path)[0]


def _same_network(model: Config, changes: dict) -> Config:
    """`model`, or the default of the other network where `changes` names one. Raises RecipeError."""
    if "network" not in changes or changes["network"] == getattr(model, "network", None):
        return model
    try:
        return config_from_dict({"network": changes["network"]})
    except ValueError as error:
        raise RecipeError(str(error)) from None


def _fitting(name: str, value: object, old: object) -> object:
    """`value` converted to the type of `old`, a setting's present value. Raises RecipeError where it cannot be.

    By hand, where other data are checked by `typed`: a recipe may say less than its types (one folder for a list of
    them), and the name in the sentence is that of the part that does not fit, such as weights.vctk.
    """
    if name == "legs":
        if isinstance(value, list | tuple) and all(isinstance(leg, dict) for leg in value):
            return tuple(value)
    elif isinstance(old, tuple):
        given = (value,) if isinstance(value, str) else value
        if isinstance(given, list | tuple):
            kind = "" if not old or isinstance(old[0], str) else 0.0
            if kind == "" or len(given) == len(old):
                return tuple(_fitting(name, part, kind) for part in given)
    elif isinstance(old, dict):
        if isinstance(value, dict):
            return {str(part): _fitting(f"{name}.{part}", share, 0.0) for part, share in value.items()}
    elif isinstance(old, float):
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST:
            return float(value)
    elif type(value) is type(old) and not (isinstance(value, int) and abs(value) > LARGEST):
        return value
    raise RecipeError(f"The setting {name} cannot be {value!r:.80}.")
