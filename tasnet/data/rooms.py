"""Rooms as impulse responses: measured ones from a pack, and simulated ones by the image-source method.

A pack is rooms.flac, the responses joined, and rooms.json beside it: {"rate": Hz, "rirs": [[name, samples, split, room,
T60 in s, direct-to-reverberant ratio in dB, place of the direct sound, licence], ...]}.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tasnet.atomic import replacing

from .cache import speech_cache
from .lists import read_object
from .mixture_sets import CorpusError
from .packs import are_lengths

# Never in training, to validate with: T60 of 0.36, 0.39 to 0.44, and 0.59 to 0.60 s.
HELD_OUT_ROOMS = ("openair-rymer-auditorium", "house-dining-room", "medium-room1")
EARLY = 0.05  # s after the direct sound: heard as part of it (ISO 3382, D50)
LONGEST_T60 = 1.0  # s, of the rooms in training: people are not recorded in halls and warehouses
SMALLEST, LARGEST = (3.0, 2.5, 2.3), (10.0, 8.0, 4.0)  # m, of simulated rooms
T60 = (0.1, 0.7)  # s, of simulated rooms
WALL, NEAREST = 0.4, 0.3  # m from a wall, and of a voice from the microphone, at least
MOST_REFLECTIONS = 60  # of a simulated sound: what has been reflected more often is below -60 dB
PLACES = 3  # of voices in a simulated room


@dataclass(frozen=True)
class Room:
    """One room: from several places in it to a microphone.

    responses: each (T,) float32, the direct sound first, scaled so that direct sound and first reflections (see
    `early`) have an energy of 1: what is played through it roughly keeps its level.
    """

    name: str
    t60: float  # s
    responses: tuple[np.ndarray, ...]
    rate: int

    def early(self, place: int) -> np.ndarray:
        """The response of the direct sound and the first 50 ms after it."""
        return self.responses[place][: 1 + round(EARLY * self.rate)]


def measured_rooms(path: str | Path, rate: int) -> list[Room]:
    """The rooms of a pack at `path`, the folder or its JSON. Raises CorpusError."""
    path = Path(path)
    listing = path if path.suffix == ".json" else path / "rooms.json"
    content = read_object(listing)
    listed = content.get("rirs")
    if not isinstance(listed, list) or not all(isinstance(x, list) and len(x) >= 7 for x in listed):
        listed = []
    if not listed or not are_lengths([x[1] for x in listed]):
        raise CorpusError(f"{listing} is not the list of a pack of rooms.")
    sound = listing.with_suffix(".flac")
    try:
        samples, found_rate = soundfile.read(sound, dtype="float32")
    except (soundfile.SoundFileError, OSError):
        raise CorpusError(f"{sound} cannot be read as sound.") from None
    if samples.ndim > 1 or found_rate != content.get("rate") or len(samples) != sum(x[1] for x in listed):
        raise CorpusError(f"{sound} is not what {listing.name} says: another rate or length.")
    if found_rate != rate:
        raise CorpusError(f"The rooms in {listing} are at {found_rate} Hz, not at {rate} Hz.")
    ends = np.cumsum([x[1] for x in listed])
    rooms: dict[str, list] = {}
    for (_, length, _, room, t60, _, peak, *_), end in zip(listed, ends, strict=True):
        rooms.setdefault(room, []).append((float(t60), samples[end - length + int(peak) : end]))
    return [
        Room(name, float(np.median([t60 for t60, _ in places])), tuple(_sized(x, rate) for _, x in places), rate)
        for name, places in rooms.items()
    ]


def simulated_rooms(count: int, rate: int, seed: int = 0) -> list[Room]:
    """Shoe boxes by the image-source method (pyroomacoustics), of random sizes, T60 and places.

    They are made once and kept beside the decoded speech, since each takes about half a second. Raises CorpusError
    where pyroomacoustics is not installed.
    """
    path = speech_cache().parent / "rooms" / f"simulated-{count}-{rate}-{seed}.npz"
    if not path.is_file():
        rooms = list(simulate(count, rate, seed))
        try:
            _keep(rooms, path)
        except OSError:
            return rooms
    with np.load(path) as kept:
        lengths, t60, samples = kept["lengths"], kept["t60"], kept["samples"]
    parts = np.split(samples, np.cumsum(lengths)[:-1])
    return [
        Room(f"simulated-{number}", float(t60[number]), tuple(parts[number * PLACES : (number + 1) * PLACES]), rate)
        for number in range(count)
    ]


def simulate(count: int, rate: int, seed: int = 0) -> Iterator[Room]:
    """The rooms of `simulated_rooms`, one after the other."""
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        size = rng.uniform(SMALLEST, LARGEST)
        t60 = rng.uniform(*T60)
        microphone = rng.uniform(WALL, size - WALL)
        voices: list[np.ndarray] = []
        while len(voices) < PLACES:
            place = rng.uniform(WALL, size - WALL)
            if np.linalg.norm(place - microphone) >= NEAREST:
                voices.append(place)
        yield shoe_box(f"simulated-{number}", size, t60, voices, microphone, rate)


def shoe_box(
    name: str, size: Iterable[float], t60: float, voices: Iterable[np.ndarray], microphone: np.ndarray, rate: int
) -> Room:
    """A room of `size` (3,) m with the places (3,) of `voices` and the `microphone`. Raises CorpusError."""
    try:
        import pyroomacoustics  # needed only to simulate rooms
    except ImportError:
        raise CorpusError("Simulated rooms need pyroomacoustics: pip install pyroomacoustics.") from None
    size = np.asarray(size, float)
    while True:
        try:
            absorption, order = pyroomacoustics.inverse_sabine(t60, size)
            break
        except ValueError:  # no walls can make so large a room so dry: take a smaller one of the same shape
            scale = 0.8
            size, microphone = size * scale, microphone * scale
            voices = [voice * scale for voice in voices]
    box = pyroomacoustics.ShoeBox(
        size, fs=rate, materials=pyroomacoustics.Material(absorption), max_order=min(order, MOST_REFLECTIONS)
    )
    box.add_microphone(microphone)
    for voice in voices:
        box.add_source(voice)
    box.compute_rir()
    return Room(name, t60, tuple(_sized(_from_direct_sound(x, t60, rate), rate) for x in box.rir[0]), rate)


def _from_direct_sound(response: np.ndarray, t60: float, rate: int) -> np.ndarray:
    """(T,) without the time of flight, as long as it takes to fall by 60 dB."""
    first = int(np.argmax(np.abs(response) >= 0.5 * np.abs(response).max()))
    return response[first : first + max(1, round(t60 * rate))]


def _sized(response: np.ndarray, rate: int) -> np.ndarray:
    early = response[: 1 + round(EARLY * rate)].astype(np.float64)
    return (response / max(np.sqrt(np.sum(early**2)), 1e-9)).astype(np.float32)


def _keep(rooms: list[Room], path: Path) -> None:
    responses = [x for room in rooms for x in room.responses]
    os.makedirs(path.parent, exist_ok=True)
    with replacing(path) as unfinished, open(unfinished, "wb") as file:
        np.savez(
            file,
            samples=np.concatenate(responses),
            lengths=[len(x) for x in responses],
            t60=[room.t60 for room in rooms],
        )
