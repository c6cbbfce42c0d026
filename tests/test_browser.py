"""The real server in a real browser: the example is separated, scored and played; a deep link; a cancel."""

import io
import json
import urllib.request
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
from conftest import ROOT, open_server
from page_tools import wait_until_settled
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from analysis.computing import first_model
from analysis.sounds.examples import available_examples, mix_example
from tasnet.separate import main

pytestmark = pytest.mark.browser

EXAMPLE = next(example.id for example in available_examples() if example.tier == "bundled" and len(example.voices) == 2)
SECONDS = 240


def wait_for(browser, css: str, count: int = 1) -> list:
    """The elements that match `css`, once there are `count`."""
    return WebDriverWait(browser, SECONDS).until(
        lambda window: (found := window.find_elements(By.CSS_SELECTOR, css)) and len(found) >= count and found
    )


def fetch(address: str) -> tuple[np.ndarray, int]:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return soundfile.read(io.BytesIO(answer.read()), dtype="float32")


def errors(browser) -> list[str]:
    """Errors on the console. A deep link makes Streamlit look for its own endpoints under the page's path first."""
    return [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] == "SEVERE" and "_stcore" not in entry["message"]
    ]


def media(browser, address: str) -> dict[str, tuple[np.ndarray, int]]:
    wait_for(browser, ".tasnet-player[data-state=ready] [data-track-name]", 5)
    wait_until_settled(browser)  # the voices come in after the mixture
    tracks = browser.find_elements(By.CSS_SELECTOR, ".tasnet-player[data-state=ready] [data-track-name]")
    sources = {track.get_attribute("data-track-name"): track.get_attribute("data-src") for track in tracks}
    return {name: fetch(address + source) for name, source in sources.items()}


def test_the_players_play_what_the_command_line_writes(app_address, browser, tmp_path):
    browser.get(f"{app_address}/?example={EXAMPLE}")
    played = media(browser, app_address)
    mixture = mix_example(EXAMPLE)
    soundfile.write(tmp_path / "mix.wav", mixture.mixture, mixture.rate, subtype="FLOAT")
    command = [str(tmp_path / "mix.wav"), "-o", str(tmp_path / "out"), "--model", first_model()]
    assert main(command) == 0
    written = [soundfile.read(path, dtype="float32")[0] for path in sorted((tmp_path / "out").glob("mix_s*.wav"))]
    assert len(written) == 2

    rounding = 1.01 / 32768  # both sides may round to 16 bits
    samples, rate = played["Mixture"]
    assert rate == mixture.rate
    np.testing.assert_allclose(samples, mixture.mixture, atol=rounding)
    for speaker in (0, 1):
        clean, _ = played[f"Speaker {speaker + 1} · clean"]
        np.testing.assert_allclose(clean, mixture.references[speaker], atol=rounding)
    estimates = [played[f"Speaker {speaker} · Conv-TasNet"][0] for speaker in (1, 2)]
    differences = [
        max(np.abs(estimate - output).max() for estimate, output in zip(estimates, order, strict=True))
        for order in (written, written[::-1])
    ]
    assert min(differences) < 2 * rounding < max(differences)
    assert not errors(browser)


# Every address that the navigation has ever offered.
REMEMBER_NAVIGATION = """
window.offered = new Set();
new MutationObserver(() => document.querySelectorAll("[data-testid=stSidebarNav] a")
  .forEach(one => offered.add(new URL(one.href).pathname))).observe(document, { childList: true, subtree: true });
"""


def test_the_very_first_visit_to_a_server_lands_in_the_apps_frame(browser, tmp_path):
    """By the name that the first page has not in the app's own addresses: without the frame it would run alone."""
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": REMEMBER_NAVIGATION})
    with open_server(ROOT / "app.py", tmp_path / "log") as address:
        browser.get(f"{address}/separate?example={EXAMPLE}&snr=2.5")
        assert wait_for(browser, "[data-track-name]", 5)
        wait_until_settled(browser)  # the tracks may come before the whole of the sidebar
        assert urlsplit(browser.current_url).path == "/"
        assert f"example={EXAMPLE}" in browser.current_url and "snr=2.5" in browser.current_url
        assert "+2.5 dB" in browser.find_element(By.CSS_SELECTOR, '[data-testid="stSidebar"]').text
        offered = set(browser.execute_script("return [...offered]"))
        assert {"/", "/ideal_masks"} < offered and not offered & {"/app", "/separate"}, "files instead of pages"
        assert not browser.find_elements(By.CSS_SELECTOR, '[role="dialog"]')
        assert not errors(browser)


def test_a_long_separation_can_be_cancelled_and_started_again(app_address, browser, tmp_path):
    random = np.random.default_rng(0)
    soundfile.write(tmp_path / "long.wav", 0.1 * random.standard_normal(8000 * 600), 8000)
    browser.get(f"{app_address}/?sound=upload&model=convtasnet_large_gln_2spk_8k")
    wait_for(browser, '[data-testid="stMain"] input[type="file"]')[0].send_keys(str(tmp_path / "long.wav"))

    def click(label: str) -> None:
        """Click in the page itself: an element found here may be drawn anew before a click reaches it."""
        script = """const all = [...document.querySelectorAll('button')];
                    const one = all.find(button => button.innerText.trim() === arguments[0]);
                    if (one) one.click();
                    return !!one;"""
        WebDriverWait(browser, SECONDS).until(lambda window: window.execute_script(script, label))

    click("Cancel")
    WebDriverWait(browser, SECONDS).until(
        lambda window: "was cancelled" in window.find_element(By.TAG_NAME, "body").text
    )
    click("Start again")
    assert len(wait_for(browser, "[data-track-name]", 3)) == 3
    click("Cancel")  # else it would go on for as long as the upload is kept
    assert json.dumps(errors(browser)) == "[]"
