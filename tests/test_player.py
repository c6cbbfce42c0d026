"""The player's Python side: media, loudness matching, refusals."""

import io
import json

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from pages.parts import player as module
from pages.parts.player import PlayerError, Track, player

RATE = 8000


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * RATE))).astype(np.float32)


def decode(wav: bytes) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float64")
    assert rate == RATE
    return samples


@pytest.mark.parametrize("peak, error", [(0.3, 0.5 / 32768), (1.7, 0)])
def test_the_media_hold_the_true_samples(peak, error):
    samples = noise(0.5)
    samples *= peak / np.abs(samples).max()
    media = module._media("digest", samples, RATE)
    assert np.abs(decode(media.wav) - samples).max() <= error + 1e-12


@pytest.mark.parametrize(
    "tracks, complaint",
    [
        ([], "nothing to play"),
        ([Track("a", noise(0.1), 8000), Track("b", noise(0.1), 16000)], "sampling rates"),
        ([Track("a", noise(0.1), 8000)] * 2, "name"),
        ([Track(str(i), noise(0.1), 8000) for i in range(33)], "32 signals at most"),
    ],
)
def test_tracks_that_cannot_play_together_are_refused(tracks, complaint):
    with pytest.raises(PlayerError, match=complaint):
        player(tracks, key="refused")


def app():
    import numpy as np
    import streamlit as st

    from pages.parts.player import PlayerState, Track, player

    # Equal wherever Streamlit's fingerprint of large media looks: start, middle and end.
    one = np.zeros(800_000, np.float32)
    other = one.copy()
    one[200_000:300_000] = 0.25
    other[200_000:300_000] = 0.5
    tracks = [
        Track("Mixture", one, 8000),
        Track("Speaker 2", other, 8000, group="speaker 2", reference="Mixture", system="A"),
    ]
    st.session_state.state = player(tracks, key="p", start=PlayerState(time=3.0, region=(1.0, 2.0)))


@pytest.fixture
def running() -> AppTest:
    return AppTest.from_function(app, default_timeout=60).run()


def sent(test: AppTest) -> dict:
    """What the component was given."""
    protos = [block.proto for block in test.main]
    return json.loads(next(p.json for p in protos if getattr(p, "component_name", "") == "tasnet_lens.player"))


def test_signals_travel_as_media_files_not_in_the_message(running):
    assert not running.exception
    data = sent(running)
    assert len(json.dumps(data)) < 2000
    addresses = [track["src"] for track in data["tracks"]]
    assert len(set(addresses)) == 2
    assert all(address.endswith(".wav") for address in addresses)
    assert data["length"] == 800_000 and data["rate"] == 8000
    assert data["tracks"][1]["reference"] == "Mixture"
    assert data["tracks"][0]["gain_db"] - data["tracks"][1]["gain_db"] == pytest.approx(6.02, abs=0.01)


def test_a_rerun_changes_nothing_that_the_browser_is_given(running):
    before = sent(running)
    assert sent(running.run()) == before


def test_before_the_listener_acts_the_state_is_the_start(running):
    state = running.session_state.state
    assert (state.time, state.region) == (3.0, (1.0, 2.0))
    assert sent(running)["time"] == 3.0 and sent(running)["region"] == [1.0, 2.0]
