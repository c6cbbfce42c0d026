"""A raw client of the server: its messages and files touch nothing of other visitors."""

import re
import time
import urllib.request

import psutil
import pytest
from conftest import ROOT, open_server, start_server
from page_tools import wait_for
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from visitor import Visitor

from pages.parts.guard import TransitRoom
from pages.parts.uploads import MAX_IN_TRANSIT, UploadStore

MB = 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose largest file is 4 MB, and its process."""
    log = tmp_path_factory.mktemp("guarded") / "log"
    options = ("--server.maxUploadSize", "4", "--server.disconnectedSessionTTL", "4")
    process, address = start_server(ROOT / "app.py", log, *options)
    yield address, process, log
    process.terminate()
    process.wait(timeout=20)


def held(address: str) -> int:
    """Bytes of the files that Streamlit itself holds."""
    with urllib.request.urlopen(f"{address}/_stcore/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if 'cache_type="UploadedFileManager"' in line)


def test_no_message_empties_the_caches_of_all_or_tells_of_the_project(server):
    address, _, log = server
    visitor = Visitor(address)
    visitor.send(clear_cache=True)
    visitor.send(load_git_info=True)
    visitor.send(set_run_on_save=True)
    visitor.send(backend_operation_request=BackendOperationRequest(request_id="1", session_id=visitor.session))
    visitor.send(app_heartbeat=True)
    kinds = []
    while "heartbeat_ack" not in kinds:
        kinds.append(visitor.receive().WhichOneof("type"))
    assert not {"git_info_changed", "backend_operation_response"} & set(kinds)
    visitor.close()
    for kind in ("clear_cache", "load_git_info", "set_run_on_save", "backend_operation_request"):
        assert f"kind {kind} was not followed" in log.read_text()


def test_raw_files_stay_within_their_room_and_go_with_the_tab(server):
    address, process, _ = server
    room, content = MAX_IN_TRANSIT * 4 * MB, bytes(3 * MB)
    first, second = Visitor(address), Visitor(address)
    before = psutil.Process(process.pid).memory_info().rss
    statuses = [first.put(content) for _ in range(20)]
    assert statuses.count(204) == room // (3 * MB) and set(statuses) == {204, 413}
    assert second.put(content) == 204  # the first one's own make way
    assert held(address) <= room
    assert first.put(bytes(5 * MB)) == 413
    assert first.put(content, length=False) == 411
    assert first.put(content, session="nobody") == 400
    assert held(address) <= room
    assert psutil.Process(process.pid).memory_info().rss - before < 3 * room
    first.close()
    second.close()
    wait_for(lambda: held(address) == 0, "the files of closed tabs to go")


def test_a_file_that_comes_after_the_tab_is_gone_is_not_kept(server):
    address, _, _ = server
    visitor = Visitor(address)
    visitor.close()
    time.sleep(0.2)
    assert visitor.put(bytes(MB)) in (400, 413)
    assert held(address) == 0


def test_who_holds_most_makes_way():
    files = MemoryUploadedFileManager("")
    room = TransitRoom(files, 100)

    def bring(session: str, name: str, size: int) -> bool:
        with room.admitted(session, size) as good:
            if good:
                files.add_file(session, UploadedFileRec(name, name, "", bytes(size)))
        return good

    assert [bring("ana", f"a{k}", 30) for k in range(4)] == [True, True, True, False]
    assert bring("ben", "b0", 20) and room.held() == {"ana": 60, "ben": 20}
    assert not bring("ben", "b1", 90) and room.held() == {"ana": 60, "ben": 20}
    assert bring("ben", "b2", 20) and not bring("eve", "e", 101)
    with room.admitted("eve", 30) as good:  # on its way
        assert good and room.held()["eve"] == 30
        with room.admitted("eve", 60) as more:
            assert not more
    assert sum(room.held().values()) <= 100 and "eve" not in room.held()


def test_one_visitor_s_many_uploads_leave_another_s_alone():
    store = UploadStore(max_size=100)
    mine = store.put({"mixture_file": [("a.wav", bytes(30))]}, "ana")
    for _ in range(20):
        store.put({"mixture_file": [("b.wav", bytes(20))]}, "eve")
    assert store.get(mine, "ana") is not None and len(store) == 4


def test_an_error_s_words_stay_in_the_log(tmp_path):
    script = tmp_path / "fails.py"
    script.write_text(
        "from pages.parts import errors\nerrors.show_numbers_only()\nraise RuntimeError('secret of /srv/data')\n"
    )
    with open_server(script, tmp_path / "log") as address:
        visitor = Visitor(address)
        got = visitor.run()
        visitor.close()
    sent = b"".join(one.SerializeToString() for one in got)
    number = re.search(rb"as error ([0-9a-f]{8})", sent)[1].decode()
    assert b"secret" not in sent and b"RuntimeError" not in sent and b"Traceback" not in sent
    log = (tmp_path / "log").read_text()
    assert f"error {number}" in log and "secret of /srv/data" in log
