"""Muon against `torch.optim.Muon` and its equations in float64, Adam against PyTorch's; one vector of weights."""

import copy

import numpy as np
import pytest
import torch

from tasnet.config import ChimeraConfig, ConvTasNetConfig, LSTMTasNetConfig
from tasnet.networks import make_network
from tasnet.train.flat import flatten
from tasnet.train.optimiser import Optimiser, matrices
from tasnet.train.recipe import Recipe

CONFIG = ConvTasNetConfig(N=12, L=8, B=6, H=20, Sc=10, X=2, R=2, C=3)
MUON = Recipe(optimiser="muon", model=CONFIG, learning_rate=3e-3, matrix_rate=2e-2, betas=(0.9, 0.99))


def network(seed: int = 0):
    torch.manual_seed(seed)
    return make_network(CONFIG).train()


def gradients(flat, step: int) -> None:
    """The same random gradient each time, zero between the parameters."""
    random = torch.Generator().manual_seed(step)
    for part in flat.views(flat.gradient).values():
        part.copy_(torch.randn(part.shape, generator=random))


def parts(model) -> list[torch.nn.Parameter]:
    """The matrices that Muon is to move, cut out of the tensors by hand."""
    tensors = dict(model.named_parameters())
    found = [tensors["separator.bottleneck.weight"]]
    for block in range(4):
        out = tensors[f"separator.blocks.{block}.conv_out.weight"]
        found += [tensors[f"separator.blocks.{block}.conv_in.weight"], out[: CONFIG.B], out[CONFIG.B :]]
    found += list(tensors["separator.conv_mask.weight"].split(CONFIG.N))
    return [torch.nn.Parameter(part.detach().clone()) for part in found]


def test_all_parameters_and_gradients_are_views_into_one_vector():
    model = network()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    flat = flatten(model)
    assert flatten(model) is flat and flat.values.data_ptr() % 64 == 0 == flat.gradient.data_ptr() % 64
    assert list(flat.offsets) == list(before) and all(at % 16 == 0 for at in flat.offsets.values())
    for name, value in model.named_parameters():
        assert torch.equal(value, before[name])
        assert value.data_ptr() == flat.values.data_ptr() + 4 * flat.offsets[name]
    sources = torch.randn(2, 3, 200)
    model(sources.sum(1)).square().sum().backward()
    norm = torch.linalg.vector_norm(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert torch.linalg.vector_norm(flat.gradient) == pytest.approx(norm.item(), rel=1e-6) and norm > 0
    flat.values.mul_(2)
    assert torch.equal(model.U, 2 * before["encoder.U"])
    model.load_state_dict({name: torch.zeros_like(value) for name, value in model.state_dict().items()})
    assert not flat.values.any()
    assert flatten(model.double().float()) is not flat


def test_muon_and_adam_move_the_weights_as_pytorchs_own_do():
    model = network()
    ours, flat = Optimiser(model, MUON, torch.bfloat16), flatten(model)
    matrix = parts(model)
    muon = torch.optim.Muon(matrix, 2e-2, weight_decay=0.0, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    other = network()
    theirs = flatten(other)
    adam = torch.optim.Adam(other.parameters(), 3e-3, (0.9, 0.99))
    for step in range(4):
        for each in (flat, theirs):
            gradients(each, step)
        for part, place in zip(matrix, matrices(model, flat), strict=True):
            part.grad = place.of(flat.gradient).clone()
        ours.step(1.0, clip=1e9)
        muon.step()
        adam.step()
    moved = torch.zeros_like(flat.values)
    for part, place in zip(matrix, matrices(model, flat), strict=True):
        place.of(moved).fill_(1)
        torch.testing.assert_close(place.of(flat.values), part.detach(), rtol=0, atol=2e-3)
        assert (part - place.of(flatten(network()).values)).square().mean().sqrt() > 5e-3
    torch.testing.assert_close(flat.values * (1 - moved), theirs.values * (1 - moved), rtol=1e-5, atol=1e-6)
    every = sum(part.numel() for part in matrix)
    assert moved.sum() == every  # every matrix once


def test_one_step_of_muon_by_its_equations():
    """From rest: the orthogonalised gradient of each matrix, in float64, times 0.2 sqrt(larger side)."""
    model = network()
    recipe = Recipe(optimiser="muon", model=CONFIG, matrix_rate=1e-2, matrix_decay=0.5, coder_decay=0.25)
    flat = flatten(model)
    optimiser = Optimiser(model, recipe)
    before = flat.values.clone()
    gradients(flat, 7)
    gradient = flat.gradient.clone()
    norm = optimiser.step(0.5, clip=3.0)
    assert norm == pytest.approx(gradient.norm().item(), rel=1e-6)
    for place in matrices(model, flat):
        g = place.of(gradient).double().numpy()
        x = g / np.linalg.norm(g)  # at rest the momentum is 0.05 of the gradient: its direction alone matters
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
        expected = place.of(before).numpy() * (1 - 0.5e-2 * 0.5) - 0.5e-2 * 0.2 * max(g.shape) ** 0.5 * x
        np.testing.assert_allclose(place.of(flat.values).numpy(), expected, atol=2e-6)
    # Adam's first step is its rate, whatever the gradient; then the weights of the coders shrink.
    at = flat.offsets["encoder.U"]
    stepped = before[at : at + 96] - 0.5e-3 * gradient[at : at + 96].sign()
    torch.testing.assert_close(flat.values[at : at + 96], stepped * (1 - 0.5e-3 * 0.25), rtol=0, atol=2e-6)


def test_a_gradient_that_is_not_finite_changes_nothing():
    model = network()
    optimiser, flat = Optimiser(model, MUON), flatten(model)
    gradients(flat, 1)
    optimiser.step(1.0, 5.0)
    values, state = flat.values.clone(), torch.cat([group.momentum.flatten() for group in optimiser.groups])
    for bad in (float("nan"), float("inf")):
        gradients(flat, 2)
        flat.gradient[5] = bad
        assert not np.isfinite(optimiser.step(1.0, 5.0))
    assert torch.equal(flat.values, values)
    assert torch.equal(state, torch.cat([group.momentum.flatten() for group in optimiser.groups]))


@pytest.mark.parametrize("kind", ["adam", "muon"])
def test_a_state_goes_on_as_if_nothing_had_been(kind):
    recipe = Recipe(optimiser=kind, model=CONFIG)
    whole = network()
    optimiser = Optimiser(whole, recipe)
    for step in range(4):
        if step == 2:
            saved, weights = copy.deepcopy((optimiser.state_dict(), dict(whole.state_dict())))
            resumed = network(1)
            resumed.load_state_dict(weights)
            again = Optimiser(resumed, recipe)
            again.load_state_dict(saved)
        for model, each in [(whole, optimiser)] + ([(resumed, again)] if step >= 2 else []):
            gradients(flatten(model), step)
            each.step(1.0, 5.0)
    assert torch.equal(flatten(whole).values, flatten(resumed).values)


def test_the_state_of_pytorchs_adam_goes_on():
    """As runs kept it before the weights were one vector."""
    old, new = network(), network()
    adam = torch.optim.Adam(old.parameters(), 1e-3)
    optimiser = Optimiser(new, Recipe(model=CONFIG))
    for step in range(4):
        if step == 2:
            optimiser.load_state_dict(adam.state_dict())
            new.load_state_dict(old.state_dict())
        gradients(flatten(old), step)
        adam.step()
        if step >= 2:
            gradients(flatten(new), step)
            optimiser.step(1.0, 1e9)
    torch.testing.assert_close(flatten(new).values, flatten(old).values, rtol=1e-6, atol=1e-7)
    with pytest.raises((KeyError, TypeError, RuntimeError, ValueError)):
        optimiser.load_state_dict({"adam": {"state": {0: {"exp_avg": torch.zeros(3)}}}, "momenta": []})


@pytest.mark.parametrize(
    "config",
    [LSTMTasNetConfig(N=10, L=8, H=6, layers=2, causal=False), ChimeraConfig(H=7, layers=1, D=2)],
    ids=lambda config: config.network,
)
def test_muon_moves_the_gates_of_an_lstm_one_by_one(config):
    model = make_network(config).train()
    flat = flatten(model)
    gates = [part for name, part in model.named_parameters() if "weight_ih" in name or "weight_hh" in name]
    masks = next(part for name, part in model.named_parameters() if name.endswith("conv_mask.weight"))
    expected = [gate for part in gates for gate in part.split(len(part) // 4)] + list(masks.split(len(masks) // 2))
    found = [place.of(flat.values) for place in matrices(model, flat)]
    assert len(found) == len(expected) and len(gates) in (4, 8)
    assert {x.data_ptr(): x.shape for x in found} == {x.data_ptr(): x.shape for x in expected}
    optimiser = Optimiser(model, Recipe(optimiser="muon"))
    before = flat.values.clone()
    gradients(flat, 0)
    optimiser.step(1.0, clip=1e9)
    assert all((gate != place.of(before)).all() for gate, place in zip(found, matrices(model, flat), strict=True))
