"""What networks that listen are built on: log-mel spectrograms, convolutions over them, then over time alone."""

from __future__ import annotations

from pathlib import Path
from typing import Self

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


class MelTrunk(nn.Module):
    """The part that all of them share; a network for one task adds its head."""

    mel: Tensor
    window: Tensor

    def __init__(self, mel: Tensor | None = None, signals: int = 1) -> None:
        """mel: (BANDS, FRAME / 2 + 1), a filterbank; none where weights, of which it is one, are to be loaded.
        signals: at the input, of equal length."""
        super().__init__()
        self.register_buffer("mel", torch.zeros(BANDS, FRAME // 2 + 1) if mel is None else mel)
        self.register_buffer("window", torch.hann_window(FRAME), persistent=False)
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(zip((signals, *CHANNELS), CHANNELS, strict=False)):
            pool = nn.MaxPool2d((2, 1 if number else STRIDE))
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(), pool]
        self.bands = nn.Sequential(*layers)
        self.entry = nn.Conv1d(CHANNELS[-1] * (BANDS // 2 ** len(CHANNELS)), WIDTH, 1)
        self.blocks = nn.ModuleList(_block(dilation) for dilation in DILATIONS)

    @torch.autocast("cpu", enabled=False)
    def spectrogram(self, x: Tensor) -> Tensor:
        """(batch, signals, T) -> (batch, signals, BANDS, frames): log power over the mean of the first signal's."""
        power = torch.stft(x.flatten(0, 1), FRAME, HOP, window=self.window, return_complex=True).abs().square()
        mel = torch.einsum("mf,bfk->bmk", self.mel, power).unflatten(0, x.shape[:2])
        return torch.log10(mel / mel[:, :1].mean((2, 3), keepdim=True).clamp(min=1e-20) + FLOOR)

    def over_time(self, spectrogram: Tensor) -> Tensor:
        """(batch, signals, BANDS, frames) -> (batch, WIDTH, frames / STRIDE)."""
        y = self.entry(self.bands(spectrogram).flatten(1, 2))
        for block in self.blocks:
            y = y + block(y)
        return y

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `keep` kept, in float32, ready to listen. Raises OSError, and RuntimeError for another file."""
        network = cls()
        network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
        return network.eval().requires_grad_(False)

    def keep(self, path: Path) -> None:
        """Keep the weights in 16 bits."""
        weights = {
            name: value.half().contiguous() for name, value in self.state_dict().items() if "num_batches" not in name
        }
        with replacing(path) as unfinished:
            unfinished.write_bytes(save(weights))


def over_all_frames(y: Tensor) -> list[Tensor]:
    """Statistics over time of (batch, channels, frames): three of (batch, channels)."""
    return [y.mean(-1), y.std(-1), y.amax(-1)]


def _block(dilation: int) -> nn.Sequential:
    convolution = nn.Conv1d(WIDTH, WIDTH, 3, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(WIDTH), nn.ReLU())
