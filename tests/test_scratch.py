"""The server's temporary files: private, and gone after it, however it ended."""

import multiprocessing
import os
import signal
import tempfile
import time
from pathlib import Path

import pytest
from test_disks import full_disk

from pages.parts import own_model, scratch
from tasnet import checkpoint
from tasnet.errors import PathError


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files of this test alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch._room.cache_clear()
    yield tmp_path
    scratch._room.cache_clear()


SAID = r"^The folder for temporary files cannot be written: [\w ]+\.$"


def serve(told) -> None:
    """A server that keeps a visitor's file until it is killed."""
    folder = scratch.scratch_folder()
    (Path(folder.name) / "weights").write_text("private")
    told.send(folder.name)
    time.sleep(600)


def test_what_a_killed_server_leaves_goes_at_the_next_start(temporary, monkeypatch):
    (temporary / f"{scratch.PREFIX}of-somebody-else").mkdir()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("fork").Process(target=serve, args=(theirs,))
    server.start()
    kept = Path(ours.recv())
    assert kept.parent.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(scratch, "YOUNG_SECONDS", -1)
    scratch.remove_leftovers()
    assert (kept / "weights").exists()
    os.kill(server.pid, signal.SIGKILL)
    server.join()
    monkeypatch.setattr(scratch, "YOUNG_SECONDS", 60)
    scratch.remove_leftovers()
    assert kept.exists()  # so new that a server may not have locked it yet
    monkeypatch.setattr(scratch, "YOUNG_SECONDS", -1)
    scratch.remove_leftovers()
    assert not kept.parent.exists()
    assert [one.name for one in temporary.iterdir()] == [f"{scratch.PREFIX}of-somebody-else"]


def test_a_folder_goes_with_its_use_and_the_room_with_the_server(temporary):
    with scratch.scratch_folder() as folder:
        assert Path(folder).parent.parent == temporary
    assert not Path(folder).exists()
    scratch._room()[0].cleanup()
    assert not any(temporary.iterdir())


def test_a_full_disk_is_told_in_a_sentence_and_nothing_half_is_left(temporary, monkeypatch):
    name, path = next(reversed(checkpoint.bundled().items()))
    content, folder = path.read_bytes(), scratch.scratch_folder()
    monkeypatch.setattr(own_model, "_folder", lambda: folder)
    with full_disk(), pytest.raises(PathError, match=SAID):
        own_model._convert([(f"{name}.safetensors", content)], folder.name)
    with full_disk(), pytest.raises(PathError, match=SAID):
        own_model.take_copy(path, "")
    assert not any(Path(folder.name).iterdir())
