"""Trained Conv-TasNets that others have published: which there are, and one of them on this machine.

    python -m tasnet.published --list
    python -m tasnet.published asteroid/Libri2Mix-clean-8k

A model is downloaded once into the user's cache, read as plain tensors, and kept there as a file of this project. The
SHA-256 of what was downloaded is kept at the first download and must be the same at every later one; that of the
converted file is checked each time it is used. TASNET_MIRROR, an address, replaces the publishers' servers: there the
files lie under the models' names.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pooch
import requests  # which pooch downloads with
from tqdm import tqdm

from .atomic import replacing
from .checkpoint import CheckpointError, load, save
from .convert.files import decode, imported
from .facts import SPEAKERS, SPEECH_FROM_NOISE, TrainingFacts

CACHE = "tasnet-lens"
SECONDS = 20  # without a byte, after which a server counts as gone
ROUNDED = 0.02  # by how much a file may differ from a size that is known as a rounded number only


class PublishedError(CheckpointError):
    """A published model that cannot be had now; the message is one sentence for the user."""


@dataclass(frozen=True)
class PublishedModel:
    """One entry of the catalogue, checked against its model card.

    size: bytes; exact where `exact`, else what the card rounds it to. scores: dB on `test_set`. config: what the file
    itself does not tell. sha256: where the publisher states it.
    """

    name: str
    task: str
    speakers: int
    rate: int  # Hz
    size: int
    si_snri: float
    sdri: float
    test_set: str
    training_data: str
    licence: str
    credits: str
    page: str
    address: str
    exact: bool = False
    sha256: str = ""
    config: dict = field(default_factory=dict)

    @property
    def does(self) -> str:
        """What it takes apart."""
        return "speech from noise" if self.task == SPEECH_FROM_NOISE else f"{self.speakers} speakers"

    def describe(self) -> str:
        """One line: what it does, how well, how large and under which licence."""
        return (
            f"{self.does}, {self.rate // 1000} kHz, SI-SNRi {self.si_snri:.1f} dB on {self.test_set}, "
            f"{self.size / 1e6:.0f} MB, {self.licence}"
        )


_LIBRI = "LibriSpeech (CC BY 4.0)"
_WHAM = f"{_LIBRI} with WHAM! noise (CC BY-NC 4.0)"


def _joriscos(
    short: str, repository: str, revision: str, megabytes: float, si_snri: float, sdri: float
) -> PublishedModel:
    speakers = int(repository[len("ConvTasNet_Libri")])
    noisy, rate = "clean" not in repository, 1000 * int(repository.split("_")[-1][:-1])
    page = f"https://huggingface.co/JorisCos/{repository}"
    kind = {"sepclean": "clean", "sepnoisy": "noisy", "enhsingle": "noisy"}[repository.split("_")[2]]
    return PublishedModel(
        name=f"asteroid/{short}",
        task=SPEECH_FROM_NOISE if speakers == 1 else SPEAKERS,
        speakers=speakers,
        rate=rate,
        size=round(megabytes * 1e6),
        si_snri=si_snri,
        sdri=sdri,
        test_set=f"Libri{speakers}Mix min test, {kind}",
        training_data=f"Libri{speakers}Mix train-360, {kind}: {_WHAM if noisy else _LIBRI}",
        licence="CC BY-SA 4.0",
        credits=f"Joris Cosentino, trained with asteroid's LibriMix recipe ({page}).",
        page=page,
        address=f"{page}/resolve/{revision}/pytorch_model.bin",
        config={"sample_rate": rate},
    )


# Every revision is the one that brought the weights.
CATALOGUE = {
    model.name: model
    for model in (
        _joriscos(
            "Libri2Mix-clean-8k",
            "ConvTasNet_Libri2Mix_sepclean_8k",
            "38fc890e34da77409680aa430b6b42da395d94a0",
            20.4,
            14.764,
            15.114,
        ),
        _joriscos(
            "Libri2Mix-clean-16k",
            "ConvTasNet_Libri2Mix_sepclean_16k",
            "74f2677f3b787c41df2153816550bdc32e10c449",
            20.4,
            15.243,
            15.578,
        ),
        _joriscos(
            "Libri2Mix-noisy-8k",
            "ConvTasNet_Libri2Mix_sepnoisy_8k",
            "cadd41387de6c6aabb008c98441d8265e6d8716b",
            20.3,
            11.939,
            12.482,
        ),
        _joriscos(
            "Libri2Mix-noisy-16k",
            "ConvTasNet_Libri2Mix_sepnoisy_16k",
            "de774bb07f49c9e978431b04e5ad8a4d623332d9",
            20.4,
            12.552,
            13.060,
        ),
        _joriscos(
            "Libri3Mix-clean-8k",
            "ConvTasNet_Libri3Mix_sepclean_8k",
            "9cd8979448d4fc279e6a9bf48b1624b039fc51ec",
            20.6,
            11.98,
            12.39,
        ),
        _joriscos(
            "Libri3Mix-clean-16k",
            "ConvTasNet_Libri3Mix_sepclean_16k",
            "9aff75894137af287ac51d9b46e5f79bcb0d3648",
            20.7,
            12.299,
            12.770,
        ),
        _joriscos(
            "Libri3Mix-noisy-8k",
            "ConvTasNet_Libri3Mix_sepnoisy_8k",
            "d218d9aa5a9459a29e099b9422077a1d68b44c0e",
            20.6,
            10.389,
            10.928,
        ),
        _joriscos(
            "Libri3Mix-noisy-16k",
            "ConvTasNet_Libri3Mix_sepnoisy_16k",
            "578e33d314ac98f1c4d2690772c6ad16266d2017",
            20.7,
            10.283,
            10.883,
        ),
        _joriscos(
            "Libri1Mix-enhance-16k",
            "ConvTasNet_Libri1Mix_enhsingle_16k",
            "214b2d453e5033bccf7e39b60c1b10a0ffd693ab",
            20.1,
            11.293,
            11.798,
        ),
        PublishedModel(
            name="asteroid/WHAM-clean-8k",
            task=SPEAKERS,
            speakers=2,
            rate=8000,
            size=20_300_000,
            si_snri=16.214,
            sdri=16.464,
            test_set="WSJ0-2mix min test",
            training_data="WHAM! without its noise, from CSR-I (WSJ0) Complete (LDC, research only)",
            licence="CC BY-SA 4.0",
            credits="Manuel Pariente, trained with asteroid's WHAM! recipe "
            "(https://huggingface.co/mpariente/ConvTasNet_WHAM_sepclean).",
            page="https://huggingface.co/mpariente/ConvTasNet_WHAM_sepclean",
            address="https://huggingface.co/mpariente/ConvTasNet_WHAM_sepclean/resolve/"
            "2bc8efd34e3528ea83621148cc7359ab48df3040/pytorch_model.bin",
            sha256="3ad07942ee1a3ae74c47ddc0e215573e813404a1a3eb2625c39e2985a6ca108b",
            config={"sample_rate": 8000},
        ),
        PublishedModel(
            name="torchaudio/Libri2Mix-clean-8k",
            task=SPEAKERS,
            speakers=2,
            rate=8000,
            size=20_049_107,
            exact=True,
            si_snri=15.3,
            sdri=15.6,
            test_set="Libri2Mix min test, clean",
            training_data=f"Libri2Mix train-360, clean: {_LIBRI}",
            licence="no licence of its own; torchaudio is BSD-2-Clause",
            credits="The torchaudio authors: CONVTASNET_BASE_LIBRI2MIX.",
            page="https://pytorch.org/audio/stable/generated/torchaudio.pipelines.CONVTASNET_BASE_LIBRI2MIX.html",
            address="https://download.pytorch.org/torchaudio/models/conv_tasnet_base_libri2mix.pt",
            config={"mask": "relu", "X": 8, "sample_rate": 8000},
        ),
    )
}


def folder() -> Path:
    """Where the models are kept on this machine; TASNET_MODELS names another place than the user's cache."""
    return Path(os.environ.get("TASNET_MODELS") or Path(pooch.os_cache(CACHE)) / "published")


def installed() -> dict[str, Path]:
    """The published models that are on this machine: name -> file. Downloads nothing."""
    files = {name: _file(name) for name in CATALOGUE}
    return {name: file for name, file in files.items() if file.is_file()}


def get(name: str, progress: Callable[[float], None] | None = None) -> Path:
    """The file of a published model, downloaded and converted where it is not here yet.

    `progress` is called with the part of the download that is done, from 0 to 1; an exception that it raises ends the
    download and comes through, and nothing is left of it. Raises PublishedError.
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
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save(file, found.model, _facts(model, digest))
        _hashes({name: digest, f"{name} converted": _sha256(file)})
    except OSError as error:
        raise PublishedError(f"{file.parent} cannot be written to: {error.strerror or error}.") from None
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
    """The bytes of the model's file. Raises PublishedError where they do not come, or too few or too many."""
    mirror = os.environ.get("TASNET_MIRROR")
    address = f"{mirror.rstrip('/')}/{model.name}" if mirror else model.address
    received = _Received(model, progress)
    try:
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
    """In a sentence why a download failed after so many bytes."""
    answer = getattr(error, "response", None)  # of requests' HTTPError
    if answer is not None:
        return f"{_host(model)} does not give {model.name} out now (answer {answer.status_code}): please try it later."
    if received or isinstance(error, requests.exceptions.ChunkedEncodingError):  # which comes before its first piece
        done = f"{received / 1e6:.1f} of {model.size / 1e6:.1f} MB"
        return f"The download of {model.name} from {_host(model)} broke off after {done}: please try again."
    return f"{model.name} could not be downloaded from {_host(model)}: please check the internet connection."


class _Received(io.BytesIO):
    """What has come of a file; reports how much, and ends what grows too large."""

    def __init__(self, model: PublishedModel, progress: Callable[[float], None]) -> None:
        super().__init__()
        self.model, self.progress = model, progress

    def write(self, piece: bytes) -> int:
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
    """The SHA-256 that are kept by name, after `more` have been added."""
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


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 2 where a model cannot be had, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m tasnet.published", description="Trained Conv-TasNets that others have published."
    )
    parser.add_argument("name", nargs="*", help="models to get, by their names in the list")
    parser.add_argument("--list", action="store_true", help="print the models that there are")
    options = parser.parse_args(arguments)
    if options.list or not options.name:
        here, width = installed(), max(map(len, CATALOGUE))
        for name, model in CATALOGUE.items():
            print(f"{'*' if name in here else ' '} {name:{width}}  {model.describe()}")
        print("* on this machine. Get another with: python -m tasnet.published NAME")
        return 0
    try:
        for name in options.name:
            with tqdm(desc=name, total=1.0, leave=False, disable=None, bar_format="{desc}: {percentage:3.0f} %") as bar:
                file = get(name, lambda done, bar=bar: bar.update(done - bar.n))
            network, facts = load(file)
            print(f"{file}: {network.num_parameters():,} parameters\n{facts.credits} {facts.licence}.")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped; nothing of the download is kept.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
