"""What the page Designs says of systems that came after the paper, counted in networks that other programs build."""

from contextlib import nullcontext

import others
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from analysis.network.designs import later_systems
from tasnet import DPRNNTasNetConfig

RATE, SECONDS = 8000, 4


def sudo_rm_rf():
    network = others.module("asteroid.models.sudormrf").SuDORMRFImprovedNet
    return network(2, bn_chan=256, num_blocks=16, upsampling_depth=5, n_filters=512, kernel_size=21, stride=10)


def sepformer():
    """As its recipe's hparams/sepformer.yaml has it."""
    parts = others.module("speechbrain.lobes.models.dual_path")

    def block():
        sizes = {"num_layers": 8, "d_model": 256, "nhead": 8, "d_ffn": 1024, "dropout": 0}
        return parts.SBTransformerBlock(**sizes, use_positional_encoding=True, norm_before=True)

    network = torch.nn.Module()
    network.encoder = parts.Encoder(kernel_size=16, out_channels=256)
    network.masknet = parts.Dual_Path_Model(256, 256, block(), block(), 2, "ln", 250, 2, True, False)
    network.decoder = parts.Decoder(in_channels=256, out_channels=1, kernel_size=16, stride=8, bias=False)

    def forward(x):
        w = network.encoder(x)
        return [network.decoder(w * m) for m in network.masknet(w)]

    network.forward = forward
    return network


BUILT = {"SuDoRM-RF, improved": sudo_rm_rf, "SepFormer": sepformer}


@pytest.mark.parametrize("name", BUILT)
def test_sizes_and_products_are_those_of_the_programs_networks(name):
    (told,) = [one for one in later_systems() if one.name == name]
    network = BUILT[name]().eval()
    size = sum(parameter.numel() for parameter in network.parameters())
    # SepFormer's products are not computed, only counted; asteroid's network looks into its tensors.
    quick = FakeTensorMode(allow_non_fake_inputs=True) if name == "SepFormer" else nullcontext()
    with quick, FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, RATE * SECONDS))
    assert round(size / 1e6, 1) == told.model_size
    assert round(counter.get_total_flops() / 2 / SECONDS / 1e9, 1) == told.multiply_adds


def test_what_runs_here_is_counted_here():
    (dprnn,) = [one for one in later_systems() if one.config]
    assert dprnn.config == DPRNNTasNetConfig() and dprnn.name == dprnn.config.system
    assert round(dprnn.model_size, 1) == 2.6  # as printed
    N, L, B, H = 64, 2, 64, 128
    block = 2 * (2 * 4 * H * (B + H) + 2 * H * B)  # within and across: two directions of an LSTM, a linear layer
    frame = 3 * N * L + N * B + 2 * (6 * block + 2 * B * B) + 2 * (2 * B * B + B * N)
    assert dprnn.multiply_adds == pytest.approx(8000 * frame / 1e9)
