"""The first minute in a real browser: the player on the first screen, the tour, Space, Back, and colours to be read."""

import pytest
from page_tools import wait_for, wait_until_settled
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from analysis.computing import first_model
from pages.parts import models

pytestmark = pytest.mark.browser

PLAYER = "const root = document.querySelector('.tasnet-player'), player = root?.player;"
# The least contrast of every text (WCAG 2: 4.5, and 3 from 24 px on) and icon on show, worst first.
CONTRAST = """
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const rgba = (css) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = css;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, ground) => [0, 1, 2].map((i) => top[i] * top[3] + ground[i] * (1 - top[3]));
const ground = (one) => {
  const layers = [];
  for (let node = one; node; node = node.parentElement) {
    if (node.matches(":has(> [data-testid=stSliderThumbValue])")) continue; // its value stands above it
    layers.push(rgba(getComputedStyle(node).backgroundColor));
  }
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
};
const opacity = (one) => {
  let share = 1;
  for (let node = one; node; node = node.parentElement) share *= Number(getComputedStyle(node).opacity);
  return share;
};
const light = (colour) => colour.map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const poor = [];
for (const one of document.querySelectorAll("[data-testid=stApp] *")) {
  const icon = one.matches("svg");
  const words = [...one.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
  if ((!words && !icon) || one.matches("option, style, script") || !one.checkVisibility({ visibilityProperty: true }))
    continue;
  const box = one.getBoundingClientRect();
  if (box.width < 2 || box.height < 2 || one.closest(":disabled, .js-plotly-plot, [aria-disabled=true]")) continue;
  const style = getComputedStyle(one);
  if (opacity(one) < 0.05) continue; // shown when it is pointed at
  const below = ground(icon ? one.parentElement : one);
  const ink = rgba(style.color);
  ink[3] *= opacity(one);
  const [less, more] = [light(over(ink, below)), light(below)].sort((a, b) => a - b);
  const value = (more + 0.05) / (less + 0.05);
  const large = parseFloat(style.fontSize) >= 24 || one.closest("[data-testid=stIconMaterial]");
  if (value < (icon || large ? 3 : 4.5)) {
    const place = one.closest("[data-testid]")?.dataset.testid;
    poor.push(`${value.toFixed(2)} ${icon ? "icon" : words.slice(0, 40)} (${one.className}) in ${place}`);
  }
}
return poor.sort();
"""


def ask(browser, expression):
    return browser.execute_script(f"{PLAYER} return {expression};")


def open_page(browser, address, width, height, theme="light"):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
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
    assert browser.find_element(By.CSS_SELECTOR, level).get_attribute("aria-valuetext") == "+0.0 dB"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_can_be_read(app_address, browser, theme):
    for page in ("", "ideal_masks"):
        open_page(browser, f"{app_address}/{page}", 1400, 900, theme)
        assert browser.execute_script(CONTRAST) == []
