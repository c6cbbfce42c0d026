"""The handout: one file that needs nothing else, safe, and on paper."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest
import soundfile
from page_tools import open_page, upload, wav_file

from analysis.figures import pdf
from analysis.handout import Handout, handout_page
from pages.parts import downloads, handout, picture_format

MODEL = "convtasnet_small_gln_2spk_8k"


@pytest.fixture(scope="module")
def page() -> str:
    t = np.arange(4000) / 8000
    shown = Handout("A <title>", "What & why?")
    shown.said["a"] = ["**Bold** <script>alert(1)</script>"]
    shown.pictures["p"] = ("A picture", go.Figure(go.Scatter(x=[1, 2], y=[3, 4])))
    shown.pictures["q"] = ("Another", go.Figure(go.Bar(x=["a"], y=[1])))
    shown.tables["Scores"] = "<table><tbody><tr><td>1.0</td></tr></tbody></table>"
    shown.sounds["Voice 1"] = ("PESQ 2.00", 2 * np.sin(2 * np.pi * 440 * t), 8000)
    return handout_page(shown, {"Model": "m<1>"}, ["Voices: CC BY 4.0."], "http://localhost/x?a=1&b=2")


def test_words_figures_sound_settings_link_and_licence_are_in_one_safe_file(page):
    for part in ("A &lt;title&gt;", "What &amp; why?", "Bold &lt;script&gt;", "m&lt;1&gt;", "CC BY 4.0", "A picture"):
        assert part in page
    assert 'href="http://localhost/x?a=1&amp;b=2"' in page and "<td>1.0</td>" in page
    assert page.count("plotly.js v") == 1, "what draws the figures is in it, once"
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)=\"(?!data:|http://localhost/x)", body), "nothing is fetched"
    (sound,) = re.findall(r"data:audio/flac;base64,([A-Za-z0-9+/=]+)", page)
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)))
    assert rate == 8000 and len(samples) == 4000 and 0.9 < np.abs(samples).max() < 1, "not clipped"


def test_it_prints_to_paper_with_its_pictures(page, tmp_path):
    if not (chromium := shutil.which("chromium")):
        pytest.skip("no chromium on this machine")
    (tmp_path / "handout.html").write_text(page)
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--virtual-time-budget=8000", "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'out.pdf'}"]
    subprocess.run([*command, f"file://{tmp_path / 'handout.html'}"], check=True, capture_output=True, timeout=240)
    pdf = (tmp_path / "out.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 1 <= pages <= 3
    assert not re.search(rb"/Subtype\s*/Image", pdf), "the pictures are drawn, not photographed"


SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="90" height="40"><style>text {fill: #123}</style>
<image href="file:///etc/hostname" width="5" height="5"/><path d="M0,0L90,40"/><text x="5" y="20">SNR</text></svg>"""


def test_a_saved_figure_becomes_a_pdf_of_lines_and_letters(tmp_path, capsys):
    try:
        import cairosvg  # noqa: F401
    except (ImportError, OSError):
        pytest.skip("no cairosvg, or no cairo on this machine")
    (tmp_path / "a.svg").write_text(SVG)
    assert pdf.main([str(tmp_path / "a.svg"), "-o", str(tmp_path / "out")]) == 0
    made = (tmp_path / "out" / "a.pdf").read_bytes()
    assert made.startswith(b"%PDF") and b"/Font" in made and not re.search(rb"/Subtype\s*/Image", made)
    for content in ("no svg", "<svg", ""):
        (tmp_path / "b.svg").write_text(content)
        assert pdf.main([str(tmp_path / "b.svg")]) == 2
        assert capsys.readouterr().err.strip().endswith("This is no SVG that cairosvg can draw.")


def test_without_cairo_a_pdf_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(pdf.PdfError, match="pip install cairosvg"):
        pdf.pdf_of(b"")

    def find_spec(name, *_):
        if name == "cairosvg":
            raise OSError("no library called cairo was found")

    monkeypatch.delitem(sys.modules, "cairosvg")
    monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(find_spec=find_spec), *sys.meta_path])
    with pytest.raises(pdf.PdfError, match="libcairo2"):
        pdf.pdf_of(b"")


def no_cairo() -> None:
    raise pdf.PdfError("No cairo here.")


def test_the_page_offers_it_and_files_say_what_they_are(monkeypatch):
    monkeypatch.setattr(picture_format, "find_cairo", lambda: None)  # as if it were here
    app = open_page("pages/filters.py", model=MODEL)
    assert any("handout" in button.proto.id for button in app.get("download_button"))
    found = app.session_state["handout"]
    assert found.title == "Filters" and {"coverage", "phases", "coders"} <= set(found.said)
    assert {"filters_model", "tuning_map", "phases", "pairs"} <= set(found.pictures)
    assert not found.sounds, "the filters' endless tones are no recording"

    def cameras() -> set[str]:
        return {json.loads(one.proto.config)["toImageButtonOptions"]["format"] for one in app.get("plotly_chart")}

    for chosen, made in (("PNG", "png"), ("PDF", "svg")):
        app.segmented_control(key="picture_format").set_value(chosen).run()
        assert cameras() == {made} and not app.info
    monkeypatch.setattr(picture_format, "find_cairo", no_cairo)
    app.switch_page("pages/designs.py").run()
    assert app.session_state["handout"].title == "Designs", "what the last page showed is forgotten"
    assert app.segmented_control(key="picture_format").value == "PDF", "the choice stays"
    assert [one.value for one in app.info] == ["No cairo here. Pictures are saved as SVG."]
    assert [one.label for one in app.get("download_button")] == ["Drawing (SVG)"]


def test_the_link_restores_the_view_and_gives_no_upload_away():
    address = {"model": "a b", "start_models": ["x", "y"], "upload": "key", "start_view": ["Probe"]}
    found = handout._link("http://localhost/start_point", address)
    assert found == "http://localhost/start_point?model=a+b&start_models=x&start_models=y&start_view=Probe"
    assert handout._link("http://localhost", {"upload": "key"}) == "http://localhost"


def test_the_archive_tells_what_it_holds():
    signals = {"Speaker 1 · Conv-TasNet": np.zeros(8, np.float32)}
    about = "Model: m\nspeaker_1_conv_tasnet.wav: SI-SNRi +9.3 dB\nCC BY 4.0"
    file = downloads._archive(downloads.files_at(signals, [8000]), about)
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert archive.namelist() == ["README.txt", "speaker_1_conv_tasnet.wav"]
        assert "SI-SNRi +9.3 dB" in archive.read("README.txt").decode()


def test_voices_come_at_the_rate_of_the_sound_beside_the_model_s():
    tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)
    file = downloads._archive(downloads.files_at({"Voice 1": tone}, [8000, 44100]), "")
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert archive.namelist() == ["README.txt", "8000_hz/voice_1.wav", "44100_hz/voice_1.wav"]
        for rate in (8000, 44100):
            samples, found = soundfile.read(io.BytesIO(archive.read(f"{rate}_hz/voice_1.wav")))
            assert found == rate and len(samples) == rate
            assert np.abs(np.fft.rfft(samples)).argmax() == 440


def test_files_of_a_user_s_sound_carry_its_name_and_both_rates():
    app = open_page(sound="upload", model=MODEL)
    noise = 0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    upload(app, "mixture_file", ("My talk (2).wav", wav_file(noise, 16000)))
    (rate,) = [one for one in app.segmented_control if one.key == "separation_rate"]
    assert rate.options == ["8000 Hz, the model’s", "16000 Hz, as the sound came"]
    assert handout._sound_name(app.session_state["selection"]) == "My talk (2)"
