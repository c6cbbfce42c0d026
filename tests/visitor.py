"""A visitor without a browser: what can be sent to the server by hand."""

import json
import urllib.request
import uuid
from http.client import HTTPConnection
from urllib.parse import urlsplit

import websocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class Visitor:
    """A tab's websocket, and its way to put files."""

    def __init__(self, address: str, page: str = "", query: str = "") -> None:
        self.address = address
        with urllib.request.urlopen(f"{address}/_stcore/health") as answer:
            self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        self.token = self.cookie.split("=", 1)[1]
        self.socket = websocket.create_connection(
            f"{address.replace('http', 'ws')}/_stcore/stream",
            subprotocols=["streamlit", self.token],
            cookie=self.cookie,
            origin=address,
            timeout=60,
        )
        self.session = ""
        self.run(query)

    def send(self, **message) -> None:
        self.socket.send_binary(BackMsg(**message).SerializeToString())

    def receive(self) -> ForwardMsg:
        message = ForwardMsg()
        message.ParseFromString(self.socket.recv())
        return message

    def run(self, query: str = "", page: str = "") -> list[ForwardMsg]:
        """Run the page; all that it sends until it is done."""
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_name = page
        self.socket.send_binary(message.SerializeToString())
        got = []
        while not got or got[-1].WhichOneof("type") != "script_finished":
            got.append(self.receive())
            if got[-1].WhichOneof("type") == "new_session":
                self.session = got[-1].new_session.initialize.session_id
        return got

    def put(self, content: bytes, *, session: str | None = None, name: str = "a.wav", length: bool = True) -> int:
        """Put a file at Streamlit's own address; the status of the answer."""
        edge = uuid.uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="f"; filename={json.dumps(name)}\r\n\r\n'
        body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
        connection = HTTPConnection(urlsplit(self.address).netloc, timeout=60)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={edge}",
            "X-Xsrftoken": self.token,
            "Cookie": self.cookie,
        }
        path = f"/_stcore/upload_file/{session or self.session}/{uuid.uuid4()}"
        try:
            connection.request("PUT", path, body if length else iter([body]), headers, encode_chunked=not length)
            return connection.getresponse().status
        except (BrokenPipeError, ConnectionResetError):  # refused before all was sent
            return 413
        finally:
            connection.close()

    def close(self) -> None:
        self.socket.close()
