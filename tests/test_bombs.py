"""Files made to take more than they have: each ends in a sentence, and its process with it."""

import io
import json
import timeit
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from page_tools import open_page, texts, wav_file
from test_bounds import GOOD, table

from analysis.corpus.intervals import estimate
from analysis.corpus.results import ResultsError, read_brought, read_results
from analysis.workers import Budget, BudgetError
from pages.parts import budgeted, own_model
from pages.parts.budgeted import converting, read_within_budget

NESTED = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{k}: &a{k} [{','.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 40)
)


def zeros_checkpoint(megabytes: int) -> bytes:
    """A PyTorch file of so many megabytes of zeros, which pack to next to nothing."""
    file = io.BytesIO()
    torch.save({"encoder.filterbank._filters": torch.zeros(8)}, file)
    packed = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("/data/0"):
                with new.open(name, "w", force_zip64=True) as out:
                    for _ in range(megabytes):
                        out.write(bytes(1 << 20))
            else:
                new.writestr(name, content)
    return packed.getvalue()


MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 9)}]}}\n" for k in range(1, 12))
WEIGHTS = io.BytesIO()
torch.save({"x": torch.zeros(3)}, WEIGHTS)
BOMBS = {
    "yaml": lambda: [("conf.yml", NESTED.encode()), ("a.pth", WEIGHTS.getvalue())],
    "merged yaml": lambda: [("conf.yml", MERGED.encode()), ("a.pth", WEIGHTS.getvalue())],
    "json": lambda: [("conf.json", b'{"a":' * 30_000), ("a.pth", WEIGHTS.getvalue())],
    "zip": lambda: [("a.pth", zeros_checkpoint(512))],
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_checkpoint_that_unfolds_ends_in_a_sentence(bomb, tmp_path):
    files, budget = BOMBS[bomb](), Budget(seconds=3)
    assert converting(files).seconds < 14 < 40 < converting([("large.pth", bytes(20 << 20))]).seconds
    assert max(len(content) for _, content in files) < 2**23 < budget.memory < 512 * 2**20
    with pytest.raises(ValueError) as problem:
        read_within_budget(own_model._convert, files, str(tmp_path), budget=budget)
    assert "\n" not in str(problem.value) and len(str(problem.value)) < 600
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_table_of_many_speakers_ends_in_a_sentence():
    names = ";".join(f"{k:x}" for k in range(20_000))
    brought = table({**GOOD, "mixtures": 200_000}, f"0,a,1,{names},,,1,2", "1,b,1,1;2,,,1,2")
    assert [row.index for row in read_results(brought).rows] == [1]  # nobody mixes so many
    many = table({**GOOD, "mixtures": 200_000}, *(f"{k},,1,,,,1,2" for k in range(60_000)))
    with pytest.raises(ResultsError, match="60000 mixtures of 60000 speakers"):
        read_within_budget(read_brought, many, "many.csv")
    app = open_page("pages/corpus.py")
    app.file_uploader(key="corpus_upload").set_value(("many.csv", many, "text/csv")).run()
    assert not app.exception and "60000 mixtures of 60000 speakers" in app.error[0].value


def test_means_over_many_speakers_take_little_memory():
    import resource

    speakers = [(str(2 * k), str(2 * k + 1)) for k in range(5000)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = estimate(np.random.default_rng(0).standard_normal(5000), speakers)
    assert found.low < found.mean < found.high
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 150  # MB; all draws are 240 MB


def test_a_killed_reader_leaves_no_temporary_file(tmp_path):
    """ffmpeg, say, gets what was brought as a file: that goes although its reader had no time to remove it."""
    code = f"made = tempfile.mkstemp()[1]; open({str(tmp_path / 'note')!r}, 'w').write(made); os._exit(1)"
    with pytest.raises(BudgetError):
        read_within_budget(timeit.timeit, code, "import os, tempfile")
    made = Path((tmp_path / "note").read_text())
    assert "tasnet-lens-" in str(made) and not made.exists()


def test_what_takes_too_long_is_said_where_the_file_was_brought(monkeypatch):
    def late(*_):
        raise BudgetError("This takes longer than the 8 s that are given to it here.")

    monkeypatch.setattr(budgeted.Nursery, "call", lambda self, *_, **__: late())
    app = open_page(sound="upload")
    door = next(one for one in app.file_uploader if one.key == "mixture_file")
    door.set_value(("a.wav", wav_file(np.zeros(8000)), "audio/wav")).run()
    assert not app.exception and "longer than the 8 s" in texts(app)
    app.file_uploader(key="own_weights").set_value([("a.json", json.dumps({}).encode(), "")]).run()
    assert not app.exception and "longer than the 8 s" in texts(app)
