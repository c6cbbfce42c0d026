"""Mixing: levels, different speakers, speeds, full scale, and batches that depend on (seed, step) only."""

import numpy as np
import pytest
import soundfile
import torch
from scipy.interpolate import lagrange

from tasnet.data.corpora import CorpusError, UtteranceSet, open_mixtures
from tasnet.train.mixing import DynamicMixtures, Mixing, Pool, Share, StaticMixtures

RATE = 8000


def utterance_set(lengths: list[int], speakers: list[str], seed: int = 0) -> UtteranceSet:
    """Utterances of white noise of very different levels."""
    rng = np.random.default_rng(seed)
    parts = [rng.normal(0, rng.uniform(50, 9000), n).clip(-32768, 32767) for n in lengths]
    return UtteranceSet(
        "test",
        RATE,
        np.concatenate(parts).astype(np.int16),
        np.array(lengths, dtype=np.int64),
        tuple(speakers),
        {},
    )


@pytest.fixture(scope="module")
def pool() -> Pool:
    lengths = [9000 + 100 * k for k in range(24)]
    return Pool(utterance_set(lengths, [f"a:{k // 4}" for k in range(24)]))


def dynamic(pools, mixing=Mixing(), batch=200, segment=8000, seed=1, **more) -> DynamicMixtures:  # noqa: B008
    return DynamicMixtures(pools, mixing, batch=batch, segment=segment, steps_per_epoch=10, seed=seed, **more)


def db(x: torch.Tensor) -> np.ndarray:
    return 20 * np.log10(x.double().square().mean(-1).sqrt().numpy())


@pytest.mark.parametrize("C", [2, 3])
def test_speakers_of_a_mixture_are_always_different(pool, C):
    drawn = pool.draw(np.random.default_rng(0), 5000, C)
    speakers = pool.speaker[drawn]
    assert all(len(set(row)) == C for row in speakers)
    # Every speaker is as likely at every place: all have nearly as much speech.
    for column in speakers.T:
        share = np.bincount(column, minlength=6) / 5000
        expected = np.add.reduceat(pool.lengths, np.arange(0, 24, 4)) / pool.lengths.sum()
        np.testing.assert_allclose(share, expected, atol=0.03)


def test_utterances_are_drawn_in_proportion_to_length_and_corpus():
    lengths = [8000] * 4 + [16000] * 4 + [32 * RATE] * 2  # of the last, 16 s count
    speakers = [f"a:{k}" for k in range(4)] + [f"b:{k}" for k in range(4)] + ["c:0", "c:1"]
    weighted = Pool(utterance_set(lengths, speakers), weights={"b": 2.0})
    drawn = weighted.draw(np.random.default_rng(0), 20000, 1)[:, 0]
    weight = np.array([1] * 4 + [4] * 4 + [16] * 2)
    np.testing.assert_allclose(np.bincount(drawn) / 20000, weight / weight.sum(), atol=0.015)
    with pytest.raises(CorpusError, match="corpus d"):
        Pool(utterance_set(lengths, speakers), weights={"d": 2.0})


def corpora_set() -> UtteranceSet:
    """Corpus a: 5 speakers of very different amounts; b: 3; c: 1 alone."""
    amounts = {"a:0": 12, "a:1": 1, "a:2": 1, "a:3": 1, "a:4": 1, "b:0": 4, "b:1": 2, "b:2": 2, "c:0": 4}
    speakers = [name for name, count in amounts.items() for _ in range(count)]
    return utterance_set([1000] * len(speakers), speakers)


@pytest.mark.parametrize("C", [2, 3])
def test_a_share_of_the_mixtures_is_of_one_corpus(C):
    mixed = Pool(corpora_set())
    corpus = np.array([0] * 5 + [1] * 3 + [2])
    by_chance, half, all_ = (mixed.draw(np.random.default_rng(3), 8000, C, same) for same in (0.0, 0.5, 1.0))
    alike = []
    for drawn in (by_chance, half, all_):
        speakers = mixed.speaker[drawn]
        assert all(len(set(row)) == C for row in speakers)
        alike.append(np.array([len(set(row)) == 1 for row in corpus[speakers]]))
    first = corpus[mixed.speaker[all_[:, 0]]]
    assert alike[2][first < 2].all() and not alike[2][first == 2].any()  # nobody else speaks in c
    # With 0.5 half of the mixtures that begin in a or b are forced, the others are so by chance.
    could = corpus[mixed.speaker[half[:, 0]]] < 2
    chance = alike[0][corpus[mixed.speaker[by_chance[:, 0]]] < 2].mean()
    assert alike[1][could].mean() == pytest.approx(0.5 + 0.5 * chance, abs=0.025)
    # Whom the first voice is drawn from does not change.
    for drawn in (half, all_):
        np.testing.assert_allclose(
            np.bincount(mixed.speaker[drawn[:, 0]], minlength=9) / 8000,
            np.array([12, 1, 1, 1, 1, 4, 2, 2, 4]) / 28,
            atol=0.02,
        )


def test_tempering_evens_out_the_speakers_of_a_corpus_and_leaves_corpora_their_shares():
    amounts = np.array([12, 1, 1, 1, 1, 4, 2, 2, 4])
    corpus = np.array([0] * 5 + [1] * 3 + [2])
    for temper in (0.5, 1.0):
        tempered = Pool(corpora_set(), weights={"b": 2.0}, temper=temper)
        drawn = tempered.speaker[tempered.draw(np.random.default_rng(0), 40000, 1)[:, 0]]
        power = amounts ** (1 - temper)
        share = power / np.bincount(corpus, power)[corpus] * np.array([16, 16, 4])[corpus] / 36  # b counts twice
        np.testing.assert_allclose(np.bincount(drawn) / 40000, share, atol=0.01)


def test_levels_of_two_voices_are_uniform_in_5_db(pool):
    mixture, sources = dynamic([pool, pool], batch=400).batch(0)
    relative = db(sources[:, 0]) - db(sources[:, 1])
    assert np.abs(relative).max() < 5.3  # of whole utterances; a part may differ a little
    assert relative.std() == pytest.approx(10 / 12**0.5, abs=0.35)
    assert abs(relative.mean()) < 0.5
    np.testing.assert_allclose(mixture, sources.sum(1), atol=1e-6)


def test_any_two_of_three_voices_stay_within_5_db(pool):
    _, sources = dynamic([pool] * 3).batch(3)
    level = db(sources)
    spread = level.max(1) - level.min(1)
    assert 4 < spread.max() < 5.3


def test_loudness_varies_as_asked_and_nothing_clips(pool):
    mixture, sources = dynamic([pool, pool], Mixing(loudness=(-40.0, -3.0))).batch(0)
    loudness = db(mixture)
    assert loudness.min() < -38 and loudness.max() > -14
    assert max(mixture.abs().max(), sources.abs().max()) <= 1.0
    calm, _ = dynamic([pool, pool]).batch(0)
    np.testing.assert_allclose(db(calm), -26, atol=0.01)


def test_a_batch_depends_on_seed_and_step_only(pool):
    first, again = dynamic([pool, pool]), dynamic([pool, pool])
    for step in (7, 0):
        assert torch.equal(first.batch(step)[1], again.batch(step)[1])
    assert not torch.equal(first.batch(1)[1], first.batch(2)[1])
    assert not torch.equal(first.batch(1)[1], dynamic([pool, pool], seed=2).batch(1)[1])


def test_shares_of_processes_make_up_the_whole_batch(pool):
    mixing = Mixing(speed=0.05, loudness=(-30.0, -20.0))
    whole = dynamic([pool, pool], mixing, batch=8).batch(5)
    parts = [dynamic([pool, pool], mixing, batch=8, share=Share(r, 4)).batch(5) for r in range(4)]
    for k in (0, 1):
        assert torch.equal(whole[k], torch.cat([part[k] for part in parts]))
    with pytest.raises(ValueError, match="evenly"):
        Share(0, 3).rows(8)


def test_unchanged_speed_gives_the_recorded_samples():
    one = utterance_set([4000, 4000], ["a:0", "a:1"])
    _, sources = dynamic([Pool(one), Pool(one)], batch=1, segment=4000).batch(0)
    for voice in sources[0].numpy():
        correlations = [np.corrcoef(voice, one.samples(i))[0, 1] for i in (0, 1)]
        assert max(correlations) > 0.999999


def test_speed_shifts_a_tone_and_keeps_its_shape():
    tone = np.sin(2 * np.pi * 200 * np.arange(20000) / RATE)
    pcm = np.round(tone * 8000).astype(np.int16)
    tones = UtteranceSet("t", RATE, pcm, np.array([20000]), ("a:0",), {})
    noise = Pool(utterance_set([20000], ["n:0"]))
    batches = dynamic([Pool(tones), noise], Mixing(speed=0.1), batch=60, segment=16000)
    _, sources = batches.batch(0)
    peaks = np.abs(np.fft.rfft(sources[:, 0].numpy() * np.hanning(16000))).argmax(1) / 2  # Hz
    assert peaks.min() < 185 and peaks.max() > 215 and (np.abs(peaks - 200) <= 20.5).all()
    voice = sources[0, 0].double().numpy()
    turn = 2 * np.pi * np.arange(16000) / RATE
    best = min(  # the residual of the tone nearest to it, at the best of fine frequencies
        np.linalg.lstsq(np.stack([np.sin(turn * f), np.cos(turn * f)], 1), voice, rcond=None)[1][0]
        for f in np.arange(peaks[0] - 0.6, peaks[0] + 0.6, 0.005)
    )
    assert 10 * np.log10(np.sum(voice**2) / best) > 35


def test_interpolation_is_the_cubic_through_four_samples():
    from tasnet.train.mixing import voice

    short = Pool(utterance_set([40], ["a:0"]))
    speed = np.array([0.93])
    found = voice(short, np.array([0]), np.array([0.0]), speed, 30)[0].numpy()
    samples = short.pcm.double().numpy() / 32768
    for t in range(30):
        k, x = divmod(t * 0.93, 1)
        k = int(k)
        expected = lagrange([-1, 0, 1, 2], samples[k : k + 4])(x)
        assert found[t] == pytest.approx(expected, abs=1e-6)


def test_short_utterances_go_on_with_the_same_speaker_then_zeros():
    lengths = [3000, 3000, 2000]
    short = Pool(utterance_set(lengths, ["a:0", "a:0", "a:1"]))
    from tasnet.train.mixing import voice

    whole = short.pcm.float() / 32768
    out = voice(short, np.array([0, 1, 2]), np.zeros(3), np.ones(3), 4000)
    assert torch.equal(out[0], whole[:4000])
    assert torch.equal(out[1], torch.cat([whole[3000:6000], torch.zeros(1000)]))
    assert torch.equal(out[2], torch.cat([whole[6000:8000], torch.zeros(2000)]))


def test_speech_and_noise_come_from_their_own_pools(pool):
    noise = Pool(utterance_set([20000] * 3, ["noise:0"] * 3, seed=5))
    batches = dynamic([pool, noise], Mixing(level=(0.0, 10.0)))
    _, sources = batches.batch(0)
    relative = db(sources[:, 0]) - db(sources[:, 1])
    assert -0.4 < relative.min() < 1 and 9 < relative.max() < 10.4
    with pytest.raises(CorpusError, match="different speakers"):
        dynamic([noise, noise])


@pytest.fixture
def static_set(tmp_path):
    rng = np.random.default_rng(0)
    for k, length in enumerate([1000, 2500, 4100, 600]):
        for part in ("s1", "s2"):
            (tmp_path / part).mkdir(exist_ok=True)
            soundfile.write(tmp_path / part / f"{k}.wav", rng.normal(0, 0.1, length), RATE)
    return open_mixtures(tmp_path)


def static(mixtures, **more) -> StaticMixtures:
    return StaticMixtures(mixtures, segment=1000, seed=3, **{"batch": 2, **more})


def test_every_segment_of_a_static_set_comes_once_an_epoch(static_set):
    batches = static(static_set)
    assert batches.steps_per_epoch == 4  # 1 + 2 + 4 + 1 segments of 1000
    first = torch.cat([batches.batch(step)[1] for step in range(4)])
    assert torch.equal(first.sum(1), torch.cat([batches.batch(step)[0] for step in range(4)]))
    whole = {k: static_set[k].sources for k in range(4)}
    origins = []
    for segment in first.numpy():
        segment = segment[:, :600]
        for k, x in whole.items():
            starts = [i for i in range(x.shape[1] - 599) if (x[:, i : i + 600] == segment).all()]
            origins += [(k, i) for i in starts]
    assert sorted(k for k, _ in origins) == [0, 1, 1, 2, 2, 2, 2, 3]
    second = torch.cat([batches.batch(step)[1] for step in range(4, 8)])
    assert not torch.equal(first, second)


def test_static_batches_depend_on_seed_and_step_only_and_can_be_shared(static_set):
    whole = static(static_set)
    for step in (5, 0, 6):
        parts = [static(static_set, share=Share(rank, 2)).batch(step) for rank in (0, 1)]
        assert torch.equal(whole.batch(step)[1], torch.cat([part[1] for part in parts]))


def test_bad_rows_are_left_out_of_static_training(static_set):
    static_set.rows[0].sources[0].path.unlink()
    batches = static(static_set)
    assert batches.facts()["mixtures"] == 3 and batches.facts()["left out"] == 1
    lost = batches.mixtures.rows[0].sources[0].path
    lost.write_bytes(lost.read_bytes()[:100])  # breaks after the headers were checked
    for step in range(batches.steps_per_epoch):
        assert torch.isfinite(batches.batch(step)[0]).all()
    assert len(batches.mixtures.bad) == 2


def test_a_set_smaller_than_a_batch_is_repeated(static_set):
    assert static(static_set, batch=20).batch(0)[0].shape == (20, 1000)
