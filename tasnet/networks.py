"""Which network belongs to a configuration: the one place that knows them all."""

from .config import ChimeraConfig, Config, DPRNNTasNetConfig, LSTMTasNetConfig
from .dual_path.dprnn import DPRNNTasNet
from .lstm import LSTMTasNet
from .model import ConvTasNet, MaskingNetwork
from .spectral.network import ChimeraNet


def make_network(config: Config) -> MaskingNetwork:
    """The network of `config`, its weights drawn at random, in training mode."""
    if isinstance(config, ChimeraConfig):
        return ChimeraNet(config)
    if isinstance(config, DPRNNTasNetConfig):
        return DPRNNTasNet(config)
    return LSTMTasNet(config) if isinstance(config, LSTMTasNetConfig) else ConvTasNet(config)
