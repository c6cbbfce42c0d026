"""Growing: what a network computed before it computes after, to what each step promises."""

import dataclasses

import numpy as np
import pytest
import torch

from tasnet.config import ConvTasNetConfig, LSTMTasNetConfig
from tasnet.networks import make_network
from tasnet.train.growing import causal, deeper, grow, shorter

CONFIG = ConvTasNetConfig(N=12, L=8, B=6, H=10, Sc=8, X=2, R=2, C=2)


def network(config: ConvTasNetConfig = CONFIG, seed: int = 0):
    """Random weights, none of them as they begin."""
    torch.manual_seed(seed)
    model = make_network(config).eval()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.2 * torch.randn(value.shape))
    return model


def grown(model, **changes):
    wanted = dataclasses.replace(model.config, **changes)
    state, config = grow(model.state_dict(), model.config, wanted)
    assert config == wanted
    larger = make_network(wanted).eval()
    larger.load_state_dict(state)
    return larger


@torch.no_grad()
def outputs(model) -> torch.Tensor:
    return model(torch.randn(2, 200, generator=torch.Generator().manual_seed(5)))


def assert_alike(one: torch.Tensor, other: torch.Tensor) -> None:
    assert (one - other).norm() < 1e-5 * one.norm()


@pytest.mark.parametrize(
    "changes",
    [
        {"N": 24},
        {"H": 30},
        {"B": 9},
        {"Sc": 16},
        {"X": 3},
        {"R": 3},
        {"N": 24, "H": 20, "B": 11, "Sc": 9, "X": 3, "R": 4},
    ],
    ids=str,
)
@pytest.mark.parametrize("norm", ["gLN", "cLN"])
def test_a_larger_network_computes_the_same(changes, norm):
    model = network(dataclasses.replace(CONFIG, norm=norm))
    larger = grown(model, **changes)
    assert larger.num_parameters() > model.num_parameters()
    assert_alike(outputs(model), outputs(larger))


def test_a_network_without_skip_paths_grows_too():
    model = network(dataclasses.replace(CONFIG, Sc=0, causal=True, norm="cLN"))
    assert_alike(outputs(model), outputs(grown(model, N=24, B=8, H=20, X=3, R=3)))


def test_copies_of_a_channel_go_different_ways():
    """Or the larger network would stay as small as it was."""
    model = network()
    larger = grown(model, N=24, H=20).train()
    sources = torch.randn(2, 2, 200, generator=torch.Generator().manual_seed(2))
    (larger(sources.sum(1)) - sources).square().mean().backward()
    for gradient in (larger.U.grad, larger.separator.blocks[0].conv_in.weight.grad):
        first, second = gradient.chunk(2)
        assert (first - second).norm() > 0.02 * first.norm()


def test_what_is_new_can_learn():
    larger = grown(network(), B=9, Sc=12, X=3, R=3).train()
    before = {name: value.detach().clone() for name, value in larger.named_parameters()}
    optimiser = torch.optim.SGD(larger.parameters(), 0.1)
    for _ in range(2):
        optimiser.zero_grad()
        larger(torch.randn(2, 200)).square().mean().backward()
        optimiser.step()
    last = "separator.blocks.8."  # the new block of the new repeat: its residual path alone is used by nobody
    for name, value in larger.named_parameters():
        if "blocks.2." in name or name.startswith(last) or "conv_mask" in name:
            assert not torch.equal(value, before[name]), name


def test_voices_that_were_there_stay_as_they_are():
    model = network()
    three = grown(model, C=3)
    assert_alike(outputs(model), outputs(three)[:, :2])
    assert outputs(three)[:, 2].norm() > 0.1 * outputs(model).norm()
    assert_alike(outputs(grown(three, C=2)), outputs(model))
    with pytest.raises(ValueError, match="norm='cLN' to 'gLN'"):
        grown(grown(model, causal=True, norm="cLN"), causal=False, norm="gLN")


def test_a_causal_network_filters_what_does_not_change_as_before():
    for P in (3, 5):
        config = dataclasses.replace(CONFIG, P=P)
        model = network(config)
        state, now = causal(model.state_dict(), config)
        assert now.causal and now.norm == "cLN"
        past = make_network(now).eval()
        past.load_state_dict(state)
        ramp = torch.randn(1, 1, 10).expand(1, 60, 10).clone()
        for old, new in zip(model.blocks(), past.blocks(), strict=True):
            assert_alike(old.depthwise(ramp)[:, 20:40], new.depthwise(ramp)[:, 20:40])
        # Two taps of the past stay what they were.
        impulse = torch.zeros(1, 60, 10)
        impulse[:, 30] = 1
        block = next(past.blocks())
        heard = block.depthwise(impulse) - block.depthwise.bias
        assert not heard[:, :30].any()
        old = next(model.blocks()).depthwise.weight
        torch.testing.assert_close(heard[0, 31 : 31 + P // 2], old[: P // 2].flip(0), rtol=1e-5, atol=1e-6)


def test_a_shorter_frame_guesses_the_longer_one_by_least_squares():
    model = network()
    noise = np.random.default_rng(0).normal(size=6000)
    speech = torch.tensor(np.convolve(noise, [1, 1.6, 1.2, 0.5])).float()
    state, config = shorter(model.state_dict(), CONFIG, 4, speech)
    assert config.L == 4 and state["encoder.U"].shape == (12, 4)
    frames = speech.double().unfold(0, 8, 1).numpy()
    best, *_ = np.linalg.lstsq(frames[:, 2:6], frames, rcond=None)
    expected = model.U.detach().numpy() @ best.T
    np.testing.assert_allclose(state["encoder.U"].numpy(), expected, atol=0.04 * np.abs(expected).max())
    assert torch.equal(state["decoder.V"], model.V.detach()[:, 2:6])
    # Nearer to what the long frame gave than the middle of the long filters alone, which is what no speech gives.
    plain = shorter(model.state_dict(), CONFIG, 4)[0]["encoder.U"]
    assert torch.equal(plain, model.U.detach()[:, 2:6])
    wanted = frames @ model.U.detach().numpy().T
    errors = [np.square(frames[:, 2:6] @ u.double().numpy().T - wanted).sum() for u in (state["encoder.U"], plain)]
    assert errors[0] < 0.6 * errors[1]


def test_a_block_that_comes_first_leaves_the_others_their_spans():
    model = network()
    random = torch.Generator().manual_seed(0)
    state, config = deeper(model.state_dict(), CONFIG, 3, 2, random, first=True)
    later = make_network(config).eval()
    later.load_state_dict(state)
    features = torch.randn(1, 30, 6)
    dilated = features.repeat_interleave(2, 1)  # each frame twice, as half the hop gives them
    for old, new in zip(model.blocks(), [list(later.blocks())[k] for k in (1, 2, 4, 5)], strict=True):
        skip = torch.zeros(1, 30, 8)
        assert new.dilation == 2 * old.dilation
        expected = old(features, skip)[0]
        assert_alike(expected, new(dilated, skip.repeat_interleave(2, 1))[0][:, ::2])
    first = next(later.blocks())
    y, skip = first(features, torch.zeros(1, 30, 8))
    assert torch.equal(y, features) and not skip.any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"N": 6}, "more channels: N"),
        ({"X": 1}, "more blocks"),
        ({"L": 10}, "L=8"),
        ({"P": 5}, "P=3"),
        ({"mask": "softmax"}, "mask"),
    ],
)
def test_what_cannot_be_grown_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        grown(network(), **changes)
    with pytest.raises(ValueError, match="Conv-TasNet"):
        grow({}, CONFIG, LSTMTasNetConfig())
