"""Networks of other programs, and the same imported: equal outputs, whatever their size, norms, masks and lengths."""

import others
import pytest
import torch

from tasnet.convert.files import imported
from tasnet.kernels.tiled import forward

SMALL = {"N": 24, "L": 8, "B": 12, "H": 20, "P": 3, "X": 3, "R": 2}
PUBLISHED = {"N": 512, "L": 16, "B": 128, "H": 512, "P": 3, "X": 8, "R": 3}


def randomised(network):
    """No parameter at a neutral value that hides mistakes; batch norms with statistics."""
    torch.manual_seed(0)
    for name, value in network.state_dict().items():
        if (value.is_floating_point() and value.ndim < 3) or "gamma" in name or "beta" in name:
            spread = torch.rand_like(value) * 0.6
            value.copy_(spread + 0.6 if name.rpartition(".")[2] in ("weight", "gamma", "running_var") else spread - 0.3)
    for name, value in network.named_parameters():
        if "basis_signals" in name:
            torch.nn.init.normal_(value, std=0.1)
    return network.eval()


def asteroid(size, C=2, Sc=None, **arguments):
    names = dict(N="n_filters", L="kernel_size", B="bn_chan", H="hid_chan")
    names |= dict(P="conv_kernel_size", X="n_blocks", R="n_repeats")
    sizes = {names[k]: v for k, v in size.items()} | {"stride": size["L"] // 2, "n_src": C}
    network = others.module("asteroid.models.conv_tasnet").ConvTasNet(
        **sizes, skip_chan=size["B"] + 4 if Sc is None else Sc, **arguments
    )
    randomised(network)
    checkpoint = {
        "model_name": "ConvTasNet",
        "state_dict": network.state_dict(),
        "model_args": network.get_model_args(),
        "infos": {"software_versions": {"asteroid_version": "0.7.0"}},
    }
    return lambda x: network(x), checkpoint, None


def torchaudio(size, C=2, mask="relu"):
    names = dict(N="enc_num_feats", L="enc_kernel_size", B="msk_num_feats", H="msk_num_hidden_feats")
    names |= dict(P="msk_kernel_size", X="msk_num_layers", R="msk_num_stacks")
    arguments = {names[k]: v for k, v in size.items()} | {"num_sources": C, "msk_activate": mask}
    network = randomised(others.torchaudio_file("models/conv_tasnet.py").ConvTasNet(**arguments))
    return lambda x: network(x[:, None]), network.state_dict(), arguments


def espnet(size, C=2, **separator):
    encoder = {"channel": size["N"], "kernel_size": size["L"], "stride": size["L"] // 2}
    separator |= {"bottleneck_dim": size["B"], "hidden_dim": size["H"], "kernel": size["P"]}
    separator |= {"layer": size["X"], "stack": size["R"], "num_spk": C}
    network = randomised(others.EspnetModel(encoder, separator))
    config = {"encoder": "conv", "encoder_conf": encoder, "separator": "tcn", "separator_conf": separator}
    return network, network.state_dict(), config


def speechbrain(size, C=2, **masknet):
    network = randomised(others.SpeechbrainModel(**size, C=C, **masknet))
    return network, network.state_dict(), {"MaskNet": size | {"C": C} | masknet}


def kaituoxu(size, C=2, **arguments):
    network = randomised(others.Kaituoxu(**size, C=C, **arguments))
    package = (
        size | {"C": C} | arguments | {"state_dict": network.state_dict(), "epoch": 3, "optim_dict": {"state": {}}}
    )
    return network, package, None


def funcwj(size, C=2, **arguments):
    network = randomised(others.Funcwj(**size, num_spks=C, **arguments))
    return network, {"epoch": 1, "model_state_dict": network.state_dict()}, arguments


def jusperlee(size, C=2, **arguments):
    network = randomised(others.JusperLee(**size, num_spks=C, **arguments))
    return network, {"epoch": 1, "model_state_dict": network.state_dict()}, arguments


KINDS = [
    (asteroid, {}),
    (asteroid, {"C": 3, "mask_act": "relu", "norm_type": "cLN"}),
    (asteroid, {"C": 1, "mask_act": "softmax", "norm_type": "cgLN", "causal": True}),
    (asteroid, {"norm_type": "bN", "encoder_activation": "relu", "sample_rate": 16000}),
    (asteroid, {"Sc": 0}),
    (torchaudio, {}),
    (torchaudio, {"C": 3, "mask": "sigmoid"}),
    (espnet, {"norm_type": "gLN", "nonlinear": "relu"}),
    (espnet, {"norm_type": "cLN", "nonlinear": "sigmoid", "causal": True, "pre_mask_nonlinear": "linear"}),
    (espnet, {"C": 3, "norm_type": "BN", "pre_mask_nonlinear": "relu", "predict_noise": True}),
    (espnet, {"norm_type": "GN"}),
    (speechbrain, {}),
    (speechbrain, {"C": 3, "norm_type": "cLN"}),
    (kaituoxu, {}),
    (kaituoxu, {"C": 3, "norm_type": "cLN", "causal": True, "mask_nonlinear": "softmax"}),
    (kaituoxu, {"norm_type": "BN"}),
    (funcwj, {}),
    (funcwj, {"C": 3, "norm_type": "gLN", "non_linear": "softmax"}),
    (funcwj, {"norm_type": "BN", "non_linear": "sigmoid", "causal": True}),
    (jusperlee, {}),
    (jusperlee, {"C": 3, "norm_type": "cln", "activate": "softmax", "causal": True}),
    (jusperlee, {"norm_type": "bn", "activate": "sigmoid"}),
]


def name(value):
    return value.__name__ if callable(value) else "-".join(map(str, value.values())) or "default"


def assert_equal(theirs, checkpoint, config, lengths):
    ours = imported(checkpoint, config).model
    for T in lengths:
        x = torch.randn(2, T, generator=torch.Generator().manual_seed(T))
        with torch.no_grad():
            y = theirs(x)
            scale = y.abs().max().clamp_min(1e-3)
            torch.testing.assert_close(ours(x) / scale, y / scale, atol=1e-5, rtol=0)
            torch.testing.assert_close(forward(ours, x) / scale, y / scale, atol=1e-5, rtol=0)
    return ours


@pytest.mark.parametrize(("program", "arguments"), KINDS, ids=name)
def test_small_networks_are_equal(program, arguments):
    shortest = 131 if program is speechbrain else 8  # which reflects more frames than there are in 8 samples
    assert_equal(*program(SMALL, **arguments), lengths=(shortest, 1003, 1200))


def test_a_torchaudio_network_that_torchaudio_cannot_run_is_refused():
    theirs, checkpoint, config = torchaudio(SMALL | {"P": 5})
    with pytest.raises(RuntimeError):
        theirs(torch.zeros(1, 800))
    with pytest.raises(ValueError, match="blocks need P 3, not 5"):
        imported(checkpoint, config)


@pytest.mark.parametrize("program", [asteroid, torchaudio, espnet, speechbrain, kaituoxu, funcwj, jusperlee], ids=name)
def test_networks_of_the_published_size_are_equal(program):
    theirs, checkpoint, config = program(PUBLISHED)
    every = {"sample_rate": 8000, "causal": False, "norm_type": "gLN"}  # told, so that nothing has to be tried
    assert_equal(theirs, checkpoint, every | (config or {}), lengths=(1203,))
