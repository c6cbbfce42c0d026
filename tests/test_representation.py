"""Representation, masks, statistics and receptive field, on models of many shapes."""

import itertools

import numpy as np
import pytest
import torch

from analysis.network import basis, learned_masks
from analysis.network.filter_use import filter_use
from analysis.network.learned_masks import mask_statistics, oracle_mask, oracle_scores, oracle_sources, sparsity
from analysis.network.receptive_field import receptive_field
from analysis.network.representation import pooled_picture, represent
from analysis.scores.metrics import si_snr
from tasnet import ConvTasNet, ConvTasNetConfig, Separator

SMALL = {"B": 8, "H": 12, "Sc": 8, "X": 3, "R": 2}
SHAPES = {
    "linear": {"N": 24, "L": 16},
    "relu, three speakers": {"N": 20, "L": 10, "C": 3, "encoder": "relu"},
    "one filter": {"N": 1, "L": 2},
    "few filters": {"N": 3, "L": 8, "mask": "softmax"},
    "pinv": {"N": 24, "L": 20, "encoder": "pinv", "mask": "relu"},
    "causal, 16 kHz": {"N": 16, "L": 16, "norm": "cLN", "causal": True, "sample_rate": 16000},
    "BN": {"N": 16, "L": 16, "norm": "BN"},
}


def make(**values) -> ConvTasNet:
    torch.manual_seed(0)
    model = ConvTasNet(ConvTasNetConfig(**(SMALL | values))).eval()
    for name, parameter in model.named_parameters():
        if name.endswith(("gamma", "beta")):  # not the neutral values that hide mistakes
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return model


def voices(count: int, T: int = 3001) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, T)).astype(np.float32) / 10


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def model(request) -> ConvTasNet:
    return make(**request.param)


@pytest.mark.parametrize("T", [1, 7, 3001])
def test_each_masked_representation_decodes_to_the_models_output(model, T):
    x = voices(1, T)[0]
    inside = represent(model, x)
    level = np.sqrt(np.mean(x**2))
    with torch.inference_mode():
        expected = model(torch.from_numpy(x / level)[None])[0].numpy() * level
    for i, output in enumerate(expected):
        decoded = inside.decode(lambda start, stop, i=i: inside.d(start, stop)[i])
        np.testing.assert_allclose(decoded, output, atol=1e-6)
        np.testing.assert_allclose(inside.sources[i], output, atol=1e-6)
    np.testing.assert_allclose(inside.sources.sum(0), expected.sum(0), atol=1e-6)


def test_sources_are_the_separators(model):
    x = voices(1)[0]
    separator = Separator(model, device="cpu")
    separated = separator.separate(x, model.config.sample_rate).sources
    np.testing.assert_allclose(represent(model, x, level=separator.level).audible(), separated, atol=1e-5)


def test_any_run_of_frames_equals_the_whole(model):
    references = voices(2)
    inside = represent(model, references.sum(0), references)
    for whole, part in (
        (inside.w()[None], inside.w(17, 40)[None]),
        (inside.clean(), inside.clean(17, 40)),
        (inside.d(), inside.d(17, 40)),
        (inside.power(), inside.power(17, 40)),
    ):
        assert whole.shape[1] == inside.frames == inside.masks.shape[1]
        np.testing.assert_allclose(part, whole[:, 17:40], atol=1e-6)


def test_representation_is_frames_times_basis(model):
    x, config = voices(1)[0].astype(np.float64), model.config
    U = model.U.detach().numpy()
    w = represent(model, x).w()
    for k in (0, 5, 50):
        expected = U @ x[k * config.hop : k * config.hop + config.L]
        np.testing.assert_allclose(w[k], np.maximum(expected, 0) if config.encoder == "relu" else expected, atol=1e-5)


def test_masks_and_sources_follow_the_references():
    model, references = make(N=24, L=16, C=3), voices(3)
    plain = represent(model, references.sum(0))
    for order in itertools.permutations(range(3)):
        inside = represent(model, references.sum(0), plain.sources[list(order)])
        np.testing.assert_array_equal(inside.sources, plain.sources[list(order)])
        np.testing.assert_array_equal(inside.masks, plain.masks[list(order)])


def test_more_references_than_sources_still_colour_the_picture():
    references = voices(3)
    inside = represent(make(N=24, L=16), references.sum(0), references)
    assert inside.speakers == 3 and len(inside.sources) == 2
    assert pooled_picture(inside, np.arange(24)).power.shape[0] == 3
    assert learned_masks.ESTIMATED not in oracle_scores(inside)


def test_skip_levels_are_those_of_each_block_run_alone(model):
    x = voices(1, 400)
    x /= np.sqrt(np.mean(x**2))
    inside = represent(model, x[0])
    with torch.inference_mode():
        y = model.separator.bottleneck(model.separator.norm(model.encode(torch.from_numpy(x))))
        for block, level in zip(model.blocks(), inside.skips, strict=True):
            y, skip = block(y, torch.zeros(*y.shape[:2], model.config.Sc))
            np.testing.assert_allclose(level, skip[0].square().mean(-1).sqrt(), rtol=1e-4, atol=1e-7)


def test_representing_leaves_the_model_as_it_was(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    inside = represent(model, voices(1)[0])
    receptive_field(model, inside.mixture, 20)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_times_and_frames_belong_together():
    inside = represent(make(N=24, L=16), voices(1)[0])
    assert inside.seconds(0) == 8 / 8000 and inside.seconds(10) == (80 + 8) / 8000
    assert all(inside.frame_at(inside.seconds(k)) == k for k in range(inside.frames))
    assert inside.frame_at(-5) == 0 and inside.frame_at(99) == inside.frames - 1


@pytest.mark.parametrize("columns", [1, 37, 10_000])
@pytest.mark.parametrize("start, stop", [(0, None), (100, 300)])
def test_picture_keeps_every_maximum(model, columns, start, stop):
    references = voices(2)
    inside = represent(model, references.sum(0), references)
    order = basis.order(model.U.detach().numpy(), model.config.sample_rate)
    seen = pooled_picture(inside, order, start, stop, columns, extremes=True)
    assert seen.w.shape[1] == min(columns, (stop or inside.frames) - start) == len(seen.edges) - 1
    for pooled, full in (
        (np.abs(seen.w), np.abs(inside.w(start, stop)).T),
        (np.abs(seen.d), np.abs(inside.d(start, stop)).swapaxes(1, 2)),
        (seen.masks, inside.masks[:, start:stop].swapaxes(1, 2)),
        (seen.power, inside.power(start, stop).swapaxes(1, 2)),
    ):
        np.testing.assert_allclose(pooled.max(-1), full[..., order, :].max(-1), atol=1e-6)
        if columns == 10_000:
            np.testing.assert_allclose(pooled, full[..., order, :], atol=1e-6)


@pytest.mark.parametrize("columns", [1, 37])
def test_masks_are_pooled_by_their_mean_so_that_the_open_share_is_kept(model, columns):
    references = voices(2)
    inside = represent(model, references.sum(0), references)
    seen = pooled_picture(inside, np.arange(model.config.N), 0, inside.frames // columns * columns, columns)
    whole = inside.masks[:, : inside.frames // columns * columns].astype(float)
    np.testing.assert_allclose(seen.masks.mean(-1), whole.mean(1), rtol=1e-4)
    largest = pooled_picture(
        inside, np.arange(model.config.N), 0, inside.frames // columns * columns, columns, extremes=True
    )
    assert (largest.masks >= seen.masks - 1e-6).all() and largest.masks.mean() > seen.masks.mean()


def test_picture_of_a_long_sound_in_pieces_is_that_of_one_piece(monkeypatch):
    model, references = make(N=12, L=16), voices(2, 20000)
    inside = represent(model, references.sum(0), references)
    whole = pooled_picture(inside, np.arange(12), columns=333)
    monkeypatch.setattr("analysis.network.representation.PIECE_FRAMES", 100)
    parts = pooled_picture(inside, np.arange(12), columns=333)
    for name in ("edges", "w", "power", "masks", "d"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_mask_statistics_against_plain_formulas(model, weighted, monkeypatch):
    monkeypatch.setattr("analysis.network.representation.PIECE_FRAMES", 64)
    inside = represent(model, voices(1)[0])
    found = mask_statistics(inside, weighted)
    masks, w = inside.masks.astype(np.float64), inside.w()
    weight = w.astype(np.float64) ** 2 if weighted else np.ones(w.shape)
    clipped = masks.clip(1e-300, 1 - 1e-16)
    entropy = -clipped * np.log2(clipped) - (1 - clipped) * np.log2(1 - clipped)
    for i, mask in enumerate(masks):
        assert found.near_zero[i] == pytest.approx(np.average(mask < 0.1, weights=weight))
        assert found.near_one[i] == pytest.approx(np.average(mask > 0.9, weights=weight))
        assert found.near_zero[i] + found.near_one[i] + found.between[i] == pytest.approx(1)
        assert found.entropy[i] == pytest.approx(np.average(entropy[i], weights=weight), abs=1e-5)
    mean = np.average(masks.sum(0), weights=weight)
    assert found.sum_mean == pytest.approx(mean)
    deviation = np.sqrt(np.average((masks.sum(0) - mean) ** 2, weights=weight))
    assert found.sum_deviation == pytest.approx(deviation, abs=1e-6)
    assert found.sum_shares.sum() == pytest.approx(1)
    if model.config.mask == "softmax":
        assert found.sum_mean == pytest.approx(1) and found.sum_deviation < 1e-5


def test_sparsity_against_plain_formulas(model):
    references = voices(2)
    inside = represent(model, references.sum(0), references)
    found, w = sparsity(inside), inside.w().astype(np.float64)
    w = w[w.any(1)]
    N = w.shape[1]
    ratio = np.abs(w).sum(1) / np.linalg.norm(w, axis=1)
    hoyer = (np.sqrt(N) - ratio) / (np.sqrt(N) - 1) if N > 1 else np.zeros(1)
    assert found.hoyer == pytest.approx(hoyer.mean())
    assert found.active == pytest.approx(((w**2).sum(1) ** 2 / (w**4).sum(1) / N).mean(), rel=1e-4)
    power = inside.clean().astype(np.float64) ** 2
    owned = power.max(0) > 0.9 * power.sum(0)
    assert found.owned == pytest.approx(power.sum(0)[owned].sum() / power.sum(), rel=1e-4)


def test_silence_has_no_statistics_and_no_errors(model):
    inside = represent(model, np.zeros(500, dtype=np.float32))
    assert np.isnan(sparsity(inside).hoyer)
    assert np.isnan(mask_statistics(inside, weighted=True).sum_mean)
    assert np.isfinite(mask_statistics(inside).sum_mean)


def test_oracle_masks_are_the_papers_equations_on_the_encoder_output():
    clean = np.random.default_rng(0).normal(size=(3, 40, 8)).astype(np.float32)
    w, magnitude = clean.sum(0), np.abs(clean)
    for i in range(3):
        others = np.delete(magnitude, i, axis=0)
        np.testing.assert_array_equal(oracle_mask("IBM", clean, w)[i], (magnitude[i] > others).all(0))
        irm, wfm = magnitude[i] / magnitude.sum(0), magnitude[i] ** 2 / (magnitude**2).sum(0)
        np.testing.assert_allclose(oracle_mask("IRM", clean, w)[i], irm, rtol=1e-5)
        np.testing.assert_allclose(oracle_mask("WFM", clean, w)[i], wfm, rtol=1e-5)
    best = oracle_mask(learned_masks.RATIO, clean, w)
    error = np.abs(best * w - clean)
    assert all((error <= np.abs(m * w - clean) + 1e-6).all() for m in np.linspace(0, 1, 21))
    silent = oracle_mask(learned_masks.RATIO, clean * 0, w * 0)
    assert not silent.any()


def test_oracle_scores_are_of_masks_on_w_and_of_the_basis_alone():
    model, references = make(N=24, L=16), voices(2)
    inside = represent(model, references.sum(0), references)
    scores = oracle_scores(inside)
    assert list(scores) == [learned_masks.ESTIMATED, *learned_masks.ORACLES, learned_masks.CLEAN]
    with torch.inference_mode():
        clean = model.encode(torch.from_numpy(references))
        w = model.encode(torch.from_numpy(references.sum(0))[None])
        irm = clean.abs() / clean.abs().sum(0)
        by_mask = model.decode(irm * w, 3001).numpy()
        by_basis = model.decode(clean, 3001).numpy()
    np.testing.assert_allclose(oracle_sources(inside, "IRM"), by_mask, atol=1e-5)
    np.testing.assert_allclose(scores["IRM"].si_snr, si_snr(by_mask, references), atol=1e-3)
    basis_scores = scores[learned_masks.CLEAN].si_snr
    np.testing.assert_allclose(basis_scores, si_snr(by_basis, references), atol=1e-3)


@pytest.mark.parametrize("frame", [0, 100, 374])
def test_measured_receptive_field_is_the_formulas(model, frame):
    x, config = voices(1, 3001)[0], model.config
    last = represent(model, x).frames - 1
    frame = min(frame, last)
    found = receptive_field(model, x, frame)
    reach = (config.receptive_field_frames - 1) // (1 if config.causal else 2)
    begin = max(0, frame - reach) * config.hop
    end = min(frame + (0 if config.causal else reach), last) * config.hop + config.L
    assert found.formula == config.receptive_field_samples
    if config.encoder != "relu":  # a rectified frame may pass nothing on
        assert (found.begin, found.end) == (begin, min(end, len(x)))
    assert begin <= found.begin < found.end <= end
    assert found.first <= found.begin and len(found.sensitivity) >= found.end - found.begin


def test_sensitivity_is_the_finite_difference_of_the_masks():
    model = make(N=16, L=8, norm="BN").double()
    x = voices(1, 600)[0].astype(np.float64)
    x /= np.sqrt(np.mean(x**2))
    found = receptive_field(model, x, 60)
    weights = torch.randn((2, 16), generator=torch.Generator().manual_seed(0)).double()

    def masks(signal: np.ndarray) -> float:
        with torch.no_grad():
            return float((model.masks(model.encode(torch.from_numpy(signal)[None]))[0, :, 60] * weights).sum())

    for sample in (215, 240, 265):
        step = np.zeros(600)
        step[sample] = 1e-5
        slope = (masks(x + step) - masks(x - step)) / 2e-5
        assert found.sensitivity[sample - found.first] == pytest.approx(abs(slope), rel=1e-4)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_loudest_frame_is_the_one_whose_samples_have_most_energy(shape):
    x = voices(1)[0]
    inside = represent(make(**shape), x)
    config = inside.model.config
    padded = np.concatenate([np.zeros(config.lead), x, np.zeros(2 * config.L)]).astype(float)
    energies = [np.sum(padded[k * config.hop : k * config.hop + config.L] ** 2) for k in range(inside.frames)]
    assert inside.loudest() == int(np.argmax(energies))


@pytest.mark.parametrize(("T", "at"), [(8000, 4000), (8000, 100), (8000, 7900), (2000, 500), (3, 1)])
def test_turns_cover_the_mixture_and_hold_the_loudest_frame_in_the_middle_of_one(T, at):
    x = voices(1, T)[0] / 100
    x[at] = 1
    inside = represent(make(N=24, L=16), x)
    turns = inside.turns(0.25)
    assert turns[0] == 0 and turns[-1] == T / 8000
    lengths = np.diff(turns)
    assert len(lengths) == 1 or ((lengths >= 0.125) & (lengths <= 0.375 + 1e-9)).all()
    if T == 8000 and at == 4000:
        loudest = inside.seconds(inside.loudest())
        turn = np.searchsorted(turns, loudest) - 1
        assert loudest == pytest.approx(turns[turn : turn + 2].mean())


def test_a_stretch_is_counted_alone():
    references = voices(2)
    inside = represent(make(N=24, L=16), references.sum(0), references)
    masks, w = inside.masks[:, 50:200], inside.w(50, 200)
    found = mask_statistics(inside, first=50, last=200)
    assert found.near_zero == pytest.approx((masks < 0.1).mean((1, 2)))
    assert found.sum_mean == pytest.approx(masks.sum(0).mean(), abs=1e-6)
    weighted = mask_statistics(inside, True, 50, 200)
    assert weighted.between == pytest.approx(
        [((m >= 0.1) & (m <= 0.9)).astype(float).ravel() @ w.ravel() ** 2 / np.sum(w**2) for m in masks], rel=1e-4
    )
    active = np.mean((w**2).sum(1) ** 2 / (24 * (w**4).sum(1)))
    assert sparsity(inside, 50, 200).active == pytest.approx(active, rel=1e-4)


def test_a_stretch_is_scored_alone():
    references = voices(2)
    inside = represent(make(N=24, L=16), references.sum(0), references)
    scores = oracle_scores(inside, 0.1, 0.3)
    for kind in ("IBM", "IRM"):
        sources = oracle_sources(inside, kind)[:, 800:2400]
        assert scores[kind].si_snr == pytest.approx(si_snr(sources, references[:, 800:2400]), abs=1e-6)
    whole = oracle_scores(inside)["IRM"].si_snr
    assert whole == pytest.approx(si_snr(oracle_sources(inside, "IRM"), references), abs=1e-6)
    assert list(oracle_scores(inside, 0.2, 0.2)) == list(scores)  # one sample is no error


def test_filter_use_against_plain_formulas(model, monkeypatch):
    monkeypatch.setattr("analysis.network.representation.PIECE_FRAMES", 50)
    references = voices(model.config.C)
    inside = represent(model, references.sum(0), references)
    found = filter_use(inside)
    m, power = inside.masks.astype(float), inside.w().astype(float) ** 2
    energy = power.sum(0)
    np.testing.assert_allclose(found.energy, energy / energy.sum(), rtol=1e-5)
    heard = energy > 0
    share = np.where(heard, energy, 1)
    np.testing.assert_allclose(found.use[:, heard], ((m * power).sum(1) / share)[:, heard], rtol=1e-4)
    through = (m >= 0.5).sum(0)
    np.testing.assert_allclose(found.shared[heard], ((power * (through > 1)).sum(0) / share)[heard], rtol=1e-4)
    whole = found.shared + found.exclusive.sum(0) + (power * (through == 0)).sum(0) / share
    np.testing.assert_allclose(whole[heard], 1, rtol=1e-5)
    for speaker in range(model.config.C):
        clean = np.abs(inside.clean()[speaker]).ravel().astype(float)
        expected = np.corrcoef(m[speaker].ravel(), clean)[0, 1]
        np.testing.assert_allclose(found.likeness[speaker], expected, atol=1e-4)
    assert np.isnan(filter_use(represent(model, references.sum(0))).likeness).all()
