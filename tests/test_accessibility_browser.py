"""axe-core on every page, in both themes and at both widths: nothing serious stands in anybody's way."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from page_tools import wait_for, wait_until_settled

from benchmarks.pages import PAGES

pytestmark = pytest.mark.browser

SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
SERIOUS = ("serious", "critical")
LOOKS = 3
# What an unfinished run has left is faded, and says nothing of the page.
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


def axe() -> str:
    """The checker's own source, as PyPI has it; skips where it is not installed."""
    if (found := find_spec("axe_playwright_python")) is None:
        pytest.skip("axe-playwright-python, which brings axe.min.js, is not installed")
    return (Path(found.origin).parent / "axe.min.js").read_text()


def violations(browser, source: str) -> list[tuple[str, list[str]]]:
    """What axe finds serious on the page that is open: (rule, the elements that break it)."""
    browser.execute_script(f"if (!window.axe) {{ {source} }}")
    return [(rule, nodes) for impact, rule, nodes in browser.execute_async_script(RUN) if impact in SERIOUS]


def lasting_violations(browser, source: str) -> list[tuple[str, list[str]]]:
    """What axe finds at rest: what a run of the page or a change of its theme fades, it looks at again."""
    problems: list[tuple[str, list[str]]] = []
    for _ in range(LOOKS):
        wait_for(lambda: browser.execute_script(COMPLETE), "the page")
        wait_until_settled(browser)
        if not (problems := violations(browser, source)):
            break
    return problems


@pytest.mark.parametrize("page", PAGES.values())
def test_nothing_serious_stands_in_anybody_s_way(app_address, browser, page):
    source = axe()
    browser.set_script_timeout(120)
    browser.get(f"{app_address}/{page}")
    wait_for(lambda: browser.execute_script(COMPLETE), "the page")
    found = {}
    for size, (width, height) in SIZES.items():
        for theme in ("light", "dark"):
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            scheme = [{"name": "prefers-color-scheme", "value": theme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
            if problems := lasting_violations(browser, source):
                found[size, theme] = problems
    assert not found
