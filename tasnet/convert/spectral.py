"""Deep clustering and Chimera++ of other programs: what their networks are called, and how they become a `ChimeraNet`.

Consulted: asteroid's recipe wsj0-mix/DeepClustering, github.com/funcwj/deep-clustering,
github.com/JusperLee/Deep-Clustering-for-Speech-Separation, github.com/tky823/DNN-based_source_separation.

They hear logarithms or magnitudes of a scaled spectrogram, with a mean and a deviation for each bin where these lie
beside the weights: all of this is linear, and becomes part of the first layer. The network is theirs for every frame;
our frames reach over both ends of the sound, so that theirs, which do not, differ within three frames of an end. What
asteroid adds to magnitudes is taken as equal in all bins, where in its first and last one it is lower by 3 dB.
"""

import math
import re
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tasnet.checkpoint import CheckpointError
from tasnet.config import WINDOW, ChimeraConfig
from tasnet.spectral.stft import STFT

from .importers import Imported, Setting, built

STATISTICS = ("mean", "std")  # of the features, for each bin
ASTEROID_FLOOR = 1e-4  # its magnitudes are roots of power + 1e-8
LEAST = 1e-12  # where a program adds nothing or next to nothing to the magnitudes
TRUE = (True, 1, "y", "yes")


@dataclass(frozen=True)
class SpectralLayout:
    """The networks of one program on spectrograms.

    mark:       a tensor that all of them have; lstm, embedding, masks: modules, "" where there is none.
    activation: of the embeddings. unit: whether it gives them the length 1 before they are clustered.
    statistics: whether the program needs mean and deviation of its features.
    unused:     a pattern of tensors that are not weights.
    """

    program: str
    mark: str
    lstm: str
    embedding: str
    masks: str = ""
    activation: str = "tanh"
    unit: bool = True
    statistics: bool = False
    unused: str = "$^"


SPECTRAL_LAYOUTS = (
    SpectralLayout(
        "asteroid's deep clustering",
        "masker.embedding_layer.weight",
        "masker.rnn.rnn",
        "masker.embedding_layer",
        "masker.mask_layer",
        unused=r"(en|de)coder\.(filterbank\.)?(_filters|torch_window)",
    ),
    SpectralLayout("funcwj/deep-clustering", "embed.weight", "rnn", "embed", statistics=True),
    SpectralLayout("JusperLee/Deep-Clustering", "linear.weight", "blstm", "linear", unit=False, statistics=True),
    SpectralLayout("tky823/DNN-based_source_separation", "fc.weight", "rnn", "fc", activation="linear"),
)


def from_spectral(layout: SpectralLayout, tensors: dict[str, Tensor], settings: dict) -> Imported:
    """The network with these tensors of `layout`; `settings` as of `settings.stored_settings`, with statistics.

    Raises CheckpointError for what this project's network lacks.
    """
    that = f"This {layout.program} network"
    asteroid = layout.mark.startswith("masker.")
    state = _renamed(layout, tensors, that)
    config, untold = _configuration(layout, state, settings, that)
    _check_frames(config, settings, that)
    if asteroid:
        _check_filters(tensors, config, that)
    gain, shift = _linear(config, settings, that, asteroid=asteroid, needed=layout.statistics)
    for way in ("", "_reverse"):
        weight = state[f"blstm.weight_ih_l0{way}"].double()
        state[f"blstm.bias_ih_l0{way}"] = (state[f"blstm.bias_ih_l0{way}"].double() + weight @ shift).float()
        state[f"blstm.weight_ih_l0{way}"] = (weight * gain).float()
    return Imported(built(state, config, that), layout.program, untold)


def _renamed(layout: SpectralLayout, tensors: dict[str, Tensor], that: str) -> dict[str, Tensor]:
    """The tensors under our names, those of the first layer certainly there and of an LSTM in both directions."""
    names = {layout.lstm: "blstm", layout.embedding: "embedding", layout.masks: "conv_mask"}
    state = {}
    for name, value in tensors.items():
        module, _, last = name.rpartition(".")
        if module and module in names:
            state[f"{names[module]}.{last}"] = value
        elif not (re.fullmatch(layout.unused, name) or (layout.statistics and name in STATISTICS)):
            raise CheckpointError(f"{that} has a part that is not known here: {name:.80}.")
    if "blstm.weight_ih_l0_reverse" not in state:
        raise CheckpointError(f"{that} hears only what has been, while the one here needs both directions.")
    both = ("", "_reverse")
    matrices = [f"blstm.weight_{of}_l0{way}" for of in ("ih", "hh") for way in both] + ["embedding.weight"]
    vectors = [f"blstm.bias_{of}_l0{way}" for of in ("ih", "hh") for way in both] + ["embedding.bias"]
    for dimensions, wanted in ((2, matrices), (1, vectors)):
        for name in wanted:
            if name not in state or state[name].ndim != dimensions or 0 in state[name].shape:
                raise CheckpointError(f"{that} lacks its {name}, or it has a shape that does not belong there.")
    if len(state["blstm.weight_ih_l0"]) != 4 * state["blstm.weight_hh_l0"].shape[1]:
        raise CheckpointError(f"The layers of {that[:1].lower()}{that[1:]} are no LSTMs.")
    return state


def _configuration(
    layout: SpectralLayout, state: dict[str, Tensor], settings: dict, that: str
) -> tuple[ChimeraConfig, dict[str, Setting]]:
    """The configuration that tensors and settings give, and what neither states."""
    F, H = state["blstm.weight_ih_l0"].shape[1], state["blstm.weight_hh_l0"].shape[1]
    D, rest = divmod(len(state["embedding.weight"]), F)
    rate, odd = divmod(round(1000 * 2 * (F - 1)), round(1000 * WINDOW))
    if rest or odd:
        raise CheckpointError(f"{that} hears {F} bins, which are no STFT of {1000 * WINDOW:g} ms.")
    untold: dict[str, Setting] = {}

    def known(name: str, default: Setting) -> Setting:
        if name not in settings:
            untold[name] = default
        return settings.get(name, default)

    if "conv_mask.weight" in state:
        C, rest = divmod(len(state["conv_mask.weight"]), F)
        if rest or settings.get("C", C) != C:
            raise CheckpointError(f"The masks of {that[:1].lower()}{that[1:]} are not as wide as its spectrograms.")
    else:
        C = int(known("C", 2))
    masks = "conv_mask.weight" in state and settings.get("loss_alpha") != 1  # which trains the embeddings alone
    activation, log = layout.activation, True
    if layout.statistics:  # "mask" is what funcwj's word stands for in its Conv-TasNet
        activation = str(settings.get("activation", settings.get("mask", activation))).lower()
    else:
        log = settings.get("take_db") is True or known("take_log", True) in TRUE
    if settings.get("sample_rate", rate) != rate:
        raise CheckpointError(
            f"{that} is of {settings['sample_rate']} Hz, where its {F} bins are no STFT of {1000 * WINDOW:g} ms."
        )
    if "sample_rate" not in settings:
        untold["sample_rate"] = rate
    try:
        config = ChimeraConfig(
            layers=len({name for name in state if re.fullmatch(r"blstm\.weight_ih_l\d+", name)}),
            H=H,
            D=D,
            C=C,
            output="masks" if masks else "clusters",
            sample_rate=rate,
            has_masks="conv_mask.weight" in state,
            features="log" if log else "magnitude",
            floor=LEAST,
            activation=activation,
            unit=layout.unit,
        )
        if layout.mark.startswith("masker."):
            config = replace(config, window="root hann", floor=ASTEROID_FLOOR / _scale(config))
    except ValueError as error:
        raise CheckpointError(str(error)) from None
    return config, untold


def _check_frames(config: ChimeraConfig, settings: dict, that: str) -> None:
    """Raises CheckpointError for an STFT that is stated and is not the paper's."""
    stated = {
        "windows": settings.get("window_length", settings.get("L", config.L)),
        "steps": settings.get("hop_length", settings.get("stride", config.hop)),
    }
    for what, own in (("windows", config.L), ("steps", config.hop)):
        if stated[what] != own:
            raise CheckpointError(
                f"{that} has an STFT in {what} of {stated[what]!s:.20} samples, while the one here needs {own}."
            )


def _scale(config: ChimeraConfig) -> float:
    """What asteroid's STFT multiplies by, so that its inverse needs no factor."""
    return 2 * math.sqrt(config.hop) / config.L


def _check_filters(tensors: dict[str, Tensor], config: ChimeraConfig, that: str) -> None:
    """Raises CheckpointError unless the filters that lie beside the weights, if any do, are asteroid's STFT."""
    name = next((name for name in tensors if re.fullmatch(r"encoder\.(filterbank\.)?_filters", name)), None)
    if name is None:
        return
    found = tensors[name].float().reshape(len(tensors[name]), -1)
    frames = STFT(config.L, config.L, root=True).forward(torch.eye(config.L))[:, 0]
    frames = frames.mT * _scale(config)
    frames[[0, -1]] *= math.sqrt(0.5)
    wanted = torch.cat([frames.real, frames.imag])
    if found.shape != wanted.shape or not torch.allclose(found, wanted, atol=1e-5):
        raise CheckpointError(f"The filterbank of {that[:1].lower()}{that[1:]} is not an STFT with root-Hann windows.")


def _linear(config: ChimeraConfig, settings: dict, that: str, *, asteroid: bool, needed: bool) -> tuple[Tensor, Tensor]:
    """(F,), (F,) in float64: the program's features are ours times the first plus the second."""
    gain, shift = torch.ones(config.F, dtype=torch.float64), torch.zeros(config.F, dtype=torch.float64)
    if asteroid:
        scale = torch.full_like(gain, _scale(config))
        scale[[0, -1]] *= math.sqrt(0.5)
        if config.features == "log":
            shift = scale.log()
        else:
            gain = scale
    if settings.get("take_db") is True:
        gain = gain * 20 / math.log(10)
    if needed and any(name not in settings for name in STATISTICS):
        raise CheckpointError(
            f"{that} needs the mean and the deviation of its features: give the file that holds them (such as "
            f'cmvn.dict or cmvn.ark) too, or settings with "mean": 0 and "std": 1 where there are none.'
        )
    if all(name in settings for name in STATISTICS):
        mean, std = (torch.as_tensor(settings[name], dtype=torch.float64) for name in STATISTICS)
        if any(one.numel() not in (1, config.F) for one in (mean, std)) or not (std > 0).all():
            raise CheckpointError(f"The mean and deviation beside {that[:1].lower()}{that[1:]} do not fit its bins.")
        gain, shift = gain / std.flatten(), (shift - mean.flatten()) / std.flatten()
    return gain, shift
