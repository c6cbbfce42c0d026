"""Every page in both themes and at every width: nothing jumps as it opens, axe-core finds nothing serious, all can be
read, nothing overhangs."""

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from page_tools import wait_for, wait_until_settled

from benchmarks.pages import PAGES
from benchmarks.waits import worst_window

pytestmark = pytest.mark.browser

LOOKS_AT = ((1440, "light"), (390, "dark"))
BETWEEN = 800  # px, where the sidebar leaves the page little
SERIOUS = ("serious", "critical")
LOOKS = 3
# Where icons and what is drawn over others are looked at too, and, in the dark, the sidebar, which all pages share.
READ = ("", "ideal_masks")
# What an unfinished run has left is faded, and says nothing of the page.
SHIFTS = """
const done = arguments[arguments.length - 1];
new PerformanceObserver((list) => done(list.getEntries().map((one) => ({ at: one.startTime, value: one.value }))))
  .observe({ type: 'layout-shift', buffered: true });
setTimeout(() => done([]), 1000); // nothing has moved
"""
MOST_SHIFT = 0.1  # what people notice
COMPLETE = """
return document.querySelector('h1')
  && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning';
"""
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ['violations'] }).then(
  ({ violations }) =>
    done(violations.map((one) => [one.impact, one.id, one.nodes.map((node) => node.html.slice(0, 160))])),
  (problem) => done([['critical', String(problem), []]]),
);
"""

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


def axe() -> str:
    """The checker's own source, as PyPI has it; skips where it is not installed."""
    if (found := find_spec("axe_playwright_python")) is None:
        pytest.skip("axe-playwright-python, which brings axe.min.js, is not installed")
    return (Path(found.origin).parent / "axe.min.js").read_text()


def violations(browser, source: str) -> list[tuple[str, list[str]]]:
    """What axe finds serious on the page that is open: (rule, the elements that break it)."""
    browser.execute_script(f"if (!window.axe) {{ {source} }}")
    return [(rule, nodes) for impact, rule, nodes in browser.execute_async_script(RUN) if impact in SERIOUS]


def look(browser, width: int, theme: str = "light", address: str = "") -> None:
    """Show a page, by default the open one, so wide and in this theme, and wait until it has come to rest."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    if address:
        browser.get(address)
    settle(browser)


def settle(browser) -> None:
    wait_for(lambda: browser.execute_script(COMPLETE), "the page")
    wait_until_settled(browser)


def lasting(browser, find: Callable[[], list]) -> list:
    """What `find` finds at rest: what a run of the page or a change of its theme fades, it looks at again."""
    problems = []
    for _ in range(LOOKS):
        if not (problems := find()):
            break
        time.sleep(0.5)  # longer than what is faded takes
        settle(browser)
    return problems


@pytest.mark.parametrize("page", PAGES.values())
def test_nothing_serious_stands_in_anybody_s_way(app_address, browser, page):
    source = axe()
    found = {}

    def check(width: int, theme: str) -> None:
        if problems := lasting(browser, lambda: violations(browser, source)):
            found[width, theme] = problems
        if page in READ and width > 500 and (poor := lasting(browser, lambda: browser.execute_script(CONTRAST))):
            found[width, theme, "contrast"] = poor
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width

    for width, theme in LOOKS_AT:
        look(browser, width, theme, f"{app_address}/{page}")
        if (shift := worst_window(browser.execute_async_script(SHIFTS))) > MOST_SHIFT:
            found[width, "layout shift"] = shift
        check(width, theme)
    if page in READ:
        look(browser, 1440, "dark")
        check(1440, "dark")
    look(browser, BETWEEN)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= BETWEEN
    assert not found
