"""The hyper-parameters of the networks, in the papers' symbols (Table I). Imports nothing of ours."""

from .conv_tasnet import CONV_TASNET, ConvTasNetConfig
from .recurrent import DPRNN_TASNET, LSTM_TASNET, DPRNNTasNetConfig, LSTMTasNetConfig
from .spectral import CHIMERA, OUTPUTS, WINDOW, ChimeraConfig
from .values import ENCODERS, GATED, HIGHEST_RATE, LARGEST, LOWEST_RATE, MASKS

__all__ = [
    "CHIMERA",
    "CONV_TASNET",
    "DPRNN_TASNET",
    "ENCODERS",
    "GATED",
    "HIGHEST_RATE",
    "LARGEST",
    "LOWEST_RATE",
    "LSTM_TASNET",
    "MASKS",
    "OUTPUTS",
    "WINDOW",
    "ChimeraConfig",
    "Config",
    "ConvTasNetConfig",
    "DPRNNTasNetConfig",
    "LSTMTasNetConfig",
    "TasNetConfig",
    "config_from_dict",
]

TasNetConfig = ConvTasNetConfig | LSTMTasNetConfig | DPRNNTasNetConfig  # with learned filters
Config = TasNetConfig | ChimeraConfig
# By the field `network`, which Conv-TasNet's configuration lacks.
NETWORKS: dict[str, type[LSTMTasNetConfig] | type[DPRNNTasNetConfig] | type[ChimeraConfig]] = {
    LSTM_TASNET: LSTMTasNetConfig,
    DPRNN_TASNET: DPRNNTasNetConfig,
    CHIMERA: ChimeraConfig,
}


def config_from_dict(values: dict) -> Config:
    """The configuration whose `to_dict` gave `values`, whatever the network. Raises ValueError."""
    if not isinstance(values, dict) or "network" not in values:
        return ConvTasNetConfig.from_dict(values)
    name = values["network"]
    if not isinstance(name, str) or name not in NETWORKS:
        raise ValueError(f"network must be one of {', '.join(NETWORKS)}, not {name!r:.40}.")
    return NETWORKS[name].from_dict(values)
