"""The network that listens: it counts the voices of a sound, and hears whether there is noise or a room.

Convolutions over the log-mel spectrogram, then over time alone, then statistics over time (Stöter et al., "CountNet",
2019, counts from a spectrogram too). In training it also has to say how many speak at once in each frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .mel_trunk import WIDTH, MelTrunk, over_all_frames

MOST = 3  # the most voices that are told apart: "3 or more"
DROPOUT = 0.3


class HearingNetwork(MelTrunk):
    """(batch, T) at 8 kHz -> what it hears."""

    def __init__(self, mel: Tensor | None = None) -> None:
        """mel: as for `MelTrunk`."""
        super().__init__(mel)
        self.at_once = nn.Conv1d(WIDTH, MOST + 1, 1)
        pooled = 3 * (WIDTH + MOST + 1)
        self.head = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(pooled, WIDTH),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(WIDTH, MOST + 3),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, 6) of 0, 1, 2, 3 or more voices, of noise and of a room; and (batch, 4, frames / STRIDE) of
        how many speak at once."""
        y = self.over_time(self.spectrogram(x[:, None]))
        at_once = self.at_once(y)
        shares = at_once.softmax(1)
        seen = [*over_all_frames(y), shares.mean(-1), shares.amax(-1), shares.std(-1)]
        return self.head(torch.cat(seen, 1)), at_once

    @torch.inference_mode()
    def probabilities(self, x: Tensor) -> Tensor:
        """(batch, T) -> (batch, 6): four that sum to one, and two."""
        logits, _ = self(x)
        return torch.cat([logits[:, : MOST + 1].softmax(1), logits[:, MOST + 1 :].sigmoid()], 1)
