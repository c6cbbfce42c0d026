"""Fit the head that tells how many voices a sound has, and whether there is noise or reverberation (`tasnet.hearing`).

    python -m analysis.conditions.fit_hearing ../shared/data [--train 6000] [--test 1200]

draws windows of 3 to 4 s of 0 to 3 training speakers, clean, in noise, in rooms (measured and simulated) and through a
telephone, fits the head on them, writes assets/hearing.npz, and measures it on windows of validation speakers, the
noises of the test split and the rooms held out. What was drawn is kept in runs/hearing; the same command continues.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import fftconvolve
from tqdm import tqdm

from tasnet import ConvTasNet, checkpoint
from tasnet.atomic import replacing
from tasnet.command_line import command_line, command_parser
from tasnet.data.cache import cached_utterances
from tasnet.data.corpora import open_mixtures
from tasnet.data.noise import coloured_noise, open_noise
from tasnet.data.rooms import HELD_OUT_ROOMS, LONGEST_T60, Room, measured_rooms, simulated_rooms
from tasnet.data.utterances import UtteranceSet
from tasnet.hearing import HEAD, MOST, NETWORK, Head
from tasnet.perceptron import WIDEST
from tasnet.sound_features import WINDOW, sound_features
from tasnet.train.mixing import UTTERANCE_RMS, Pool, voice

RATE = 8000
RUNS = Path("runs") / "hearing"
RESULTS = Path(__file__).parents[2] / "assets" / "results" / "hearing.json"
SAVE_EVERY = 100  # windows
NOISY, IN_ROOM, TELEPHONE, PARTIAL, SHORT = 0.45, 0.35, 0.08, 0.3, 0.3  # shares of the windows, or voices
SNR = (0.0, 20.0)  # dB
SIMULATED, SIMULATED_TRAIN = 100, 80  # rooms; those after are for the test
HIDDEN, EPOCHS, BATCH, DECAY, JITTER = 64, 60, 128, 0.4, 0.3  # JITTER: standard deviations of noise on the features


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


def direct_si_snr(estimate: np.ndarray, source: np.ndarray) -> float:
    """dB, of (T,) and (T,)."""
    estimate, source = estimate - estimate.mean(), source - source.mean()
    target = (estimate @ source) / (source @ source) * source
    return float(10 * np.log10((target @ target) / (np.sum((estimate - target) ** 2) + 1e-12)))


def draw(data: Path, split: str, count: int, seed: int) -> dict[str, np.ndarray]:
    """features (n, F), truth (n, 3), and SI-SNR (n, 2) of the network's outputs with the voice each is nearest to."""

    def begin() -> Callable[[int], tuple]:
        of, model = material(data, split), ConvTasNet.from_pretrained(checkpoint.bundled()[NETWORK])

        def one(number: int) -> tuple:
            mixture, voices, truth = draw_window(of, seed, number)
            features, sources = sound_features(model, mixture)
            spoken = [voice for voice in voices if voice.any()]
            scores = [max((direct_si_snr(x.astype(float), s) for s in spoken), default=np.nan) for x in sources]
            return features, truth, scores

        return one

    return draw_and_keep(RUNS / f"{split}.npz", ("features", "truth", "si_snr"), count, begin)


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


def fit_head(features: np.ndarray, truth: np.ndarray) -> Head:
    """The head that fits features (n, F) and truth (n, 3): voices, noise, room."""
    torch.manual_seed(0)
    mean, scale = features.mean(0), features.std(0) + 1e-6
    x = torch.from_numpy(np.clip((features - mean) / scale, -WIDEST, WIDEST)).float()
    counts, noise, room = torch.from_numpy(truth.astype(np.int64)).T
    hidden, out = torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, MOST + 3)
    net = torch.nn.Sequential(torch.nn.Dropout(0.2), hidden, torch.nn.ReLU(), torch.nn.Dropout(0.3), out)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    yes_or_no = torch.nn.functional.binary_cross_entropy_with_logits
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            logits = net(x[rows] + JITTER * torch.randn_like(x[rows]))
            spoken = counts[rows] > 0  # reverberation can be heard only in voices
            loss = torch.nn.functional.cross_entropy(logits[:, : MOST + 1], counts[rows])
            loss = loss + 0.5 * yes_or_no(logits[:, MOST + 1], noise[rows].float())
            loss = loss + 0.5 * yes_or_no(logits[spoken, MOST + 2], room[rows][spoken].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    arrays = (hidden.weight, hidden.bias, out.weight, out.bias)
    return Head(mean, scale, *(array.detach().double().numpy() for array in arrays))


def measure_head(head: Head, features: np.ndarray, truth: np.ndarray) -> dict:
    """How often the head is right on windows it has not seen, as whole and by kind; JSON."""
    found = np.stack([head.probabilities(row) for row in features])
    counts, noise, room = truth.astype(int).T
    right, spoken = found[:, : MOST + 1].argmax(1) == counts, counts > 0
    clean = spoken & (noise == 0) & (room == 0)
    table = np.zeros((MOST + 1, MOST + 1), int)
    np.add.at(table, (counts, found[:, : MOST + 1].argmax(1)), 1)
    return {
        "windows": len(truth),
        "count right": _share(right),
        "count right, clean": _share(right[clean | ~spoken]),
        "count right, noise": _share(right[spoken & (noise == 1) & (room == 0)]),
        "count right, room": _share(right[spoken & (noise == 0) & (room == 1)]),
        "count right, both": _share(right[spoken & (noise == 1) & (room == 1)]),
        "noise right": _share((found[:, -2] >= 0.5)[spoken] == noise[spoken]),
        "room right": _share((found[:, -1] >= 0.5)[spoken] == room[spoken]),
        "true by said": table.tolist(),
    }


def _share(right: np.ndarray) -> float:
    return round(float(right.mean()), 4) if len(right) else float("nan")


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit code 2 where the data cannot be used."""
    parser = command_parser("analysis.conditions.fit_hearing", __doc__)
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder with train, valid, noise and rooms")
    parser.add_argument("--train", type=int, default=6000, help="windows to fit on")
    parser.add_argument("--test", type=int, default=1200, help="windows to measure on")
    options = parser.parse_args(arguments)
    train, test = draw(options.data, "train", options.train, 1), draw(options.data, "test", options.test, 99)
    head = fit_head(train["features"], train["truth"])
    head.save(HEAD)
    found = {"fitted on": len(train["truth"])} | measure_head(head, test["features"], test["truth"])
    with replacing(RESULTS) as unfinished:
        unfinished.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
