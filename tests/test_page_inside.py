"""The page that looks inside one mixture: for any model and sound, and in a real browser."""

import base64
import io

import numpy as np
import pytest
import torch
from page_tools import open_page, texts, wait_for, wait_until_settled, wav_file
from PIL import Image
from streamlit.testing.v1 import AppTest

from analysis.network import learned_masks
from analysis.network.representation import represent
from analysis.sounds import examples
from tasnet import ConvTasNet, ConvTasNetConfig, checkpoint

PAGE = "pages/inside.py"
BUNDLED = {len(example.voices): example.id for example in examples.available_examples() if example.tier == "bundled"}
TABS = ["Representation", "Masks in numbers", "Ideal masks here", "Through the separator"]
SMALL = {"B": 4, "H": 6, "Sc": 4, "X": 3, "R": 2}
SHAPES = {
    "tiny": {"N": 1, "L": 2},
    "relu-three": {"N": 20, "L": 10, "C": 3, "encoder": "relu"},
    "causal-16-kHz": {"N": 24, "L": 32, "norm": "cLN", "causal": True, "sample_rate": 16000},
    "pinv-BN": {"N": 24, "L": 16, "norm": "BN", "encoder": "pinv", "mask": "softmax"},
}


@pytest.fixture
def unseen(tmp_path, monkeypatch) -> None:
    """Weights of other shapes in the place of the bundled ones."""
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    for name, shape in SHAPES.items():
        torch.manual_seed(2)
        model = ConvTasNet(ConvTasNetConfig(**SMALL | shape)).eval()
        checkpoint.save(tmp_path / f"{name}.safetensors", model)


def start(**query: str) -> AppTest:
    app = open_page(PAGE, **{"example": BUNDLED[2], **query})
    assert not app.error
    return app


def open_tab(app: AppTest, tab: str) -> AppTest:
    app.session_state["inside_tab"] = tab
    app.run()
    assert not app.exception and not app.error
    return app


def test_all_views_of_the_bundled_model_agree_with_the_numbers():
    app = start()
    assert "coloured" not in texts(app) and "clean speakers' own" in texts(app)
    model, _ = checkpoint.load(checkpoint.available()[app.selectbox(key="model").value])
    sound = examples.mix_example(BUNDLED[2])
    inside = represent(model, sound.mixture, sound.references)

    table = open_tab(app, TABS[1]).dataframe[0].value
    found = learned_masks.mask_statistics(inside)
    assert list(table["Near 0"][:2]) == pytest.approx(list(found.near_zero))
    assert list(table["Entropy"][:2]) == pytest.approx(list(found.entropy), rel=1e-4)

    table = open_tab(app, TABS[2]).dataframe[0].value
    scores = learned_masks.oracle_scores(inside)
    assert list(table["System"]) == list(scores)
    assert list(table["SI-SNRi (dB)"]) == pytest.approx([one.mean("si_snri") for one in scores.values()], abs=1e-2)

    app.number_input(key="inside_time").set_value(2.5).run()
    seconds = model.config.receptive_field
    open_tab(app, TABS[3])
    assert f"Measured by gradient: {seconds:.3f} s" in texts(app)
    assert f"By the formula: {seconds:.3f} s" in texts(app)


def test_a_moment_and_a_stretch_can_be_chosen():
    app = start()
    app.number_input(key="inside_time").set_value(1.5).run()
    app.slider(key="inside_stretch").set_value((1.0, 1.2)).run()
    assert not app.exception
    assert ", at 1.50" in texts(app)
    app.slider(key="inside_stretch").set_value((3.0, 3.0)).run()
    assert not app.exception
    app.button(key="whole").click().run()
    assert app.slider(key="inside_stretch").value[0] == 0 and not app.exception


def test_another_sound_is_first_seen_as_a_whole():
    app = start()
    app.slider(key="inside_stretch").set_value((1.0, 1.2)).run()
    app.selectbox(key="example").set_value(BUNDLED[3]).run()
    assert not app.exception
    length = len(examples.mix_example(BUNDLED[3]).mixture) / 8000
    assert app.slider(key="inside_stretch").value == pytest.approx((0, length), abs=1e-3)


@pytest.mark.parametrize("speakers", [2, 3])
@pytest.mark.parametrize("name", SHAPES)
def test_models_nobody_has_seen(unseen, name, speakers):
    app = start(model=name, example=BUNDLED[speakers])
    for tab in TABS:
        open_tab(app, tab)
    outputs = SHAPES[name].get("C", 2)
    systems = list(open_tab(app, TABS[2]).dataframe[0].value["System"])
    assert (learned_masks.ESTIMATED in systems) == (outputs == speakers)


@pytest.mark.parametrize("samples", [1, 5, 4000])
def test_a_mixture_without_references(samples):
    app = start(sound="upload")
    assert "Choose a sound" in texts(app)
    noise = np.random.default_rng(0).normal(size=samples) / 10
    app.file_uploader(key="mixture_file").set_value(("short.wav", wav_file(noise), "audio/wav")).run()
    assert not app.exception and not app.error
    assert "masked representations" in texts(app)
    for tab in TABS:
        open_tab(app, tab)
    assert "which are not known here" in texts(open_tab(app, TABS[2]))


def test_a_minute_of_a_long_sound_is_chosen_and_reduced_to_what_a_browser_draws(unseen):
    app = start(sound="upload", model="causal-16-kHz")
    noise = np.random.default_rng(0).normal(size=65 * 8000) / 10
    app.file_uploader(key="mixture_file").set_value(("long.wav", wav_file(noise), "audio/wav")).run()
    app.slider(key="inside_start").set_value(5).run()
    assert not app.exception and not app.error
    assert app.slider(key="inside_stretch").value[1] == pytest.approx(60)
    charts = [len(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert max(charts) < 3_000_000


@pytest.mark.browser
def test_dragging_zooms_all_rows_to_full_resolution(browser, app_address):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    def rows() -> dict | None:
        return browser.execute_script(
            "const plot = document.querySelector('.js-plotly-plot');"
            "if (!plot || !plot._fullLayout || !plot._fullLayout.xaxis8) return null;"
            "const at = plot.getBoundingClientRect(), l = plot._fullLayout, x = l.xaxis3, y = l.yaxis3;"
            "const names = ['', '2', '3', '4', '5', '6', '7', '8'];"
            "return {x: at.left + x._offset, y: at.top + y._offset, w: x._length, h: y._length,"
            " ranges: names.map(n => l['xaxis' + n].range),"
            " png: plot.data.find(t => t.type == 'image').source}"
        )

    browser.get(f"{app_address}/inside?example={BUNDLED[2]}")
    wait_for(rows, "the rows of Fig. 2")
    wait_until_settled(browser)
    plot = browser.find_element(By.CSS_SELECTOR, ".js-plotly-plot")
    browser.execute_script("arguments[0].scrollIntoView({block: 'start'})", plot)
    wait_until_settled(browser)
    whole = rows()
    start, stop = whole["ranges"][0]
    drag = ActionChains(browser)
    drag.w3c_actions.pointer_action.move_to_location(
        int(whole["x"] + 0.4 * whole["w"]), int(whole["y"] + 0.5 * whole["h"])
    )
    quarter = int(0.05 * whole["w"])
    drag.click_and_hold().move_by_offset(quarter, 2).move_by_offset(quarter, 2).release().perform()
    wait_for(lambda: (now := rows()) and now["ranges"] != whole["ranges"], "the zoom")
    zoomed = rows()
    assert all(one == zoomed["ranges"][0] for one in zoomed["ranges"])
    left, right = ((edge - start) / (stop - start) for edge in zoomed["ranges"][0])
    assert left == pytest.approx(0.4, abs=0.02) and right == pytest.approx(0.5, abs=0.02)
    # Every frame of the stretch has a column of its own now (1000 columns held 2.2 frames each).
    name = next(iter(checkpoint.available()))  # the page begins with it, so its address need not name it
    config = checkpoint.load(checkpoint.available()[name])[0].config
    frames = (zoomed["ranges"][0][1] - zoomed["ranges"][0][0]) * config.sample_rate / config.hop
    picture = Image.open(io.BytesIO(base64.b64decode(zoomed["png"].partition(",")[2])))
    assert picture.size == (pytest.approx(frames, abs=2), config.N)
