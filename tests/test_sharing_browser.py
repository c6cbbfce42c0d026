"""Links in a real browser: the address brings back the upload, the marked stretch, the cursor and the track."""

import time

import numpy as np
import pytest
import soundfile
from conftest import ROOT, open_server
from page_tools import wait_for, wait_until_settled
from selenium.webdriver.common.by import By

from analysis.sounds.examples import available_examples, mix_example

pytestmark = pytest.mark.browser

EXAMPLES = [example.id for example in available_examples() if example.tier == "bundled" and len(example.voices) == 2]
PLAYER = "const root = document.querySelector('.tasnet-player'), player = root?.player;"


def ask(browser, expression):
    return browser.execute_script(f"{PLAYER} return {expression};")


def ready(browser):
    """Wait until the player can play and the page has come to rest."""
    wait_for(lambda: ask(browser, "root?.dataset.state === 'ready'"))
    wait_until_settled(browser)


def has(browser, *parts):
    return all(part in browser.current_url for part in parts)


def state(browser):
    return ask(browser, "[player.transport.position(), player.region, player.data.tracks[player.mixer.active].name]")


def text(browser):
    return browser.find_element(By.TAG_NAME, "body").text


def bring(browser, path):
    """Choose a file in the first file widget."""
    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, '[data-testid="stMain"] input[type="file"]'))[0].send_keys(
        str(path)
    )
    wait_for(lambda: has(browser, "upload="))
    ready(browser)


def act(browser, action):
    """A user's action, and the page's answer to it."""
    ask(browser, action)
    wait_until_settled(browser)


def close_tab(browser):
    """Close the tab, leaving an empty one: a page that is merely left stays alive for a while, for a step back."""
    old = browser.current_window_handle
    browser.switch_to.new_window("tab")
    new = browser.current_window_handle
    browser.switch_to.window(old)
    browser.close()
    browser.switch_to.window(new)


@pytest.fixture
def recording(tmp_path):
    mixture = mix_example(EXAMPLES[0])
    soundfile.write(tmp_path / "mine.wav", mixture.mixture, mixture.rate)
    return tmp_path / "mine.wav"


def test_a_link_restores_an_upload_and_what_is_marked_in_it(app_address, browser, recording):
    browser.get(f"{app_address}/?sound=upload")
    bring(browser, recording)
    steps = browser.execute_script("return history.length")
    act(browser, "player.choose(2)")
    act(browser, "player.setRegion([0.75, 1.5])")
    act(browser, "player.seek(1.0625)")
    wait_for(lambda: has(browser, "region=0.75-1.5", "t=1.0625", "track=Speaker+2"))
    ready(browser)
    told = state(browser)
    assert told == [1.0625, [0.75, 1.5], "Speaker 2 · Conv-TasNet"]
    # Another tab, also when the first one has been closed.
    link = browser.current_url
    assert browser.execute_script("return history.length") == steps
    close_tab(browser)
    browser.get(link)
    ready(browser)
    assert state(browser) == told
    assert "Your sound: mine.wav" in text(browser)
    assert browser.current_url == link
    # A reload.
    browser.refresh()
    ready(browser)
    assert state(browser) == told
    # Another page about the same sound begins at the same place.
    browser.find_element(By.XPATH, "//a[contains(., 'Inside')]").click()
    wait_for(lambda: "/inside" in browser.current_url and ask(browser, "player?.data.follow"))
    ready(browser)
    assert state(browser)[1] == [0.75, 1.5]


@pytest.mark.parametrize("page", ["", "ideal_masks", "inside"])
def test_every_page_restores_its_player(app_address, browser, page):
    browser.get(f"{app_address}/{page}?example={EXAMPLES[0]}&snr=2.5&region=0.5-1.25&t=0.75&track=Speaker+1+·+clean")
    ready(browser)
    assert state(browser) == [0.75, [0.5, 1.25], "Speaker 1 · clean"]
    assert has(browser, "region=0.5-1.25", "t=0.75", "snr=2.5")
    if page == "inside":
        wait_for(lambda: "from 0.500 to 1.250 s" in text(browser))
    # What is heard goes on while the address changes.
    steps = browser.execute_script("return history.length")
    browser.execute_script(f"{PLAYER} window.before = player.transport; return player.toggle()")
    wait_for(lambda: ask(browser, "player.transport.position() > 0.8"))
    act(browser, "player.setRegion([0.25, 2])")
    act(browser, "player.choose(0)")
    wait_for(lambda: has(browser, "region=0.25-2", "track=Mixture"))
    ready(browser)
    assert ask(browser, "player.transport === window.before && player.transport.playing") is True
    assert browser.execute_script("return history.length") == steps


def test_another_sound_begins_anew(app_address, browser):
    if len(EXAMPLES) < 2:
        pytest.skip("one bundled example only")
    browser.get(f"{app_address}/?example={EXAMPLES[0]}&region=0.5-1.25")
    ready(browser)
    assert ask(browser, "player.region") == [0.5, 1.25]
    browser.find_element(By.XPATH, "//label[contains(., 'Mix')]|//button[contains(., 'Mix')]").click()
    wait_for(lambda: "Choose a sound" in text(browser))
    assert not has(browser, "region=")


def test_a_second_user_has_no_way_to_the_first_ones_files(app_address, browser, recording):
    browser.get(f"{app_address}/?sound=upload")
    bring(browser, recording)
    browser.delete_all_cookies()
    browser.switch_to.new_window("window")
    browser.get(f"{app_address}/?sound=upload")
    wait_for(lambda: "Choose a sound" in text(browser))
    assert "mine.wav" not in text(browser)
    browser.get(f"{app_address}/?sound=upload&upload=guessed")
    wait_for(lambda: "no longer here" in text(browser))
    assert "Traceback" not in text(browser)


@pytest.fixture(scope="module")
def strict_address(tmp_path_factory):
    """A server that takes files of at most 1 MB and forgets them a second after their last tab."""
    options = ("--server.disconnectedSessionTTL", "1", "--server.maxUploadSize", "1")
    with open_server(ROOT / "app.py", tmp_path_factory.mktemp("strict") / "log", *options) as address:
        yield address


def test_an_upload_goes_when_its_last_tab_is_closed(strict_address, browser, recording):
    browser.get(f"{strict_address}/?sound=upload")
    bring(browser, recording)
    link, first = browser.current_url, browser.current_window_handle
    time.sleep(4)  # more than an upload outlives its tab
    browser.switch_to.new_window("tab")
    browser.get(link)
    ready(browser)
    assert "mine.wav" in text(browser)
    close_tab(browser)
    empty = browser.current_window_handle
    browser.switch_to.window(first)
    browser.close()
    browser.switch_to.window(empty)
    time.sleep(6)
    browser.get(link)
    wait_for(lambda: "no longer here" in text(browser))


def test_a_file_too_large_gets_a_sentence(strict_address, browser, tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(2 * 2**20), 8000)
    browser.get(f"{strict_address}/?sound=upload")
    inputs = wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, '[data-testid="stMain"] input[type="file"]'))
    inputs[0].send_keys(str(tmp_path / "long.wav"))
    wait_for(lambda: "must be 1.0MB or smaller" in text(browser))
