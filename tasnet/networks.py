"""Which network belongs to a configuration: the one place that knows them all."""

from .config import Config, LSTMTasNetConfig
from .lstm import LSTMTasNet
from .model import ConvTasNet, TasNet


def make_network(config: Config) -> TasNet:
    """The network of `config`, its weights drawn at random, in training mode."""
    return LSTMTasNet(config) if isinstance(config, LSTMTasNetConfig) else ConvTasNet(config)
