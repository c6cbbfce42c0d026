"""A network by its name, and the folder in which it can be shared.

    python -m tasnet.pretrained MODEL FOLDER

writes a model that is here, its card with it, as huggingface_hub's PyTorchModelHubMixin lays files out, so that FOLDER
can be uploaded as a repository (`hf upload OWNER/NAME FOLDER`): config.json holds the fields of the configuration,
model.safetensors the weights, with the header that every file of this project has, README.md the card. What such a
mixin around these networks has written is read as well. Only a repository needs the package huggingface_hub.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from . import checkpoint, published
from .atomic import make_folder, replacing
from .cards import make_card
from .checkpoint import STORED, CheckpointError
from .command_line import command_line, command_parser
from .config import Config, config_from_dict
from .errors import opening
from .inference import find_checkpoint
from .model import MaskingNetwork
from .training_facts import TrainingFacts

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")  # OWNER/NAME


def read_pretrained(name: str | Path, revision: str | None = None) -> tuple[MaskingNetwork, TrainingFacts]:
    """The network called `name`, in float32, for evaluation, on the CPU; and the facts of its training.

    name: that of a model here or of a published one, as for `Separator`; a file of weights; a folder; or the repository
    OWNER/NAME, of which `revision` names a version, fetched once into huggingface_hub's cache. Raises CheckpointError.
    """
    path, text = Path(name), str(name)
    if path.is_dir():
        return _read_folder(path)
    if path.exists() or text in published.CATALOGUE or not REPOSITORY.fullmatch(text) or path.suffix == ".safetensors":
        return checkpoint.load(find_checkpoint(name))
    return _read_folder(_fetched(text, revision))


def write_pretrained(
    folder: str | Path,
    model: MaskingNetwork,
    facts: TrainingFacts | None = None,
    card: str | None = None,
    dtype: str = STORED,
) -> None:
    """Writes `model` to `folder`, which is made where it is missing.

    card: the text of README.md; without it, a card that is there stays, else one is made of the facts. dtype: as in
    `checkpoint.save`. Raises PathError.
    """
    folder, facts = Path(folder), facts or TrainingFacts()
    make_folder(folder)
    if card is None and not (folder / CARD).exists():
        card = make_card(model.config, facts)
    texts = {CONFIG: json.dumps(model.config.to_dict(), indent=2, sort_keys=True), CARD: card}
    checkpoint.save(folder / WEIGHTS, model, facts, dtype=dtype)
    for name, text in texts.items():
        if text is not None:
            with replacing(folder / name) as unfinished:
                unfinished.write_text(text, encoding="utf-8")


def _read_folder(folder: Path) -> tuple[MaskingNetwork, TrainingFacts]:
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(
            f"The folder {folder} holds no {WEIGHTS}; weights of other programs are read by `python -m tasnet.convert`."
        )
    return checkpoint.load(folder / WEIGHTS, _read_config(folder / CONFIG))


def _read_config(path: Path) -> Config | None:
    """The configuration in a file; None where there is none. Raises CheckpointError."""
    try:
        if path.stat().st_size > checkpoint.LONGEST_HEADER:
            raise ValueError("it is too long")
        return config_from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} does not describe a network of this project ({error!s:.200}).") from None


def _fetched(repository: str, revision: str | None) -> Path:
    """The folder in huggingface_hub's cache with what is needed of a repository. Raises CheckpointError."""
    try:
        import huggingface_hub  # needed only here
    except ImportError:
        raise CheckpointError(
            f"There is no model and no folder {repository} here, and fetching the repository of that name needs the "
            "package huggingface_hub: pip install huggingface_hub."
        ) from None
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=[CONFIG, WEIGHTS]))
    except (OSError, ValueError) as error:  # what huggingface_hub raises are both or either
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise CheckpointError(f"The repository {repository} cannot be fetched: {reason:.300}.") from error


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = command_parser("tasnet.pretrained", __doc__)
    parser.add_argument("model", help="a name, a file, a folder or a repository")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    model, facts = read_pretrained(options.model)
    own = checkpoint.bundled().get(options.model, Path(options.model)).with_suffix(".md")
    with opening(own):
        card = own.read_text(encoding="utf-8") if own.is_file() else None
    write_pretrained(options.folder, model, facts, card)
    print(f"{options.folder}: {', '.join((CONFIG, WEIGHTS, CARD))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
