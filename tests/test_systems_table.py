"""The table of all systems: costs counted by hand, the printed rows, and the order in which they stand."""

from dataclasses import replace

import pytest
import torch
from page_tools import open_page, texts

from analysis.network.systems_table import mask_row, network_row, products, reversed_pairs
from analysis.words.systems_table import explain_systems
from tasnet import ChimeraConfig, ChimeraNet, ConvTasNetConfig, LSTMTasNetConfig, checkpoint


def test_products_are_those_of_every_matrix():
    H, F, D, C = 300, 129, 20, 2
    blstm = sum(2 * 4 * H * (inputs + H) for inputs in (F, 2 * H))
    heads = {"masks": 2 * H * C * F, "misi": 2 * H * C * F, "clusters": 2 * H * F * D}
    for output, head in heads.items():
        assert products(ChimeraConfig(layers=2, H=H, output=output)) == (blstm + head) * 125
    N, L, H = 256, 40, 1024
    lstm = sum(4 * H * (inputs + H) for inputs in (N, H, H, H))
    assert products(LSTMTasNetConfig()) == (3 * N * L + lstm + H * H + H * 2 * N) * 400
    assert products(ConvTasNetConfig(Sc=0)) is None


def test_rows_name_the_nearest_printed_system():
    row = network_row("a", "A", ChimeraConfig(output="misi"), 8.0)
    assert row.printed.method == "WA-MISI-5" and row.parameters / 1e6 == pytest.approx(32.9, abs=0.05)
    assert (row.causal, row.latency) == (False, None)
    row = network_row("a", "A", ConvTasNetConfig(norm="cLN", causal=True), None)
    assert row.printed.method == "Conv-TasNet-cLN" and row.latency == 0.002  # as the paper says
    assert mask_row("PSM", 2, 16.0).printed is None and mask_row("IRM", 3, None).printed.si_snri is not None


def test_the_sentence_comes_from_the_rows():
    mask = mask_row("IRM", 2, 12.5)
    better, worse = (network_row(name, name, ChimeraConfig(output="clusters"), 9.0) for name in ("one", "two"))
    better = replace(better, printed=replace(better.printed, si_snri=15.0))
    said = explain_systems([better, worse, mask], {"one": 7.04, "two": 5.0, "IRM": 12.0, "IBM": 13.0})
    assert said[0] == (
        "On this sound one (7.0 dB) is the best of 2 networks by SI-SNRi, 6.0 dB below the best ideal mask, IBM "
        "(13.0 dB)."
    )
    assert reversed_pairs([better, worse, mask]) == (2, [("IRM", "one")])
    assert said[1] == (
        "Of 2 pairs of systems that the paper puts in an order, 1 stands the other way round here (IRM above one)."
    )
    assert explain_systems([worse, mask], {})[0].endswith("all stand so here too.")


def test_the_page_lists_every_system_and_runs_those_that_are_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    monkeypatch.delenv("TASNET_LENS_MODEL", raising=False)
    torch.manual_seed(1)
    checkpoint.save(tmp_path / "trunk.safetensors", ChimeraNet(ChimeraConfig(layers=1, H=6, D=3)))
    checkpoint.save_variant(tmp_path / "dpcl.safetensors", "trunk", "clusters")
    app = open_page("pages/ideal_masks.py", model="trunk", systems="dpcl")
    assert app.multiselect(key="systems").value == ["dpcl"]
    assert "is the best of 2 networks by SI-SNRi" in texts(app)
    (table,) = [one.proto.body for one in app.get("html") if 'aria-label="Systems"' in one.proto.body]
    assert "DPCL++ 10.8" in table and "the whole sound" in table and "Chimera++" in table
