"""What a training run is: the network, the data, the schedule. Ready recipes and files of them."""

import dataclasses
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from tasnet.config import Config, ConvTasNetConfig, LSTMTasNetConfig, config_from_dict

from .mixing import Mixing

SCHEDULES = ("plateau", "cosine")
LARGEST = 1e12  # of any number
AUTO = "auto"
ENGINES = (AUTO, "autograd", "cpu", "gpu")
PRECISIONS = (AUTO, "float32", "bfloat16")


class RecipeError(ValueError):
    """A recipe that cannot be followed, said in one sentence."""


@dataclass(frozen=True)
class Recipe:
    """One training run. The defaults are the paper's (section III) where the paper says them.

    `train` are either mixtures made beforehand (static) or speakers' utterances, which are mixed
    anew for every step (dynamic); which of the two is seen from the data. With `noise` the task is
    to separate speech from noise, whose order is fixed; otherwise speakers are separated by uPIT.
    """

    name: str = "paper"
    model: Config = field(default_factory=ConvTasNetConfig)
    # Data
    train: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    valid: str = ""  # a set of mixtures; or
    hold_out: float = 0.0  # the share of the speakers kept out of training, to validate with
    mixture: str = ""  # the folder of the mixtures where there are several: "mix_both", "mix_single"
    weights: dict[str, float] = field(default_factory=dict)  # how often to draw from a corpus
    mixing: Mixing = field(default_factory=Mixing)
    epoch_hours: float = 30.0  # of dynamic mixtures in an epoch, as many as the paper's training set
    segment: float = 4.0  # seconds
    batch: int = 8  # segments in a step, over all processes (the paper does not say its own)
    seed: int = 0
    # Optimisation
    epochs: int = 100
    learning_rate: float = 1e-3  # of Adam
    betas: tuple[float, float] = (0.9, 0.999)  # of Adam
    schedule: str = "plateau"  # halved without improvement, or "cosine" to zero
    patience: int = 3  # epochs without improvement before the learning rate is halved
    warmup: int = 0  # steps until the learning rate is reached
    clip: float = 5.0  # largest L2 norm of the gradient
    total_seconds: float = 0.0  # the run's length by the clock instead of by epochs; 0: by epochs
    ema: float = 0.0  # decay of the average of the weights that is validated and kept; 0: none
    # Computing
    precision: str = "auto"  # bfloat16 where the device has it; norms and loss: float32
    compile: bool = True  # the network's blocks, where a compiler works

    def __post_init__(self) -> None:
        for name, choices in (("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise RecipeError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}.")
        for name in ("epoch_hours", "segment", "batch", "epochs", "learning_rate", "patience", "clip"):
            if not getattr(self, name) > 0:
                raise RecipeError(f"{name} must be greater than 0, not {getattr(self, name)!r}.")
        for name in ("hold_out", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise RecipeError(f"{name} must be at least 0 and below 1.")
        if self.fixed_order and self.model.C != 2:
            raise RecipeError("Speech from noise needs a network of two outputs (model.C = 2).")

    @property
    def fixed_order(self) -> bool:
        """Whether the outputs have an order of their own: speech first, noise second."""
        return bool(self.noise) or self.mixture == "mix_single"

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
        """This recipe with other values; `model` and `mixing` take dicts. Raises RecipeError."""
        known = {f.name: f for f in dataclasses.fields(self)}
        values = {}
        for name, value in changes.items():
            if name not in known:
                raise RecipeError(f"A recipe has no setting {name!r}.")
            old = getattr(self, name)
            if name == "model" and isinstance(value, dict):
                old = _same_network(old, value)
            if dataclasses.is_dataclass(old) and isinstance(value, dict):
                unknown = set(value) - {f.name for f in dataclasses.fields(old)}
                if unknown:
                    raise RecipeError(f"A recipe has no setting {name}.{min(unknown)}.")
                value = {k: _fitting(f"{name}.{k}", v, getattr(old, k)) for k, v in value.items()}
                value = dataclasses.replace(old, **value)
            values[name] = _fitting(name, value, old)
        return dataclasses.replace(self, **values)


def _same_network(model: Config, changes: dict) -> Config:
    """`model`, or the default of the other network where `changes` names one. Raises RecipeError."""
    if "network" not in changes or changes["network"] == getattr(model, "network", None):
        return model
    try:
        return config_from_dict({"network": changes["network"]})
    except ValueError as error:
        raise RecipeError(str(error)) from None


def _fitting(name: str, value: object, old: object) -> object:
    """`value` as what `old`, the present value of a setting, is. Raises RecipeError where it is no such thing."""
    wanted = type(old)
    if wanted is tuple:
        given = (value,) if isinstance(value, str) else value
        if isinstance(given, list | tuple):
            kind = "" if not old or isinstance(old[0], str) else 0.0
            if kind == "" or len(given) == len(old):
                return tuple(_fitting(name, part, kind) for part in given)
    elif wanted is dict:
        if isinstance(value, dict):
            return {str(part): _fitting(f"{name}.{part}", share, 0.0) for part, share in value.items()}
    elif wanted is float:
        if type(value) in (int, float) and abs(value) <= LARGEST:
            return float(value)
    elif type(value) is wanted and not (wanted is int and abs(value) > LARGEST):
        return value
    raise RecipeError(f"The setting {name} cannot be {value!r:.80}.")


# N, L, B, H, Sc, P, X, R, norm, causal of Table II, row by row.
TABLE_II = (
    (128, 40, 128, 256, 128, 3, 7, 2, "gLN", False),
    (256, 40, 128, 256, 128, 3, 7, 2, "gLN", False),
    (512, 40, 128, 256, 128, 3, 7, 2, "gLN", False),
    (512, 40, 128, 256, 256, 3, 7, 2, "gLN", False),
    (512, 40, 128, 512, 128, 3, 7, 2, "gLN", False),
    (512, 40, 128, 512, 512, 3, 7, 2, "gLN", False),
    (512, 40, 256, 256, 256, 3, 7, 2, "gLN", False),
    (512, 40, 256, 512, 256, 3, 7, 2, "gLN", False),
    (512, 40, 256, 512, 512, 3, 7, 2, "gLN", False),
    (512, 40, 128, 512, 128, 3, 6, 4, "gLN", False),
    (512, 40, 128, 512, 128, 3, 4, 6, "gLN", False),
    (512, 40, 128, 512, 128, 3, 8, 3, "gLN", False),
    (512, 32, 128, 512, 128, 3, 8, 3, "gLN", False),
    (512, 16, 128, 512, 128, 3, 8, 3, "gLN", False),
    (512, 16, 128, 512, 128, 3, 8, 3, "cLN", True),
)
# Encoder and mask of Table III, row by row; the size is that of Table II's second row (1.5M).
TABLE_III = (
    ("pinv", "softmax"),
    ("linear", "softmax"),
    ("linear", "sigmoid"),
    ("relu", "softmax"),
    ("relu", "sigmoid"),
)
CAUSAL = {"norm": "cLN", "causal": True}


def recipes() -> dict[str, Recipe]:
    """The ready recipes by name; they lack only the data."""
    paper = Recipe()
    # For budgets of minutes to hours: every batch is new, the learning rate goes down to zero, and
    # the average of the last weights is kept.
    short = paper.changed(
        {
            "name": "short",
            "batch": 32,
            "epochs": 40,
            "schedule": "cosine",
            "warmup": 500,
            "betas": (0.9, 0.99),
            "ema": 0.999,
            "mixing": {"loudness": (-35.0, -20.0), "speed": 0.07},
        }
    )
    small = short.changed(
        {
            "name": "small",
            "model": {"N": 128, "L": 40, "B": 64, "H": 128, "Sc": 64, "X": 7, "R": 2},
            "batch": 8,
            "epoch_hours": 3.0,
        }
    )
    found = {recipe.name: recipe for recipe in (paper, short, small)}
    for recipe in (paper, short, small):
        for suffix, model in (
            ("causal", CAUSAL),
            ("3speakers", {"C": 3}),
            ("3speakers-causal", {"C": 3, **CAUSAL}),
        ):
            name = f"{recipe.name}-{suffix}"
            found[name] = recipe.changed({"name": name, "model": model})
    found["denoise"] = short.changed({"name": "denoise", "mixture": "mix_single", "mixing": {"level": (-5.0, 15.0)}})
    # LSTM-TasNet: [21] trains its LSTM with the lower learning rate, and both on shorter segments than here.
    found["lstm"] = dataclasses.replace(paper, name="lstm", model=LSTMTasNetConfig(), learning_rate=3e-4, compile=False)
    found["blstm"] = dataclasses.replace(paper, name="blstm", model=LSTMTasNetConfig(causal=False), compile=False)
    symbols = ("N", "L", "B", "H", "Sc", "P", "X", "R", "norm", "causal")
    for table, models in (
        ("table2", [dict(zip(symbols, row, strict=True)) for row in TABLE_II]),
        (
            "table3",
            [
                {"N": 256, "L": 40, "H": 256, "X": 7, "R": 2, "encoder": encoder, "mask": mask}
                for encoder, mask in TABLE_III
            ],
        ),
    ):
        for row, model in enumerate(models, 1):
            name = f"{table}-{row}"
            found[name] = paper.changed({"name": name, "model": model})
    return found


def training_command(model: ConvTasNetConfig, based_on: str = "paper") -> str:
    """The command that trains `model` as the recipe `based_on` says; the data's places are to be filled in.

    Where a ready recipe differs from it in the network alone, that one is named. Raises RecipeError.
    """
    ready = recipes()
    if based_on not in ready:
        raise RecipeError(f"{based_on!r} is not one of {', '.join(ready)}.")
    wanted = dataclasses.replace(ready[based_on], name="", model=model)
    for name, recipe in ready.items():
        if dataclasses.replace(recipe, name="") == wanted:
            return f"python -m tasnet.train {name} --train TRAIN --valid VALID --out runs/{name}"
    base, new = dataclasses.asdict(ready[based_on].model), dataclasses.asdict(model)
    changes = " ".join(
        f"--set model.{name}={json.dumps(value) if isinstance(value, bool) else value}"
        for name, value in new.items()
        if value != base[name]
    )
    return f"python -m tasnet.train {based_on} {changes} --train TRAIN --valid VALID --out runs/mine"


def load_recipe(config: str | Path) -> Recipe:
    """A ready recipe by its name, or a TOML or JSON file of settings, which may name the recipe it
    is `based_on` ("paper" by default). Raises RecipeError."""
    ready = recipes()
    if str(config) in ready:
        return ready[str(config)]
    path = Path(config)
    if not path.is_file():
        raise RecipeError(f"{config} is neither a file nor one of the recipes {', '.join(ready)}.")
    try:
        text = path.read_text()
        settings = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, OSError, RecursionError) as error:
        raise RecipeError(f"{path} is not a TOML or JSON file of settings: {error!s:.200}.") from None
    if not isinstance(settings, dict):
        raise RecipeError(f"{path} is not a TOML or JSON file of settings: it holds a {type(settings).__name__}.")
    base = settings.pop("based_on", "paper")
    if not isinstance(base, str) or base not in ready:
        raise RecipeError(f"{path} is based on {base!r}, which is not one of {', '.join(ready)}.")
    return ready[base].changed({"name": path.stem, **settings})
