"""Windows of sound of nobody, one, two or three people, clean, in noise, in rooms and through a telephone.

What is judged without clean voices (`fit_hearing`, `fit_quality`) is fitted and measured on such windows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve
from tqdm import tqdm

from tasnet.data.cache import cached_utterances
from tasnet.data.corpora import open_mixtures
from tasnet.data.noise import coloured_noise, open_noise
from tasnet.data.rooms import HELD_OUT_ROOMS, LONGEST_T60, Room, measured_rooms, simulated_rooms
from tasnet.data.utterances import UtteranceSet
from tasnet.hearing import WINDOW
from tasnet.listener import MOST
from tasnet.train.mixing import UTTERANCE_RMS, Pool, voice

RATE = 8000
SAVE_EVERY = 100  # windows
NOISY, IN_ROOM, TELEPHONE, PARTIAL, SHORT = 0.45, 0.35, 0.08, 0.3, 0.3  # shares of the windows, or voices
SNR = (0.0, 20.0)  # dB
SIMULATED, SIMULATED_TRAIN = 100, 80  # rooms; those after are for the test


@dataclass(frozen=True)
class Material:
    """What the windows are drawn from."""

    voices: Pool
    noise: Pool
    measured: list[Room]
    simulated: list[Room]
    simulated_share: float  # of the rooms


def material(data: Path, split: str) -> Material:
    """The material of training ("train"), or what training never had ("test"): the voices of data/valid."""
    if split == "train":
        speech = cached_utterances([data / "train"], RATE, UTTERANCE_RMS)
        voices = Pool(speech, weights={"librispeech": 2.0}, temper=0.5)
        return training_places(data, voices)
    clips: dict[bytes, np.ndarray] = {}
    for mixture in open_mixtures(data / "valid"):
        for source in mixture.sources:
            clips.setdefault(source[:2000].tobytes(), source)
    rooms, simulated = measured_rooms(data / "rooms", RATE), simulated_rooms(SIMULATED, RATE)
    measured = [room for room in rooms if room.name in HELD_OUT_ROOMS]
    noise = Pool(open_noise([data / "noise"], RATE, "test"))
    return Material(pool_of(clips.values()), noise, measured, simulated[SIMULATED_TRAIN:], 0.5)


def training_places(data: Path, voices: Pool) -> Material:
    """`voices` in the noises and rooms of the training."""
    rooms = measured_rooms(data / "rooms", RATE)
    measured = [room for room in rooms if room.name not in HELD_OUT_ROOMS and room.t60 <= LONGEST_T60]
    simulated = simulated_rooms(SIMULATED, RATE)[:SIMULATED_TRAIN]
    return Material(voices, Pool(open_noise([data / "noise"], RATE)), measured, simulated, 0.6)


def pool_of(clips: Iterable[np.ndarray]) -> Pool:
    """Clean voices (T,), each a speaker of its own."""
    pcm = [np.rint(clip * 32767).astype(np.int16) for clip in clips]
    names = tuple(f"v:{number:03d}" for number in range(len(pcm)))
    lengths = np.array([len(clip) for clip in pcm])
    return Pool(UtteranceSet("held out", RATE, np.concatenate(pcm), lengths, names, {}))


def draw_window(
    of: Material, seed: int, number: int, count: int | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[int, bool, bool]]:
    """mixture (T,), the voices asked for (C, T), and the truth: how many voices, whether noise, whether a room.

    count: of the voices; by default it goes round with the number.
    """
    rng = np.random.default_rng((seed, number))
    count = number % (MOST + 1) if count is None else count
    T = round(RATE * rng.uniform(3, WINDOW)) if rng.random() < SHORT else round(RATE * WINDOW)
    noisy = count == 0 or rng.random() < NOISY
    in_room = count > 0 and rng.random() < IN_ROOM
    telephone = rng.random() < TELEPHONE
    voices: np.ndarray = np.zeros((max(count, 1), T), np.float32)
    if count:
        drawn = of.voices.draw(rng, 1, count, 0.6)[0]
        voices = voice(of.voices, drawn, rng.random(count), rng.uniform(0.95, 1.05, count), T).numpy().copy()
        for one in voices:
            if rng.random() < PARTIAL:
                begin, end = rng.uniform(0, 0.35) * T, rng.uniform(0.65, 1) * T
                one[: int(begin)] = 0
                one[int(end) :] = 0
        voices *= 10 ** (rng.uniform(-2.5, 2.5, count) / 20)[:, None]
    played = voices
    if in_room:
        rooms = of.simulated if rng.random() < of.simulated_share else of.measured
        room = rooms[rng.integers(len(rooms))]
        places = rng.permutation(len(room.responses))
        played, voices = (
            np.stack([fftconvolve(one, heard(places[k % len(places)]))[:T] for k, one in enumerate(voices)])
            for heard in (room.responses.__getitem__, room.early)
        )
    mixture = played.sum(0).astype(np.float64)
    if noisy:
        power = np.mean(mixture**2) if count else UTTERANCE_RMS**2
        noise = _noise(of, rng, T, babble=count > 0)
        snr = rng.uniform(*SNR) if count else 0.0
        mixture += noise * np.sqrt(power / max(np.mean(noise**2), 1e-9)) * 10 ** (-snr / 20)
    if telephone:
        f = np.maximum(np.fft.rfftfreq(T, 1 / RATE), 1e-3)
        band = ((1 + (300 / f) ** 8) * (1 + (f / 3400) ** 8)) ** -0.5
        mixture, voices = (np.fft.irfft(np.fft.rfft(x) * band, T) for x in (mixture, voices))
    return mixture, voices, (count, noisy, in_room)


def _noise(of: Material, rng: np.random.Generator, T: int, babble: bool) -> np.ndarray:
    kind = rng.random()
    if kind < 0.2:
        return UTTERANCE_RMS * coloured_noise(rng, T, rng.uniform(0, 6))
    if kind < 0.27 and babble:
        crowd = int(rng.integers(6, 12))
        drawn = of.voices.draw(rng, 1, crowd)[0]
        return voice(of.voices, drawn, rng.random(crowd), np.ones(crowd), T).sum(0).numpy() / np.sqrt(crowd)
    for _ in range(5):  # a recording may be silent for a while
        found = voice(of.noise, of.noise.draw(rng, 1, 1)[:, 0], rng.random(1), np.ones(1), T)[0].numpy()
        if np.mean(found**2) > 1e-6:
            break
    return found


def draw_and_keep(
    path: Path, names: Sequence[str], count: int, begin: Callable[[], Callable[[int], tuple]]
) -> dict[str, np.ndarray]:
    """{name: (count, ...)} of the windows from number 0 on, those that are not yet kept in `path` drawn and kept there.

    begin: called where there are such, with what takes time to load; gives what draws the values of one window.
    """
    kept: dict[str, list] = {name: [] for name in names}
    if path.is_file():
        with np.load(path) as found:
            kept = {name: list(found[name]) for name in names}
    if (there := len(kept[names[0]])) < count:
        one = begin()
        path.parent.mkdir(parents=True, exist_ok=True)
        for number in tqdm(range(there, count), desc=path.stem, disable=None):
            for name, value in zip(names, one(number), strict=True):
                kept[name].append(value)
            if number % SAVE_EVERY == SAVE_EVERY - 1 or number == count - 1:
                np.savez(path, **{name: np.array(rows) for name, rows in kept.items()})  # type: ignore[arg-type]
    return {name: np.array(rows[:count]) for name, rows in kept.items()}
