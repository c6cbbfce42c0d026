"""LSTM-TasNet and BLSTM-TasNet, the earlier TasNet that the paper compares with ([21], [26]; Tables IV, V and VIII).

Coders as Conv-TasNet's; the masks come from LSTM layers, which take the frames one after the other. [21] and [26] do
not state every detail, so this is a network of their kind and of the paper's size, not a copy of theirs.
"""

from torch import Tensor, nn

from .config import LSTMTasNetConfig
from .model import TasNet
from .norms import make_norm
from .tcn import PReLU, limit_masks


class LSTMTasNet(TasNet):
    """TasNet whose separation module is a deep LSTM, or a BLSTM where the configuration is not causal."""

    config: LSTMTasNetConfig
    separator: "LSTMSeparator"

    def __init__(self, config: LSTMTasNetConfig) -> None:
        super().__init__(config)
        self.separator = LSTMSeparator(config)

    def num_parameters(self) -> int:
        """The paper's 'model size': every trained value, biases and norms included.

        Table IV has 32.0M for the LSTM and 23.6M for the BLSTM, and prints no sizes of layers. The difference is
        8 1024^2 exactly, that of four layers of 1024 units and of 512 a direction, whatever is before and after them;
        the rest agrees with N = 256 and one layer of 1024 units before the masks (32.04M and 23.65M), but other
        sizes around the LSTM would agree too. The 1000 units and N = 500 of [21] give 31.1M and 23.1M.
        """
        return super().num_parameters()


class LSTMSeparator(nn.Module):
    """w -> the masks m_i: layer norm of each frame, LSTM layers with a skip connection, two linear layers.

    Without the skip connection there is one stack of LSTM layers and one linear layer.
    """

    def __init__(self, config: LSTMTasNetConfig) -> None:
        super().__init__()
        self.config = config
        both = not config.causal
        layers = config.layers // 2 if config.skip else config.layers
        shape = {"num_layers": layers, "batch_first": True, "bidirectional": both}
        units = config.H // 2 if both else config.H  # of each direction
        self.norm = nn.LayerNorm(config.N) if config.norm == "chLN" else make_norm(config.norm, config.N)
        self.lower = nn.LSTM(config.N, units, **shape)
        if config.skip:
            self.upper = nn.LSTM(config.H, units, **shape)
            self.linear = nn.Linear(config.H, config.H)
            self.prelu = PReLU()
        self.conv_mask = nn.Linear(config.H, config.C * config.N)

    def forward(self, w: Tensor) -> Tensor:
        """w (batch, K, N) -> m (batch, C, K, N)."""
        y, _ = self.lower(self.norm(w))
        if self.config.skip:
            upper, _ = self.upper(y)
            y = self.prelu(self.linear(y + upper))
        m = self.conv_mask(y)
        return limit_masks(m.unflatten(-1, (self.config.C, self.config.N)).transpose(1, 2), self.config.mask)
