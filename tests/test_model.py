"""The network: the paper's tables, an independent forward pass, causality, lengths, encoders and masks."""

import copy
from decimal import ROUND_HALF_UP, Decimal

import pytest
import torch
import torch.nn.functional as F

from analysis import paper
from tasnet.config import ConvTasNetConfig
from tasnet.model import ConvTasNet

# The one size that no convention of counting explains (see ConvTasNet.num_parameters): ours, in millions.
DIFFERENT = {paper.TABLE_II.rows[3]: "2.2"}

TINY = dict(N=12, L=8, B=6, H=10, Sc=5, P=3, X=3, R=2)


def rounded(value, digits):
    """As on paper: halves go up."""
    return str(value.quantize(Decimal(digits), ROUND_HALF_UP))


def tiny(seed=0, **options):
    """A network with every parameter at random, for evaluation."""
    torch.manual_seed(seed)
    model = ConvTasNet(ConvTasNetConfig(**(TINY | options))).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 2)
            elif name.endswith("running_mean"):
                buffer.normal_()
    return model


def sizes(printed: paper.Configuration) -> dict[str, int]:
    return {symbol: getattr(printed, symbol) for symbol in ("N", "L", "B", "H", "Sc", "P", "X", "R")}


@pytest.mark.parametrize("printed", paper.TABLE_II.rows, ids=lambda row: "-".join(map(str, sizes(row).values())))
def test_table_ii(printed):
    config = ConvTasNetConfig(**sizes(printed), norm=printed.norm, causal=printed.causal)
    exact = Decimal(config.receptive_field_samples) / config.sample_rate
    assert rounded(exact, "0.01") == f"{printed.receptive_field:.2f}"
    assert config.receptive_field == pytest.approx(float(exact))
    with torch.device("meta"):
        count = ConvTasNet(config).num_parameters()
    assert rounded(Decimal(count) / 1_000_000, "0.1") == DIFFERENT.get(printed, f"{printed.model_size:.1f}")


@pytest.mark.parametrize("printed", paper.TABLE_III.rows, ids=lambda row: f"{row.encoder}-{row.mask}")
def test_table_iii(printed):
    """Its hyper-parameters are not printed: those of the row of Table II with the same scores (13.1, 13.4)."""
    (row,) = [row for row in paper.TABLE_II.rows if (row.si_snri, row.sdri, row.N) == (13.1, 13.4, 256)]
    config = ConvTasNetConfig(**sizes(row), encoder=printed.encoder.lower(), mask=printed.mask.lower())
    model = ConvTasNet(config)
    assert rounded(Decimal(model.num_parameters()) / 1_000_000, "0.1") == f"{printed.model_size:.1f}"
    with torch.no_grad():
        assert model(torch.randn(1, 999)).shape == (1, 2, 999)


def textbook(model, x):
    """Figure 1 in the usual layout, (batch, channels, time), with PyTorch's own convolutions, in float64."""
    c, p = model.config, {k: v.double() for k, v in model.state_dict().items()}

    def norm(name, f):
        shape = (1, -1, 1)
        if c.norm == "BN":
            names = ("running_mean", "running_var", "weight", "bias")
            return F.batch_norm(f, *(p[f"{name}.{n}"] for n in names), eps=1e-8)
        if c.norm == "gLN":
            mean, var = f.mean((1, 2), keepdim=True), f.var((1, 2), correction=0, keepdim=True)
        else:
            frames = [f[..., : k + 1] for k in range(f.shape[-1])]
            mean = torch.stack([g.mean((1, 2)) for g in frames], -1)[:, None]
            var = torch.stack([g.var((1, 2), correction=0) for g in frames], -1)[:, None]
        return (f - mean) / (var + 1e-8).sqrt() * p[f"{name}.gamma"].view(shape) + p[f"{name}.beta"].view(shape)

    def conv1x1(name, f):
        return F.conv1d(f, p[f"{name}.weight"][..., None], p[f"{name}.bias"])

    def prelu(name, f):
        return F.prelu(f, p[f"{name}.weight"])

    V = p["decoder.V"]
    U = V @ torch.linalg.inv(V.T @ V) if c.encoder == "pinv" else p["encoder.U"]
    w = F.conv1d(x.double()[:, None], U[:, None], stride=c.L // 2)
    w = w.relu() if c.encoder == "relu" else w
    y, skips = conv1x1("separator.bottleneck", norm("separator.norm", w)), 0
    for n in range(c.X * c.R):
        block, d = f"separator.blocks.{n}.", 2 ** (n % c.X)
        u = norm(block + "norm1", prelu(block + "prelu1", conv1x1(block + "conv_in", y)))
        u = F.pad(u, ((c.P - 1) * d, 0) if c.causal else ((c.P - 1) * d // 2,) * 2)
        kernel = p[block + "depthwise.weight"].T[:, None]
        v = F.conv1d(u, kernel, p[block + "depthwise.bias"], dilation=d, groups=c.H)
        out = conv1x1(block + "conv_out", norm(block + "norm2", prelu(block + "prelu2", v)))
        y, skips = y + out[:, : c.B], skips + out[:, c.B :]
    m = conv1x1("separator.conv_mask", prelu("separator.prelu", skips)).unflatten(1, (c.C, c.N))
    m = {"sigmoid": torch.sigmoid, "relu": torch.relu, "softmax": lambda m: m.softmax(1)}[c.mask](m)
    d = (m * w[:, None]).flatten(0, 1)
    return F.conv_transpose1d(d, V[:, None], stride=c.L // 2).view(len(x), c.C, -1)


VARIANTS = [
    dict(),
    dict(norm="cLN", causal=True),
    dict(norm="cLN", P=5),
    dict(norm="BN", encoder="relu", mask="softmax", C=3),
    dict(norm="BN", causal=True, P=4, mask="relu"),
    dict(encoder="pinv", mask="softmax"),
]


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_forward_is_figure_1(options, gradients):
    model, x = tiny(**options), torch.randn(2, TINY["L"] + 30 * TINY["L"] // 2)
    with torch.set_grad_enabled(gradients):
        estimates = model(x).detach()
    torch.testing.assert_close(estimates, textbook(model, x).detach().float(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_the_parts_make_the_whole(options):
    model, x = tiny(**options), torch.randn(2, 101)
    c = model.config
    with torch.no_grad():
        w = model.encode(x)
        kept = w.clone()
        m = model.masks(w)
        torch.testing.assert_close(model.decode(m * w[:, None], 101), model(x))
        assert m.shape == (2, c.C, w.shape[1], c.N)
        assert torch.equal(w, kept)
        separator = model.separator
        y, skip_sum = separator.bottleneck(separator.norm(w)), torch.zeros(2, w.shape[1], c.Sc)
        skips = [skip_sum]
        for block in model.blocks():
            y, skip_sum = block(y, skip_sum)
            skips.append(skip_sum)
        copies = [skip.clone() for skip in skips]
        logits = separator.conv_mask(separator.prelu(skips[-1])).unflatten(-1, (c.C, c.N)).transpose(1, 2)
        assert all(torch.equal(a, b) for a, b in zip(skips, copies, strict=True))
    assert len(skips) == c.X * c.R + 1
    activation = {"sigmoid": torch.sigmoid, "relu": torch.relu, "softmax": lambda m: m.softmax(1)}[c.mask]
    torch.testing.assert_close(activation(logits), m)
    assert model.U.shape == model.V.shape == (c.N, c.L)


@pytest.mark.parametrize("T", [1, 2, 7, 8, 9, 12, 13, 500])
def test_any_length(T):
    model = tiny()
    with torch.no_grad():
        estimates = model(torch.randn(3, T))
    assert estimates.shape == (3, 2, T)
    assert estimates.isfinite().all()


def test_the_end_is_filled_with_zeros():
    model, x = tiny(), torch.randn(1, 101)
    with torch.no_grad():
        torch.testing.assert_close(model(x), model(F.pad(x, (0, 3)))[..., :101])


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_silence_gives_silence(options):
    with torch.no_grad():
        estimates = tiny(**options)(torch.zeros(1, 200))
    assert torch.equal(estimates, torch.zeros_like(estimates))


def test_items_of_a_batch_do_not_touch():
    model, x = tiny(), torch.randn(3, 200)
    with torch.no_grad():
        torch.testing.assert_close(model(x), torch.cat([model(item[None]) for item in x]))


@pytest.mark.parametrize("encoder", ["linear", "relu", "pinv"])
def test_the_level_of_the_input_is_the_level_of_the_output(encoder):
    """Norms make the masks independent of scale (section II-D)."""
    model, x = tiny(encoder=encoder), torch.randn(1, 400)
    with torch.no_grad():
        torch.testing.assert_close(model(20 * x), 20 * model(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("options", [dict(norm="cLN"), dict(norm="BN"), dict(norm="cLN", P=2, encoder="relu")], ids=str)
@pytest.mark.parametrize("t", [0, 3, 40, 101, 300])
def test_causal_output_waits_for_nothing_after_L_samples(options, t):
    model, x = tiny(**options, causal=True), torch.randn(1, 400)
    changed = x.clone()
    changed[:, t + TINY["L"] :] = 10 * torch.randn(changed[:, t + TINY["L"] :].shape)
    with torch.no_grad():
        before, after = model(x), model(changed)
    assert torch.equal(before[..., : t + 1], after[..., : t + 1])
    assert not torch.equal(before, after)


@pytest.mark.parametrize("causal", [False, True])
def test_the_receptive_field_is_the_field_that_is_received(causal):
    """With BN, whose statistics are fixed in evaluation, one frame of the masks depends on exactly its frames."""
    model = tiny(norm="BN", causal=causal)
    span = model.config.receptive_field_frames
    w = torch.randn(1, 3 * span, TINY["N"], requires_grad=True)
    k = 2 * span if causal else 3 * span // 2
    model.masks(w)[0, :, k].sum().backward()
    touched = w.grad[0].abs().sum(-1).nonzero().flatten()
    first = k - (span - 1 if causal else (span - 1) // 2)
    assert touched.tolist() == list(range(first, first + span))
    assert model.config.receptive_field_samples == (span - 1) * TINY["L"] // 2 + TINY["L"]


def test_softmax_is_over_the_speakers():
    model = tiny(mask="softmax", C=3)
    with torch.no_grad():
        m = model.masks(model.encode(torch.randn(1, 100)))
    torch.testing.assert_close(m.sum(1), torch.ones_like(m[:, 0]))


def test_pinv_is_an_autoencoder():
    """x (V^T V)^-1 V^T V = x in every frame: with half overlap, the sum over frames is twice the input."""
    model, x = tiny(encoder="pinv"), torch.randn(1, 160)
    V = model.V.detach().double()
    torch.testing.assert_close(model.U.T.detach().double(), torch.linalg.inv(V.T @ V) @ V.T, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        again = model.decode(model.encode(x), 160)
    hop = TINY["L"] // 2
    torch.testing.assert_close(again[:, hop:-hop], 2 * x[:, hop:-hop], atol=1e-4, rtol=1e-4)


def test_pinv_follows_the_decoder():
    """Also in a copy (a moving average of the weights), and when V is trained."""
    model = tiny(encoder="pinv")
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.V.mul_(2)
    torch.testing.assert_close(twin.U, model.U / 2)
    model(torch.randn(1, 100)).square().sum().backward()
    assert model.V.grad.isfinite().all() and model.V.grad.any()
    assert not [name for name in model.state_dict() if name.startswith("encoder")]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_every_parameter_is_trained(options):
    """All but the residual path of the last block, the one that leads nowhere."""
    model = tiny(**options)
    model.train()(torch.randn(2, 300)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.any(), name
    last = model.separator.blocks[-1].conv_out
    assert not last.weight.grad[: TINY["B"]].any()


def test_bfloat16_autocast_stays_close():
    model, x = tiny(), torch.randn(2, 2000)
    with torch.no_grad():
        exact = model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = model(x).float()
    assert (exact - rough).square().sum() < 1e-3 * exact.square().sum()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(N=0), "N must be a whole number"),
        (dict(X=2.5), "X must be a whole number"),
        (dict(L=15), "L must be even"),
        (dict(P=2), "P must be odd"),
        (dict(norm="LN"), "norm must be one of"),
        (dict(mask="tanh"), "mask must be one of"),
        (dict(encoder="stft"), "encoder must be one of"),
        (dict(causal=1), "causal must be"),
        (dict(causal=True), "causal network cannot use gLN"),
        (dict(encoder="pinv", N=8), "N of at least L"),
        (dict(sample_rate=-1), "sample_rate must be"),
    ],
    ids=str,
)
def test_impossible_networks_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        ConvTasNetConfig(**options)


def test_configuration_to_dict_and_back():
    config = ConvTasNetConfig(norm="cLN", causal=True, C=3)
    assert ConvTasNetConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ValueError, match="Unknown in a Conv-TasNet configuration: Z"):
        ConvTasNetConfig.from_dict({"Z": 1})
