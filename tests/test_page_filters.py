"""The page of the learned filters: for any model, against another, and in a real browser."""

import csv
import io
import json

import numpy as np
import pytest
import soundfile
import torch
from page_tools import open_page, wait_for, wait_until_settled
from streamlit.testing.v1 import AppTest

import tasnet
from analysis.computing import first_model
from analysis.network import basis, basis_set
from pages.parts import pictures
from pages.parts.models import plain_titles
from tasnet import ConvTasNet, ConvTasNetConfig, checkpoint
from tasnet.audio import wav

PAGE = "pages/filters.py"
SMALL = {"B": 4, "H": 6, "Sc": 4, "X": 2, "R": 1}
SHAPES = {
    "one-filter": {"N": 1, "L": 2},
    "relu-three-speakers": {"N": 20, "L": 10, "C": 3, "encoder": "relu"},
    "pinv-16-kHz": {"N": 40, "L": 32, "encoder": "pinv", "mask": "softmax", "sample_rate": 16000},
}


@pytest.fixture
def unseen(tmp_path, monkeypatch) -> dict[str, ConvTasNet]:
    """Weights of other shapes in the place of the bundled ones: name -> network; one has a dead filter."""
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    monkeypatch.delenv("TASNET_LENS_MODEL")
    models = {}
    for name, shape in SHAPES.items():
        torch.manual_seed(1)
        model = ConvTasNet(ConvTasNetConfig(**SMALL | shape)).eval()
        if name == "relu-three-speakers":
            with torch.no_grad():
                model.U[3] = 0
        checkpoint.save(tmp_path / f"{name}.safetensors", model, dtype="float32")
        models[name] = model
    return models


def start(**query: str) -> AppTest:
    app = open_page(PAGE, **query)
    assert not app.error
    return app


def texts(app: AppTest) -> str:
    return "\n".join(part.value for part in (*app.markdown, *app.caption, *app.info))


def test_the_bundled_model_is_sorted_measured_and_sounded():
    app = start()
    assert app.title[0].value == "Filters"
    coverage, phases, pairs = (table.value for table in app.dataframe)
    name = app.selectbox(key="model").value
    model, _ = checkpoint.load(checkpoint.bundled()[name])
    U, V = model.U.detach().numpy(), model.V.detach().numpy()
    peaks = basis.tuning(U, 8000).peak_hz
    assert coverage["Below 1 kHz"][0] == pytest.approx(basis_set.share_below(peaks))
    assert phases["Filters"].sum() == len(U)
    assert pairs["Condition number"][0] == pytest.approx(np.linalg.cond(U), rel=1e-4)
    assert pairs["Reconstruction (dB)"][0] == pytest.approx(basis_set.coder_pair(U, V).reconstruction_db)


@pytest.mark.parametrize("name", SHAPES)
def test_models_nobody_has_seen(unseen, name):
    app = start(model=name, filter_order="trained")
    assert app.segmented_control(key="filter_order").value == "trained"
    for by in basis.ORDERS:
        app.segmented_control(key="filter_order").set_value(by).run()
        assert not app.exception
    last = len(unseen[name].U) - 1
    app.number_input(key="filter_model").set_value(last).run()
    assert not app.exception
    rate = unseen[name].config.sample_rate
    peak = basis.tuning(unseen[name].U.detach().numpy(), rate).peak_hz[last]
    assert f"Peak {peak:.0f} Hz" in texts(app)


def test_a_dead_filter_is_said_to_be_dead(unseen):
    app = start(model="relu-three-speakers")
    app.number_input(key="filter_model").set_value(3).run()
    assert not app.exception and "This filter is dead" in texts(app)
    assert marks(app)["phases"]["x"] is None and marks(app)["filters_model"]["row"] is not None
    assert app.dataframe[0].value["Dead filters"][0] == 1


def marks(app: AppTest, key: str = "marks_model") -> dict[str, dict]:
    """What the page marks for one model: picture -> mark."""
    shown = (json.loads(part.proto.json) for part in app.get("bidi_component"))
    return {one["picture"]: one for data in shown if data.get("name") == key for one in data["marks"]}


@pytest.mark.parametrize("number", [0, 17])
def test_the_chosen_filter_is_marked_in_every_picture_and_kept_through_sorting(unseen, number):
    app = start(model="relu-three-speakers", filter_model=str(number))
    U, V = (rows.detach().numpy() for rows in (unseen["relu-three-speakers"].U, unseen["relu-three-speakers"].V))
    tuned, partner = basis.tuning(U, 8000), basis.tuning(V, 8000)
    for by in basis.ORDERS:
        app.segmented_control(key="filter_order").set_value(by).run()
        assert not app.exception and app.number_input(key="filter_model").value == number
        row = app.number_input(key="row_model").value
        assert basis.order(U, 8000, by)[row] == number
        found = marks(app)
        assert found["filters_model"]["row"] == row
        for picture, y in (
            ("tuning_map", tuned.bandwidth_hz),
            ("phases", tuned.phase_deg),
            ("pairs", partner.peak_hz),
        ):
            assert found[picture]["x"] == pytest.approx(tuned.peak_hz[number])
            assert found[picture]["y"] == pytest.approx(y[number])


def test_filters_are_stepped_through_in_the_order_shown(unseen):
    app = start(model="pinv-16-kHz", filter_order="peak frequency")
    U = unseen["pinv-16-kHz"].U.detach().numpy()
    order = basis.order(U, 16000, "peak frequency")
    for row in (5, 6, 39):
        app.number_input(key="row_model").set_value(row).run()
        assert app.number_input(key="filter_model").value == order[row]
        assert marks(app)["filters_model"]["row"] == row
    assert f"Peak {basis.tuning(unseen['pinv-16-kHz'].U.detach().numpy(), 16000).peak_hz[order[39]]:.0f} Hz" in texts(
        app
    )


def test_a_filter_and_its_partner_are_two_endless_tones(unseen):
    app = start(model="pinv-16-kHz")
    players = [json.loads(part.proto.json) for part in app.get("bidi_component")]
    (tones,) = (data for data in players if "tracks" in data)
    assert [track["name"] for track in tones["tracks"]] == ["Encoder", "Decoder"]
    assert tones["loop"] and tones["length"] % 32 == 0


def test_two_models_side_by_side_and_a_filter_each(unseen):
    app = start(model="one-filter")
    app.selectbox(key="against").set_value("pinv-16-kHz").run()
    titles = plain_titles(list(tasnet.available()))
    assert list(app.dataframe[0].value["Model"]) == [titles["one-filter"], titles["pinv-16-kHz"]]
    assert len(set(titles.values())) == len(titles)
    app.number_input(key="filter_other").set_value(39).run()
    assert app.number_input(key="filter_model").value == 0
    app.selectbox(key="against").set_value("relu-three-speakers").run()
    assert not app.exception and app.number_input(key="filter_other").value == 0


def test_the_untrained_network_has_the_same_shape_and_is_always_the_same():
    app = start()
    app.selectbox(key="against").set_value("the same network untrained").run()
    assert not app.exception
    below = app.dataframe[0].value["Below 1 kHz"]
    config = checkpoint.load(checkpoint.bundled()[app.selectbox(key="model").value])[0].config
    torch.manual_seed(5)
    first, again = basis.untrained(config), basis.untrained(config)
    assert first.config == config and torch.equal(first.U, again.U) and torch.equal(first.V, again.V)
    assert below[1] == pytest.approx(basis_set.share_below(basis.tuning(first.U.detach().numpy(), 8000).peak_hz))


def test_numbers_in_tables_have_their_decimals_a_real_minus_sign_and_no_negative_zero():
    rows = [{"Model": "one", "dB": -1.234}, {"Model": "two", "dB": None}, {"Model": "three", "dB": -0.001}]
    table = pictures.with_decimals(rows, {"dB": 2})
    shown = [
        cell["display_value"] for row in table._translate(True, True)["body"] for cell in row if cell["type"] == "td"
    ]
    assert shown == ["one", "−1.23", "two", "", "three", "0.00"]
    assert list(table.data["dB"])[::2] == [-1.234, -0.001]  # sorted as numbers


def test_numbers_are_saved_as_csv_and_npz():
    columns = {"filter": np.arange(3), "peak_hz": np.array([1.5, np.nan, 2.0])}
    rows = list(csv.DictReader(io.StringIO(pictures._csv(columns))))
    assert [row["filter"] for row in rows] == ["0", "1", "2"] and float(rows[2]["peak_hz"]) == 2
    saved = np.load(io.BytesIO(pictures._npz(columns)))
    np.testing.assert_array_equal(saved["peak_hz"], columns["peak_hz"])


def test_a_filter_is_heard_at_its_safe_level():
    quiet = basis.filter_sound(np.random.default_rng(0).normal(size=16), 8000)
    heard, rate = soundfile.read(io.BytesIO(wav(quiet, 8000)), dtype="float32")
    assert rate == 8000
    np.testing.assert_allclose(heard, quiet, atol=1e-4)


LOOPED = """
const [L, done] = arguments;
const { transport, mixer } = document.querySelector('.tasnet-player').player;
const context = new OfflineAudioContext(1, 2.5 * transport.rate, transport.rate);
context.resume = undefined; // it must not wait for a device
const sound = new transport.constructor(transport.tracks, transport.rate, () => context);
sound.setGains(mixer.gains());
sound.setLoop(transport.looping, transport.region);
sound.play().then(() => context.startRendering()).then((buffer) => {
  const heard = buffer.getChannelData(0);
  const steps = heard.slice(L).map((value, n) => Math.abs(value - heard[n]));
  done([Math.max(...heard), Math.max(...steps), transport.length]);
});
"""


@pytest.mark.browser
def test_a_click_shows_and_marks_the_filter_and_another_order_keeps_it(browser, app_address):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    def panel(number: str) -> dict:
        return browser.execute_script(
            "const plot = document.querySelector('.js-plotly-plot'), l = plot._fullLayout;"
            "const at = plot.getBoundingClientRect(), x = l['xaxis' + arguments[0]], y = l['yaxis' + arguments[0]];"
            "return {x: at.left + x._offset, y: at.top + y._offset, w: x._length, h: y._length, rows: y.range,"
            " columns: x.range, numbers: plot.data.findLast(t => t.type == 'bar').customdata.map(c => c[0])}",
            number,
        )

    def point(number: str, across: float, up: float) -> ActionChains:
        at = panel(number)
        actions = ActionChains(browser)
        x, y = at["x"] + across * at["w"], at["y"] + (1 - up) * at["h"]
        actions.w3c_actions.pointer_action.move_to_location(int(x), int(y))
        return actions

    def value(key: str) -> int:
        return int(browser.find_element(By.CSS_SELECTOR, f".st-key-{key} input").get_attribute("value"))

    def mark(picture: str) -> dict | None:
        box = browser.execute_script(
            "return document.querySelector(`.st-key-${arguments[0]} .tasnet-mark-line`)?.getBoundingClientRect()",
            picture,
        )
        return box if box and box["width"] else None

    def marked_row() -> float:
        maps, box = panel("2"), mark("filters_model")
        up = 1 - (box["y"] + box["height"] / 2 - maps["y"]) / maps["h"]
        return maps["rows"][0] + up * (maps["rows"][1] - maps["rows"][0])

    browser.get(f"{app_address}/filters")
    drawn = "return !!document.querySelector('.js-plotly-plot .barlayer path')"
    wait_for(lambda: browser.execute_script(drawn), "the maps")
    wait_until_settled(browser)
    whole = panel("2")
    point("2", 0.2, 0.7).click_and_hold().move_by_offset(40, 40).move_by_offset(40, 60).release().perform()
    wait_for(lambda: panel("2")["rows"] != whole["rows"], "the zoom")
    zoomed = panel("2")
    assert zoomed["rows"][1] - zoomed["rows"][0] < 0.5 * (whole["rows"][1] - whole["rows"][0])
    assert all(panel(other)["rows"] == zoomed["rows"] for other in ("3", "4", "5"))
    assert panel("3")["columns"] == zoomed["columns"] != whole["columns"]
    assert panel("4")["columns"] == panel("5")["columns"] == [0, 4000]

    before = panel("2")
    point("4", 0.5, 0.5).click().perform()
    row = round(zoomed["rows"][0] + 0.5 * (zoomed["rows"][1] - zoomed["rows"][0]))
    near = {zoomed["numbers"][other] for other in (row - 1, row, row + 1)}
    wait_for(lambda: value("filter_model") in near, "the chosen filter")
    chosen = value("filter_model")
    wait_until_settled(browser)
    assert panel("2") == before, "neither the zoom nor the place of the maps has changed"
    assert f"filter_model={chosen}" in browser.current_url
    assert zoomed["numbers"][value("row_model")] == chosen
    assert marked_row() == pytest.approx(value("row_model"), abs=0.5)
    assert mark("filters_model")["x"] < panel("")["x"], "the frame begins at the tree"
    last = panel("5")
    assert mark("filters_model")["right"] > last["x"] + last["w"], "and ends after the last map"
    assert all(mark(picture) for picture in ("tuning_map", "phases", "pairs"))
    maps, one = (
        browser.find_element(By.CSS_SELECTOR, f".st-key-{key}").rect for key in ("filters_model", "one_filter_model")
    )
    assert one["x"] >= maps["x"] + maps["width"], "beside the maps"
    assert maps["y"] < one["y"] < maps["y"] + maps["height"]

    L = checkpoint.describe(checkpoint.bundled()[first_model()])[0].L
    peak, change, length = browser.execute_async_script(LOOPED, L)
    assert peak > 0.01 and change == 0 and length < 2.5 * 8000, "every period is as the last, also over the seam"

    browser.find_element(By.XPATH, "//button[contains(., 'peak frequency')]").click()
    wait_for(lambda: panel("2")["numbers"] != zoomed["numbers"], "the maps in their new order")
    wait_until_settled(browser)
    assert value("filter_model") == chosen and panel("2")["numbers"][value("row_model")] == chosen
    assert marked_row() == pytest.approx(value("row_model"), abs=0.5)
