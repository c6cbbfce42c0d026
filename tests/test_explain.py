"""The decompositions against independent code, and muting against networks that are edited by hand."""

import copy

import mir_eval
import numpy as np
import pytest
import torch
from scipy import signal

from analysis.explain import errors, muting, swaps
from analysis.network.representation import represent
from analysis.scores import ideal_masks
from analysis.scores.metrics import MetricsError, si_snr
from tasnet import ConvTasNet, ConvTasNetConfig

RATE = 8000


@pytest.fixture(scope="module")
def voices() -> np.ndarray:
    """Two coloured noises that come and go."""
    random, t = np.random.default_rng(1), np.arange(12000) / RATE
    noise = random.normal(size=(2, 12000))
    coloured = [signal.lfilter([1], [1, -a], x) for a, x in zip((0.9, -0.5), noise, strict=True)]
    return (0.1 * np.stack(coloured) * (1.2 + np.sin(2 * np.pi * np.array([[2.0], [3.1]]) * t))).astype(np.float32)


@pytest.fixture(scope="module")
def estimates(voices) -> np.ndarray:
    random = np.random.default_rng(2)
    return (0.7 * voices + 0.2 * voices[::-1] + 0.02 * random.normal(size=voices.shape)).astype(np.float32)


def make(**values) -> ConvTasNet:
    torch.manual_seed(3)
    shape = {"N": 24, "L": 16, "B": 8, "H": 12, "Sc": 8, "X": 3, "R": 2}
    return ConvTasNet(ConvTasNetConfig(**shape | values)).eval()


@pytest.fixture(scope="module")
def inside(voices):
    return represent(make(), voices.sum(0), voices)


# --- Phase and magnitude -------------------------------------------------------------------------------


def test_swaps_are_those_of_another_stft(voices, estimates):
    """scipy.signal.stft with the same window, whose frames lie elsewhere: the scores agree to a tenth of a dB."""
    mixture = voices.sum(0)
    found = swaps.phase_swaps(estimates, voices, mixture, RATE)
    assert set(found.scores) == {(one, other) for one in swaps.PARTS for other in swaps.PARTS}
    how = {"fs": RATE, "window": signal.windows.hann(256, sym=False), "nperseg": 256, "noverlap": 192}
    of = {"mixture": np.stack([mixture] * 2), "network": estimates, "clean": voices}
    for (one, other), score in found.scores.items():
        size, phase = (signal.stft(of[name], **how)[2] for name in (one, other))
        made = signal.istft(np.abs(size) * np.exp(1j * np.angle(phase)), **how)[1][..., : voices.shape[1]]
        expected = min(float(np.mean(si_snr(made, voices))), 200.0)
        assert min(score, 200.0) == pytest.approx(expected, abs=0.1) or min(score, expected) > 100


def test_the_diagonal_is_the_signals_themselves_and_clean_is_perfect(voices, estimates):
    found = swaps.phase_swaps(estimates, voices, voices.sum(0), RATE)
    np.testing.assert_array_equal(found.sounds["network", "network"], estimates)
    assert found.scores["network", "network"] == pytest.approx(float(np.mean(si_snr(estimates, voices))))
    assert found.scores["clean", "clean"] == np.inf
    assert found.scores["clean", "network"] > found.scores["network", "network"]
    ibm = ideal_masks.ideal_mask("IRM", voices, RATE)
    masked = ideal_masks.apply(ibm, voices.sum(0), RATE)  # a mask keeps the mixture's phase: nothing to repair
    kept = swaps.phase_swaps(masked, voices, voices.sum(0), RATE).scores
    assert kept["network", "mixture"] == pytest.approx(kept["network", "network"], abs=0.6)


# --- Where the error is --------------------------------------------------------------------------------


def test_the_split_is_that_of_mir_eval(voices, estimates):
    with np.errstate(all="ignore"), pytest.warns(FutureWarning):
        sdr, sir, sar, _ = mir_eval.separation.bss_eval_sources(
            voices.astype(float), estimates.astype(float), compute_permutation=False
        )
    for speaker in (0, 1):
        found = errors.split_error(estimates[speaker], voices, speaker)
        assert (found.sdr, found.sir, found.sar) == pytest.approx((sdr[speaker], sir[speaker], sar[speaker]), abs=1e-3)
        true, spatial, interference, artefacts = mir_eval.separation._bss_decomp_mtifilt(
            voices.astype(float), estimates[speaker].astype(float), speaker, 512
        )
        for own, other in (
            (found.target, true + spatial),
            (found.interference, interference),
            (found.artefacts, artefacts),
        ):
            np.testing.assert_allclose(own, other, atol=1e-6 * np.abs(estimates).max())
        whole = found.target + found.interference + found.artefacts
        np.testing.assert_allclose(whole[: voices.shape[1]], estimates[speaker], atol=1e-9)
        np.testing.assert_allclose(whole[voices.shape[1] :], 0, atol=1e-9)


def test_what_leaks_and_what_is_made_are_told_apart(voices):
    leak = errors.split_error(voices[0] + 0.3 * voices[1], voices, 0)
    assert leak.sar > 80 and leak.sir < 25
    random = np.random.default_rng(5)
    made = errors.split_error(voices[0] + 0.01 * random.normal(size=voices.shape[1]), voices, 0)
    assert made.sir > made.sar + 5
    with pytest.raises(MetricsError, match="silent"):
        errors.split_error(voices[0], np.stack([voices[0], 0 * voices[1]]), 0)


def test_the_error_is_found_in_the_band_and_at_the_time_where_it_is(voices):
    t = np.arange(voices.shape[1]) / RATE
    tone = 0.05 * np.sin(2 * np.pi * 700 * t)
    broken = voices + tone * (t > 1)
    edges = errors.band_edges(RATE)
    assert edges.tolist() == [0, 250, 500, 1000, 2000, 4000]
    by_band = errors.snr_by_band(broken, voices, RATE)
    assert by_band.shape == (2, 5) and (by_band.argmin(1) == 2).all()
    middles, over_time = errors.snr_over_time(broken, voices, RATE)
    assert np.nanmin(over_time[:, middles < 0.9]) > np.nanmax(over_time[:, middles > 1.1])
    silent = voices * (t < 0.5)
    assert np.isnan(errors.snr_over_time(broken, silent, RATE)[1][:, -3:]).all()


def test_voices_that_change_places_for_a_while_are_marked(voices):
    found = voices.copy()
    found[:, 4000:8000] = voices[::-1, 4000:8000]
    (swap,) = errors.local_swaps(found, voices, RATE)
    assert (swap.start, swap.stop) == (0.5, 1.0)
    assert errors.local_swaps(voices, voices, RATE) == [] == errors.local_swaps(voices[:1], voices[:1], RATE)


# --- Switched off --------------------------------------------------------------------------------------


def by_hand(model: ConvTasNet, mixture: np.ndarray) -> np.ndarray:
    """The network's output by PyTorch alone, at unit power as the separator hears it."""
    scale = np.sqrt(np.mean(mixture.astype(float) ** 2))
    with torch.inference_mode():
        return model(torch.from_numpy(mixture / scale).float()[None])[0].numpy()


def alike(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal but for a gain."""
    for one, other in zip(found, expected, strict=True):
        assert si_snr(one, other) > 60


def test_a_filter_muted_in_the_output_is_a_decoder_without_it(inside):
    model = copy.deepcopy(inside.model)
    with torch.no_grad():
        model.decoder.V[[3, 7]] = 0
    expected = by_hand(model, inside.mixture)
    order = muting._ordered(inside, expected)
    alike(muting.muted_sources(inside, muting.Muted(output=(3, 7))), order)


def test_a_filter_muted_altogether_is_an_encoder_without_it(inside):
    model = copy.deepcopy(inside.model)
    with torch.no_grad():
        model.encoder.U[[3, 7]] = 0
    alike(
        muting.muted_sources(inside, muting.Muted(whole=(3, 7))),
        muting._ordered(inside, by_hand(model, inside.mixture)),
    )
    assert not torch.equal(inside.model.U, model.U), "the network itself is left as it is"


@pytest.mark.parametrize("Sc", [8, 0])
def test_a_block_left_out_is_the_network_without_it(voices, Sc):
    model = make(Sc=Sc)
    inside = represent(model, voices.sum(0), voices)
    without = copy.deepcopy(model)
    gone = list(without.blocks())[2]
    gone.forward = lambda y, skip_sum: (y, skip_sum)
    alike(
        muting.muted_sources(inside, muting.Muted(blocks=(2,))),
        muting._ordered(inside, by_hand(without, inside.mixture)),
    )


def test_blocks_are_named_by_repeat_and_dilation():
    config = ConvTasNetConfig(X=3, R=2)
    assert muting.blocks_of(config, repeat=1) == (3, 4, 5)
    assert muting.blocks_of(config, dilation=2) == (1, 4)
    assert muting.blocks_of(config, 0, 4) == (2,)


def test_masks_are_replaced(inside, voices):
    w = inside.w()
    for masks, expected in (
        (muting.SWAPPED, inside.masks[::-1]),
        (muting.BINARY, (inside.masks >= 0.5).astype(np.float32)),
        ("ideal (IRM)", ideal_masks.magnitude_mask("IRM", np.abs(inside.clean()))),
    ):
        found = muting.muted_sources(inside, muting.Muted(masks=masks))
        made = np.stack([inside.decode(lambda a, b, m=m: (m * w)[a:b]) for m in expected])
        if np.abs(made).max() > 0:
            alike(found, made)


def test_what_cannot_be_switched_off_is_said(inside, voices):
    unknown = represent(inside.model, inside.mixture)
    pinv = represent(make(encoder="pinv"), voices.sum(0), voices)
    for where, off, said in (
        (inside, muting.Muted(whole=(99,)), "24 filters and 6 blocks"),
        (inside, muting.Muted(blocks=(6,)), "24 filters and 6 blocks"),
        (inside, muting.Muted(masks="none"), "Masks can be"),
        (inside, muting.Muted(blocks=(1,), masks=muting.BINARY), "undo the rest"),
        (unknown, muting.Muted(masks="ideal (IBM)"), "made from the clean voices"),
        (pinv, muting.Muted(whole=(1,)), "made from the decoder"),
    ):
        with pytest.raises(muting.MutingError, match=said):
            muting.muted_sources(where, off)


@pytest.mark.parametrize("known", [True, False])
def test_each_filter_s_importance_is_that_of_its_group_of_one(voices, known):
    seen = represent(make(edges="pad"), voices.sum(0), voices if known else None)
    assert muting.filter_importance(seen) == pytest.approx(
        muting.importance(seen, [[number] for number in range(24)]), abs=1e-3
    )


def test_importance_is_what_is_lost_without_the_group(inside, voices):
    groups = [(0, 1, 2), tuple(range(24)), ()]
    lost = muting.importance(inside, groups)
    whole = np.mean(si_snr(inside.sources, voices))
    rest = muting.muted_sources(inside, muting.Muted(output=(0, 1, 2)))
    assert lost[0] == pytest.approx(whole - np.mean(si_snr(rest, voices)), abs=1e-2)
    assert lost[2] == pytest.approx(0, abs=1e-4)
