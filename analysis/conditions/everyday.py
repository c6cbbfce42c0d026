"""The conditions of everyday recordings, each controlled by one number, in the form of `analysis.start_point.probes`.

The target voices are those of the mixture: clean, except in a room (with their reverberation) and at a lower bandwidth
(band-limited too). All random draws are seeded: the same every time.
"""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import soundfile
from scipy import signal

from analysis.sounds.example_list import AWB, BUNDLED, KED, ONA, RMS, SLT
from analysis.sounds.examples import make_noise
from analysis.start_point.probes import PROBES, Probe, remixed
from tasnet.audio import read, resample
from tasnet.data.disturbed import at_snr
from tasnet.data.noise import coloured_noise
from tasnet.data.rooms import EARLY
from tasnet.mixture import Mixture

UNHEARD = 60.0  # dB: this far below the voices, nothing is heard
ROOM_T60 = (0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)  # s
LEVELS = (UNHEARD, 20, 15, 10, 5, 0, -5)  # dB
CODECS = {  # kbit/s at 8 kHz: (container, subtype) of libsndfile, and what it is called
    128: ("WAV", "PCM_16", "16 bits a sample"),
    64: ("WAV", "ULAW", "G.711 mu-law"),
    32: ("AU", "G721_32", "G.721 ADPCM"),
    24: ("AU", "G723_24", "G.723 ADPCM"),
    13: ("WAV", "GSM610", "GSM 06.10"),
}
CODEC_RATE = 8000
ROOM_M3 = 60.0  # 5 m x 4 m x 3 m
DISTANCE_M = 1.0  # from the speakers to the microphone
FADE_SECONDS = 0.01
SEED = 0


def in_noise(kind: str) -> Callable[[Mixture, float], Mixture]:
    """A condition's function: `kind` of noise so many dB below the mixture's active speech level.

    The noise is the same at every level, and the targets stay the clean voices.
    """

    def apply(sound: Mixture, decibels: float) -> Mixture:
        noise = _shaped(sound) if kind == "shaped" else _noise(kind, len(sound.mixture), sound.rate)
        return _with(sound, noise * at_snr(sound.mixture, noise, decibels, sound.rate))

    return apply


def room_response(t60: float, rate: int, seed: int) -> np.ndarray:
    """(T,) float64: a direct sound of 1 and a tail of Gaussian noise that decays by 60 dB in `t60` seconds.

    The tail's energy follows from the room (Sabine): at the critical distance 0.057 sqrt(V / T60) it is that of the
    direct sound, and the direct sound falls with the square of the distance. Here V = 60 m^3 and 1 m of distance, so
    the direct-to-reverberant ratio is -4 dB at T60 = 0.5 s.
    """
    tail = np.random.default_rng(seed).standard_normal(round(t60 * rate))
    response = np.concatenate([[1.0], tail * 10 ** (-3 * np.arange(1, len(tail) + 1) / max(1, len(tail)))])
    if len(tail):
        direct_to_tail = 0.057**2 * ROOM_M3 / t60 / DISTANCE_M**2
        response[1:] /= np.sqrt(np.sum(response[1:] ** 2) * direct_to_tail)
    return response


def reverberate(sound: Mixture, t60: float) -> Mixture:
    """`sound` with every voice in its own `room_response`; the references are the voices with their reverberation.

    Separation is asked for, not dereverberation.
    """
    return _in_room(sound, t60, None)


def reverberate_for_dry(sound: Mixture, t60: float) -> Mixture:
    """The same, but asked for are the voices with the first 50 ms of the room, what is heard as part of them."""
    return _in_room(sound, t60, 1 + round(EARLY * sound.rate))


def reverberate_in_noise(sound: Mixture, t60: float) -> Mixture:
    """The last, with pink noise 10 dB below the voices in the room; at 0 s the sound as it is."""
    return in_noise("pink")(reverberate_for_dry(sound, t60), 10) if t60 else sound


def _in_room(sound: Mixture, t60: float, asked_for: int | None) -> Mixture:
    """asked_for: samples of the response, from its first, that belong to what is asked for; all by default."""
    responses = [room_response(t60, sound.rate, SEED + speaker) for speaker in range(len(sound.sources))]
    voices, references = (
        np.stack(
            [
                signal.fftconvolve(voice, response[:size])[: len(sound.mixture)]
                for voice, response in zip(sound.sources, responses, strict=True)
            ]
        )
        for size in (None, asked_for)
    )
    rest = sound.mixture - sound.sources.sum(0)
    return replace(sound, mixture=(voices.sum(0) + rest).astype(np.float32), references=references.astype(np.float32))


def add_third(sound: Mixture, decibels: float) -> Mixture:
    """Another voice so many dB below the mixture's active speech level, which is not a target."""
    voice = _crowd(sound.rate)[0]
    return _with(sound, np.resize(voice, len(sound.mixture)) * at_snr(sound.mixture, voice, decibels, sound.rate))


def overlap(sound: Mixture, per_cent: float) -> Mixture:
    """Cut the first voice's end and the last one's beginning so that they overlap for this share of the time."""
    share, T = per_cent / 100, sound.sources.shape[1]
    time = np.arange(T) / T
    fade = max(1.0, FADE_SECONDS * sound.rate) / T
    voices = sound.sources.astype(np.float64)
    if share < 1:
        voices[0] *= np.clip(((1 + share) / 2 - time) / fade, 0, 1)
        voices[-1] *= np.clip((time - (1 - share) / 2) / fade, 0, 1)
    return remixed(sound, voices)


def code(sound: Mixture, kilobits: float) -> Mixture:
    """The mixture through a telephone codec at 8 kHz; the targets are the clean voices."""
    container, subtype, _ = CODECS[int(kilobits)]
    if subtype == "PCM_16":
        return sound
    samples = resample(sound.mixture, sound.rate, CODEC_RATE)
    peak = max(float(np.abs(samples).max()), 1e-9)
    file = io.BytesIO()
    soundfile.write(file, 0.9 * samples / peak, CODEC_RATE, format=container, subtype=subtype)
    file.seek(0)
    coded, _ = soundfile.read(file, dtype="float32")
    coded = resample((coded[: len(samples)] * peak / 0.9).astype(np.float32), CODEC_RATE, sound.rate)
    size = len(sound.mixture)
    return _replaced(sound, np.pad(coded[:size], (0, max(0, size - len(coded)))))


def clip(sound: Mixture, per_cent: float) -> Mixture:
    """The mixture clipped at this share of its peak; the target voices are not."""
    limit = per_cent / 100 * float(np.abs(sound.mixture).max())
    return _replaced(sound, np.clip(sound.mixture, -limit, limit))


def narrow(sound: Mixture, kilohertz: float) -> Mixture:
    """Band-limited as in a recording at so many kHz, mixture and voices alike."""
    edge = 500 * kilohertz
    if edge >= 0.49 * sound.rate:
        return sound
    taps = signal.firwin(257, 0.95 * edge, fs=sound.rate)
    return remixed(sound, signal.fftconvolve(sound.sources, taps[None], mode="same", axes=1))


def _with(sound: Mixture, other: np.ndarray) -> Mixture:
    return _replaced(sound, sound.mixture + other)


def _replaced(sound: Mixture, mixture: np.ndarray) -> Mixture:
    return replace(sound, mixture=np.asarray(mixture, np.float32))


def _shaped(sound: Mixture) -> np.ndarray:
    """(T,): noise with the mixture's own long-term spectrum, and random phases."""
    noise = np.fft.rfft(np.random.default_rng(SEED).standard_normal(len(sound.mixture)))
    noise *= np.abs(np.fft.rfft(sound.mixture)) / np.maximum(np.abs(noise), 1e-12)
    return np.fft.irfft(noise, len(sound.mixture))


@lru_cache(maxsize=4)
def _noise(kind: str, size: int, rate: int) -> np.ndarray:
    if kind == "white":
        return np.random.default_rng(SEED).standard_normal(size)
    if kind == "pink":
        return coloured_noise(np.random.default_rng(SEED), size, 3.0)
    crowd = [read(BUNDLED / voice.file, voice.label) for voice in (SLT, RMS, AWB, KED, ONA)]
    babble = make_noise("babble", crowd, round(size * CODEC_RATE / rate))
    return np.resize(resample(babble.samples, babble.rate, rate), size)


@lru_cache(maxsize=2)
def _crowd(rate: int) -> list[np.ndarray]:
    voice = read(BUNDLED / KED.file, KED.label)
    return [resample(voice.samples, voice.rate, rate)]


def _noisy(title: str, kind: str, about: str) -> Probe:
    return Probe(
        title,
        f"{title}: below the voices by (dB)",
        "dB",
        LEVELS,
        f"{about}, so many dB below the mixture's active speech level (ITU-T P.56). Asked for are the clean voices.",
        "Section V of the paper names noise as its limit.",
        in_noise(kind),
    )


CONDITIONS = {
    "level": PROBES["level"],
    "shaped": _noisy("Speech-shaped noise", "shaped", "Noise with the mixture's own spectrum"),
    "pink": _noisy("Pink noise", "pink", "Noise whose power falls by 3 dB an octave"),
    "white": _noisy("White noise", "white", "White noise"),
    "babble": _noisy("Babble", "babble", "Five synthetic voices at once"),
    "room": Probe(
        "A room",
        "Reverberation time T60 (s)",
        "s",
        ROOM_T60,
        "Every voice in a room of 60 m³ at 1 m, a direct sound and decaying noise (Polack's model). Asked for are the "
        "voices with their reverberation.",
        "Section V of the paper names reverberation as its limit.",
        reverberate,
    ),
    "dry": Probe(
        "A room, the dry voice",
        "Reverberation time T60 (s), dry voices asked for",
        "s",
        ROOM_T60,
        "The same rooms. Asked for are the voices with the first 50 ms of the room (ISO 3382: what is heard as part of "
        "them).",
        "Section V of the paper names reverberation as its limit.",
        reverberate_for_dry,
    ),
    "both": Probe(
        "A room with noise",
        "Reverberation time T60 (s), in noise",
        "s",
        ROOM_T60,
        "The same rooms, with pink noise 10 dB below the mixture's active speech level (ITU-T P.56). Asked for are the "
        "voices with the first 50 ms of the room. At 0 s there is neither.",
        "Section V of the paper names noise and reverberation as its limits.",
        reverberate_in_noise,
    ),
    "overlap": Probe(
        "Overlap",
        "First and last voice at once in (% of the time)",
        "%",
        (100, 75, 50, 25, 0),
        "The first voice stops early and the last begins late. Where one speaks alone, nothing has to be separated.",
        "Cosentino et al. 2020 (LibriMix, arXiv:2005.11262): SparseLibriMix has overlaps of 0 to 100 %.",
        overlap,
    ),
    "third": Probe(
        "A third voice",
        "Another voice below the others by (dB)",
        "dB",
        (UNHEARD, 20, 10, 5, 0),
        "Another, synthetic voice speaks as well, so many dB below the mixture's active speech level. It is not asked "
        "for.",
        "A network has as many outputs as it was trained with (section III-C).",
        add_third,
    ),
    "codec": Probe(
        "A telephone's codec",
        "Bit rate (kbit/s)",
        "kbit/s",
        tuple(CODECS),
        "The mixture through a codec at 8 kHz: "
        + "; ".join(f"{kilobits} kbit/s, {name}" for kilobits, (_, _, name) in CODECS.items())
        + ". Asked for are the clean voices.",
        "ITU-T G.711, G.721, G.723 and GSM 06.10, as libsndfile has them.",
        code,
    ),
    "clipping": Probe(
        "Clipping",
        "Clipped at (% of the peak)",
        "%",
        (100, 70, 50, 30, 20, 10),
        "The mixture is cut off above so much of its peak. Asked for are the voices as they were.",
        "What a microphone does that is set too high.",
        clip,
    ),
    "bandwidth": Probe(
        "Sampling rate",
        "As from a recording at (kHz)",
        "kHz",
        (8, 6, 4, 3, 2),
        "Nothing is left above half of this rate, in the mixture and in the voices that are asked for.",
        "The sampling theorem.",
        narrow,
    ),
}
