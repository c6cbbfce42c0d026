"""The page that looks inside one mixture: for any model and sound, and in a real browser."""

import base64
import io
import re

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest
import torch
from page_tools import open_page, texts, wait_for, wait_until_settled, wav_file
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from streamlit.testing.v1 import AppTest

from analysis.computing import first_model
from analysis.network import learned_masks
from analysis.network.representation import Representation, represent
from analysis.sounds import examples
from tasnet import ConvTasNet, ConvTasNetConfig, checkpoint
from tasnet.below_speech import without

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
    monkeypatch.delenv("TASNET_LENS_MODEL")
    for name, shape in SHAPES.items():
        torch.manual_seed(2)
        model = ConvTasNet(ConvTasNetConfig(**SMALL | shape)).eval()
        checkpoint.save(tmp_path / f"{name}.safetensors", model, dtype="float32")


def start(**query: str) -> AppTest:
    app = open_page(PAGE, **{"example": BUNDLED[2], **query})
    assert not app.error
    return app


def open_tab(app: AppTest, tab: str) -> AppTest:
    app.session_state["inside_tab"] = tab
    app.run()
    assert not app.exception and not app.error
    return app


@pytest.fixture(scope="module")
def inside() -> Representation:
    """What goes on inside for the sound and the model with which the page begins."""
    model, _ = checkpoint.load(checkpoint.bundled()[first_model()])
    sound = examples.mix_example(BUNDLED[2])
    mixture, _ = without(sound.mixture, sound.rate, causal=model.config.causal)
    return represent(model, mixture, sound.references)


def figure(app: AppTest, index: int = 0) -> go.Figure:
    return plotly.io.from_json(app.get("plotly_chart")[index].proto.spec)


def test_all_views_of_the_bundled_model_agree_with_the_numbers(inside):
    app = start(t="2.5")
    assert "clean signals' own" in texts(app)

    table = open_tab(app, TABS[1]).dataframe[0].value
    found = learned_masks.mask_statistics(inside)
    assert list(table["Near 0"][:2]) == pytest.approx(list(found.near_zero))
    assert list(table["Entropy (bits)"][:2]) == pytest.approx(list(found.entropy), rel=1e-4)
    assert f"Counted: all {inside.frames} frames of the sound" in texts(app)

    table = open_tab(app, TABS[2]).dataframe[0].value
    scores = learned_masks.oracle_scores(inside)
    assert list(table["System"]) == list(scores)
    assert list(table["SI-SNRi (dB)"]) == pytest.approx([one.mean("si_snri") for one in scores.values()], abs=1e-2)
    assert "Scored: the whole sound" in texts(app)

    seconds = inside.model.config.receptive_field
    open_tab(app, TABS[3])
    assert f"Measured by gradient: {seconds:.3f} s" in texts(app)
    assert f"By the formula: {seconds:.3f} s" in texts(app)


def test_the_tables_count_the_marked_stretch_where_it_is_chosen(inside):
    link = {"t": "2.5", "region": "2.25-3", "inside_count": "Stretch"}
    app = start(**link, inside_tab=TABS[1])
    first, last = inside.frame_at(2.25), inside.frame_at(3) + 1
    assert f"Counted: {last - first} frames, 2.250 to 3.000 s" in texts(app)
    found = learned_masks.mask_statistics(inside, first=first, last=last)
    assert list(app.dataframe[0].value["Near 0"][:2]) == pytest.approx(list(found.near_zero))
    app = start(**link, inside_tab=TABS[2])
    table = app.dataframe[0].value
    assert "Scored: 2.250 to 3.000 s, which is so short" in texts(app)
    scores = learned_masks.oracle_scores(inside, 2.25, 3)
    assert list(table["SI-SNR (dB)"]) == pytest.approx([one.mean("si_snr") for one in scores.values()], abs=1e-2)


@pytest.mark.parametrize(
    ("query", "frame", "stretch"),
    [
        ({}, None, None),
        ({"t": "1.5", "region": "1-1.75"}, 1.5, (1, 1.75)),
        ({"region": "1-1.75"}, 1.0, (1, 1.75)),
        ({"region": "0-99"}, 0.0, (0, 99)),
        ({"t": "99"}, 99, None),
    ],
)
def test_the_page_opens_at_the_loudest_frame_or_where_the_link_says(inside, query, frame, stretch):
    app = start(**query)
    seconds = len(inside.mixture) / inside.model.config.sample_rate
    k = inside.loudest() if frame is None else inside.frame_at(min(frame, seconds))
    assert f"Frame {k}, at {inside.seconds(k):.3f} s" in texts(app)
    left, right = figure(app).layout.meta["stretch"]
    step = inside.model.config.hop / inside.model.config.sample_rate
    if stretch:
        assert (left, right) == pytest.approx((stretch[0], min(stretch[1], seconds)), abs=1.5 * step)
    else:  # short enough to see frames, and the cursor is in it
        assert left - step <= inside.seconds(k) <= right + step
        assert 0.25 - 2 * step <= right - left <= 0.75 + 2 * step
    if not query:
        assert inside.seconds(k) == pytest.approx((left + right) / 2, abs=2 * step)


def test_another_sound_is_first_seen_at_its_own_loudest_frame(inside):
    app = start(t="3", region="2.5-3.5")
    app.selectbox(key="example").set_value(BUNDLED[3]).run()
    assert not app.exception
    sound = examples.mix_example(BUNDLED[3])
    other = represent(inside.model, sound.mixture)
    assert f"Frame {other.loudest()}, at" in texts(app)


SOUNDS = {name: (2,) for name in SHAPES} | {"relu-three": (2, 3), "tiny": (3,)}  # of how many voices


@pytest.mark.parametrize(("name", "speakers"), [(name, count) for name, counts in SOUNDS.items() for count in counts])
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
    app = open_page(PAGE, **{**app.query_params, "region": "0-60"})
    assert figure(app).layout.meta["stretch"] == pytest.approx((0, 60), abs=0.01)
    charts = [len(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert max(charts) < 3_000_000


STATE = """
const player = document.querySelector('.tasnet-player')?.player, layer = document.querySelector('.tasnet-marks');
const plot = document.querySelector('.st-key-inside_picture .js-plotly-plot');
const row = plot?.querySelector('.nsewdrag[data-subplot=x3y3]');
if (!player?.transport || !layer?.children.length || !row) return null;
const box = row.getBoundingClientRect(), cursor = layer.children[1].children[1];
return {
  box: [box.x, box.y, box.width, box.height], stretch: plot.layout.meta.stretch,
  cursor: cursor.hidden ? null : cursor.getBoundingClientRect().x + 1,
  time: player.transport.position(), region: player.region, frame: document.querySelector('h2').textContent,
  png: plot.data.filter((trace) => trace.type === 'image')[1].source,
};
"""


def open_pictures(browser, address: str):
    """Open the page in a browser; the function that says what it shows."""
    browser.get(address)
    wait_for(lambda: browser.execute_script(STATE), "the picture and its marks")
    browser.execute_script("document.querySelector('.tasnet-view').scrollIntoView({block: 'start'})")
    wait_until_settled(browser)
    return lambda: browser.execute_script(STATE)


def sweep(browser, shown: dict, start: float, stop: float) -> None:
    """Press at one share of the picture's width and let go at another."""
    x, y, width, height = shown["box"]
    hand = ActionChains(browser, duration=50)
    hand.w3c_actions.pointer_action.move_to_location(round(x + start * width), round(y + height / 2))
    hand.click_and_hold()
    if stop != start:
        hand.move_by_offset(round((stop - start) * width / 2), 2).move_by_offset(round((stop - start) * width / 2), 2)
    hand.release().perform()


def at(shown: dict, share: float) -> float:
    left, right = shown["stretch"]
    return left + share * (right - left)


@pytest.mark.browser
def test_a_click_moves_the_players_cursor_and_a_drag_marks_its_stretch(browser, app_address):
    state = open_pictures(browser, f"{app_address}/inside?example={BUNDLED[2]}")
    first = state()
    assert first["region"] is None and first["time"] == pytest.approx(at(first, 0.5), abs=0.01)
    assert "t=" not in browser.current_url
    pixel = (first["stretch"][1] - first["stretch"][0]) / first["box"][2]

    sweep(browser, first, 0.25, 0.25)
    wait_for(lambda: (now := state()) and now["frame"] != first["frame"], "the clicked frame")
    clicked = state()
    assert clicked["time"] == pytest.approx(at(first, 0.25), abs=2 * pixel)
    assert clicked["stretch"] == first["stretch"] and clicked["region"] is None  # nothing else has moved
    assert clicked["cursor"] == pytest.approx(first["box"][0] + 0.25 * first["box"][2], abs=3)
    assert f"{float(clicked['frame'].split()[-2]):.2f}" == f"{clicked['time']:.2f}"

    steps = browser.execute_script("return history.length")
    sweep(browser, clicked, 0.4, 0.6)
    wait_for(lambda: (now := state()) and now["stretch"] != first["stretch"], "the marked stretch")
    wait_until_settled(browser)
    marked = state()
    assert marked["region"] == pytest.approx([at(first, 0.4), at(first, 0.6)], abs=3 * pixel)
    assert marked["stretch"] == pytest.approx(marked["region"], abs=0.005)
    region = re.search(r"region=([\d.]+)-([\d.]+)", browser.current_url)
    assert [float(end) for end in region.groups()] == pytest.approx(marked["region"], abs=1e-4)
    assert marked["region"][0] <= marked["time"] <= marked["region"][1]
    assert browser.execute_script("return history.length") == steps
    # Every frame of the stretch has a column of its own.
    config = checkpoint.load(checkpoint.bundled()[first_model()])[0].config
    frames = (marked["stretch"][1] - marked["stretch"][0]) * config.sample_rate / config.hop
    picture = Image.open(io.BytesIO(base64.b64decode(marked["png"].partition(",")[2])))
    assert picture.size == (pytest.approx(frames, abs=2), config.N)


@pytest.mark.browser
def test_the_pictures_follow_the_cursor_while_it_plays(browser, app_address):
    state = open_pictures(browser, f"{app_address}/inside?example={BUNDLED[2]}")
    first = state()
    browser.execute_script("document.querySelector('[data-do=whole]').click()")
    wait_for(lambda: (now := state()) and now["stretch"][1] > 2, "the whole sound")
    browser.execute_script("document.querySelector('[data-do=whole]').click()")
    wait_for(lambda: (now := state()) and now["stretch"] == first["stretch"], "the short stretch")
    # Nothing is marked: it plays on beyond the short stretch, and the cursor is over the picture again. It plays round
    # and round, because a busy machine may still draw when a sound has come to its end, and then shows where it rests.
    play_on = "const { player } = document.querySelector('.tasnet-player'); player.looping || player.toggleLoop();"
    browser.execute_script(f"{play_on} player.start();")

    def followed():
        """What is shown while it plays, once the picture and the marks over it are both of a longer stretch."""
        now = state()
        if not now or now["stretch"][1] - now["stretch"][0] <= 2 or not now["cursor"]:
            return None
        under_cursor = at(now, (now["cursor"] - now["box"][0]) / now["box"][2])
        return now if under_cursor == pytest.approx(now["time"], abs=0.3) else None

    playing = wait_for(followed, "a longer picture, and the cursor at its moment")
    browser.execute_script("document.querySelector('.tasnet-player').player.pause()")
    rested = wait_for(lambda: (now := state()) and now["stretch"] != playing["stretch"] and now, "the rest")
    assert rested["stretch"][0] <= rested["time"] <= rested["stretch"][1]
    assert rested["stretch"][1] - rested["stretch"][0] < 0.8
