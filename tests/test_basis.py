"""The order of the basis functions and what they are tuned to, against scipy and plain formulas."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import (
    cophenet,
    is_valid_linkage,
    leaves_list,
    linkage,
    optimal_leaf_ordering,
)
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import pdist, squareform

from analysis.network import basis, basis_set

RATE = 8000


@pytest.fixture
def U() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(24, 16))


def naive_upgma(vectors: np.ndarray) -> np.ndarray:
    """Cophenetic distances (N, N): merge the two clusters with the nearest mean distance."""
    distance = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    clusters = [[i] for i in range(len(vectors))]
    joined = np.zeros_like(distance)
    while len(clusters) > 1:
        height, a, b = min(
            (distance[np.ix_(clusters[a], clusters[b])].mean(), a, b) for a in range(len(clusters)) for b in range(a)
        )
        for i in clusters[a]:
            joined[i, clusters[b]] = joined[clusters[b], i] = height
        clusters[b] += clusters.pop(a)
    return joined


@pytest.mark.parametrize("shape", [(2, 5), (3, 4), (9, 16), (17, 3)])
def test_tree_is_that_of_a_naive_upgma(shape):
    vectors = np.random.default_rng(shape[0]).normal(size=shape)
    tree = basis.upgma(vectors)
    assert is_valid_linkage(tree.linkage)
    np.testing.assert_allclose(squareform(cophenet(tree.linkage)), naive_upgma(vectors))


def test_order_is_scipys_called_directly(U):
    distances = pdist(U, "euclidean")
    expected = optimal_leaf_ordering(linkage(distances, "average"), distances)
    np.testing.assert_array_equal(basis.upgma(U.astype(np.float32)).order, leaves_list(expected))


def test_order_is_the_best_of_all_flips_of_the_tree():
    vectors = np.random.default_rng(3).normal(size=(7, 4))

    def orders(tree, node):
        if node < 7:
            return [[node]]
        a, b = (orders(tree, int(child)) for child in tree[node - 7, :2])
        return [x + y for left, right in ((a, b), (b, a)) for x in left for y in right]

    def cost(order):
        return np.linalg.norm(np.diff(vectors[order], axis=0), axis=1).sum()

    tree = basis.upgma(vectors)
    assert cost(tree.order) == pytest.approx(min(map(cost, orders(tree.linkage, 12))))


@pytest.mark.parametrize(
    "vectors",
    [
        np.ones((6, 8)),
        np.zeros((5, 8)),
        np.ones((1, 8)),
        np.ones((4, 1)),
        np.concatenate([np.eye(4), -np.eye(4), np.eye(4), np.zeros((2, 4))]),
    ],
    ids=["equal", "dead", "single", "one sample", "copies, negations, dead"],
)
def test_degenerate_filters_are_sorted_measured_and_sounded(vectors):
    for by in basis.ORDERS:
        first, again = (basis.order(vectors, RATE, by) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(np.sort(first), np.arange(len(vectors)))
    distances, rows = basis.upgma(vectors).branches()
    assert distances.shape == rows.shape == (len(vectors) - 1, 4)
    basis_set.phase_bands(vectors, RATE)
    basis_set.coder_pair(vectors, vectors)
    assert all(np.isfinite(basis.filter_sound(u, RATE)).all() for u in vectors)


def test_copies_lie_side_by_side_and_negations_apart():
    tree = basis.upgma(np.concatenate([np.eye(3), -np.eye(3), np.eye(3)]))
    row = np.argsort(tree.order)
    assert all(abs(row[i] - row[i + 6]) == 1 for i in range(3))
    joined = squareform(cophenet(tree.linkage))
    assert all(joined[i, i + 6] == 0 and joined[i, i + 3] > 1 for i in range(3))


def test_low_frequencies_come_first_whatever_the_trained_order(U):
    tree = basis.sorted_tree(U, RATE)
    centroid = basis.tuning(U, RATE).centroid_hz[tree.order]
    assert centroid[:12].mean() < centroid[12:].mean()
    np.testing.assert_array_equal(leaves_list(tree.linkage), tree.order)
    shuffled = np.random.default_rng(1).permutation(len(U))
    np.testing.assert_array_equal(shuffled[basis.order(U[shuffled], RATE)], tree.order)


def test_branches_bracket_each_node_at_its_height(U):
    tree = basis.upgma(U)
    distances, rows = tree.branches()
    np.testing.assert_array_equal(distances[:, 1], tree.linkage[:, 2])
    assert (distances[:, 0] <= distances[:, 1]).all() and (distances[:, 3] <= distances[:, 2]).all()
    leaves = rows[:, [0, 3]][distances[:, [0, 3]] == 0]
    np.testing.assert_array_equal(np.sort(leaves), np.arange(len(U)))


def test_sorting_by_peak_puts_dead_filters_last():
    n = np.arange(40)
    vectors = np.stack([np.zeros(40)] + [np.cos(2 * np.pi * f * n / RATE) for f in (3000, 500)])
    np.testing.assert_array_equal(basis.order(vectors, RATE, "peak frequency"), [2, 1, 0])
    np.testing.assert_array_equal(basis.order(vectors, RATE, "trained"), [0, 1, 2])
    with pytest.raises(basis.BasisError):
        basis.order(vectors, RATE, "alphabet")


def test_broken_weights_are_refused():
    with pytest.raises(basis.BasisError):
        basis.upgma(np.array([[1.0, np.nan], [0.0, 1.0]]))


@pytest.mark.parametrize("phase", [0.0, 60.0, -90.0, 180.0])
@pytest.mark.parametrize("L", [64, 65])
def test_tuning_of_a_windowed_cosine(phase, L):
    middle = (L - 1) / 2
    n = np.arange(L) - middle
    u = np.hanning(L) * np.cos(2 * np.pi * 1000 * n / RATE + np.radians(phase))
    tuned = basis.tuning(u[None], RATE)
    assert tuned.peak_hz[0] == pytest.approx(1000, abs=RATE / basis.FFT_POINTS)
    assert tuned.centroid_hz[0] == pytest.approx(1000, abs=10)
    assert abs((tuned.phase_deg[0] - phase + 180) % 360 - 180) < 2
    assert tuned.centre_ms[0] == pytest.approx(middle / RATE * 1000, rel=0.02)


def test_spectral_moments_against_the_two_sided_sums(U):
    tuned = basis.tuning(U, RATE)
    power = np.abs(np.fft.fft(U, 4096)) ** 2
    frequency = np.abs(np.fft.fftfreq(4096, 1 / RATE))
    centroid = power @ frequency / power.sum(1)
    variance = (power * (frequency - centroid[:, None]) ** 2).sum(1) / power.sum(1)
    np.testing.assert_allclose(tuned.centroid_hz, centroid, rtol=1e-4)
    np.testing.assert_allclose(tuned.bandwidth_hz, np.sqrt(variance), rtol=1e-3)
    np.testing.assert_allclose(tuned.energy, power.mean(1))


def test_neighbours_are_the_nearest_rows_and_not_oneself(U):
    U[5] = U[3]
    numbers, distances = basis.neighbours(U, 3, count=4)
    expected = sorted((np.linalg.norm(U[i] - U[3]), i) for i in range(len(U)) if i != 3)[:4]
    assert numbers[0] == 5 and list(numbers) == [i for _, i in expected]
    np.testing.assert_allclose(distances, [d for d, _ in expected])


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_sound_is_safe_at_any_scale_and_repeats_the_filter(U, scale):
    sound = basis.filter_sound(U[0] * scale, RATE, seconds=1)
    assert sound.dtype == np.float32 and sound.shape == (RATE,)
    assert np.abs(sound).max() <= 10 ** (basis.SOUND_PEAK_DB / 20) * 1.001
    level = 20 * np.log10(np.sqrt(np.mean(sound**2)))
    assert basis.SOUND_RMS_DB - 6 < level < basis.SOUND_RMS_DB + 0.1
    loop, shape = sound[4000:4016], U[0] - U[0].mean()
    assert np.corrcoef(loop, shape)[0, 1] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("L", [2, 7, 21, 40, 9001])
def test_sound_loops_without_a_seam(L):
    u = np.random.default_rng(L).normal(size=L)
    sound = basis.filter_sound(u, RATE, seconds=1)
    assert len(sound) % L == 0 and abs(len(sound) - RATE) <= max(L / 2, L - RATE)
    # As one period of what is heard, it holds the harmonics of rate / L and nothing beside them: no click.
    spectrum = np.abs(np.fft.rfft(sound))
    harmonic = np.arange(len(spectrum)) % (len(sound) // L) == 0
    assert spectrum[~harmonic].max(initial=0) < 1e-5 * spectrum[harmonic].max()


def test_magnitudes_hold_the_plain_fft(U):
    fine, frequency = basis.magnitudes(U, RATE, points=64)
    np.testing.assert_allclose(fine[:, ::4], np.abs(np.fft.rfft(U)))
    np.testing.assert_allclose(frequency[::4], np.fft.rfftfreq(16, 1 / RATE))


def test_share_below_counts_live_filters_only():
    peaks = np.array([0, 999.9, 1000, 3000, np.nan])
    assert basis_set.share_below(peaks) == 0.5
    assert np.isnan(basis_set.share_below(np.array([np.nan])))


@pytest.mark.parametrize("scale", basis_set.SCALES)
def test_peaks_spaced_evenly_on_a_scale_are_at_no_distance_from_it(scale):
    grid = np.linspace(0, RATE / 2, 200001)
    peaks = np.interp((np.arange(500) + 0.5) / 500, basis_set.spacing(scale, grid, RATE), grid)
    assert basis_set.spacing_distance(peaks, scale, RATE) < 0.002
    edges, shares, even = basis_set.histogram(peaks, RATE)
    assert edges[[0, -1]].tolist() == [0, RATE / 2] and shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares, even[scale], atol=1 / 499)


def test_phase_bands_tell_shifted_copies_from_equal_ones():
    n = np.arange(32)
    shifts = np.arange(0, 16)
    shifted = np.cos(2 * np.pi * 500 * (n[None] - shifts[:, None]) / RATE)
    equal = np.repeat(np.cos(2 * np.pi * 2500 * n / RATE)[None], 3, axis=0)
    bands = basis_set.phase_bands(np.concatenate([shifted, equal]), RATE, [400, 700, 2000, 3000])
    assert [band.count for band in bands] == [16, 0, 3]
    assert bands[0].coverage == 1 and bands[0].resultant < 0.1
    assert bands[0].similarity == pytest.approx(-1 / 15) and bands[0].shifted_similarity > 0.999
    assert bands[1].coverage == 0 and np.isnan(bands[1].resultant)
    assert bands[2].coverage == 1 / 12 and bands[2].resultant == pytest.approx(1)
    assert bands[2].chance == pytest.approx(1 - (11 / 12) ** 3)


def test_octaves_take_in_every_live_filter(U):
    U[0] = np.cos(np.pi * np.arange(16))
    assert sum(band.count for band in basis_set.phase_bands(U, RATE)) == len(U)


def test_pseudo_inverse_pair_is_recognised_at_any_level(U):
    fit = basis_set.coder_pair(U, -3 * np.linalg.pinv(U.T))
    assert fit.rank == 16 and fit.condition == pytest.approx(np.linalg.cond(U))
    assert fit.pinv_distance < 1e-12 and fit.frame_distance < 1e-12
    assert fit.reconstruction_db > 200
    loose = basis_set.coder_pair(U, U)
    inverse = np.linalg.pinv(U.T)
    best = minimize_scalar(lambda a: np.linalg.norm(a * U - inverse)).fun
    assert loose.pinv_distance == pytest.approx(best / np.linalg.norm(inverse))
    assert basis_set.coder_pair(np.zeros((3, 4)), np.zeros((3, 4))).condition == np.inf
    with pytest.raises(basis.BasisError):
        basis_set.coder_pair(U, U[:3])


def test_overlapping_windows_reconstruct_though_no_frame_does():
    window = np.sin(np.pi * (np.arange(16) + 0.5) / 16)
    fit = basis_set.coder_pair(np.diag(window), np.diag(window))
    assert fit.reconstruction_db > 200 and fit.frame_distance > 0.3


def test_reconstruction_against_white_noise_through_both_coders(U):
    rng = np.random.default_rng(1)
    V = np.linalg.pinv(U.T) + 0.01 * rng.normal(size=U.shape)
    x, out = rng.normal(size=30000), np.zeros(30000)
    for start in range(0, len(x) - 15, 8):
        out[start : start + 16] += x[start : start + 16] @ U.T @ V
    x, out = x[16:-16], out[16:-16]
    wanted = out @ x / (x @ x) * x
    measured = 10 * np.log10(wanted @ wanted / np.sum((out - wanted) ** 2))
    assert basis_set.coder_pair(U, V).reconstruction_db == pytest.approx(measured, abs=0.1)


def test_the_chance_of_a_band_is_that_of_a_draw_with_its_filters_at_the_ends():
    """A simulation: free phases anywhere, those at 0 Hz from 0 and 180 degrees."""
    random = np.random.default_rng(0)
    free, ends, draws = 4, 3, 4000
    found = []
    for _ in range(draws):
        phases = np.concatenate([random.uniform(-180, 180, free), random.choice([0.0, 180.0], ends)])
        sectors = np.floor((phases + 180) / 360 * 12).astype(int) % 12
        found.append(len(set(sectors)) / 12)
    constant = np.ones((ends, 20)) * [[1], [-1], [2]]
    t = np.arange(20) / RATE
    tones = np.stack([np.cos(2 * np.pi * 700 * t + k) for k in range(free)])
    (band,) = basis_set.phase_bands(np.concatenate([constant, tones]), RATE, [0, 2000])
    assert (band.count, band.at_ends) == (free + ends, ends)
    assert band.chance == pytest.approx(np.mean(found), abs=0.01)


def test_what_is_below_a_limit_depends_on_what_a_filters_frequency_is():
    t = np.arange(20) / RATE
    low = np.cos(2 * np.pi * 300 * t)
    both = low + 0.9 * np.cos(2 * np.pi * 3000 * t)  # its peak is low, its power on the mean is not
    shares = basis_set.shares_below(np.stack([low, both, 0 * low]), RATE)
    assert shares["peak"] == 1.0 and shares["centroid"] == 0.5 and set(shares) == set(basis_set.CONVENTIONS)
    own = np.abs(np.fft.rfft(np.stack([low, both]))).argmax(1) * RATE / 20
    assert shares["unpadded"] == (own < 1000).mean()


def test_either_sign_is_one_filter_in_the_signless_order():
    random = np.random.default_rng(4)
    rows = random.normal(size=(9, 20))
    flipped = rows * np.where(np.arange(9) % 2, 1, -1)[:, None]
    one, other = (basis.upgma(each, signless=True) for each in (rows, flipped))
    np.testing.assert_allclose(one.linkage, other.linkage)
    assert not np.allclose(basis.upgma(rows).linkage[:, 2], basis.upgma(flipped).linkage[:, 2])
    pairs = np.stack([np.minimum(*(np.linalg.norm(rows - sign * row, axis=1) for sign in (1, -1))) for row in rows])
    expected = linkage(squareform(np.triu(pairs, 1) + np.triu(pairs, 1).T), "average")
    np.testing.assert_allclose(one.linkage[:, 2], expected[:, 2])
    both = np.concatenate([rows, -rows])
    tree = basis.upgma(both, signless=True)
    np.testing.assert_allclose(tree.linkage[:9, 2], 0, atol=1e-6)
    assert set(np.abs(np.diff(tree.order.reshape(9, 2) % 9)).ravel()) == {0}
