"""What a design costs by its formulas, against what PyTorch counts and what the paper prints."""

import json
import shlex
import xml.etree.ElementTree as ElementTree

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from analysis.figures import designs as figures_designs
from analysis.figures import flowchart
from analysis.network import cost
from analysis.network.designs import later_systems, printed_designs
from analysis.network.faster import faster_model
from tasnet import ConvTasNet, ConvTasNetConfig
from tasnet.kernels import tiled
from tasnet.tcn import DepthwiseConv
from tasnet.train.__main__ import main
from tasnet.train.recipe import RecipeError
from tasnet.train.recipes import load_recipe, training_command
from tasnet.training_facts import SPEECH_FROM_NOISE, TrainingFacts

ODD = {
    "small": ConvTasNetConfig(N=24, L=10, B=6, H=14, Sc=5, P=3, X=3, R=2),
    "causal-three": ConvTasNetConfig(N=20, L=8, B=7, H=9, Sc=4, P=2, X=2, R=3, C=3, norm="cLN", causal=True),
    "pinv-BN": ConvTasNetConfig(N=16, L=12, B=4, H=10, Sc=8, P=5, X=2, R=1, norm="BN", encoder="pinv"),
    "one-of-each": ConvTasNetConfig(N=1, L=2, B=1, H=1, Sc=1, P=1, X=1, R=1, C=1, sample_rate=16000),
}


@pytest.fixture(params=ODD)
def config(request) -> ConvTasNetConfig:
    return ODD[request.param]


def test_parameters_are_those_of_the_network(config):
    model = ConvTasNet(config)
    assert cost.parameters(config) == model.num_parameters()
    count = {part.name: part.parameters for part in cost.parts(config)}
    assert count["Encoder"] == sum(p.numel() for p in model.encoder.parameters())
    assert count["Decoder"] == model.V.numel()
    blocks = sum(p.numel() for p in model.separator.blocks.parameters())
    assert sum(number for name, number in count.items() if name.startswith("Blocks")) == blocks


def test_multiply_adds_are_those_that_pytorch_counts(config):
    """Matrix products by its own counter, D-convs by a hook: a product for each of P taps of every value."""
    frames, depthwise = 50, []
    model = ConvTasNet(config).eval()
    for module in model.modules():
        if isinstance(module, DepthwiseConv):
            module.register_forward_hook(lambda conv, _, out: depthwise.append(out.numel() * len(conv.weight)))
    mixture = torch.randn(1, (frames - 1) * config.hop + config.L)
    w = model.encode(mixture)
    assert w.shape[1] == frames
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.decode(model.masks(w) * w[:, None], mixture.shape[-1])
    encoder = frames * config.N * config.L  # apart: pinv's U also costs products, which no frame adds to
    counted = counter.get_total_flops() // 2 + sum(depthwise) + encoder
    assert counted == frames * sum(part.multiply_adds for part in cost.parts(config))
    seconds = frames * config.hop / config.sample_rate
    assert cost.multiply_adds(config) * seconds == pytest.approx(counted)


@pytest.mark.parametrize("other", [{"Sc": 0}, {"second_norm": False}, {"coder_bias": True}])
def test_networks_unlike_the_paper_s_are_not_counted_wrongly(other):
    with pytest.raises(ValueError, match="as the paper's"):
        cost.parts(ConvTasNetConfig(**other))


def test_memory_is_what_a_pass_holds(config):
    model, memory = ConvTasNet(config).eval(), cost.memory(config)
    assert memory.weights == sum(p.numel() * p.element_size() for p in model.parameters())
    frames = 200
    one = tiled._Pass(model, torch.randn(frames, config.N), torch.float32)
    tensors = [value for part in (one, one.statistics) for value in vars(part).values() if torch.is_tensor(value)]
    held = {value.data_ptr(): value for value in tensors}.values()  # one may have two names
    values = sum(value.numel() for value in held) + frames * config.C * config.L
    assert memory.separating == pytest.approx(4 * values / frames * config.sample_rate / config.hop, rel=0.01)


def test_training_memory_is_what_the_gradient_keeps():
    """Against the storages that a real forward pass saves, weights apart."""
    config = ODD["small"]
    model = ConvTasNet(config)
    weights, kept = {p.data_ptr() for p in model.parameters()}, {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.setdefault(id(t), t), lambda t: t):
        model(torch.randn(1, config.sample_rate))
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept.values()}
    real = sum(size for address, size in storages.items() if address not in weights)
    assert cost.training_memory(config) == pytest.approx(real, rel=0.02)


def test_the_paper_s_sizes_and_receptive_fields():
    designs = printed_designs()
    assert [design.table for design in designs] == [
        *(f"II.{n}" for n in range(1, 16)),
        *(f"III.{n}" for n in range(1, 6)),
    ]
    agree = [round(cost.parameters(design.config) / 1e6, 1) == design.model_size for design in designs]
    assert [d.table for d, same in zip(designs, agree, strict=True) if not same] == ["II.4"]  # see num_parameters
    for design in designs[:15]:
        assert design.receptive_field == pytest.approx(design.config.receptive_field, abs=0.00501)


def test_a_measured_time_has_its_spread_and_facts():
    found = cost.measure(ODD["small"])
    assert 0 < found.fastest <= found.seconds <= found.slowest
    assert (found.rounds, found.sound, found.device) == (cost.ROUNDS, cost.LONGEST, "cpu")
    assert found.threads == torch.get_num_threads() and found.training == cost.training_memory(ODD["small"])


def test_a_huge_design_is_timed_on_less_sound(monkeypatch):
    monkeypatch.setattr(cost, "BUDGET", 1.0)
    assert cost.measure(ODD["small"]).sound == cost.SHORTEST


def recipe_of(command: str, capsys) -> dict:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "tasnet.train"]
    assert main([*words[3:], "--show"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("base", ["paper", "short", "small"])
def test_the_command_trains_this_very_network(config, base, capsys):
    shown = recipe_of(training_command(config, base), capsys)
    expected = load_recipe(base)
    assert shown["model"] == config.to_dict()
    assert (shown["epochs"], shown["batch"]) == (expected.epochs, expected.batch)


def test_the_command_names_a_ready_recipe_where_there_is_one(capsys):
    for design in printed_designs():
        command = training_command(design.config)
        assert "--set" not in command
        assert recipe_of(command, capsys)["model"] == design.config.to_dict()
    assert training_command(printed_designs()[0].config).split()[3] == "table2-1"
    with pytest.raises(RecipeError, match="is not one of"):
        training_command(ConvTasNetConfig(), "nothing")


def test_the_flowchart_has_every_block_and_size(config):
    drawn = ElementTree.fromstring(flowchart.network(config))
    namespace = "{http://www.w3.org/2000/svg}"
    blocks = [rect for rect in drawn.iter(f"{namespace}rect") if rect.get("class") == "block"]
    assert len(blocks) == config.X * config.R
    saved = flowchart.on_paper(flowchart.network(config))
    assert ElementTree.fromstring(saved).get("width") and "currentColor" not in saved
    assert len({rect.get("fill") for rect in blocks}) == config.X  # a colour for each dilation
    texts = {text.text for text in drawn.iter(f"{namespace}text")}
    for size in (
        f"{config.N} → {config.B}",
        f"{config.B} → {config.H}",
        f"{config.H} → {config.Sc}",
        f"{config.Sc} → {config.C} · {config.N}",
    ):
        assert size in texts
    for rect in blocks:
        assert float(rect.get("width")) > 0 and float(rect.get("height")) > 0


def test_the_picture_has_a_point_for_every_row():
    designs = printed_designs()
    figure = figures_designs.size_and_score(designs, 3.0, "table2-15", later_systems())
    points = [
        (custom, x, y)
        for trace in figure.data
        if trace.customdata is not None
        for custom, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    ]
    of_paper = [(designs[custom[0]], x, y) for custom, x, y in points if custom[0] >= 0]
    assert len(of_paper) == len(designs) and len(points) == len(designs) + len(later_systems())
    assert all((row.model_size, row.si_snri) == (x, y) for row, x, y in of_paper)
    named = {custom[1].partition(" (20")[0]: (x, y) for custom, x, y in points if custom[0] < 0}
    assert all(named[one.name] == (one.model_size, one.si_snri) for one in later_systems())
    ring = figure.data[-1]
    assert (ring.x, ring.y) == ((5.1,), (10.6,)) and figure.layout.shapes[0].x0 == 3.0


def test_the_faster_model_is_the_best_of_those_for_the_same_use():
    """Names and scores lie: only what a model does and what it computes decide."""
    large, small, tiny = ConvTasNetConfig(), ConvTasNetConfig(B=64, H=128, R=1), ConvTasNetConfig(N=64, B=16, H=32, R=1)

    def scored(dB: float | None, test: str = "test_si_snri_db", **more) -> TrainingFacts:
        return TrainingFacts(name="x", scores={} if dB is None else {test: dB}, **more)

    own = (large, scored(12.0))
    others = {"small": (small, scored(9.0)), "tiny": (tiny, scored(8.0))}
    found = faster_model(own, others)
    assert found.name == "small" and found.scores == (12.0, 9.0)
    assert found.times == pytest.approx(cost.multiply_adds(large) / cost.multiply_adds(small))
    assert faster_model(own, others | {"tiny": (tiny, scored(14.0))}).scores == (12.0, 14.0)  # better, and so chosen
    assert faster_model(own, {"small": (small, scored(None))}).scores is None
    assert faster_model(own, {"small": (small, scored(9.0, "another_set_si_snri_db"))}).scores is None  # not comparable
    assert faster_model(own, {"unscored": (tiny, scored(None)), "small": (small, scored(1.0))}).name == "small"
    other_uses = {
        "the same": own,
        "hardly": (ConvTasNetConfig(H=400), scored(13.0)),
        "noise": (small, scored(13.0, task=SPEECH_FROM_NOISE)),
        "three": (ConvTasNetConfig(B=64, H=128, R=1, C=3), scored(13.0)),
        "causal": (ConvTasNetConfig(B=64, H=128, R=1, norm="cLN", causal=True), scored(13.0)),
        "rate": (ConvTasNetConfig(B=64, H=128, R=1, sample_rate=16000), scored(13.0)),
    }
    assert faster_model(own, other_uses) is None
    assert faster_model((tiny, scored(1.0)), others) is None
