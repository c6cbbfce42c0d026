"""The networks on spectrograms: STFT, losses, k-means and MISI against numpy in float64, and the doors they share."""

import dataclasses
import itertools
import re

import numpy as np
import pytest
import torch
from page_tools import open_page, texts
from plain_stft import plain_istft, plain_stft

from analysis.figures.embeddings import CLUSTER, flat_cloud
from analysis.network.embeddings import embedded_cells
from analysis.network.spectral import look
from tasnet import ChimeraConfig, ChimeraNet, ConvTasNet, ConvTasNetConfig, Separator, checkpoint
from tasnet.config import config_from_dict
from tasnet.errors import UserError
from tasnet.model_titles import model_title
from tasnet.networks import make_network
from tasnet.spectral.__main__ import main
from tasnet.spectral.clusters import kmeans
from tasnet.spectral.stft import STFT
from tasnet.train.objective import objective
from tasnet.train.recipe import Recipe, RecipeError
from tasnet.train.recipes import recipes
from tasnet.train.spectral_loss import dominant, tpsa_loss, whitened_kmeans_loss
from tasnet.training_facts import TrainingFacts

RATE = 8000
SMALL = {"layers": 1, "H": 6, "D": 3}


def small(**changes) -> ChimeraNet:
    torch.manual_seed(5)
    return ChimeraNet(ChimeraConfig(**{**SMALL, **changes})).eval()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("T", [1, 64, 1000, 1025])
def test_the_stft_is_the_papers_and_comes_back(T):
    transform, x = STFT(256, 64), noise(2, T)
    X = transform.forward(x)
    plain = np.moveaxis(plain_stft(x.double().numpy()), -1, -2)
    np.testing.assert_allclose(X.numpy(), plain[..., 1 : 1 + X.shape[-2], :], atol=2e-5)  # whose first frame is empty
    torch.testing.assert_close(transform.inverse(X, T), x, atol=1e-5, rtol=0)


def test_the_published_size_is_that_of_table_iv():
    with torch.device("meta"):
        model = make_network(recipes()["chimera"].model)
    assert round(model.num_parameters() / 1e6, 1) == 32.9
    units, bins = 600, 129
    layers = [2 * 4 * units * (inputs + units + 2) for inputs in (bins, 2 * units, 2 * units, 2 * units)]
    assert model.num_parameters() == sum(layers) + (2 * units + 1) * bins * (20 + 2)


def test_the_whitened_loss_is_its_equation():
    rng = np.random.default_rng(1)
    V = rng.standard_normal((2, 5, 7, 3))
    V /= np.linalg.norm(V, axis=-1, keepdims=True)
    labels, weights = rng.integers(0, 2, (2, 5, 7)), rng.random((2, 5, 7))
    Y = np.eye(2)[labels]
    found = whitened_kmeans_loss(*(torch.from_numpy(a) for a in (V, Y, weights)))
    for v, y, w, one in zip(V, Y, weights, found.numpy(), strict=True):
        root = np.sqrt(w / w.sum()).reshape(-1, 1)
        v, y = root * v.reshape(-1, 3), root * y.reshape(-1, 2)
        values, vectors = np.linalg.eigh(v.T @ v)
        white = v @ (vectors / np.sqrt(values)) @ vectors.T  # V (V'V)^-1/2
        means = y @ np.linalg.inv(y.T @ y) @ y.T @ white
        assert one == pytest.approx(((white - means) ** 2).sum() - (3 - 2), abs=1e-3)
    perfect = np.eye(3)[labels]  # each cell is where its voice is: only the ridge is left
    assert whitened_kmeans_loss(*(torch.from_numpy(a) for a in (perfect, Y, weights))).max() < 1e-3


@pytest.mark.parametrize("permute", [True, False])
def test_the_spectra_loss_is_its_equation(permute):
    rng = np.random.default_rng(2)
    S = rng.standard_normal((3, 2, 4, 5)) + 1j * rng.standard_normal((3, 2, 4, 5))
    X, m = S.sum(1), rng.random((3, 2, 4, 5))
    m[0] = m[0, ::-1]
    found = tpsa_loss(*(torch.from_numpy(a) for a in (m, X, S)), permute=permute).numpy()
    target = np.clip(np.abs(S) * np.cos(np.angle(S) - np.angle(X)[:, None]), 0, np.abs(X)[:, None])
    for k in range(3):
        means = [
            np.mean([np.abs(m[k, e] * abs(X[k]) - target[k, s]).sum() for s, e in enumerate(order)]) / abs(X[k]).sum()
            for order in ([0, 1], [1, 0])
        ]
        assert found[k] == pytest.approx(min(means) if permute else means[0], rel=1e-6)


@pytest.mark.parametrize("clusters", [1, 2, 3])
def test_kmeans_finds_what_trying_all_assignments_finds(clusters):
    rng = np.random.default_rng(clusters)
    points = np.concatenate([rng.normal(4 * c, 0.7, (2, 2)) * [1, (-1) ** c] for c in range(clusters)])

    def cost(labels: np.ndarray) -> float:
        groups = [points[labels == c] for c in range(clusters)]
        return sum(((group - group.mean(0)) ** 2).sum() for group in groups if len(group))

    labels, centres = (found.numpy() for found in kmeans(torch.from_numpy(points), clusters))
    assert cost(labels) == pytest.approx(
        min(cost(np.array(one)) for one in itertools.product(range(clusters), repeat=len(points)))
    )
    for c in range(clusters):
        np.testing.assert_allclose(centres[c], points[labels == c].mean(0))
    order = rng.permutation(len(points))
    again = kmeans(torch.from_numpy(points[order]), clusters)[0].numpy()
    assert np.array_equal(again[:, None] == again, labels[order][:, None] == labels[order])  # the same clusters


def test_kmeans_takes_one_point_and_equal_ones():
    for points in (torch.ones(1, 2), torch.ones(5, 2)):
        labels, centres = kmeans(points, 3)
        assert torch.equal(centres[labels], points)


def test_gradients_are_finite_on_silence_and_the_loss_has_no_level():
    model, recipe = small().train(), Recipe(model=ChimeraConfig(**SMALL), loss="chimera")
    sources = noise(2, 2, 2000)
    loss, mixture = objective(recipe), sources.sum(1)
    first = loss(model.for_loss(mixture), sources, mixture)
    torch.testing.assert_close(
        loss(model.for_loss(0.01 * mixture), 0.01 * sources, 0.01 * mixture), first, rtol=1e-3, atol=0
    )
    sources[0], sources[1, 1] = 0, 0
    mixture = sources.sum(1)
    loss(model.for_loss(mixture), sources, mixture).backward()
    assert all(value.grad.isfinite().all() for value in model.parameters())


def test_a_few_steps_learn_a_mixture():
    model, recipe = small(H=24).train(), Recipe(model=ChimeraConfig(**SMALL, mask="softmax"), loss="chimera")
    t = torch.arange(2000) / RATE
    sources = torch.stack([torch.sin(6.28 * 300 * t) * (1 + torch.sin(18 * t)), torch.sin(6.28 * 1800 * t)])[None]
    loss, mixture = objective(recipe), sources.sum(1)
    adam, losses = torch.optim.Adam(model.parameters(), 1e-2), []
    for _ in range(10):
        losses.append(loss(model.for_loss(mixture), sources, mixture))
        adam.zero_grad()
        losses[-1].backward()
        adam.step()
    assert losses[-1] < 0.7 * losses[0]


def test_the_three_systems_do_what_they_say():
    x = noise(1, 3000)
    with torch.no_grad():
        by = {output: small(output=output) for output in ("masks", "clusters", "misi")}
        heads = by["masks"].for_loss(x)
        found = {output: network(x)[0].double().numpy() for output, network in by.items()}
        binary = by["clusters"].masks(heads.X)[0]
    X, m = plain_stft(x[0].double().numpy()), heads.masks[0].double().numpy()
    m = np.pad(np.moveaxis(m, -1, -2), ((0, 0), (0, 0), (1, X.shape[1] - 1 - m.shape[1])))
    np.testing.assert_allclose(found["masks"], plain_istft(m * X, 3000), atol=1e-5)
    spectra = m * X
    for _ in range(5):
        signals = plain_istft(spectra, 3000)
        spectra = m * abs(X) * np.exp(1j * np.angle(plain_stft(signals + (x[0].numpy() - signals.sum(0)) / 2)))
    np.testing.assert_allclose(found["misi"], plain_istft(spectra, 3000), atol=1e-3)
    assert set(binary.unique().tolist()) == {0.0, 1.0} and (binary.sum(0) == 1).all()
    np.testing.assert_allclose(found["clusters"].sum(0), x[0], atol=1e-5)
    V = heads.embeddings[0]
    near = [(V[binary[c] == 1] @ V[binary[c] == 1].mean(0)).mean() for c in range(2)]
    far = [(V[binary[c] == 1] @ V[binary[1 - c] == 1].mean(0)).mean() for c in range(2)]
    assert all(n > f for n, f in zip(near, far, strict=True))
    torch.testing.assert_close(V.norm(dim=-1), torch.ones(V.shape[:-1]))


def test_dominant_is_one_hot():
    S = noise(1, 3, 4, 5) + 0j
    Y = dominant(S)
    assert (Y.sum(-1) == 1).all() and torch.equal(Y.argmax(-1), S.abs().argmax(1))


@pytest.mark.parametrize("output", ["masks", "clusters", "misi"])
def test_checkpoint_and_separator_serve_each_as_any_network(tmp_path, output, monkeypatch):
    monkeypatch.setattr("tasnet.inference.WHOLE", 0.4)
    monkeypatch.setattr("tasnet.inference.CHUNK", 0.3)
    monkeypatch.setattr("tasnet.inference.OVERLAP", 0.1)
    model = small(output=output)
    checkpoint.save(tmp_path / "one.safetensors", model)
    separator = Separator(tmp_path / "one.safetensors", device="cpu")
    assert separator.config == model.config and isinstance(separator.model, ChimeraNet)
    x = 0.1 * noise(2 * 8000).numpy()
    found = separator.separate(x, 2 * RATE)
    assert found.sources.shape == (2, 16000) and np.isfinite(found.sources).all()
    np.testing.assert_allclose(separator.separate(0.01 * x, 2 * RATE).sources, 0.01 * found.sources, atol=1e-5)
    with torch.no_grad():
        assert not model(torch.zeros(1, 800)).any()


def test_one_file_becomes_another_system(tmp_path, capsys):
    model, files = small(), [tmp_path / f"{name}.safetensors" for name in ("masks", "copy/dpcl", "dpcl", "none")]
    files[1].parent.mkdir()
    checkpoint.save(files[0], model, TrainingFacts(steps=7, scores={"valid_si_snri_db": 8.0}))
    for file in files[1:3]:  # a file of its own elsewhere; beside the weights only their name
        assert main([str(files[0]), "clusters", "-o", str(file)]) == 0
        assert "DPCL" in capsys.readouterr().out
        again, facts = checkpoint.load(file)
        assert again.config.system == "DPCL" and facts.scores == {} and (facts.name, facts.steps) == ("dpcl", 7)
        assert checkpoint.describe(file) == (again.config, facts)
        torch.testing.assert_close(again.conv_mask.weight, checkpoint.load(files[0])[0].conv_mask.weight)
    copied, variant = map(checkpoint.weights_hash, files[1:3])
    assert copied == variant != checkpoint.weights_hash(files[0])  # so that no cache takes one for the other
    assert files[2].stat().st_size < 1000 and checkpoint.trunk_of(files[2]) == files[0]
    assert main([str(files[2]), "misi", "-o", str(tmp_path / "misi.safetensors")]) == 0
    assert checkpoint.trunk_of(tmp_path / "misi.safetensors") == files[0]
    checkpoint.save(files[0], small(D=0))
    assert main([str(files[0]), "clusters", "-o", str(files[3])]) == 2 and not files[3].exists()


def test_a_variant_is_there_as_long_as_its_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    variant, trunk = tmp_path / "dpcl.safetensors", tmp_path / "trunk.safetensors"
    checkpoint.save_variant(variant, "trunk", "clusters", {"valid_si_snri_db": 7.0})
    assert checkpoint.bundled() == {}
    for function in (checkpoint.load, checkpoint.describe, checkpoint.weights_hash):
        with pytest.raises(checkpoint.CheckpointError, match=r"^dpcl\.safetensors is another system of "):
            function(variant)
    checkpoint.save(trunk, small(), TrainingFacts(scores={"valid_si_snri_db": 8.0}))
    assert list(checkpoint.bundled()) == ["trunk", "dpcl"] and checkpoint.validation_score(variant) == 7
    for of, output, message in (
        ("../trunk", "clusters", "no name of a file"),
        ("dpcl", "clusters", "itself one"),
        ("trunk", "sound", "cannot be understood"),
    ):
        checkpoint.save_variant(variant, of, output)
        with pytest.raises(checkpoint.CheckpointError, match=message):
            checkpoint.load(variant)
    checkpoint.save(trunk, ConvTasNet(ConvTasNetConfig(N=8, L=8, B=8, H=8, Sc=8, X=1, R=1)))
    checkpoint.save_variant(variant, "trunk", "masks")
    with pytest.raises(checkpoint.CheckpointError, match=r"is no Chimera"):
        checkpoint.load(variant)


def test_pages_that_show_learned_filters_say_that_it_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    monkeypatch.delenv("TASNET_LENS_MODEL", raising=False)
    checkpoint.save(tmp_path / "dpcl.safetensors", small(output="clusters"))
    app = open_page("pages/filters.py")
    assert app.selectbox(key="model").options == ["DPCL, small, non-causal"]
    assert "it has no learned filters" in texts(app)
    app.switch_page("pages/explain.py").run()
    assert not app.exception and "choose a Conv-TasNet" in texts(app)


def test_inside_shows_the_cells_and_the_masks(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    monkeypatch.delenv("TASNET_LENS_MODEL", raising=False)
    checkpoint.save(tmp_path / "trunk.safetensors", small())
    checkpoint.save_variant(tmp_path / "dpcl.safetensors", "trunk", "clusters")
    app = open_page("pages/inside.py", model="dpcl", embedding_view="Flat")
    assert app.selectbox(key="model").value == "dpcl"
    assert re.search(r"4,000 of the [\d,]+ cells that are within 40 dB", texts(app))
    app.button_group(key="embedding_colour").set_value(["Energy"]).run()
    assert not app.exception and "of these cells' energy is in the cluster of the voice" in texts(app)
    app = open_page("pages/inside.py", model="trunk", inside_spectral_tab="Masks and errors")
    assert "what Chimera++'s masks let through differs from the voices by" in texts(app)


def test_errors_are_those_of_the_masks():
    model, x = small(), noise(2, 3000)
    mixture = x.sum(0).numpy()
    found = look(model, mixture, x.numpy())
    with torch.no_grad():
        w = model.encode(torch.from_numpy(mixture)[None])
        own = model.through_masks(model.masks(w), w, 3000)[0].numpy()
    X = plain_stft(mixture.astype(float))
    m = found.masks["Chimera++"]
    m = np.pad(m, ((0, 0), (0, 0), (1, X.shape[1] - 1 - m.shape[2])))  # the plain transform's first frame is empty
    np.testing.assert_allclose(plain_istft(m * X, 3000), found.sources, atol=1e-5)
    np.testing.assert_allclose(np.sort(found.sources, 0), np.sort(own, 0), atol=1e-6)
    S = plain_stft(x.double().numpy())
    binary = abs(S) >= abs(S).max(0)
    expected = (abs(binary * X - S) ** 2).sum() / (abs(S) ** 2).sum()
    assert found.error_share(RATE)["IBM"] == pytest.approx(expected, rel=1e-4)
    assert list(found.masks) == list(found.errors(RATE)) == ["Chimera++", "IBM", "IRM", "WFM"]
    assert not look(model, mixture, None).errors(RATE) and look(small(D=0), mixture, None).cells is None
    np.testing.assert_allclose(found.clusters.sum(0), mixture, atol=0.2)
    figure = flat_cloud(found.cells, np.arange(9), CLUSTER, ["a", "b"], marked=4)
    assert sorted(about[0] for one in figure.data[:4:2] for about in one.customdata) == list(range(9))
    assert figure.data[-1].x[0] == found.cells.points[4, 0]


def test_titles_name_the_system():
    titles = {output: model_title(ChimeraConfig(output=output), TrainingFacts()) for output in ("masks", "clusters")}
    assert titles == {"masks": "Chimera++, large, non-causal", "clusters": "DPCL, large, non-causal"}
    assert ChimeraConfig(output="misi").system == "Chimera++ with MISI-5"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"D": 0, "output": "clusters"}, "Clusters need embeddings"),
        ({"output": "sound"}, "output must be one of masks, clusters, misi"),
        ({"H": 0}, "H must be a whole number of at least 1"),
        ({"causal": True}, "Unknown in a Chimera\\+\\+ configuration: causal"),
    ],
)
def test_a_bad_configuration_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        config_from_dict({"network": "Chimera++", **values})


def test_a_recipe_knows_which_loss_belongs_to_which_network():
    for changes in ({"loss": "chimera"}, {"model": {"network": "Chimera++"}}):
        with pytest.raises(RecipeError, match="is trained with"):
            Recipe().changed(changes)
    recipe = Recipe().changed({"loss": "chimera", "model": {"network": "Chimera++", "D": 0}})
    assert recipe.model == dataclasses.replace(ChimeraConfig(), D=0) and recipe.loss_unit == ""
    assert recipes()["upit-blstm"].model.system == "uPIT-BLSTM"


def test_the_embedding_view_is_that_of_its_cells():
    model, x = small(D=5), noise(2, 3000)
    x[1, :1500] = 0  # and then the first voice alone
    mixture = x.sum(0).numpy()
    found = embedded_cells(model, mixture, x.numpy())
    X, S = plain_stft(mixture.astype(float))[:, 1:], plain_stft(x.double().numpy())[..., 1:]
    np.testing.assert_allclose(found.level, 20 * np.log10(abs(X)[found.bins, found.frames] / abs(X).max()), atol=1e-3)
    assert np.array_equal(found.owners, abs(S).argmax(0)[found.bins, found.frames])
    with torch.no_grad():
        V = model.for_loss(torch.from_numpy(mixture)[None]).embeddings[0].double().numpy()[found.frames, found.bins]
    values = np.linalg.svd(V - V.mean(0), compute_uv=False) ** 2
    np.testing.assert_allclose(found.explained, values[:3] / values.sum(), atol=1e-6)
    np.testing.assert_allclose((found.points**2).sum(0), values[:3], rtol=1e-5)
    assert found.seconds[found.frames == 3][0] == pytest.approx(0.016) and found.hertz.max() <= 4000
    power = 10 ** (found.level / 10)
    assert found.agreement == pytest.approx(power[found.clusters == found.owners].sum() / power.sum())
    assert 0.5 <= found.agreement <= 1 and np.isnan(embedded_cells(model, mixture).agreement)
    with pytest.raises(UserError, match="no embeddings"):
        embedded_cells(small(D=0), mixture)
