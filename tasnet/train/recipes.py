"""Ready recipes by their names, and recipes in files."""

import dataclasses
import json
import tomllib
from pathlib import Path

from tasnet.config import CHIMERA, ConvTasNetConfig, DPRNNTasNetConfig, LSTMTasNetConfig
from tasnet.errors import PathError, opening

from .recipe import CHIMERA_LOSS, Recipe, RecipeError

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
    # What the bundled weights are trained with (assets/recipes): legs, whose data and lengths are to be specified.
    bundled = short.changed(
        {
            "name": "bundled",
            "batch": 2,
            "optimiser": "muon",
            "coder_decay": 0.1,
            "schedule": "linear",
            "warmup": 200,
            "epoch_hours": 3.0,
            "mixing": {"loudness": (-27.0, -7.0), "same": 0.8, "temper": 0.5},
        }
    )
    found = {recipe.name: recipe for recipe in (paper, short, small, bundled)}
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
    found["dprnn"] = dataclasses.replace(paper, name="dprnn", model=DPRNNTasNetConfig(), compile=False)
    # Chimera++ at its published size (Wang, Le Roux and Hershey 2018), and one of 4.9M for a processor; both trained on
    # longer segments than theirs of 400 frames.
    spectral = {"loss": CHIMERA_LOSS, "compile": False, "engine": "autograd"}
    for base, name, sizes in ((paper, "chimera", {}), (short, "chimera-small", {"layers": 2, "H": 300})):
        model = {"network": CHIMERA, **sizes}
        found[name] = base.changed({"name": name, "model": model, "batch": 8, **spectral})
    found["upit-blstm"] = found["chimera"].changed({"name": "upit-blstm", "model": {"D": 0}})
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
    """The command that trains `model` as the recipe `based_on` says; the paths of the data are to be filled in.

    Where a ready recipe matches it but for the name, that one is used. Raises RecipeError.
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
        with opening(path):
            text = path.read_text()
        settings = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except PathError:
        raise
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{path} is not a TOML or JSON file of settings: {error!s:.200}.") from None
    if not isinstance(settings, dict):
        raise RecipeError(f"{path} is not a TOML or JSON file of settings: it holds a {type(settings).__name__}.")
    base = settings.pop("based_on", "paper")
    if not isinstance(base, str) or base not in ready:
        raise RecipeError(f"{path} is based on {base!r}, which is not one of {', '.join(ready)}.")
    return ready[base].changed({"name": path.stem, **settings})
