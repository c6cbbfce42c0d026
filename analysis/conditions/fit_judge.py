"""Train the network that judges separations without the clean voices (`tasnet.judge`).

    python -m analysis.conditions.fit_judge ../shared/data [--windows 8000]

draws windows of 3 to 4 s of two and three training speakers, clean, in noise, in rooms and through a telephone, has
each separated by one of the models that are to be judged, and writes assets/judge.safetensors. What was drawn is kept
in runs/judge; the same command continues. `fit_quality`, which is run next, measures it.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from tasnet import Separator
from tasnet.atomic import make_folder, replacing
from tasnet.command_line import command_line, command_parser
from tasnet.hearing import WINDOW
from tasnet.judge import TAILS, JudgeNetwork
from tasnet.kernels.on_cpu import OnCPU, fastest_precision
from tasnet.mel_trunk import HOP
from tasnet.quality import JUDGE, MODELS, second_opinion
from tasnet.views import HIGHEST, LOWEST, TURNED, views_of

from .fit_quality import true_si_snr
from .mel_training import WARM_UP, MelTraining, new_network, pinball
from .windows import RATE, Material, draw_window, material

RUNS = Path("runs") / "judge"
SEED, PART = 31, 500  # windows in a file
COUNTS = (2, 2, 2, 3)  # voices, window after window
EPOCHS, BATCH, STEEPEST = 5, 32, 20.0
LONGEST = 1 + round(WINDOW * RATE) // HOP  # frames of a window


def draw_parts(data: Path, windows: int) -> list[Path]:
    """The files of so many windows: what the first output is judged by, (PART, 7, BANDS, LONGEST) padded with its end,
    how many of the frames there are, and the true SI-SNR of both outputs in dB."""
    paths = [RUNS / f"{number:04d}.npz" for number in range(max(1, windows // PART))]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        of, network, judge = material(data, "train"), second_opinion(), new_network(JudgeNetwork)
        separators = [Separator(name, "cpu", fastest_precision()) for name in MODELS]
        make_folder(RUNS)
        for path in tqdm(missing, desc="windows", unit="part", disable=None):
            first = int(path.stem) * PART
            drawn = [_draw(of, network, judge, separators, number) for number in range(first, first + PART)]
            frames = [seen.shape[-1] for seen, _ in drawn]
            padded = [np.pad(seen, [(0, 0), (0, 0), (0, LONGEST - seen.shape[-1])], "edge") for seen, _ in drawn]
            with replacing(path) as unfinished, unfinished.open("wb") as file:
                np.savez(file, seen=np.stack(padded), frames=frames, si_snr=np.stack([truth for _, truth in drawn]))
    return paths


def _draw(of: Material, network: OnCPU, judge: JudgeNetwork, separators: Sequence[Separator], number: int) -> tuple:
    mixture, voices, _ = draw_window(of, SEED, number, COUNTS[number % len(COUNTS)])
    separator = separators[int(np.random.default_rng((SEED, number, 1)).integers(len(separators)))]
    outputs = separator.separate(mixture, RATE).sources.astype(float)
    seen = views_of(network, mixture, outputs).signals()
    with torch.inference_mode():
        spectrogram = judge.spectrogram(torch.from_numpy(seen).float()[None])[0]
    return spectrogram.numpy().astype(np.float16), true_si_snr(outputs, voices)


def batches(frames: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Indices of windows that are about equally long, batch by batch, in random order."""
    order = np.argsort(frames + rng.uniform(0, 8, len(frames)))
    groups = [order[begin : begin + BATCH] for begin in range(0, len(order), BATCH)]
    yield from (groups[k] for k in rng.permutation(len(groups)))


def fit_judge(seen: np.ndarray, frames: np.ndarray, si_snr: np.ndarray, epochs: int = EPOCHS) -> JudgeNetwork:
    """A judge of windows (n, 7, BANDS, LONGEST), of which so many frames (n,) are there, from true values (n, 2)."""
    network, tails = new_network(JudgeNetwork), torch.tensor(TAILS)
    training = MelTraining(network, STEEPEST)
    rng, truth = np.random.default_rng(0), torch.from_numpy(np.clip(si_snr, LOWEST, HIGHEST)).float()
    steps = epochs * -(-len(frames) // BATCH)
    drawn = (batch for _ in range(epochs) for batch in batches(frames, rng))
    for step, batch in enumerate(tqdm(drawn, desc="judge", total=steps, disable=None)):
        x = torch.from_numpy(seen[batch, ..., : frames[batch].min()]).float()
        turned = bool(rng.random() < 0.5)
        seen_so, value = x[:, TURNED] if turned else x, truth[batch, int(turned), None]
        loss = partial(_loss_of, network, seen_so, value, tails)
        training.step(loss, min(1.0, step / WARM_UP, 2 * (1 - step / steps)))
    training.take_average()
    return network


def _loss_of(network: JudgeNetwork, x: torch.Tensor, truth: torch.Tensor, tails: torch.Tensor) -> torch.Tensor:
    """Of what the judge tells of spectrograms x (n, 7, BANDS, frames) whose values are truth (n, 1)."""
    return pinball(network(x).float(), truth, tails)


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit code 2 where the data cannot be used."""
    parser = command_parser("analysis.conditions.fit_judge", __doc__)
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder with train, valid, noise and rooms")
    parser.add_argument("--windows", type=int, default=8_000, help="to train on")
    options = parser.parse_args(arguments)
    parts = [np.load(path) for path in draw_parts(options.data, options.windows)]
    seen, frames, si_snr = (np.concatenate([part[name] for part in parts]) for name in ("seen", "frames", "si_snr"))
    fit_judge(seen, frames, si_snr).keep(JUDGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
