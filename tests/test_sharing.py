"""Links and uploads without a browser: who reaches an upload, for how long, and what a link says."""

import numpy as np
import pytest
from page_tools import open_page, texts, upload, wav_file
from test_app import BUNDLED, PAGES, start

from analysis.sounds import examples
from pages.parts import result_cache, uploads
from pages.parts.uploads import UploadStore


@pytest.fixture(scope="module")
def mixture():
    return examples.mix_example(BUNDLED)


@pytest.fixture
def link(mixture):
    """The query parameters of a session that has uploaded a mixture and its voices."""
    app = upload(start(sound="upload"), "mixture_file", ("mine.wav", wav_file(mixture.mixture)))
    voices = [(f"voice{k}.wav", wav_file(reference)) for k, reference in enumerate(mixture.references)]
    return upload(app, "reference_files", *voices).query_params


@pytest.mark.parametrize("page", PAGES)
def test_a_link_restores_an_upload_in_another_session(link, page):
    app = start(page, **link)
    assert all(name in texts(app) for name in ("mine.wav", "voice0.wav", "voice1.wav"))
    assert not app.error
    assert app.metric if page == PAGES[0] else app.html
    assert app.query_params["upload"] == link["upload"]


@pytest.mark.parametrize(
    "kind, widget, names",
    [("mix", "voice_files", ["a.wav", "b.wav"]), ("record", "recording", ["spoken.wav"])],
)
def test_a_link_restores_voices_and_recordings(mixture, kind, widget, names):
    app = start(sound=kind)
    files = [(name, wav_file(x)) for name, x in zip(names, mixture.references, strict=False)]
    if kind == "mix":
        upload(app, widget, *files)
    else:
        app.audio_input(key=widget).set_value((*files[0], "audio/wav")).run()
    again = start(**app.query_params)
    assert "Your sound: " in texts(again)
    assert not again.error and "Choose a sound" not in texts(again)


def test_an_example_does_not_give_the_upload_away(link):
    app = start(**link)
    app.segmented_control(key="sound").set_value("example").run()
    assert "upload" not in app.query_params
    app.segmented_control(key="sound").set_value("upload").run()
    assert app.query_params["upload"] == link["upload"]


@pytest.mark.parametrize("page", PAGES)
def test_without_the_token_a_second_user_sees_nothing(link, page):
    app = start(page, sound="upload")
    assert "mine" not in texts(app) and "Choose a sound" in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_an_unknown_token_gets_one_sentence(page):
    app = start(page, sound="upload", upload="of-last-week")
    (error,) = app.error
    assert error.value.startswith("This upload is no longer here:")
    assert app.file_uploader(key="mixture_file")
    app.run()
    assert app.error


def test_after_an_unknown_token_another_upload_is_welcome(mixture):
    app = start(sound="upload", upload="of-last-week")
    upload(app, "mixture_file", ("new.wav", wav_file(mixture.mixture)))
    assert not app.error
    assert app.query_params["upload"] != "of-last-week"


def test_a_removed_upload_is_gone(link):
    app = start(**link)
    app.button(key="remove_reference_files_0").click().run()
    assert "voice0" not in texts(app) and "voice1.wav" in texts(app)
    for key in ("mixture_file", "reference_files"):
        app.button(key=f"remove_{key}_0").click().run()
    assert "upload" not in app.query_params
    assert "Choose a sound" in texts(app)
    assert uploads._store().get(link["upload"], "somebody") is None


def test_a_link_to_a_file_that_is_no_sound_says_so():
    app = upload(start(sound="upload"), "mixture_file", ("bad.wav", b"no sound at all" * 100))
    assert "bad.wav" in start(**app.query_params).error[0].value


def test_what_no_open_tab_uses_goes_after_the_grace():
    store, opened = UploadStore(max_size=100), {"ana", "ben"}
    token = store.put({"mixture_file": [("a.wav", b"1234")]}, "ana")
    assert store.get(token, "ben")

    def sweep(now: float) -> int:
        store.sweep(now, 120, opened.__contains__)
        return len(store)

    assert sweep(0) == 1
    opened.remove("ana")
    assert sweep(1000) == 1  # ben still looks at it
    opened.remove("ben")
    assert sweep(2000) == 1
    assert sweep(2119) == 1
    assert store.get(token, "ana again")
    opened.add("ana again")  # the reload came in time
    assert sweep(2121) == 1
    opened.remove("ana again")
    assert sweep(3000) == 1
    assert sweep(3120) == 0
    assert store.get(token, "ben") is None


def test_a_replaced_upload_stays_for_others_only():
    store = UploadStore(max_size=100)
    token = store.put({"mixture_file": [("a.wav", b"1234")]}, "ana")
    store.get(token, "ben")
    store.release(token, "ana")
    assert store.get(token, "ben").files == {"mixture_file": [("a.wav", b"1234")]}
    store.release(token, "ben")
    assert len(store) == 0


def test_results_are_kept_with_the_upload_alone(mixture):
    app = upload(start(sound="upload"), "mixture_file", ("mine.wav", wav_file(0.75 * mixture.mixture)))
    kept = set(uploads._store().get(app.query_params["upload"], "test session id").results)
    assert {key[0] for key in kept} == {"separation", "media", "hearing", "expected"}
    assert not kept & set(result_cache._shared())


def test_the_longest_unused_make_way():
    store = UploadStore(max_size=10)
    first, second = (store.put({"mixture_file": [("a.wav", b"1234")]}, "ana") for _ in range(2))
    store.get(first, "ana")
    third = store.put({"mixture_file": [("a.wav", b"1234")]}, "ana")
    assert [store.get(token, "ana") is not None for token in (first, second, third)] == [True, False, True]
    assert len({first, second, third}) == 3 and min(map(len, (first, second, third))) >= 20


@pytest.mark.parametrize(
    "query, time, region, active",
    [
        ({}, 0, None, ""),
        ({"t": "1.25", "region": "0.5-2.125", "track": "Clean 2"}, 1.25, (0.5, 2.125), "Clean 2"),
        ({"t": "99", "region": "1-99"}, 4, (1, 4), ""),
        ({"region": "1-2"}, 1, (1, 2), ""),
        ({"region": "5-6"}, 0, None, ""),
        ({"t": "-3", "region": "2-1"}, 0, None, ""),
        ({"t": "nan", "region": "nan-inf"}, 0, None, ""),
        ({"t": "soon", "region": "here and there"}, 0, None, ""),
        ({"t": "", "region": "-", "track": ""}, 0, None, ""),
        ({"region": "1-2-3"}, 0, None, ""),
    ],
)
def test_the_player_begins_as_the_link_says(monkeypatch, query, time, region, active):
    from pages.parts import links
    from pages.parts import player as module

    class Page:
        query_params = query

    monkeypatch.setattr(links, "st", Page)
    monkeypatch.setattr(module, "st", Page)
    state = module._linked(4.0)
    assert (state.time, state.region, state.active) == (time, region, active)


@pytest.mark.parametrize("page", PAGES)
def test_an_odd_link_is_no_error(page):
    app = start(page, t="soon", region="here-there", track="nobody", snr="loud", sound="noise")
    assert not app.error


def test_a_link_says_which_part_of_a_long_sound_is_looked_into(mixture):
    long = np.resize(mixture.mixture, 62 * mixture.rate)
    app = upload(start(sound="upload"), "mixture_file", ("long.wav", wav_file(long)))
    linked = open_page("pages/inside.py", **{**app.query_params, "inside_start": "2", "t": "1.5"})
    assert linked.slider(key="inside_start").value == 2
    assert ", at 1.50" in texts(linked)


def test_another_sound_takes_the_marked_stretch_out_of_the_link():
    app = start(t="0.5", region="0.25-1", track="Mixture")
    assert app.query_params["region"] == "0.25-1"
    app.switch_page(PAGES[1]).run()
    assert app.query_params["region"] == "0.25-1"
    app.segmented_control(key="sound").set_value("mix").run()
    assert not {"t", "region", "track"} & set(app.query_params)
