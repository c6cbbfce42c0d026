"""Turn a user's own sounds into a `Mixture`: a mixture with or without its clean voices, or voices to be mixed."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tasnet.audio import Audio, read, resample
from tasnet.below_speech import without_offset
from tasnet.errors import UserError
from tasnet.mixture import Mixture

from .alignment import LONGEST, delay, moved
from .mixing import mix

RATE = 8000
MAX_SECONDS = 600
# Resampling and codecs may differ by some samples at the end; more than this means another recording.
LENGTH_TOLERANCE_SECONDS = 0.01


class InputError(UserError):
    """The user's sounds do not fit together; the message is one sentence for the user."""


def _at_rate(audio: Audio, rate: int) -> Audio:
    if audio.rate == rate:
        return audio
    samples = resample(audio.samples, audio.rate, rate)
    note = f"{audio.label}: converted from {audio.rate} Hz to the model's {rate} Hz"
    if audio.rate > rate:
        note += f", so everything above {rate / 2000:g} kHz is gone and it sounds as over a telephone"
    note += "."
    return replace(audio, samples=samples, rate=rate, notes=(*audio.notes, note))


def _first_minutes(audio: Audio) -> Audio:
    keep = MAX_SECONDS * audio.rate
    if len(audio.samples) <= keep:
        return audio
    note = (
        f"{audio.label}: only the first {MAX_SECONDS // 60} of {len(audio.samples) / audio.rate / 60:.0f} minutes "
        "are used here; python -m tasnet.separate takes the whole file."
    )
    # A copy: a part of the whole would keep the whole in memory.
    return replace(audio, samples=audio.samples[:keep].copy(), notes=(*audio.notes, note))


def decode_upload(content: bytes, label: str, channel: int | None = None) -> Audio:
    """As much of the sound in a user's file as is used, at its own rate; the rest is not decoded. Raises AudioError."""
    return read(content, label, seconds=MAX_SECONDS, channel=channel)


def _without_offset(voice: Audio) -> Audio:
    samples, offset, _ = without_offset(voice.samples, voice.rate)
    if not offset:
        return voice
    note = f"{voice.label} has an offset (DC) of {offset:.3g} of full scale, which was taken out."
    return replace(voice, samples=samples, notes=(*voice.notes, note))


def _prepared_mixture(mixture: Audio, rate: int) -> Audio:
    """With its offset, if it has one: `Separator` decides what a network hears of it, on every way to it."""
    mixture = _first_minutes(mixture)
    _, offset, _ = without_offset(mixture.samples, mixture.rate)
    if offset:
        note = f"{mixture.label} has an offset (DC) of {offset:.3g} of full scale, which is kept from the model."
        mixture = replace(mixture, notes=(*mixture.notes, note))
    return _at_rate(mixture, rate)


def _prepared_voices(voices: Sequence[Audio], rate: int) -> list[Audio]:
    return [_at_rate(_without_offset(_first_minutes(voice)), rate) for voice in voices]


def _notes(sounds: list[Audio]) -> tuple[str, ...]:
    return tuple(note for sound in sounds for note in sound.notes)


def from_mixture(mixture: Audio, references: Sequence[Audio] = (), rate: int = RATE) -> Mixture:
    """A mixture at `rate` Hz with its clean voices where given (none, or 2 or 3), these moved to where they lie in it.

    The mixture is what the command line reads, at another rate; the voices are without an offset. Only the part that
    mixture and voices all cover is kept.

    Raises:
        InputError: one reference or more than three, or references whose length is not the mixture's.
    """
    if len(references) == 1 or len(references) > 3:
        raise InputError(
            f"Scores need the clean voice of each of 2 or 3 speakers, but {len(references)} "
            f"{'file was' if len(references) == 1 else 'files were'} given."
        )
    source, source_rate = mixture.label, mixture.rate
    mixture, references = _prepared_mixture(mixture, rate), _prepared_voices(references, rate)
    begins, samples, notes = [], [], []
    for reference in references:
        later = delay(reference.samples, mixture.samples, rate)
        whole = round(later or 0.0)
        begins.append(whole)
        samples.append(moved(reference.samples, (later or 0.0) - whole))
        difference = abs(len(reference.samples) - len(mixture.samples)) / rate
        if difference > (LONGEST if later else LENGTH_TOLERANCE_SECONDS):
            raise InputError(
                f"{reference.label} lasts {len(reference.samples) / rate:.2f} s but the mixture "
                f"{len(mixture.samples) / rate:.2f} s; a clean voice must be as long as its mixture."
            )
        if later:
            way = "later" if later > 0 else "earlier"
            notes.append(
                f"{reference.label} lay {abs(later) / rate * 1000:.2f} ms {way} than in the mixture, as codecs and "
                "editors shift sounds, and was moved under it."
            )
        elif later is None:
            notes.append(f"{reference.label} was not found in the mixture for sure: scores may mean nothing.")
    # In the mixture's own samples: the range that all of them cover.
    first = max([0, *(-begin for begin in begins)])
    last = min([len(mixture.samples), *(len(x) - begin for x, begin in zip(samples, begins, strict=True))])
    under = [x[first + begin : last + begin] for x, begin in zip(samples, begins, strict=True)]
    return Mixture(
        mixture=mixture.samples[first:last],
        references=np.stack(under) if references else None,
        rate=rate,
        labels=tuple(reference.label for reference in references),
        snr_db=None,
        notes=(*_notes([mixture, *references]), *notes),
        source=source,
        source_rate=source_rate,
    )


def from_voices(voices: list[Audio], snr_db: float, rate: int = RATE) -> Mixture:
    """Two or three clean voices mixed at `snr_db`; the references exist then.

    Raises:
        ValueError: too few or too many voices, or a voice that cannot be mixed (see `analysis.sounds.mixing.mix`).
    """
    prepared = _prepared_voices(voices, rate)
    mixed = mix(prepared, snr_db, rate)
    return replace(
        mixed,
        notes=tuple(dict.fromkeys((*_notes(prepared), *mixed.notes))),
        source=" and ".join(voice.label for voice in voices),
        source_rate=max(voice.rate for voice in voices),
    )
