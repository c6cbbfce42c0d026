"""The training loss against the formula of eq. 15 and a brute-force permutation in float64."""

from itertools import permutations

import numpy as np
import pytest
import torch

from tasnet.train.losses import best_si_snr, separation_loss, si_snr_of


def oracle_si_snr(estimate: np.ndarray, source: np.ndarray) -> float:
    """Eq. 15 in float64, one pair of signals."""
    estimate = estimate - np.mean(estimate)
    source = source - np.mean(source)
    target = np.dot(estimate, source) / np.dot(source, source) * source
    noise = estimate - target
    return 10 * np.log10(np.dot(target, target) / np.dot(noise, noise))


@pytest.mark.parametrize("C", [2, 3, 4])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_upit_is_the_best_of_all_permutations(C, dtype):
    rng = np.random.default_rng(C)
    sources = rng.normal(0.01, 0.1, (5, C, 4000))
    shuffled = np.stack([s[rng.permutation(C)] for s in sources])
    estimates = 3 * shuffled + rng.normal(0, 0.2, shuffled.shape)
    expected = [
        max(np.mean([oracle_si_snr(e[i], s[p[i]]) for i in range(C)]) for p in permutations(range(C)))
        for e, s in zip(estimates, sources, strict=True)
    ]
    found = best_si_snr(torch.tensor(estimates, dtype=dtype), torch.tensor(sources, dtype=dtype))
    tolerance = 1e-6 if dtype == torch.float64 else 1e-3
    np.testing.assert_allclose(found.double().numpy(), expected, atol=tolerance)


def test_without_permutation_each_estimate_keeps_its_source():
    rng = np.random.default_rng(0)
    sources = rng.normal(0, 0.1, (3, 2, 2000))
    estimates = sources[:, ::-1] + rng.normal(0, 0.05, sources.shape)  # all in the wrong order
    fixed = separation_loss(torch.tensor(estimates), torch.tensor(sources), permute=False)
    expected = -np.mean([oracle_si_snr(e[i], s[i]) for e, s in zip(estimates, sources, strict=True) for i in (0, 1)])
    assert fixed.item() == pytest.approx(expected, abs=1e-5)
    assert separation_loss(torch.tensor(estimates), torch.tensor(sources)).item() < fixed.item() - 10


def test_scale_and_offset_of_either_do_not_matter():
    rng = np.random.default_rng(1)
    source = torch.tensor(rng.normal(0, 0.1, 3000))
    estimate = source + torch.tensor(rng.normal(0, 0.05, 3000))
    once = si_snr_of(estimate, source)
    assert si_snr_of(7 * estimate + 3, -0.5 * source - 2).item() == pytest.approx(once.item(), abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 1e-7, 1.0])
def test_silent_sources_and_estimates_give_finite_losses_and_gradients(level):
    sources = torch.randn(2, 2, 500)
    sources[0, 1] = 0.0
    sources[1] = 0.25  # nothing but an offset
    estimates = (level * torch.randn(2, 2, 500)).requires_grad_()
    loss = separation_loss(estimates, sources)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(estimates.grad).all()
    assert not estimates.grad[1].any()  # no source, nothing to learn


def test_half_precision_estimates_are_measured_in_float32():
    source = torch.randn(1, 2, 32000)
    estimate = (source + 0.1 * torch.randn_like(source)).bfloat16()
    loss = separation_loss(estimate, source)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(separation_loss(estimate.double(), source).item(), abs=1e-3)


def soft_snr(estimate: np.ndarray, source: np.ndarray, mixture: np.ndarray) -> float:
    """The loss of one output in float64 (Wisdom et al. 2021): a voice's, or a silent source's."""
    power = np.dot(source, source)
    if power <= 1e-5 * np.dot(mixture, mixture):
        return 10 * np.log10(np.dot(estimate, estimate) / np.dot(mixture, mixture) + 1e-4)
    error = estimate - source
    return 10 * np.log10((np.dot(error, error) + 1e-3 * power) / power)


@pytest.mark.parametrize("permute", [True, False])
def test_soft_snr_is_the_formula_with_silent_sources(permute):
    rng = np.random.default_rng(3)
    sources = rng.normal(0, 0.1, (5, 2, 1000))
    sources[1, 0] = sources[2, 1] = sources[3] = 0
    mixture = sources.sum(1) + rng.normal(0, 0.02, (5, 1000))
    estimates = sources[:, ::-1] + rng.normal(0, 0.03, sources.shape)
    estimates[4] = sources[4]  # perfect: the threshold is what is left
    orders = [(0, 1), (1, 0)] if permute else [(0, 1)]
    expected = [
        min(np.mean([soft_snr(e[k], s[order[k]], x) for k in (0, 1)]) for order in orders)
        for e, s, x in zip(estimates, sources, mixture, strict=True)
    ]
    given = (torch.tensor(x) for x in (estimates, sources, mixture))
    found = separation_loss(*given, permute=permute, kind="snr")
    assert found.item() == pytest.approx(np.mean(expected), abs=1e-4)
    assert expected[4] == pytest.approx(-30, abs=0.1)


@pytest.mark.parametrize("level", [0.0, 1e-7, 1.0])
def test_soft_snr_is_finite_with_a_gradient_towards_silence(level):
    generator = torch.Generator().manual_seed(0)
    sources = torch.zeros(2, 2, 500)
    sources[0, 0] = torch.randn(500, generator=generator)
    mixture = torch.zeros(2, 500)
    mixture[0] = sources[0, 0]
    estimates = (level * torch.randn(2, 2, 500, generator=generator)).requires_grad_()
    loss = separation_loss(estimates, sources, mixture, permute=False, kind="snr")
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(estimates.grad).all()
    if level == 1.0:  # a step against the gradient makes the silent source's estimate softer
        assert (estimates.grad[0, 1] * estimates[0, 1]).sum() > 0
