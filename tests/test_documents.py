"""The documents say what is so: results are what their command writes, the notebook runs, links lead somewhere."""

import json
import pkgutil
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import soundfile

from analysis.corpus import results_page

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
NOTEBOOK = ROOT / "docs" / "figures_and_masks.ipynb"


def test_the_page_of_results_is_what_its_command_writes():
    written = (ROOT / "docs" / "RESULTS.md").read_text(encoding="utf-8")
    assert written == results_page.page(), "run python -m analysis.corpus.results_page"


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_paths_lead_to_what_is_there(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (document.parent / target).exists(), target
    for module in re.findall(r"python -m ((?:tasnet|analysis|benchmarks)[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_names_in_code_are_those_of_the_code(document):
    """`tasnet.module.name(...)` and `analysis.module.name`, and paths such as `pages/parts/links.py`."""
    text = document.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:tasnet|analysis|pages)(?:\.\w+)+)[`(]", text):
        assert pkgutil.resolve_name(name) is not None
    if document.name not in ("CHANGELOG.md", "RESULTS.md"):  # which tell of earlier ones too
        for path in re.findall(r"`((?:tasnet|analysis|pages|assets|tests|docs)/[\w./]+)`", text):
            assert (ROOT / path).exists() or "NAME" in path, path


def cells() -> list[str]:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_runs_on_sounds_of_ones_own(tmp_path, capsys, monkeypatch):
    """As it stands but for the small model and its own recordings; the table has the network and all masks."""
    matplotlib.use("Agg")
    voices = []
    for name in ("flite-slt", "flite-rms"):
        samples, rate = soundfile.read(ROOT / "assets" / "examples" / f"{name}.flac")
        voices.append(str(tmp_path / f"{name}.wav"))
        soundfile.write(voices[-1], samples[: 3 * rate], rate)
    first, *rest = cells()
    assert "VOICES = []" in first and "convtasnet_medium_gln_2spk_8k" in first
    first = first.replace("VOICES = []", f"VOICES = {voices!r}").replace("medium_gln", "small_gln")
    space: dict = {}
    for cell in (first, *rest):
        exec(compile(cell, NOTEBOOK.name, "exec"), space)
    said = capsys.readouterr().out
    assert all(
        re.search(rf"^{name}(\s+\S+){{4}}$", said, re.MULTILINE) for name in ("Conv-TasNet", "IBM", "IRM", "WFM")
    )
    for name in ("figure2", "figure5"):
        space[name].canvas.draw()
        assert np.asarray(space[name].canvas.buffer_rgba()).std() > 0
