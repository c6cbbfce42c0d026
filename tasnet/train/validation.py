"""How good the weights are that a training run keeps."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tasnet import threads
from tasnet.model import ConvTasNet, MaskingNetwork

from .losses import best_si_snr, fixed_si_snr, si_snr_of
from .machine import Machine
from .mixing import Batches


def forward_of(network: MaskingNetwork, engine: str) -> Callable[[Tensor], Tensor]:
    """The network, mixture (b, T) -> sources (b, C, T), in float32; compiled where the training is by engine "cpu"."""
    if not isinstance(network, ConvTasNet):
        return partial(_on_one_thread, network)
    if engine != "cpu":
        return network
    from tasnet.kernels import cpu

    return partial(cpu.Network.of(network).forward, threads=torch.get_num_threads())


def _on_one_thread(network: MaskingNetwork, mixture: Tensor) -> Tensor:
    """As `Separator` has it: an LSTM's threads would wait for each other at every frame."""
    with threads.one_torch_thread():
        return network(mixture)


@torch.no_grad()
def improvement(network: Callable[[Tensor], Tensor], mixtures: Batches, machine: Machine, fixed_order: bool) -> float:
    """Mean SI-SNRi in dB over all batches of one epoch, in float32; each process scores its share of them."""
    score = fixed_si_snr if fixed_order else best_si_snr
    gain = count = 0.0
    for step in range(machine.share.rank, mixtures.steps_per_epoch, machine.share.world):
        mixture, sources = mixtures.batch(step)
        if not len(mixture):
            continue
        unprocessed = si_snr_of(mixture[:, None], sources).mean(-1)
        gain += (score(network(mixture), sources) - unprocessed).double().sum().item()
        count += len(mixture)
    gain, count = machine.sum([gain, count])
    return gain / count
