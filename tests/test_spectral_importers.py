"""Deep clustering and Chimera++ of other programs, stated here in plain PyTorch, and the same imported."""

import pickle

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from tasnet import ChimeraNet, Separator, checkpoint
from tasnet.checkpoint import CheckpointError
from tasnet.convert.__main__ import main
from tasnet.convert.files import imported

H, D, F, C = 7, 5, 129, 2
BEYOND = 192  # samples by which our frames reach over the ends of a sound


def lstm(layers: int = 2, **changes) -> nn.LSTM:
    return nn.LSTM(F, H, layers, **{"batch_first": True, "bidirectional": True, **changes})


def state_of(**modules: nn.Module) -> dict[str, torch.Tensor]:
    """The weights under the names of a program, a point written as two underscores; no bias at 0."""
    return {
        f"{name.replace('__', '.')}.{key}": value
        for name, one in modules.items()
        for key, value in one.state_dict().items()
    }


def magnitudes(x: torch.Tensor, root: bool = False) -> torch.Tensor:
    """(T,) -> (K, F): frames from the first sample on, by the discrete Fourier transform as a matrix, in float64."""
    n = np.arange(256)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * n / 256)) ** (0.5 if root else 1)
    basis = np.exp(-2j * np.pi * np.outer(n, np.arange(F)) / 256) * window[:, None]
    return torch.from_numpy(np.abs(x.double().unfold(0, 256, 64).numpy() @ basis))


def asteroid(take_log: bool):
    """Its filters scale the transform so that it needs no factor back; the first and the last bin once more."""
    torch.manual_seed(1)
    rnn, masks, embedding = lstm(), nn.Linear(2 * H, C * F), nn.Linear(2 * H, F * D)
    n, k = np.arange(256), np.arange(F)
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * n / 256))
    filters = np.exp(-2j * np.pi * np.outer(k, n) / 256) * window / (0.5 * np.sqrt(256 * 256 / 64))
    filters[[0, -1]] /= np.sqrt(2)
    stacked = torch.from_numpy(np.concatenate([filters.real, filters.imag])).float()[:, None]

    def forward(x):
        re, im = torch.nn.functional.conv1d(x[None, None], stacked, stride=64)[0].chunk(2)
        features = (re.square() + im.square() + 1e-8).sqrt().T
        hidden = rnn((features + 1e-8).log()[None] if take_log else features[None])[0][0]
        V = embedding(hidden).tanh().view(-1, F, D)
        return masks(hidden).view(-1, C, F).sigmoid().movedim(1, 0), V / (V.norm(dim=-1, keepdim=True) + 1e-8)

    tensors = state_of(masker__rnn__rnn=rnn, masker__mask_layer=masks, masker__embedding_layer=embedding)
    tensors |= {f"{coder}coder.filterbank._filters": stacked for coder in ("en", "de")}
    config = {
        "filterbank": {"n_filters": 256, "kernel_size": 256, "stride": 64},
        "masknet": {"take_log": "y" if take_log else False, "embedding_dim": D},
        "training": {"loss_alpha": 0.5},
        "data": {"n_src": 2, "sample_rate": 8000},
    }
    return forward, {"state_dict": {f"model.{name}": value for name, value in tensors.items()}}, config


def statistics():
    rng = np.random.default_rng(3)
    return {"mean": rng.normal(-2, 1, F), "std": rng.uniform(0.5, 2, F)}


def of_logarithms(rnn, linear, activation, unit):
    """A network on log magnitudes less their mean, over their deviation."""
    mean, std = (torch.from_numpy(one) for one in statistics().values())

    def forward(x):
        features = ((magnitudes(x).log() - mean) / std).float()
        V = activation(linear(rnn(features[None])[0][0])).view(-1, F, D)
        return None, V / V.norm(dim=-1, keepdim=True) if unit else V

    return forward


def funcwj(non_linear: str):
    torch.manual_seed(2)
    rnn, embed = lstm(), nn.Linear(2 * H, F * D)
    config = {"dcnet": {"non_linear": non_linear}, "spectrogram_reader": {"frame_length": 256, "frame_shift": 64}}
    forward = of_logarithms(rnn, embed, getattr(torch, non_linear), True)
    return forward, state_of(rnn=rnn, embed=embed) | as_tensors(), config


def jusperlee():
    torch.manual_seed(4)
    blstm, linear = lstm(), nn.Linear(2 * H, F * D)
    weights = {"epoch": 1, "model_state_dict": state_of(blstm=blstm, linear=linear), "optim_state_dict": {}}
    forward = of_logarithms(blstm, linear, torch.tanh, False)
    return forward, weights | as_tensors(), {"num_spks": 2, "DPCL": {"activation": "Tanh"}}


def as_tensors() -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in statistics().items()}


def tky823(**take):
    torch.manual_seed(6)
    rnn, fc = lstm(1), nn.Linear(2 * H, F * D)

    def forward(x):
        a = magnitudes(x) + 1e-12
        features = a.log() if take.get("take_log") else 20 * a.log10() if take.get("take_db") else a
        V = fc(rnn(features.float()[None])[0][0]).view(-1, F, D)
        return None, V / (V.norm(dim=-1, keepdim=True) + 1e-12)

    package = {"n_bins": F, "embed_dim": D, "n_fft": 256, "hop_length": 64, "take_log": False, "take_db": False}
    return forward, package | take | {"state_dict": state_of(rnn=rnn, fc=fc)}, None


PROGRAMS = {
    "asteroid log": (lambda: asteroid(True), "Chimera++"),
    "asteroid magnitude": (lambda: asteroid(False), "Chimera++"),
    "funcwj": (lambda: funcwj("tanh"), "DPCL"),
    "funcwj sigmoid": (lambda: funcwj("sigmoid"), "DPCL"),
    "jusperlee": (jusperlee, "DPCL"),
    "tky823 log": (lambda: tky823(take_log=True), "DPCL"),
    "tky823 dB": (lambda: tky823(take_db=True), "DPCL"),
    "tky823 magnitude": (tky823, "DPCL"),
}


@pytest.mark.parametrize(("program", "system"), PROGRAMS.values(), ids=PROGRAMS)
@torch.no_grad()
def test_both_heads_are_theirs(program, system):
    forward, content, config = program()
    found = imported(content, config)
    model, x = found.model, 0.5 + 0.1 * torch.randn(3000, generator=torch.Generator().manual_seed(0))
    assert isinstance(model, ChimeraNet) and model.config.system == system and model.config.hears_level
    heads = model.for_loss(x[None])
    frames = heads.X.shape[1]
    masks, embeddings = forward(nn.functional.pad(x, (BEYOND, 64 * (frames - 1) + 256 - BEYOND - len(x))))
    torch.testing.assert_close(heads.embeddings[0], embeddings.float(), atol=1e-4, rtol=0)
    assert (heads.masks is None) == (masks is None)
    if masks is not None:
        torch.testing.assert_close(heads.masks[0], masks, atol=1e-4, rtol=0)
    else:  # every cell goes to one cluster
        torch.testing.assert_close(model(x[None]).sum(1), x[None], atol=1e-5, rtol=0)


def test_from_files_to_two_voices(tmp_path, capsys):
    """Statistics as numpy pickles them; settings in YAML."""
    _, tensors, config = funcwj("tanh")
    weights, cmvn, settings, out = (
        tmp_path / name for name in ("a.pkl", "cmvn.dict", "train.yaml", "ours.safetensors")
    )
    torch.save(
        {k: v for k, v in tensors.items() if k not in ("mean", "std")}, weights, _use_new_zipfile_serialization=False
    )
    cmvn.write_bytes(pickle.dumps(statistics(), protocol=2))
    settings.write_text(yaml.safe_dump(config))
    assert main([str(weights), "--config", str(settings), "-o", str(out)]) == 2
    assert "needs the mean and the deviation" in capsys.readouterr().err
    assert main([str(weights), str(cmvn), "--config", str(settings), "-o", str(out)]) == 0
    assert "from funcwj/deep-clustering" in capsys.readouterr().out
    ours, theirs = checkpoint.load(out)[0], imported(tensors, config).model
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)
    assert Separator(out).separate(np.sin(np.arange(4000.0)), 8000).sources.shape == (2, 4000)


def test_embeddings_alone_were_trained_where_their_loss_was_all():
    _, content, config = asteroid(True)
    config["training"]["loss_alpha"] = 1.0
    assert imported(content, config).model.config.output == "clusters"


def changed(**tensors):
    content = state_of(rnn=lstm(1), embed=nn.Linear(2 * H, F * D)) | as_tensors()
    return {name: value for name, value in (content | tensors).items() if value is not None}


REFUSED = {
    "one direction": (state_of(rnn=lstm(bidirectional=False), fc=nn.Linear(H, F * D)), None, "only what has been"),
    "GRU": (state_of(rnn=nn.GRU(F, H, 1, bidirectional=True), fc=nn.Linear(2 * H, F * D)), None, "no LSTMs"),
    "more": (changed(**{"cnn.weight": torch.ones(2)}), None, "a part that is not known here: cnn.weight"),
    "no statistics": (changed(mean=None), None, "needs the mean and the deviation"),
    "other statistics": (changed(std=torch.ones(65)), None, "do not fit its bins"),
    "other windows": (changed(), {"frame_length": 512}, "windows of 512 samples, while the one here needs 256"),
    "other rate": (changed(), {"sample_rate": 16000}, "of 16000 Hz"),
    "odd bins": (changed(**{"embed.weight": torch.ones(F * D + 1, 2 * H)}), None, "no STFT of 32 ms"),
    "activation": (changed(), {"non_linear": "relu"}, "activation must be one of tanh, sigmoid, linear"),
}


@pytest.mark.parametrize(("content", "config", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_differs_is_refused(content, config, sentence):
    with pytest.raises(CheckpointError, match=sentence):
        imported(content, config)


def test_another_filterbank_is_refused():
    _, content, config = asteroid(True)
    content["state_dict"]["model.encoder.filterbank._filters"] *= 1.1
    with pytest.raises(CheckpointError, match="not an STFT"):
        imported(content, config)
