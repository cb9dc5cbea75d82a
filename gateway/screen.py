"""The guard's page on loopback: views go out by SSE, touches come in by POST.

Law: `show` never waits for a client. A view is kept, the newest only; each client's own thread
sends it at its own pace, and one that does not read is dropped. The page counts itself NOT LIVE
when no view came for 3 s, so whoever owns this calls `show` at least once a second: then a loop
that hangs is seen on the screen as surely as a process that died. A touch that was answered with
"taken" is in the queue: the gate that ends refuses touches first, and then empties the queue.
"""

import contextlib
import hmac
import html
import json
import logging
import os
import secrets  # noqa: TID251 - the page's per-boot token; nothing decides by it.
import socket
import socketserver
import threading
from collections.abc import Callable, Collection
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic  # noqa: TID251 - the edge: a thread's last round, a touch in hand.
from typing import Any, ClassVar, Final

from gateway.core.events import Event
from gateway.errors import SettingsRefused
from gateway.touches import TOUCH_BYTES_MAX, TouchRefused, decode_touch

WEB: Final = Path(__file__).parent / "web"
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
CONNECTIONS_MAX: Final = 32
LIVE_MAX: Final = 8
"""Pages watching at once; a screen, a spare, and what a reload leaves behind."""
SOCKET_WAIT_S: Final = 5.0
STILL_S: Final = 15.0
"""Without a view for so long a comment is sent, so that a dead client is noticed."""
PACE_S: Final = 0.05
CLOSE_WAIT_S: Final = 5.0
BEAT_S_MAX: Final = 10.0
"""The thread that takes connections goes round each tenth of a second."""
TOUCH_S_MAX: Final = 10.0
"""A touch is handed on in microseconds."""
HAND_OVER_S: Final = 2.0
ENDING: Final = "ending"
"""The page has words of its own for it."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_LOG: Final = logging.getLogger(__name__)


def end_process(error: BaseException) -> None:
    """Report what ended the screen's thread, and end the process for systemd to restart."""
    _LOG.critical("The screen's server ended.", exc_info=error)
    os._exit(1)


class GateEnding(Exception):  # noqa: N818 - read beside TouchRefused.
    """The gate is about to end, and takes no touch any more."""


class Screen:
    """The page's server: started once, shown views, closed with the process."""

    def __init__(
        self,
        host: str,
        port: int,
        touch: Callable[[Event], None],
        crop: Callable[[int], bytes | None],
        *,
        language: str = "zh",
        lanes: Collection[str] | None = None,
        home_province: str = "",
        failed: Callable[[BaseException], None] = end_process,
    ) -> None:
        """Listen at once: an address in use is known before anything else starts.

        `touch` and `crop` are called on the server's threads. `language` is what a page begins
        with; `home_province` is the plate pad's first key.
        """
        if host not in LOOPBACK:
            raise SettingsRefused(f"screen: {host} is not loopback; listen on 127.0.0.1")
        self.token = secrets.token_urlsafe(24)
        self._boot = secrets.token_hex(8)
        self._touch = touch
        self._crop = crop
        self._lanes = lanes
        self._failed = failed
        self._newest = threading.Condition()
        self._view = b""
        self._shown = 0
        self._closing = False
        self._live = threading.BoundedSemaphore(LIVE_MAX)
        self._files = _read_files(
            {
                "{{token}}": self.token,
                "{{boot}}": self._boot,
                "{{language}}": "en" if language == "en" else "zh",
                "{{home}}": home_province,
            }
        )
        self._takes = threading.Condition()
        self._ending = False
        self._in_hand: dict[int, float] = {}
        """Since when each page's thread has been handing a touch on."""
        self._server = _Server(self, host, port)
        self._thread = threading.Thread(target=self._serve, name="screen", daemon=True)

    @property
    def port(self) -> int:
        """The port in use, also when 0 was asked for."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where the guard's browser goes."""
        host = "[::1]" if self._server.address_family == socket.AF_INET6 else "127.0.0.1"
        return f"http://{host}:{self.port}/"

    def start(self) -> None:
        """Serve from now on."""
        self._server.beat_s = monotonic()
        self._thread.start()

    def ailing(self, now: float) -> str | None:
        """Say that no page or no touch gets through any more; None when all is well."""
        if not self._thread.is_alive():
            return "the thread screen is dead"
        if now - self._server.beat_s > BEAT_S_MAX:
            return f"the thread screen has hung for {now - self._server.beat_s:.0f} s"
        with self._takes:
            since_s = min(self._in_hand.values(), default=now)
        if now - since_s > TOUCH_S_MAX:
            return f"a touch has not been handed on for {now - since_s:.0f} s"
        return None

    def show(self, view_json: bytes) -> None:
        """Make this the view that every page shows; never waits for one."""
        with self._newest:
            # An SSE line ends at a newline; in JSON one stands only between tokens.
            self._view = view_json.replace(b"\n", b" ").replace(b"\r", b" ")
            self._shown += 1
            self._newest.notify_all()

    def refuse_touches(self) -> None:
        """Take no touch from now on; those that were taken are handed on when this returns."""
        with self._takes:
            self._ending = True
            self._takes.wait_for(lambda: not self._in_hand, HAND_OVER_S)

    def close(self) -> None:
        """End all threads and free the port."""
        with self._newest:
            self._closing = True
            self._newest.notify_all()
        if self._thread.is_alive():
            # On a thread of its own: it waits for ever for a server that hangs.
            threading.Thread(target=self._server.shutdown, name="screen-end", daemon=True).start()
            self._thread.join(CLOSE_WAIT_S)
        self._server.server_close()
        self._server.hang_up()

    def wait_view(self, seen: int) -> tuple[int, bytes | None]:
        """Wait for a view newer than number `seen`; None when there is none for a while."""
        with self._newest:
            self._newest.wait_for(lambda: self._closing or self._shown > seen, STILL_S)
            return (self._shown, self._view) if self._shown > seen else (seen, None)

    @property
    def closing(self) -> bool:
        """Whether the end has begun."""
        return self._closing

    def _serve(self) -> None:
        try:
            self._server.serve_forever(poll_interval=0.1)
        except BaseException as error:  # noqa: BLE001 - the thread's entry: report and end.
            self._failed(error)

    # --- What the handler asks for ----------------------------------------------------------

    def file(self, path: str) -> tuple[str, bytes] | None:
        """Find a page's file: its type and bytes."""
        return self._files.get(path)

    def crop(self, passage: int) -> bytes | None:
        """Find a passage's plate picture."""
        return self._crop(passage)

    def take_touch(self, payload: bytes) -> None:
        """Hand a touch on; raises TouchRefused, and GateEnding."""
        event = decode_touch(payload, self._lanes)
        thread = threading.get_ident()
        with self._takes:
            if self._ending:
                raise GateEnding(ENDING)
            self._in_hand[thread] = monotonic()
        try:
            self._touch(event)
        finally:
            with self._takes:
                del self._in_hand[thread]
                self._takes.notify_all()

    def boot_line(self) -> bytes:
        """Say which start of the gateway this is: a page of another one loads itself again."""
        return f"retry: 1000\nevent: boot\ndata: {self._boot}\n\n".encode()

    def seat(self) -> contextlib.AbstractContextManager[bool]:
        """Take one of the few places for watching pages; False when none is free."""
        return _seat(self._live)


@contextlib.contextmanager
def _seat(places: threading.BoundedSemaphore) -> Any:
    taken = places.acquire(blocking=False)
    try:
        yield taken
    finally:
        if taken:
            places.release()


def _read_files(words: dict[str, str]) -> dict[str, tuple[str, bytes]]:
    """Read the page once: nothing outside this table is ever served."""
    files = {}
    for path in sorted(WEB.rglob("*")):
        if path.suffix in _TYPES:
            name = "/" + path.relative_to(WEB).as_posix()
            files[name] = (_TYPES[path.suffix], path.read_bytes())
    kind, page = files.pop("/index.html")
    text = page.decode()
    for word, value in words.items():
        text = text.replace(word, html.escape(value))
    files["/"] = (kind, text.encode())
    return files


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 16

    def __init__(self, screen: Screen, host: str, port: int) -> None:
        self.screen = screen
        self.beat_s = monotonic()
        """When the thread that takes connections was last seen going round."""
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        bound = int(self.server_address[1])
        self.hosts = frozenset(f"{name}:{bound}" for name in ("127.0.0.1", "localhost", "[::1]"))
        self.origins = frozenset(f"http://{host}" for host in self.hosts)

    def server_bind(self) -> None:
        # HTTPServer looks up the host's own name here, which may ask the network.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", int(self.server_address[1])

    def service_actions(self) -> None:
        self.beat_s = monotonic()

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="screen-page",
            daemon=True,
        )
        with self._lock:
            full = len(self._open) >= CONNECTIONS_MAX
            if not full:
                self._open[request] = thread
        if full:
            self.shutdown_request(request)
        else:
            thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Report what a page's thread died of; the others go on."""
        _LOG.exception("A page's request failed.")

    def hang_up(self) -> None:
        """Close what is still connected and see its threads end."""
        with self._lock:
            left = dict(self._open)
        for request in left:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
        for thread in left.values():
            thread.join(CLOSE_WAIT_S)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "gatepost"
    sys_version = ""
    timeout = SOCKET_WAIT_S
    headers_always: ClassVar = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name.
        """Log no requests: their paths name passages."""

    def handle(self) -> None:
        # A client that hangs up or stops reading is no error of ours.
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().finish()

    # --- Routes -----------------------------------------------------------------------------

    def do_GET(self) -> None:
        """Serve the page, the live views or a plate's picture."""
        path = self.path.partition("?")[0]
        if not self._is_ours(origin_needed=False):
            return
        if path == "/live":
            self._send_live()
        elif path.startswith("/crop/"):
            self._send_crop(path.removeprefix("/crop/"))
        elif (file := self.server.screen.file(path)) is not None:
            self._answer(HTTPStatus.OK, file[1], file[0])
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "not here")

    def do_POST(self) -> None:
        """Take a touch."""
        if not self._is_ours(origin_needed=True):
            return
        if self.path != "/touch":
            self._refuse(HTTPStatus.NOT_FOUND, "not here")
            return
        token = self.headers.get("X-Gatepost-Token", "")
        if not hmac.compare_digest(token.encode(), self.server.screen.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "this page is of another start: load it again")
            return
        length = self.headers.get("Content-Length", "")
        # The length of the digits first: int() refuses thousands of them with another error.
        is_number = length.isascii() and length.isdigit() and len(length) < 8
        if not is_number or int(length) > TOUCH_BYTES_MAX:
            self._refuse(HTTPStatus.BAD_REQUEST, f"touch: at most {TOUCH_BYTES_MAX} bytes")
            return
        try:
            self.server.screen.take_touch(self.rfile.read(int(length)))
        except TouchRefused as refusal:
            self._refuse(HTTPStatus.BAD_REQUEST, str(refusal))
        except GateEnding as refusal:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(refusal))
        else:
            self._answer(HTTPStatus.NO_CONTENT, b"", "")

    def _is_ours(self, *, origin_needed: bool) -> bool:
        """Refuse what another site's page, or a name pointed at us, may have sent."""
        origin = self.headers.get("Origin")
        if self.headers.get("Host", "") not in self.server.hosts:
            self._refuse(HTTPStatus.FORBIDDEN, "wrong Host")
        elif origin not in self.server.origins and (origin_needed or origin is not None):
            self._refuse(HTTPStatus.FORBIDDEN, "wrong Origin")
        else:
            return True
        return False

    def _send_crop(self, name: str) -> None:
        if not name.isascii() or not name.isdigit() or len(name) > 12:
            self._refuse(HTTPStatus.NOT_FOUND, "not here")
            return
        picture = self.server.screen.crop(int(name))
        if picture is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no picture")
        else:
            self._answer(HTTPStatus.OK, picture, "image/jpeg")

    def _send_live(self) -> None:
        screen = self.server.screen
        with screen.seat() as taken:
            if not taken:
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages")
                return
            self._head(HTTPStatus.OK, "text/event-stream")
            self.wfile.write(screen.boot_line())
            seen = 0
            while not screen.closing:
                seen, view = screen.wait_view(seen)
                if view is None:
                    self.wfile.write(b": still\n\n")
                else:
                    self.wfile.write(b"data: " + view + b"\n\n")
                threading.Event().wait(PACE_S)

    # --- Answers ----------------------------------------------------------------------------

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        body = json.dumps({"refused": reason}, ensure_ascii=False).encode()
        self._answer(status, body, "application/json")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self._head(status, kind, len(body))
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in self.headers_always.items():
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
