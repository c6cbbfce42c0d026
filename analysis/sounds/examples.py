"""Examples whose clean voices are known: which are here, and one of them mixed on the fly."""

from tasnet.audio import read
from tasnet.errors import UserError
from tasnet.mixture import Mixture

from .example_list import EXAMPLES, Example, Voice
from .inputs import RATE
from .mixing import mix

__all__ = ["Example", "ExampleError", "Voice", "available_examples", "fetch_librispeech", "mix_example"]


class ExampleError(UserError):
    """There is no such example, or it cannot be had; the message is one sentence for the user."""


def available_examples() -> list[Example]:
    """The examples whose files are on this machine, real voices first; downloads nothing."""
    return [example for example in EXAMPLES if all(path.is_file() for path in example.paths())]


def mix_example(example_id: str, snr_db: float = 0.0) -> Mixture:
    """Mix the example's voices at 8 kHz, `snr_db` by active speech level (see `mixing.mix`).

    Raises:
        ExampleError: there is no such example on this machine.
    """
    here = {example.id: example for example in available_examples()}
    if example_id not in here:
        raise ExampleError(f"There is no example '{example_id}' on this machine; choose one of: {', '.join(here)}.")
    example = here[example_id]
    files = zip(example.paths(), example.speakers, strict=True)
    return mix([read(path, label) for path, label in files], snr_db, RATE)


def fetch_librispeech() -> list[Example]:
    """Download the three LibriSpeech readers that librosa offers; gives the examples made of them.

    Raises:
        ExampleError: they could not be downloaded.
    """
    import librosa  # a second's work that only this button needs

    try:
        for key in ("libri1", "libri2", "libri3"):
            librosa.ex(key)
    except (OSError, ValueError) as error:  # no connection, an HTTP error; a wrong checksum
        raise ExampleError(
            "The LibriSpeech readers could not be downloaded from librosa.org; "
            "please check the internet connection and try again."
        ) from error
    return [example for example in available_examples() if example.tier == "librispeech"]
