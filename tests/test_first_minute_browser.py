"""The first minute in a real browser: the player on the first screen, the tour, Space, Back."""

import pytest
from page_tools import wait_for, wait_until_settled
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from analysis.computing import first_model
from pages.parts import models

pytestmark = pytest.mark.browser

PLAYER = "const root = document.querySelector('.tasnet-player'), player = root?.player;"


def ask(browser, expression):
    return browser.execute_script(f"{PLAYER} return {expression};")


def open_page(browser, address, width, height):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)
    wait_for(lambda: ask(browser, "root?.dataset.state === 'ready'"), "the player")
    wait_until_settled(browser)


def test_on_a_phone_the_thing_to_do_is_on_the_first_screen(app_address, browser):
    for page in ("", "ideal_masks"):
        open_page(browser, f"{app_address}/{page}", 390, 844)
        bottom = ask(browser, "root.querySelector('[data-do=play]').getBoundingClientRect().bottom")
        assert bottom < 500, f"Play ends at {bottom} px on /{page}"
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    assert browser.find_element(By.CSS_SELECTOR, ".scroll-hint").is_displayed()


def test_the_tour_space_and_back(app_address, browser):
    open_page(browser, app_address, 1400, 900)
    # One button plays the mixture, then each voice.
    ask(browser, "player.setRegion([1, 1.3])")
    browser.execute_script(
        f"""{PLAYER} window.told = [];
        const words = root.querySelector("[data-show=tour]");
        const name = () => player.data.tracks[player.mixer.active].name;
        const note = () => player.touring && told.push([name(), words.textContent]);
        new MutationObserver(note).observe(words, {{ childList: true }});
        root.querySelector("button[data-do=tour]").click();"""
    )
    wait_for(lambda: ask(browser, "told.length >= 3 && !player.touring"), "the end of the tour")
    heard, said = zip(*ask(browser, "told"), strict=True)
    assert not ask(browser, "player.transport.playing")
    assert heard == ("Mixture", "Speaker 1 · Conv-TasNet", "Speaker 2 · Conv-TasNet")
    kind = models.label(first_model()).kind
    assert said[0].startswith("1 of 3 · ") and f"the work of a {kind}." in ask(browser, "player.data.tour.words")
    ask(browser, "player.setRegion(null)")
    # Space plays wherever the page has no other use for it.
    browser.find_element(By.TAG_NAME, "h1").click()
    browser.find_element(By.TAG_NAME, "body").send_keys(" ")
    wait_for(lambda: ask(browser, "player.transport.playing"), "the sound")
    browser.find_element(By.TAG_NAME, "body").send_keys(" ")
    wait_for(lambda: not ask(browser, "player.transport.playing"), "silence")
    assert ask(browser, "player.transport.position() < player.transport.duration"), "stopped, not come to its end"
    # The link is whole, though the first view's address is bare.
    assert "?" not in browser.current_url or "example=" not in browser.current_url
    browser.find_element(By.CSS_SELECTOR, ".tasnet-link").click()
    link = browser.find_element(By.CSS_SELECTOR, ".tasnet-link").get_attribute("data-link")
    assert "example=" in link and "model=" in link
    # Three choices, three steps back.
    slider = browser.find_element(By.CSS_SELECTOR, "[data-testid=stSidebar] input[type=range]")
    slider.send_keys(Keys.ARROW_RIGHT)
    wait_for(lambda: "snr=0.5" in browser.current_url, "the first choice")
    wait_until_settled(browser)

    def choose(label):
        group = "[data-testid=stSidebar] [data-testid=stButtonGroup] button"
        next(one for one in browser.find_elements(By.CSS_SELECTOR, group) if one.text.strip() == label).click()

    def shows(words):
        return lambda: words in browser.find_element(By.CSS_SELECTOR, "[data-testid=stMain]").text

    for label, part, words in (
        ("Mix", "sound=mix", "two or three clean voices"),
        ("Mic", "sound=record", "record two"),
    ):
        choose(label)
        wait_for(lambda part=part: part in browser.current_url, label)
        wait_for(shows(words), words)
        wait_until_settled(browser)
    browser.back()
    wait_for(shows("two or three clean voices"), "the second choice again")
    wait_until_settled(browser)
    browser.back()
    level = "[data-testid=stSidebar] input[type=range]"
    wait_for(lambda: ask(browser, "root?.dataset.state === 'ready'"), "the first choice again")
    wait_until_settled(browser)
    assert browser.find_element(By.CSS_SELECTOR, level).get_attribute("aria-valuetext") == "+0.5 dB"
    browser.back()
    wait_for(lambda: "snr=" not in browser.current_url, "the first view")
    wait_until_settled(browser)
    assert browser.find_element(By.CSS_SELECTOR, level).get_attribute("aria-valuetext") == "0.0 dB"
