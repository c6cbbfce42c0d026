"""The network that judges a separation into two voices without the clean ones: the SI-SNR of one output.

It looks at the mixture, at the outputs, and at what is left between them and other views of the same sound (see
`views.Views.signals`). It was trained by `python -m analysis.conditions.fit_judge` on separations whose SI-SNR is
known (after Subakan et al., "REAL-M", 2022, whose estimator looks at mixture and outputs).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .mel_trunk import WIDTH, MelTrunk, over_all_frames
from .views import TURNED

TAILS = (0.05, 0.5, 0.95)  # the quantiles that it gives
DECIBELS = 10.0  # in one unit of its output
DROPOUT = 0.2


class JudgeNetwork(MelTrunk):
    """Seven signals (batch, 7, T) at 8 kHz -> SI-SNR in dB of the first output, (batch, 3): the quantiles `TAILS`."""

    def __init__(self, mel: Tensor | None = None) -> None:
        """mel: as for `MelTrunk`."""
        super().__init__(mel, len(TURNED))
        self.head = nn.Sequential(nn.Linear(3 * WIDTH, WIDTH), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, 3))

    def forward(self, spectrogram: Tensor) -> Tensor:
        """(batch, 7, BANDS, frames), what `spectrogram` gives -> (batch, 3) in dB."""
        seen = over_all_frames(self.over_time(spectrogram))
        return DECIBELS * self.head(torch.cat(seen, 1))

    @torch.inference_mode()
    def of_both(self, x: Tensor) -> Tensor:
        """Signals (7, T) -> SI-SNR in dB of both outputs, (2, 3)."""
        seen = self.spectrogram(x[None])
        return self(torch.cat([seen, seen[:, TURNED]]))
