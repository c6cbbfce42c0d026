"""Send the styles of all pages with the document itself, before anything is drawn, so that nothing moves later.

Streamlit has no place for them except in elements of a page, which arrive after the first paint: the sidebar then
pushed the page aside, and on a phone everything moved up.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasnet.places import WEB

from .player import MAX_TRACKS

STYLES = WEB / "page_header" / "theme.css"
LANGUAGES = b"accept-encoding"  # with it, a document would come compressed


def document_head() -> bytes:
    """What is appended to the document's head."""
    counts = (f'[class*="st-key-signals{count}_"] {{ --signals: {count}; }}' for count in range(1, MAX_TRACKS + 1))
    # Nested, so that it overrides Streamlit's own, which comes later.
    return f"<style>:root {{ {STYLES.read_text()} {' '.join(counts)} }}</style>".encode()


class FirstPaint:
    """An ASGI application around Streamlit's whose documents carry the app's title and styles."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._head = document_head()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with the styles added to documents."""
        if scope["type"] != "http" or not _asks_for_document(scope):
            await self.app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name != LANGUAGES]
        started: Message = {}
        body = b""

        async def rewrite(message: Message) -> None:
            nonlocal started, body
            if message["type"] == "http.response.start":
                started = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = self._styled(body) if _is_document(started) else body
            started["headers"] = [
                (name, str(len(page)).encode() if name == b"content-length" else value)
                for name, value in started["headers"]
            ]
            await send(started)
            await send({"type": "http.response.body", "body": page})

        await self.app({**scope, "headers": plain}, receive, rewrite)

    def _styled(self, page: bytes) -> bytes:
        page = page.replace(b"<title>Streamlit</title>", b"<title>TasNet Lens</title>", 1)
        return page.replace(b"</head>", self._head + b"</head>", 1)


def _asks_for_document(scope: Scope) -> bool:
    return scope["method"] == "GET" and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def _is_document(started: Message) -> bool:
    return dict(started["headers"]).get(b"content-type", b"").startswith(b"text/html")
