"""Train the network that tells how many voices a sound has, and whether there is noise or a room (`tasnet.hearing`).

    python -m analysis.conditions.fit_hearing ../shared/data [--windows 120000] [--test 1200]

trains it on windows of 3 to 4 s of 0 to 3 training speakers, clean, in noise, in rooms (measured and simulated) and
through a telephone, writes assets/hearing.safetensors, and measures it on windows of validation speakers, the noises of
the test split and the rooms held out. The same command goes on with what was stopped.
"""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from tqdm import tqdm

from tasnet.atomic import make_folder, replacing
from tasnet.command_line import command_line, command_parser
from tasnet.hearing import NETWORK
from tasnet.listener import MOST, HearingNetwork
from tasnet.mel_trunk import HOP, STRIDE

from .mel_training import WARM_UP, MelTraining, new_network
from .windows import Material, draw_window, material

RUNS = Path("runs") / "hearing"
RESULTS = Path(__file__).parents[2] / "assets" / "results" / "hearing.json"
SEEDS = {"train": 5, "test": 99}
BATCH, STEEPEST = 24, 5.0
SMOOTHING = 0.02  # of the counts
ACTIVE = 1e-2  # of a voice's mean power: a frame in which it speaks
SAVE_EVERY = 200  # steps
Example = tuple[np.ndarray, np.ndarray, tuple[int, bool, bool]]  # what `draw_window` gives


def speaking(voices: np.ndarray, T: int) -> np.ndarray:
    """(frames,): how many of the voices (C, T) speak in each frame of the listener's, `MOST` at most."""
    frames = T // HOP + 1
    power = np.pad(voices[:, :T].astype(float) ** 2, ((0, 0), (HOP // 2, HOP)))
    energy = power[:, : frames * HOP].reshape(len(voices), frames, HOP).mean(-1)
    active = energy > np.maximum(ACTIVE * np.mean(voices.astype(float) ** 2, axis=1, keepdims=True), 1e-12)
    return np.minimum(active.sum(0), MOST)[::STRIDE]


def loss_of(network: HearingNetwork, windows: Sequence[Example]) -> torch.Tensor:
    """Of the counts, of noise and rooms, and of how many speak in each frame; windows are cut to the shortest."""
    T = min(len(mixture) for mixture, _, _ in windows)
    x = torch.from_numpy(np.stack([mixture[:T] for mixture, _, _ in windows])).float()
    counts, noise, room = torch.tensor([list(map(int, truth)) for _, _, truth in windows]).T
    logits, at_once = network(x)
    active = torch.from_numpy(np.stack([speaking(voices, T) for _, voices, _ in windows]))[:, : at_once.shape[-1]]
    spoken = counts > 0  # reverberation can be heard only in voices
    loss = cross_entropy(logits[:, : MOST + 1], counts, label_smoothing=SMOOTHING)
    loss = loss + 0.5 * binary_cross_entropy_with_logits(logits[:, MOST + 1], noise.float())
    loss = loss + 0.5 * binary_cross_entropy_with_logits(logits[spoken, MOST + 2], room[spoken].float())
    return loss + 0.5 * cross_entropy(at_once[..., : active.shape[1]], active)


def fit_listener(of: Material, windows: int, state: Path) -> HearingNetwork:
    """A listener trained on so many windows; `state` is the file from which a stopped training goes on."""
    network, steps, begin = new_network(HearingNetwork), max(1, windows // BATCH), 0
    training = MelTraining(network, STEEPEST)
    if state.is_file():
        kept = torch.load(state, weights_only=True)
        begin = kept.pop("step")
        for name, part in training.parts.items():
            part.load_state_dict(kept[name])
    make_folder(state.parent)
    for step in tqdm(range(begin, steps), initial=begin, total=steps, desc="hearing", disable=None):
        torch.manual_seed(step)
        drawn = [draw_window(of, SEEDS["train"], step * BATCH + k) for k in range(BATCH)]
        training.step(partial(loss_of, network, drawn), min(1.0, step / WARM_UP) * (1 - step / steps))
        if step % SAVE_EVERY == SAVE_EVERY - 1:
            with replacing(state) as unfinished:
                torch.save(
                    {"step": step + 1} | {name: part.state_dict() for name, part in training.parts.items()}, unfinished
                )
    training.take_average()
    return network


def measure_listener(network: HearingNetwork, windows: Sequence[Example]) -> dict:
    """How often it is right on windows it has not seen, as a whole and by kind; JSON."""
    heard = [network.probabilities(torch.from_numpy(mixture).float()[None])[0].numpy() for mixture, _, _ in windows]
    found, (counts, noise, room) = np.stack(heard), np.array([truth for _, _, truth in windows], int).T
    said = found[:, : MOST + 1].argmax(1)
    right, spoken = said == counts, counts > 0
    clean = spoken & (noise == 0) & (room == 0)
    table = np.zeros((MOST + 1, MOST + 1), int)
    np.add.at(table, (counts, said), 1)
    return {
        "windows": len(windows),
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
    parser.add_argument("--windows", type=int, default=120_000, help="to train on")
    parser.add_argument("--test", type=int, default=1200, help="windows to measure on")
    options = parser.parse_args(arguments)
    fit_listener(material(options.data, "train"), options.windows, RUNS / "state.pt").keep(NETWORK)
    of = material(options.data, "test")
    found = {"trained on": options.windows} | measure_listener(
        HearingNetwork.load(NETWORK), [draw_window(of, SEEDS["test"], number) for number in range(options.test)]
    )
    with replacing(RESULTS) as unfinished:
        unfinished.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
