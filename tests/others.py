"""Conv-TasNets of other programs, for the importers' tests.

asteroid, speechbrain, espnet and torchaudio are installed without what they depend on (tests/others.txt): whatever
else they import is replaced by a stand-in, and of torchaudio its one file of plain PyTorch is loaded. The three
networks that no package index has are stated here anew, with the names, shapes, order of layers and constants of their
sources.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock

import pytest
import torch
import torch.nn.functional as F
from torch import nn

HEAVY = {
    "huggingface_hub",
    "hyperpyyaml",
    "julius",
    "pytorch_lightning",
    "sentencepiece",
    "torch_complex",
    "torch_optimizer",
    "torch_stoi",
    "torchaudio",
    "torchmetrics",
    "pb_bss_eval",
    "typeguard",
}

LAZY = ("LazyModule", "DeprecatedModuleRedirect")  # of speechbrain


class _StandIn(ModuleType):
    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {}) if name[0].isupper() else MagicMock(name=name)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return _StandIn(spec.name)

    def exec_module(self, module):
        pass


@contextmanager
def _without_heavy():
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _StandIn)]:
            del sys.modules[name]


@cache
def module(name: str) -> ModuleType:
    """A module of an installed program; skips where it is not installed.

    Its modules that load when they are touched are forgotten again: others who look through all modules (hypothesis
    does) would wake them, and they would miss what they depend on.
    """
    program = name.partition(".")[0]
    if importlib.util.find_spec(program) is None:
        pytest.skip(f"{program} is not installed: pip install --no-deps -r tests/others.txt")
    with _without_heavy():
        try:
            return importlib.import_module(name)
        finally:
            for loaded in [loaded for loaded, kind in sys.modules.items() if type(kind).__name__ in LAZY]:
                del sys.modules[loaded]


def torchaudio_file(name: str) -> ModuleType:
    """A module of torchaudio by its path alone: the package itself wants the PyTorch that it was built with."""
    package = importlib.util.find_spec("torchaudio")
    if package is None:
        pytest.skip("torchaudio is not installed: pip install --no-deps -r tests/others.txt")
    path = Path(package.submodule_search_locations[0]) / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


class EspnetModel(nn.Module):
    """As espnet's enhancement model joins its parts, whose names its checkpoints have."""

    def __init__(self, encoder: dict, separator: dict) -> None:
        super().__init__()
        self.encoder = module("espnet2.enh.encoder.conv_encoder").ConvEncoder(**encoder)
        tcn = module("espnet2.enh.separator.tcn_separator").TCNSeparator
        self.separator = tcn(input_dim=encoder["channel"], **separator)
        self.decoder = module("espnet2.enh.decoder.conv_decoder").ConvDecoder(**encoder)

    def forward(self, x):
        lengths = torch.full((len(x),), x.shape[1])
        with _without_heavy():
            feature, feature_lengths = self.encoder(x, lengths)
            masked, _, others = self.separator(feature, feature_lengths)
            masked = [*masked, *(others[name] for name in ("noise1",) if name in others)]
            return torch.stack([self.decoder(d, lengths)[0] for d in masked], 1)


class SpeechbrainModel(nn.Module):
    """As speechbrain's recipe for WSJ0Mix joins its parts."""

    def __init__(self, N: int, L: int, **masknet) -> None:
        super().__init__()
        coders, net = module("speechbrain.lobes.models.dual_path"), module("speechbrain.lobes.models.conv_tasnet")
        self.encoder = coders.Encoder(kernel_size=L, out_channels=N)
        self.masknet = net.MaskNet(N=N, **masknet)
        self.decoder = coders.Decoder(in_channels=N, out_channels=1, kernel_size=L, stride=L // 2, bias=False)

    def forward(self, x):
        w = self.encoder(x)
        voices = [self.decoder(mask * w).reshape(len(x), -1) for mask in self.masknet(w)]
        return torch.stack([F.pad(voice, (0, x.shape[1] - voice.shape[1])) for voice in voices], 1)


def norm(kind: str, channels: int, eps: float, names: tuple[str, str], shape: tuple[int, ...]) -> nn.Module:
    """Layer norms over frames and channels (gLN) or over channels (cLN), on (batch, channels, frames)."""

    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            for name in names:
                self.register_parameter(name, nn.Parameter(torch.rand(shape) + 0.5))

        def forward(self, y):
            axes = (1, 2) if kind == "gLN" else (1,)
            scale, shift = (getattr(self, name).reshape(-1, 1) for name in names)
            variance, mean = torch.var_mean(y, axes, correction=0, keepdim=True)
            return (y - mean) / (variance + eps).sqrt() * scale + shift

    return nn.BatchNorm1d(channels) if kind == "BN" else Norm()


class _Cut(nn.Module):
    def __init__(self, frames):
        super().__init__()
        self.frames = frames

    def forward(self, y):
        return y[..., : -self.frames]


class _Residual(nn.Module):
    """y + what `layers` make of it; `called` names those that are, in order."""

    def __init__(self, layers: dict, called: list[str]):
        super().__init__()
        self.called = called
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, y):
        out = y
        for name in self.called:
            out = self.get_submodule(name)(out)
        return y + out


class Kaituoxu(nn.Module):
    """github.com/kaituoxu/Conv-TasNet, src/conv_tasnet.py."""

    def __init__(self, N, L, B, H, P, X, R, C, norm_type="gLN", causal=False, mask_nonlinear="relu"):
        super().__init__()
        self.L, self.C, self.mask = L, C, mask_nonlinear
        affine = lambda kind, width: norm(kind, width, 1e-8, ("gamma", "beta"), (1, width, 1))  # noqa: E731
        point = lambda a, b: nn.Conv1d(a, b, 1, bias=False)  # noqa: E731

        def block(d):
            padding = (P - 1) * d if causal else (P - 1) * d // 2
            deep = nn.Conv1d(H, H, P, padding=padding, dilation=d, groups=H, bias=False)
            cut = [_Cut(padding)] if causal else []
            separable = nn.Module()
            separable.net = nn.Sequential(deep, *cut, nn.PReLU(), affine(norm_type, H), point(H, B))
            separable.forward = separable.net.forward
            return _Residual({"net": nn.Sequential(point(B, H), nn.PReLU(), affine(norm_type, H), separable)}, ["net"])

        self.encoder, self.decoder, self.separator = nn.Module(), nn.Module(), nn.Module()
        self.encoder.conv1d_U = nn.Conv1d(1, N, L, stride=L // 2, bias=False)
        self.decoder.basis_signals = nn.Linear(N, L, bias=False)
        repeats = nn.Sequential(*(nn.Sequential(*(block(2**x) for x in range(X))) for _ in range(R)))
        self.separator.network = nn.Sequential(affine("cLN", N), point(N, B), repeats, point(B, C * N))

    def forward(self, x):
        w = F.relu(self.encoder.conv1d_U(x[:, None]))
        score = self.separator.network(w).unflatten(1, (self.C, -1))
        mask = torch.softmax(score, 1) if self.mask == "softmax" else F.relu(score)
        frames = self.decoder.basis_signals((mask * w[:, None]).transpose(2, 3))
        size = (1, (frames.shape[2] - 1) * (self.L // 2) + self.L)
        parts = frames.flatten(0, 1).transpose(1, 2)
        y = F.fold(parts, size, (1, self.L), stride=(1, self.L // 2)).reshape(*frames.shape[:2], -1)
        return F.pad(y, (0, x.shape[1] - y.shape[-1]))


class _Flat(nn.Module):
    """What funcwj's and JusperLee's networks have in common: biases everywhere, and the masks' chunks."""

    mask = "relu"

    def _separate(self, x, w, score, decoder):
        scores = torch.stack(score.chunk(self.speakers, 1))
        masks = {"relu": F.relu, "sigmoid": torch.sigmoid, "softmax": lambda s: torch.softmax(s, 0)}[self.mask](scores)
        y = torch.stack([decoder(w * m)[:, 0] for m in masks], 1)
        return F.pad(y, (0, x.shape[1] - y.shape[-1]))

    @staticmethod
    def _deep(H, P, d, causal):
        padding = d * (P - 1) if causal else d * (P - 1) // 2
        deep = nn.Conv1d(H, H, P, groups=H, padding=padding, dilation=d)
        if causal:
            deep.register_forward_hook(lambda module, inputs, out: out[..., :-padding])
        return deep


class Funcwj(_Flat):
    """github.com/funcwj/conv-tasnet, nnet/conv_tas_net.py."""

    def __init__(self, L, N, X, R, B, H, P, norm_type="cLN", num_spks=2, non_linear="relu", causal=False):
        super().__init__()
        self.mask, self.speakers = non_linear, num_spks

        def affine(kind, width):
            return nn.LayerNorm(width) if kind == "cLN" else norm(kind, width, 1e-5, ("gamma", "beta"), (width, 1))

        def block(d):
            layers = {
                "conv1x1": nn.Conv1d(B, H, 1),
                "prelu1": nn.PReLU(),
                "lnorm1": affine(norm_type, H),
                "dconv": self._deep(H, P, d, causal),
                "prelu2": nn.PReLU(),
                "lnorm2": affine(norm_type, H),
                "sconv": nn.Conv1d(H, B, 1),
            }
            return _Residual({k: _on_channels(v) for k, v in layers.items()}, list(layers))

        self.encoder_1d = nn.Conv1d(1, N, L, stride=L // 2)
        self.ln = _on_channels(nn.LayerNorm(N))
        self.proj = nn.Conv1d(N, B, 1)
        self.repeats = nn.Sequential(*(nn.Sequential(*(block(2**x) for x in range(X))) for _ in range(R)))
        self.decoder_1d = nn.ConvTranspose1d(N, 1, L, stride=L // 2)
        self.masks = nn.Conv1d(B, num_spks * N, 1)  # called `mask` there

    def state_dict(self, *args, **kwargs):
        return {name.replace("masks.", "mask."): value for name, value in super().state_dict(*args, **kwargs).items()}

    def forward(self, x):
        w = F.relu(self.encoder_1d(x[:, None]))
        score = self.masks(self.repeats(self.proj(self.ln(w))))
        return self._separate(x, w, score, self.decoder_1d)


class JusperLee(_Flat):
    """github.com/JusperLee/Conv-TasNet, Conv_TasNet_Pytorch/Conv_TasNet.py: PReLU_2 and norm_2 are never called."""

    def __init__(self, N, L, B, H, P, X, R, norm_type="gln", num_spks=2, activate="relu", causal=False):
        super().__init__()
        self.mask, self.speakers = activate, num_spks

        def affine(kind, width):
            if kind == "cln":
                return nn.LayerNorm(width)
            return norm({"gln": "gLN", "bn": "BN"}[kind], width, 1e-5, ("weight", "bias"), (width, 1))

        def block(d):
            layers = {
                "conv1x1": nn.Conv1d(B, H, 1),
                "PReLU_1": nn.PReLU(),
                "norm_1": affine(norm_type, H),
                "dwconv": self._deep(H, P, d, causal),
                "PReLU_2": nn.PReLU(),
                "norm_2": affine(norm_type, H),
                "Sc_conv": nn.Conv1d(H, B, 1),
            }
            return _Residual(
                {k: _on_channels(v) for k, v in layers.items()}, ["conv1x1", "PReLU_1", "norm_1", "dwconv", "Sc_conv"]
            )

        self.encoder = nn.Conv1d(1, N, L, stride=L // 2)
        self.LayerN_S = _on_channels(nn.LayerNorm(N))
        self.BottleN_S = nn.Conv1d(N, B, 1)
        self.separation = nn.Sequential(*(nn.Sequential(*(block(2**x) for x in range(X))) for _ in range(R)))
        self.gen_masks = nn.Conv1d(B, num_spks * N, 1)
        self.decoder = nn.ConvTranspose1d(N, 1, L, stride=L // 2)

    def forward(self, x):
        w = self.encoder(x[:, None])
        score = self.gen_masks(self.separation(self.BottleN_S(self.LayerN_S(w))))
        return self._separate(x, w, score, self.decoder)


def _on_channels(layer: nn.Module) -> nn.Module:
    """A LayerNorm made to work on (batch, channels, frames); other layers as they are."""
    if isinstance(layer, nn.LayerNorm):
        layer.register_forward_pre_hook(lambda module, inputs: inputs[0].transpose(1, 2))
        layer.register_forward_hook(lambda module, inputs, out: out.transpose(1, 2))
    return layer
