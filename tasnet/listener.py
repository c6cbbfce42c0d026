"""The network that listens: it counts the voices of a sound, and hears whether there is noise or a room.

Convolutions over the log-mel spectrogram, then over time alone, then statistics over time (Stöter et al., "CountNet",
2019, counts from a spectrogram too). In training it also has to say how many speak at once in each frame.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from .atomic import replacing

RATE = 8000  # Hz
FRAME, HOP = 256, 128  # samples
BANDS = 40  # mel
FLOOR = 1e-5  # of the mean power of a sound's bands
CHANNELS = (24, 48, 64)  # of the convolutions over frequency and time, each of which halves the bands
STRIDE = 2  # frames of the spectrogram in one of the convolutions over time
WIDTH, DILATIONS = 96, (1, 2, 4, 8)
MOST = 3  # the most voices that are told apart: "3 or more"
DROPOUT = 0.3


class HearingNetwork(nn.Module):
    """(batch, T) at 8 kHz -> what it hears."""

    mel: Tensor
    window: Tensor

    def __init__(self, mel: Tensor | None = None) -> None:
        """mel: (BANDS, FRAME / 2 + 1), a filterbank; none where weights, of which it is one, are to be loaded."""
        super().__init__()
        self.register_buffer("mel", torch.zeros(BANDS, FRAME // 2 + 1) if mel is None else mel)
        self.register_buffer("window", torch.hann_window(FRAME), persistent=False)
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(zip((1, *CHANNELS), CHANNELS, strict=False)):
            pool = nn.MaxPool2d((2, 1 if number else STRIDE))
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(), pool]
        self.bands = nn.Sequential(*layers)
        self.entry = nn.Conv1d(CHANNELS[-1] * (BANDS // 2 ** len(CHANNELS)), WIDTH, 1)
        self.blocks = nn.ModuleList(_block(dilation) for dilation in DILATIONS)
        self.at_once = nn.Conv1d(WIDTH, MOST + 1, 1)
        pooled = 3 * (WIDTH + MOST + 1)
        self.head = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(pooled, WIDTH),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(WIDTH, MOST + 3),
        )

    def spectrogram(self, x: Tensor) -> Tensor:
        """(batch, T) -> (batch, BANDS, frames): log power over its mean, whatever the level."""
        power = torch.stft(x, FRAME, HOP, window=self.window, return_complex=True).abs().square()
        mel = torch.einsum("mf,bfk->bmk", self.mel, power)
        return torch.log10(mel / mel.mean((1, 2), keepdim=True).clamp(min=1e-20) + FLOOR)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, 6) of 0, 1, 2, 3 or more voices, of noise and of a room; and (batch, 4, frames / STRIDE) of
        how many speak at once."""
        y = self.entry(self.bands(self.spectrogram(x)[:, None]).flatten(1, 2))
        for block in self.blocks:
            y = y + block(y)
        at_once = self.at_once(y)
        shares = at_once.softmax(1)
        seen = [y.mean(-1), y.std(-1), y.amax(-1), shares.mean(-1), shares.amax(-1), shares.std(-1)]
        return self.head(torch.cat(seen, 1)), at_once

    @torch.inference_mode()
    def probabilities(self, x: Tensor) -> Tensor:
        """(batch, T) -> (batch, 6): four that sum to one, and two."""
        logits, _ = self(x)
        return torch.cat([logits[:, : MOST + 1].softmax(1), logits[:, MOST + 1 :].sigmoid()], 1)

    @classmethod
    def load(cls, path: Path) -> HearingNetwork:
        """What `keep` kept, in float32, ready to listen. Raises OSError, and RuntimeError for another file."""
        network = cls()
        network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
        return network.eval().requires_grad_(False)

    def keep(self, path: Path) -> None:
        """Keep the weights in 16 bits."""
        weights = {name: value.half() for name, value in self.state_dict().items() if "num_batches" not in name}
        with replacing(path) as unfinished:
            unfinished.write_bytes(save(weights))


def _block(dilation: int) -> nn.Sequential:
    convolution = nn.Conv1d(WIDTH, WIDTH, 3, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(WIDTH), nn.ReLU())
