"""The compiled network as a PyTorch operator, `torch.ops.tasnet.conv_tasnet`, with its gradient by the weights."""

import json
from typing import Any

import torch
from torch import Tensor

from ...config import Config, config_from_dict
from .network import Network


@torch.library.custom_op("tasnet::conv_tasnet", mutates_args=())
def conv_tasnet(mixture: Tensor, values: Tensor, offsets: list[int], config: str, precision: str) -> Tensor:
    """mixture (batch, T) -> sources (batch, C, T), both float32.

    values: the weights as one flat vector, in which the parameters begin at `offsets`, in the order of
    `named_parameters()`. config: of `config_text`. There is a gradient by `values`, not by the mixture.
    """
    return _network(values, offsets, config, precision).forward(mixture.contiguous(), torch.get_num_threads())


@torch.library.custom_op("tasnet::conv_tasnet_gradient", mutates_args=())
def conv_tasnet_gradient(
    d_sources: Tensor, mixture: Tensor, values: Tensor, offsets: list[int], config: str, precision: str
) -> Tensor:
    """The gradient by `values` from that by the sources (batch, C, T): the forward pass is computed anew."""
    network, gradient = _network(values, offsets, config, precision), torch.zeros_like(values)
    work = network.workspace(mixture.shape[-1])
    for one, d in zip(mixture.contiguous(), d_sources, strict=True):
        work.forward(one)
        work.backward(d, gradient)
    return gradient


def config_text(config: Config) -> str:
    """A configuration as the operators take it."""
    return json.dumps(config.to_dict())


@conv_tasnet.register_fake
def _(mixture: Tensor, values: Tensor, offsets: list[int], config: str, precision: str) -> Tensor:
    return mixture.new_empty(mixture.shape[0], json.loads(config)["C"], mixture.shape[1])


@conv_tasnet_gradient.register_fake
def _(d_sources: Tensor, mixture: Tensor, values: Tensor, offsets: list[int], config: str, precision: str) -> Tensor:
    return torch.empty_like(values)


def _network(values: Tensor, offsets: list[int], config: str, precision: str) -> Network:
    network = Network(config_from_dict(json.loads(config)), precision)
    network.pack(values, offsets)
    return network


def _keep(ctx: Any, inputs: tuple, output: Tensor) -> None:
    mixture, values, *ctx.rest = inputs
    ctx.save_for_backward(mixture, values)


def _backward(ctx: Any, d_sources: Tensor) -> tuple[None, Tensor, None, None, None]:
    if ctx.needs_input_grad[0]:
        raise NotImplementedError("tasnet::conv_tasnet has no gradient by the mixture.")
    return None, conv_tasnet_gradient(d_sources, *ctx.saved_tensors, *ctx.rest), None, None, None


conv_tasnet.register_autograd(_backward, setup_context=_keep)
