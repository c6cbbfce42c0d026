"""Tables I to VIII of the paper as it prints them (Luo & Mesgarani, "Conv-TasNet: Surpassing Ideal
Time-Frequency Magnitude Masking for Speech Separation", 2019).

These are the paper's own figures, to be shown beside ours and labelled as the paper's: its data
sets, WSJ0-2mix and WSJ0-3mix, are not the speech we measure on. A dash in print is None here.
"""

from dataclasses import dataclass

# Tables VI and VII do not name their scale, but it must be raw P.862: clean speech scores 4.5, the
# top of that scale, where MOS-LQO (P.862.1, `analysis.scores.metrics.pesq`) gives 4.549; and the ideal
# masks score the same on Libri2Mix on the raw scale only (`python -m analysis.corpus`).
PESQ_SCALE = "raw P.862 by all signs (clean speech scores 4.5 there)"


@dataclass(frozen=True)
class Hyperparameter:
    """A row of Table I."""

    symbol: str
    description: str


@dataclass(frozen=True)
class Configuration:
    """A row of Table II: a Conv-TasNet and its scores on WSJ0-2mix."""

    N: int
    L: int
    B: int
    H: int
    Sc: int
    P: int
    X: int
    R: int
    norm: str
    causal: bool
    receptive_field: float  # seconds
    model_size: float  # million parameters
    si_snri: float  # dB
    sdri: float  # dB


@dataclass(frozen=True)
class Coder:
    """A row of Table III: an encoder with a mask function, and its scores on WSJ0-2mix."""

    encoder: str
    mask: str
    model_size: float  # million parameters, printed once for all rows
    si_snri: float  # dB
    sdri: float  # dB


@dataclass(frozen=True)
class Result:
    """A row of Table IV or V: a method and its scores."""

    method: str
    model_size: float | None  # million parameters
    causal: bool | None  # None for the ideal masks
    si_snri: float | None  # dB
    sdri: float | None  # dB


@dataclass(frozen=True)
class Quality:
    """An entry of Table VI or VII: PESQ and the listeners' opinion (MOS, N = 40)."""

    dataset: str
    method: str
    pesq: float  # see PESQ_SCALE
    mos: float | None = None


@dataclass(frozen=True)
class Speed:
    """A row of Table VIII: time per frame."""

    method: str
    cpu_ms: float
    gpu_ms: float


@dataclass(frozen=True)
class Table:
    """One printed table."""

    number: str
    caption: str
    rows: tuple


TABLE_I = Table(
    "I",
    "Hyperparameters of the network.",
    (
        Hyperparameter("N", "Number of filters in autoencoder"),
        Hyperparameter("L", "Length of the filters (in samples)"),
        Hyperparameter("B", "Number of channels in bottleneck and the residual paths' 1×1-conv blocks"),
        Hyperparameter("Sc", "Number of channels in skip-connection paths' 1×1-conv blocks"),
        Hyperparameter("H", "Number of channels in convolutional blocks"),
        Hyperparameter("P", "Kernel size in convolutional blocks"),
        Hyperparameter("X", "Number of convolutional blocks in each repeat"),
        Hyperparameter("R", "Number of repeats"),
    ),
)

TABLE_II = Table(
    "II",
    "The effect of different configurations in Conv-TasNet.",
    (
        Configuration(128, 40, 128, 256, 128, 3, 7, 2, "gLN", False, 1.28, 1.5, 13.0, 13.3),
        Configuration(256, 40, 128, 256, 128, 3, 7, 2, "gLN", False, 1.28, 1.5, 13.1, 13.4),
        Configuration(512, 40, 128, 256, 128, 3, 7, 2, "gLN", False, 1.28, 1.7, 13.3, 13.6),
        Configuration(512, 40, 128, 256, 256, 3, 7, 2, "gLN", False, 1.28, 2.4, 13.0, 13.3),
        Configuration(512, 40, 128, 512, 128, 3, 7, 2, "gLN", False, 1.28, 3.1, 13.3, 13.6),
        Configuration(512, 40, 128, 512, 512, 3, 7, 2, "gLN", False, 1.28, 6.2, 13.5, 13.8),
        Configuration(512, 40, 256, 256, 256, 3, 7, 2, "gLN", False, 1.28, 3.2, 13.0, 13.3),
        Configuration(512, 40, 256, 512, 256, 3, 7, 2, "gLN", False, 1.28, 6.0, 13.4, 13.7),
        Configuration(512, 40, 256, 512, 512, 3, 7, 2, "gLN", False, 1.28, 8.1, 13.2, 13.5),
        Configuration(512, 40, 128, 512, 128, 3, 6, 4, "gLN", False, 1.27, 5.1, 14.1, 14.4),
        Configuration(512, 40, 128, 512, 128, 3, 4, 6, "gLN", False, 0.46, 5.1, 13.9, 14.2),
        Configuration(512, 40, 128, 512, 128, 3, 8, 3, "gLN", False, 3.83, 5.1, 14.5, 14.8),
        Configuration(512, 32, 128, 512, 128, 3, 8, 3, "gLN", False, 3.06, 5.1, 14.7, 15.0),
        Configuration(512, 16, 128, 512, 128, 3, 8, 3, "gLN", False, 1.53, 5.1, 15.3, 15.6),
        Configuration(512, 16, 128, 512, 128, 3, 8, 3, "cLN", True, 1.53, 5.1, 10.6, 11.0),
    ),
)

TABLE_III = Table(
    "III",
    "Separation score for different system configurations.",
    (
        Coder("Pinv", "Softmax", 1.5, 12.1, 12.4),
        Coder("Linear", "Softmax", 1.5, 12.9, 13.2),
        Coder("Linear", "Sigmoid", 1.5, 13.1, 13.4),
        Coder("ReLU", "Softmax", 1.5, 13.0, 13.3),
        Coder("ReLU", "Sigmoid", 1.5, 12.9, 13.2),
    ),
)

TABLE_IV = Table(
    "IV",
    "Comparison with other methods on WSJ0-2mix dataset.",
    (
        Result("DPCL++", 13.6, False, 10.8, None),
        Result("uPIT-BLSTM-ST", 92.7, False, None, 10.0),
        Result("DANet", 9.1, False, 10.5, None),
        Result("ADANet", 9.1, False, 10.4, 10.8),
        Result("cuPIT-Grid-RD", 47.2, False, None, 10.2),
        Result("CBLDNN-GAT", 39.5, False, None, 11.0),
        Result("Chimera++", 32.9, False, 11.5, 12.0),
        Result("WA-MISI-5", 32.9, False, 12.6, 13.1),
        Result("BLSTM-TasNet", 23.6, False, 13.2, 13.6),
        Result("Conv-TasNet-gLN", 5.1, False, 15.3, 15.6),
        Result("uPIT-LSTM", 46.3, True, None, 7.0),
        Result("LSTM-TasNet", 32.0, True, 10.8, 11.2),
        Result("Conv-TasNet-cLN", 5.1, True, 10.6, 11.0),
        Result("IRM", None, None, 12.2, 12.6),
        Result("IBM", None, None, 13.0, 13.5),
        Result("WFM", None, None, 13.4, 13.8),
    ),
)

TABLE_V = Table(
    "V",
    "Comparison with other systems on WSJ0-3mix dataset.",
    (
        Result("DPCL++", 13.6, False, 7.1, None),
        Result("uPIT-BLSTM-ST", 92.7, False, None, 7.7),
        Result("DANet", 9.1, False, 8.6, 8.9),
        Result("ADANet", 9.1, False, 9.1, 9.4),
        Result("Conv-TasNet-gLN", 5.1, False, 12.7, 13.1),
        Result("Conv-TasNet-cLN", 5.1, True, 7.8, 8.2),
        Result("IRM", None, None, 12.5, 13.0),
        Result("IBM", None, None, 13.2, 13.6),
        Result("WFM", None, None, 13.6, 14.0),
    ),
)

TABLE_VI = Table(
    "VI",
    "PESQ scores for the ideal T-F masks and Conv-TasNet on the entire WSJ0-2mix and WSJ0-3mix test sets.",
    (
        Quality("WSJ0-2mix", "IRM", 3.74),
        Quality("WSJ0-2mix", "IBM", 3.33),
        Quality("WSJ0-2mix", "WFM", 3.70),
        Quality("WSJ0-2mix", "Conv-TasNet", 3.24),
        Quality("WSJ0-3mix", "IRM", 3.52),
        Quality("WSJ0-3mix", "IBM", 2.91),
        Quality("WSJ0-3mix", "WFM", 3.45),
        Quality("WSJ0-3mix", "Conv-TasNet", 2.61),
    ),
)

TABLE_VII = Table(
    "VII",
    "Mean opinion score (MOS, N=40) and PESQ for the 25 selected utterances from the WSJ0-2mix test set.",
    (
        Quality("WSJ0-2mix", "Conv-TasNet-gLN", 3.22, mos=4.03),
        Quality("WSJ0-2mix", "IRM", 3.74, mos=3.51),
        Quality("WSJ0-2mix", "Clean", 4.5, mos=4.23),
    ),
)

TABLE_VIII = Table(
    "VIII",
    "Processing time for causal LSTM-TasNet and Conv-TasNet. The speed is evaluated as the average "
    "time required to separate a frame (time per frame, TPF).",
    (Speed("LSTM-TasNet", 4.3, 0.2), Speed("Conv-TasNet-cLN", 0.4, 0.02)),
)


@dataclass(frozen=True)
class Summary:
    """What the paper gives for one method on one data set, from Table IV or V and Table VI."""

    dataset: str
    si_snri: float  # dB
    sdri: float  # dB
    pesq: float  # see PESQ_SCALE


def summary(speakers: int) -> dict[str, Summary]:
    """Conv-TasNet (gLN, not causal) and the ideal masks by name, for 2 or 3 `speakers`."""
    dataset = f"WSJ0-{speakers}mix"
    results = {row.method: row for row in {2: TABLE_IV, 3: TABLE_V}[speakers].rows}
    pesq = {row.method: row.pesq for row in TABLE_VI.rows if row.dataset == dataset}
    printed = {"Conv-TasNet": "Conv-TasNet-gLN", "IBM": "IBM", "IRM": "IRM", "WFM": "WFM"}
    return {
        name: Summary(dataset, results[row].si_snri, results[row].sdri, pesq[name]) for name, row in printed.items()
    }
