"""Fit the head that tells how good a separation is without the clean voices (`tasnet.quality`), and measure it.

    python -m analysis.conditions.fit_quality ../shared/data [--fit 1000] [--test 260]

draws windows of 3 to 4 s of two and three voices, clean, in noise, in rooms and through a telephone, separates them
with every model that the head is to know, fits it on the voices of `valid`, which no model was trained on, with noises
and rooms of the training, and measures it on the voices of `libri2mix_test_subset` with noises and rooms held out.
Writes assets/quality.npz and assets/quality.csv. What was drawn is kept in runs/quality; the same command continues.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from analysis.scores.metrics import si_snr
from tasnet import Separator
from tasnet.command_line import command_line, command_parser
from tasnet.data.corpora import open_mixtures
from tasnet.judge import TAILS
from tasnet.perceptron import WIDEST, Perceptron
from tasnet.quality import HEAD, MODELS, head_features, second_opinion
from tasnet.views import HIGHEST, LOWEST, views_of

from .mel_training import pinball
from .quality_results import KINDS, QualityRow, by_kind, write_quality
from .windows import RATE, Material, draw_and_keep, draw_window, material, pool_of, training_places

RUNS = Path("runs") / "quality"
COUNTS = (2, 2, 3)  # voices, window after window
SEEDS = {"fit": 99, "test": 77}
COVERED = TAILS[2] - TAILS[0]
HIDDEN, EPOCHS, BATCH, DECAY, JITTER, FOLDS = 24, 120, 64, 0.1, 0.1, 5


def quality_material(data: Path, part: str) -> Material:
    """The voices, noises and rooms to "fit" on, or those to "test" with; no voice was in a model's training."""
    held_out = material(data, "test")
    if part == "fit":
        return training_places(data, held_out.voices)
    mixtures = open_mixtures(data / "libri2mix_test_subset")
    clips = {clip[:2000].tobytes(): clip for mixture in mixtures for clip in mixture.sources}  # some are in several
    return replace(held_out, voices=pool_of(clips.values()))


def true_si_snr(outputs: np.ndarray, voices: np.ndarray) -> np.ndarray:
    """SI-SNR in dB (2,) of outputs (2, T) in the best order of the voices (C, T); nan for fewer than two."""
    spoken = [voice for voice in voices if voice.any()]
    if len(spoken) < 2:
        return np.full(2, np.nan)
    pairs = si_snr(outputs[:, None].astype(float), np.stack(spoken).astype(float))
    return pairs[linear_sum_assignment(pairs, maximize=True)]


def draw_separations(data: Path, part: str, count: int) -> dict[str, np.ndarray]:
    """Features (n, models, 2, F), truth (n, 3), and true SI-SNR (n, models, 2), of n windows."""

    def begin() -> Callable[[int], tuple]:
        of, network = quality_material(data, part), second_opinion()
        separators = {name: Separator(name, "cpu") for name in MODELS}

        def one(number: int) -> tuple:
            mixture, voices, truth = draw_window(of, SEEDS[part], number, COUNTS[number % len(COUNTS)])
            outputs = {name: of.separate(mixture, RATE).sources.astype(float) for name, of in separators.items()}
            seen = [head_features(views_of(network, mixture, of), name) for name, of in outputs.items()]
            return seen, truth, [true_si_snr(each, voices) for each in outputs.values()]

        return one

    return draw_and_keep(RUNS / f"{part}.npz", ("features", "truth", "si_snr"), count, begin)


def rows_of(drawn: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (m, F), true SI-SNR (m,) and window (m,) of every output that has one."""
    features, values = drawn["features"], drawn["si_snr"]
    known = np.isfinite(values)
    window = np.broadcast_to(np.arange(len(values))[:, None, None], values.shape)
    return features[known], np.clip(values[known], LOWEST, HIGHEST), window[known]


def fit_quantiles(features: np.ndarray, values: np.ndarray, seed: int = 0) -> Perceptron:
    """The perceptron whose three outputs are the quantiles `TAILS` of values (n,) given features (n, F)."""
    torch.manual_seed(seed)
    mean, scale = features.mean(0), features.std(0) + 1e-6
    x = torch.from_numpy((features - mean) / scale).float().clamp(-WIDEST, WIDEST)
    y, tails = torch.from_numpy(values).float()[:, None], torch.tensor(TAILS)
    hidden, out = torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, len(TAILS))
    with torch.no_grad():
        out.bias.copy_(torch.quantile(y, tails))
    net = torch.nn.Sequential(hidden, torch.nn.ReLU(), torch.nn.Dropout(0.1), out)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = pinball(net(x[batch] + JITTER * torch.randn_like(x[batch])), y[batch], tails)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    arrays = (hidden.weight, hidden.bias, out.weight, out.bias)
    return Perceptron(mean, scale, *(array.detach().double().numpy() for array in arrays))


def fit_interval_head(features: np.ndarray, values: np.ndarray, windows: np.ndarray) -> Perceptron:
    """The head of all rows, its interval widened by what rows left out need: conformalised quantile regression."""
    found = np.empty((len(values), len(TAILS)))
    for fold in range(FOLDS):
        out = windows % FOLDS == fold
        found[out] = fit_quantiles(features[~out], values[~out])(features[out])
    margin = np.quantile(np.maximum(found[:, 0] - values, values - found[:, 2]), COVERED)
    head = fit_quantiles(features, values)
    return replace(head, out_bias=head.out_bias + np.array([-margin, 0, margin]))


@command_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit code 2 where the data cannot be used."""
    parser = command_parser("analysis.conditions.fit_quality", __doc__)
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder with train, valid, noise and rooms")
    parser.add_argument("--fit", type=int, default=1000, help="windows to fit on")
    parser.add_argument("--test", type=int, default=260, help="windows to measure on")
    options = parser.parse_args(arguments)
    fit, test = draw_separations(options.data, "fit", options.fit), draw_separations(options.data, "test", options.test)
    fit_interval_head(*rows_of(fit)).save(HEAD)
    features, values, windows = rows_of(test)
    found, model = Perceptron.load(HEAD)(features), features[:, -len(MODELS) :].argmax(1)
    rows = []
    for k, (count, noise, room) in enumerate(test["truth"][windows]):
        kind = KINDS[int(noise) + 2 * int(room)]
        rows.append(QualityRow(MODELS[model[k]], int(count), kind, float(values[k]), *map(float, found[k])))
    write_quality(rows)
    for kind, of in by_kind(rows).items():
        print(f"{kind}: {of.outputs} outputs, off by {of.error:.2f} dB, {of.held:.1f} % held, {of.width:.1f} dB wide")
    return 0


if __name__ == "__main__":
    sys.exit(main())
