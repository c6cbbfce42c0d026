"""The pictures of Figs. 2 and 5: colours say who owns what, rows and columns are where they belong."""

import base64
import io
import itertools
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.figures import filters as figures_filters
from analysis.figures import inside as figures_inside
from analysis.figures.inside import SUM_COLOURS
from analysis.figures.palette import OTHER_MODELS, SPEAKER_COLOURS, SYSTEM_COLOURS, speaker_colour
from analysis.figures.training import RUN_COLOURS
from analysis.network import basis
from analysis.network.representation import Picture, pooled_picture, represent
from tasnet import ConvTasNet, ConvTasNetConfig, checkpoint

RED, BLUE, GREEN = ([int(speaker_colour(s)[i : i + 2], 16) for i in (1, 3, 5)] for s in range(3))


def colours(w: list, *powers: list) -> list:
    power = np.array(powers, dtype=float)[:, None]
    return figures_inside.owner_colours(np.array([w], dtype=float), power)[0].tolist()


def test_owner_gives_the_hue_and_shared_cells_are_white():
    assert colours([1, 1, 1], [1, 0, 2], [0, 3, 2]) == [RED, BLUE, [255, 255, 255]]
    assert colours([1, 1, 1], [0, 1, 0], [0, 1, 2], [5, 0, 2]) == [GREEN, [255, 255, 255], [255, 255, 255]]
    assert colours([1], [4]) == [RED]


def test_magnitude_gives_the_brightness_whatever_the_sign():
    dark, quarter, full = colours([0, -0.25, 1], [1, 1, 1], [0, 0, 0])
    assert dark == [0, 0, 0] and full == RED
    assert quarter == pytest.approx([value / 2 for value in RED], abs=1)
    assert colours([0, 0], [0, 0], [0, 0]) == [[0, 0, 0]] * 2


def decoded(trace) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(trace.source.partition(",")[2]))).convert("RGB"))


@pytest.mark.parametrize("C", [2, 3])
def test_images_hold_the_picture_row_by_row(C):
    rng = np.random.default_rng(0)
    masks, d = rng.uniform(size=(C, 6, 10)), rng.normal(size=(C, 6, 10))
    masks[:, 2, 7], masks[:, 3, 8] = 0, 1
    seen = Picture(np.linspace(1, 2, 11), d[0], d**2, masks, d)
    U, V = rng.normal(size=(2, 6, 8))
    peaks = np.array([100.0, 250, 500, 1000, 2000, np.nan])
    figure = figures_inside.inside(
        seen, np.zeros(16000), np.zeros((C, 16000)), 8000, U, V, peaks, [f"Speaker {c + 1}" for c in range(C)]
    )
    traces = {f"{trace.xaxis}{trace.yaxis}": trace for trace in figure.data}
    assert figure.layout.meta["stretch"] == pytest.approx([1, 2])
    names = figure.layout.meta["filters"]
    assert figure.layout.meta["time"] == [next(iter(traces)), *names, *list(traces)[1 : C + 1]]
    images = [traces[name] for name in names]
    assert len(images) == 1 + 2 * C and len(traces) == 1 + C + 3 * len(images)
    assert all(image.dx == pytest.approx(0.1) and image.x0 == pytest.approx(1.05) for image in images)
    np.testing.assert_array_equal(decoded(images[0]), figures_inside.owner_colours(seen.w, seen.power))
    for mask, image in zip(masks, images[1 : 1 + C], strict=True):
        pixels = decoded(image).astype(int)
        assert pixels.shape == (6, 10, 3)
        assert pixels[2, 7].tolist() == [0, 0, 0] and pixels[3, 8].min() >= 127
        assert np.corrcoef(pixels.sum(-1).ravel(), mask.ravel())[0, 1] > 0.95
    ranges = {tuple(figure.layout[f"xaxis{name[1:].partition('y')[0]}"].range) for name in figure.layout.meta["time"]}
    assert ranges == {(1, 2)}
    sides = [decoded(trace).astype(int) for trace in figure.data if trace.type == "image" and trace not in images]
    for one, basis_functions in zip(sides[:2], (U, V), strict=True):  # blue below zero, red above
        assert np.corrcoef((one[..., 0] - one[..., 2]).ravel(), basis_functions.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("start", "stop", "title", "ticks"),
    [(0, 5.43, "Time (s)", None), (1.2, 1.7, "Time (ms)", ["1200", "1300", "1400", "1500", "1600", "1700"])],
)
def test_short_stretches_are_labelled_in_milliseconds(start, stop, title, ticks):
    axis = figures_inside.time_axis(start, stop)
    assert (axis["title_text"], axis.get("ticktext")) == (title, ticks)
    if ticks:
        np.testing.assert_allclose(axis["tickvals"] * 1000, [float(tick) for tick in ticks])


def test_rows_say_their_rank_and_where_their_filters_are_tuned():
    ticks = figures_inside.rank_ticks(np.array([100.0, np.nan, 1250.0]), 3)
    assert list(ticks["tickvals"]) == [0, 1, 2] and ticks["ticktext"] == ["0 · 0.1", "1 · –", "2 · 1.2"]
    assert figures_inside.rank_ticks(np.array([500.0]), 5)["ticktext"] == ["0 · 0.5"]


@pytest.mark.parametrize("shape", [{"N": 1, "L": 2}, {"N": 30, "L": 10, "C": 3, "encoder": "relu"}])
def test_every_figure_draws_for_any_shape(shape):
    torch.manual_seed(0)
    config = ConvTasNetConfig(**{"B": 4, "H": 4, "Sc": 4, "X": 2, "R": 2} | shape)
    model = ConvTasNet(config).eval()
    U, V = model.U.detach().numpy(), model.V.detach().numpy()
    tuned = basis.tuning(U, 8000)
    order = basis.order(U, 8000)
    tree = basis.sorted_tree(U, 8000)
    figures = [figures_filters.filter_maps(U, V, 8000, order, tuned, tree).to_json()]
    references = np.random.default_rng(0).normal(size=(config.C, 900)).astype(np.float32)
    inside = represent(model, references.sum(0), references)
    seen = pooled_picture(inside, order, columns=50)
    names = [f"Speaker {c + 1}" for c in range(config.C)]
    sides = U[order], V[order], tuned.peak_hz[order], names
    figures.append(figures_inside.inside(seen, inside.mixture, inside.sources, 8000, *sides).to_json())
    one = inside.w(3, 4)[0], inside.masks[:, 3], inside.d(3, 4)[:, 0]
    figures.append(figures_inside.frame(order, *one, None, tuned.peak_hz, names).to_json())
    skips = figures_inside.skips(inside.skips, 0.0, 0.1, config.dilations)
    assert np.asarray(skips.data[0].z).shape[0] == config.X * config.R
    assert all(len(figure) > 1000 for figure in figures)


def test_rows_of_the_maps_follow_the_order_and_can_be_clicked():
    U = np.random.default_rng(0).normal(size=(12, 8))
    order = basis.order(U, 8000)
    figure = figures_filters.filter_maps(U, 2 * U, 8000, order, basis.tuning(U, 8000), basis.sorted_tree(U, 8000))
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    top = np.percentile(np.abs(U), 99.5)
    np.testing.assert_allclose(maps[0].z, U[order] / top, rtol=1e-6)
    np.testing.assert_allclose(maps[1].z, maps[0].z, rtol=1e-6)
    np.testing.assert_allclose(maps[3].z, maps[2].z, rtol=1e-6)
    assert 1 < np.max(maps[2].z) < 1.5, "only the largest magnitudes pass the scale's end"
    assert [one.coloraxis for one in maps] == ["coloraxis"] * 2 + ["coloraxis2"] * 2
    for axis, low in ((figure.layout.coloraxis, -1), (figure.layout.coloraxis2, 0)):
        assert (axis.cmin, axis.cmax) == (low, 1) and axis.colorbar.tickvals[0] == low and axis.colorbar.title.text
    for bars in (trace for trace in figure.data if trace.type == "bar"):
        assert [row[0] for row in bars.customdata] == order.tolist()


def test_maps_in_decibels_and_row_by_row():
    U = np.random.default_rng(0).normal(size=(12, 8)) * np.logspace(0, -3, 12)[:, None]
    U[5] = 0
    rows = figures_filters.map_values(U, each_row=True)
    np.testing.assert_allclose(np.abs(rows).max(1), np.where(np.arange(12) == 5, 0, 1))
    size = np.abs(U)
    db = figures_filters.map_values(size, decibels=True)
    expected = 20 * np.log10(np.maximum(size / np.percentile(size, 99.5), 1e-3))
    np.testing.assert_allclose(db, expected)
    assert figures_filters.map_values(size, decibels=True, each_row=True)[5].tolist() == [-60.0] * 8
    tuned, order = basis.tuning(U, 8000), basis.order(U, 8000)
    figure = figures_filters.filter_maps(U, U, 8000, order, tuned, decibels=True, each_row=True)
    waves, spectra = ([t for t in figure.data if t.type == "heatmap" and t.coloraxis == axis] for axis in AXES)
    assert all(np.min(one.z) >= -60 and np.max(one.z) == 0 for one in spectra)
    assert all(np.abs(one.z).max() == 1 and np.min(one.z) < 0 for one in waves)
    assert figure.layout.coloraxis2.cmin == -60 and "dB" in figure.layout.coloraxis2.colorbar.title.text
    assert figure.layout.yaxis.title.text == "Rank in the order"


AXES = ("coloraxis", "coloraxis2")


def lab(colour: str) -> np.ndarray:
    """CIELAB of an sRGB colour "#rrggbb" under D65."""
    rgb = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    x, y, z = np.cbrt(xyz / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(
    "colours",
    [
        tuple(SYSTEM_COLOURS.values()),
        sum(OTHER_MODELS, SPEAKER_COLOURS),
        figures_filters.MODEL_COLOURS,
        RUN_COLOURS[:3],
        SUM_COLOURS,
    ],
)
def test_two_systems_in_one_picture_differ_in_colour_that_one_sees(colours):
    """A difference of 2 is just seen side by side; on thin lines and small dots it takes many times that."""
    for one, other in itertools.combinations(colours, 2):
        assert np.linalg.norm(lab(one) - lab(other)) >= 30, (one, other)


def test_the_papers_figures_are_written_from_any_weights(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="the paper's figures are drawn with matplotlib")
    from analysis.figures import paper as paper_figures

    torch.manual_seed(0)
    config = ConvTasNetConfig(N=20, L=16, B=4, H=4, Sc=4, X=2, R=1, C=3, encoder="relu")
    weights = tmp_path / "three.safetensors"
    checkpoint.save(weights, ConvTasNet(config))
    monkeypatch.setattr(sys, "argv", ["paper_figures", "--model", str(weights), "--out", str(tmp_path / "out")])
    paper_figures.main()
    for name in ("fig2", "fig5"):
        assert (tmp_path / "out" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        pixels = np.asarray(Image.open(tmp_path / "out" / f"{name}.png").convert("RGB"))
        assert pixels.shape[1] > 2000 and pixels.std() > 10
