"""The page of designs: sliders, a row of the paper by list and by click, links, impossible networks."""

import json
import time
from pathlib import Path

import pytest
from page_tools import texts, wait_until_settled
from streamlit.testing.v1 import AppTest

from analysis.network import cost
from analysis.network.designs import printed_designs
from tasnet import ConvTasNetConfig

APP = Path(__file__).parents[1] / "app.py"


def start(**query: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page("pages/designs.py").run()
    assert not app.exception
    return app


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_it_opens_at_the_paper_s_best_and_follows_the_sliders():
    app = start()
    assert app.selectbox(key="design_row").value.table == "II.14"
    assert metrics(app)["Parameters"] == "5.05 M" and metrics(app)["Receptive field"] == "1.53 s"
    app.slider(key="d_X").set_value(4)
    app.slider(key="d_R").set_value(6).run()
    config = ConvTasNetConfig(X=4, R=6)
    assert metrics(app)["Receptive field"] == f"{config.receptive_field:.2f} s"
    assert app.selectbox(key="design_row").value is None
    table = app.dataframe[0].value
    assert sum(int(text.replace(",", "")) for text in table["Parameters"]) == cost.parameters(config)
    assert "--set model.X=4 --set model.R=6" in app.code[0].value
    (chart,) = app.get("plotly_chart")
    assert json.loads(chart.proto.config)["toImageButtonOptions"]["filename"] == "design_scores"  # of no model


def test_a_row_of_the_paper_sets_everything():
    app = start()
    row = next(design for design in printed_designs() if design.table == "II.15")
    app.selectbox(key="design_row").set_value(row).run()
    assert not app.exception and not app.error
    assert app.toggle(key="d_causal").value is True
    assert app.code[0].value.startswith("python -m tasnet.train paper-causal ")


def test_a_link_restores_a_design():
    app = start(d_N="64", d_L="40", d_norm="cLN", d_causal="true", d_C="3")
    config = ConvTasNetConfig(N=64, L=40, norm="cLN", causal=True, C=3)
    table = app.dataframe[0].value
    assert sum(int(text.replace(",", "")) for text in table["Parameters"]) == cost.parameters(config)


def test_norm_and_causality_follow_each_other():
    app = start()
    app.toggle(key="d_causal").set_value(True).run()
    assert app.session_state.d_norm == "cLN" and not app.error
    app.session_state["d_norm"] = "gLN"  # as a link may say
    app.run()
    assert "cannot use gLN" in app.error[0].value and not app.exception and not app.metric


def test_a_network_that_cannot_be_is_refused_in_a_sentence():
    app = start(d_N="16", d_L="40", d_encoder="pinv")
    assert "needs N of at least L" in app.error[0].value and not app.metric


def test_the_time_is_measured_on_the_button_only():
    app = start(d_N="16", d_H="16", d_B="16", d_Sc="16", d_X="2", d_R="1")
    assert not any("for a second of sound" in text.value for text in app.markdown)
    app.button(key="design_measure").click().run()
    assert not app.exception
    assert any("for a second of sound" in text.value for text in app.markdown)
    assert "Median of 5 separations, " in texts(app) and "4.00 s of noise" in texts(app)


@pytest.mark.browser
def test_a_click_on_a_point_sets_the_sliders_and_the_network_is_drawn(browser, app_address):
    def until(script: str):
        end = time.monotonic() + 180  # a cold server on a busy machine
        while not (value := browser.execute_script(script)):
            assert time.monotonic() < end, script
            time.sleep(0.1)
        return value

    browser.get(f"{app_address}/designs")
    until("return document.querySelectorAll('svg rect.block').length == 24")
    wait_until_settled(browser)
    # The point of II.15, the one causal row, in the page's own coordinates.
    place = until(
        "const plot = document.querySelector('.js-plotly-plot'); if (!plot || !plot._fullLayout) return null;"
        "const drag = plot.querySelector('.nsewdrag'); if (!drag) return null;"
        "const trace = plot.data.find(t => t.name === 'causal'), l = plot._fullLayout;"
        "const at = plot.getBoundingClientRect();"
        "return [at.left + l.xaxis._offset + l.xaxis.d2p(trace.x[0]), at.top + l.yaxis._offset + l.yaxis.d2p(10.6)]"
    )
    from selenium.webdriver.common.action_chains import ActionChains

    click = ActionChains(browser)
    click.w3c_actions.pointer_action.move_to_location(int(place[0]), int(place[1]))
    click.pause(0.3).click().perform()
    until("return new URL(location).searchParams.get('d_norm') == 'cLN'")
    until("return document.body.innerText.includes('python -m tasnet.train paper-causal')")
    assert browser.execute_script("return new URL(location).searchParams.get('d_causal')") == "true"
    assert until("return document.querySelector('.tasnet-drawing').innerText.includes('past frames only')")
