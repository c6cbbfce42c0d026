"""Trained Conv-TasNets that others have published: the list of them, and fetching one to this machine.

    python -m tasnet.published --list
    python -m tasnet.published asteroid/Libri2Mix-clean-8k

A model is downloaded once into the user's cache, read as plain tensors, and kept there as a file of this project. The
SHA-256 of what was downloaded is kept at the first download and must be the same at every later one; that of the
converted file is checked each time it is used. TASNET_MIRROR, an address, replaces the publishers' servers: the
files are there under the models' names.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tasnet.atomic import make_folder, replacing
from tasnet.checkpoint import CheckpointError, save
from tasnet.convert.files import decode, imported
from tasnet.places import cache_folder
from tasnet.training_facts import TrainingFacts

from .catalogue import CATALOGUE, PublishedModel

if TYPE_CHECKING:
    from typing_extensions import Buffer  # of `collections.abc` from Python 3.12 on

SECONDS = 20  # without a byte, after which a server counts as gone
ROUNDED = 0.02  # by how much a file may differ from a size that is only known rounded


class PublishedError(CheckpointError):
    """A published model that is not available now; the message is one sentence for the user."""


def folder() -> Path:
    """Where the models are kept on this machine; TASNET_MODELS names another place than the user's cache."""
    if chosen := os.environ.get("TASNET_MODELS"):
        return Path(chosen)
    return cache_folder("published")


def installed() -> dict[str, Path]:
    """The published models that are on this machine: name -> file. Downloads nothing."""
    place = folder()
    if not place.is_dir():  # as on most machines, and this is asked often
        return {}
    files = {name: place / f"{name}.safetensors" for name in CATALOGUE}
    return {name: file for name, file in files.items() if file.is_file()}


def get(name: str, progress: Callable[[float], None] | None = None) -> Path:
    """The file of a published model, downloaded and converted where it is not here yet.

    `progress` is called with the part of the download that is done, from 0 to 1; an exception that it raises ends the
    download and is passed on, and nothing is left behind. Raises PublishedError, PathError.
    """
    model = CATALOGUE.get(name)
    if model is None:
        raise PublishedError(f"There is no published model named {name}; there are: {', '.join(CATALOGUE)}.")
    file = _file(name)
    known = _hashes()
    if file.is_file():
        if known.get(f"{name} converted") in (None, _sha256(file)):
            return file
        raise PublishedError(f"The file of {name} on this machine has changed: delete {file} to download it anew.")
    content = _download(model, progress or (lambda done: None))
    digest = hashlib.sha256(content).hexdigest()
    if digest != (model.sha256 or known.get(name, digest)):
        raise PublishedError(f"What {_host(model)} sent for {name} is not the file it was before: it is not used.")
    found = imported(decode(content, f"What {_host(model)} sent for {name}"), model.config)
    if (found.model.config.C, found.model.config.sample_rate) != (model.speakers, model.rate):
        raise PublishedError(f"What {_host(model)} sent for {name} is another network than the catalogue says.")
    make_folder(file.parent)
    save(file, found.model, _facts(model, digest), dtype="float32")
    _hashes({name: digest, f"{name} converted": _sha256(file)})
    return file


def _file(name: str) -> Path:
    return folder() / f"{name}.safetensors"


def _facts(model: PublishedModel, digest: str) -> TrainingFacts:
    scores = {f"{model.test_set}_si_snri_db": model.si_snri, f"{model.test_set}_sdri_db": model.sdri}
    return TrainingFacts(
        name=model.name,
        description=f"Published by others: {model.page}",
        task=model.task,
        training_data=model.training_data,
        scores=scores,
        licence=model.licence,
        credits=model.credits,
        source_sha256=(digest,),
    )


def _download(model: PublishedModel, progress: Callable[[float], None]) -> bytes:
    """The bytes of the model's file. Raises PublishedError where there are none, too few or too many."""
    mirror = os.environ.get("TASNET_MIRROR")
    address = f"{mirror.rstrip('/')}/{model.name}" if mirror else model.address
    received = _Received(model, progress)
    try:
        import pooch  # with requests, which only a download needs

        pooch.HTTPDownloader(timeout=SECONDS, chunk_size=1 << 16)(address, received, None)
    except PublishedError:
        raise
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        raise PublishedError(_why_not(model, error, received.tell())) from error
    content = received.getvalue()
    if not _fits(model, len(content)):
        raise PublishedError(
            f"{model.name} came with {len(content):,} bytes instead of {'' if model.exact else 'about '}"
            f"{model.size:,}: the download was cut off, or the file is another; please try again."
        )
    return content


def _why_not(model: PublishedModel, error: Exception, received: int) -> str:
    """A sentence on why a download failed after so many bytes."""
    from requests.exceptions import ChunkedEncodingError

    answer = getattr(error, "response", None)  # of requests' HTTPError
    if answer is not None:
        return f"{_host(model)} does not give {model.name} out now (answer {answer.status_code}): please try it later."
    if received or isinstance(error, ChunkedEncodingError):  # raised before its first piece
        done = f"{received / 1e6:.1f} of {model.size / 1e6:.1f} MB"
        return f"The download of {model.name} from {_host(model)} broke off after {done}: please try again."
    return f"{model.name} could not be downloaded from {_host(model)}: please check the internet connection."


class _Received(io.BytesIO):
    """What has arrived of a file; reports how much, and stops what grows too large."""

    def __init__(self, model: PublishedModel, progress: Callable[[float], None]) -> None:
        super().__init__()
        self.model, self.progress = model, progress

    def write(self, piece: Buffer, /) -> int:
        written = super().write(piece)
        if self.tell() > self.model.size * (1 + ROUNDED):
            most = f"the {self.model.size:,} bytes of {self.model.name}"
            raise PublishedError(f"{_host(self.model)} sends more than {most}: it is another file.")
        self.progress(min(self.tell() / self.model.size, 1.0))
        return written


def _fits(model: PublishedModel, size: int) -> bool:
    return abs(size - model.size) <= (0 if model.exact else ROUNDED * model.size)


def _host(model: PublishedModel) -> str:
    return (os.environ.get("TASNET_MIRROR") or model.address).split("/")[2]


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _hashes(more: dict[str, str] | None = None) -> dict[str, str]:
    """The stored SHA-256 hashes by name, after `more` have been added."""
    path = folder() / "sha256.json"
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        known = {}
    if more:
        known |= more
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps(known, indent=1, sort_keys=True))
    return known
