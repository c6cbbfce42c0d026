"""Pooling for the screen keeps every peak."""

import numpy as np
import pytest

from analysis.network.pooling import column_starts, outline, pooled_extremes


@pytest.mark.parametrize("length, columns", [(1, 1), (5, 10), (10, 10), (1000, 7), (60001, 1000)])
def test_columns_divide_all_values_evenly(length, columns):
    runs = np.diff(np.append(column_starts(length, columns), length))
    assert runs.sum() == length and len(runs) == min(length, columns)
    assert runs.min() >= 1 and runs.max() - runs.min() <= 1


def test_extremes_keep_the_largest_of_each_run_with_its_sign():
    values = np.random.default_rng(0).normal(size=(3, 997))
    starts = column_starts(997, 50)
    pooled = pooled_extremes(values, starts)
    for row, kept in zip(values, pooled, strict=True):
        for run, value in zip(np.split(row, starts[1:]), kept, strict=True):
            assert value == run[np.abs(run).argmax()]


@pytest.mark.parametrize("where", [0, 1, 12345, 59999])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_single_peak_survives_where_it_is(where, sign):
    values = np.zeros((60000, 2))
    values[where, 1] = sign
    starts = column_starts(60000, 800)
    pooled = pooled_extremes(values, starts, axis=0)
    column = np.searchsorted(starts, where, side="right") - 1
    assert pooled[column, 1] == sign and np.abs(pooled).sum() == 1


def test_outline_is_the_waveform_itself_where_it_fits():
    x = np.random.default_rng(0).normal(size=100)
    index, value = outline(x, 50)
    np.testing.assert_array_equal(index, np.arange(100))
    np.testing.assert_array_equal(value, x)


def test_outline_reaches_every_extreme():
    x = np.random.default_rng(0).normal(size=12345)
    index, value = outline(x, 500)
    assert len(index) == len(value) == 1000 and (np.diff(index) >= 0).all()
    for run, low, high in zip(np.split(x, index[2::2]), value[::2], value[1::2], strict=True):
        assert (low, high) == (run.min(), run.max())
