"""The wall page's small server: its files, the site's places, and how the centre fares.

Loopback only, behind the site's proxy; what it serves is not personal. Host is checked, so that a
foreign page cannot read it by a name that points here; what changes something also wants JSON and,
if a browser asks, a page of ours. Later: search, lists, audit.

    POST /acknowledge {"compound": "c01", "gate": "east", "alert": "...", "by": "ROLE"}
    -> 200 {"done": true} for an alarm of the ledger; 202 {"command": ID} when its gate is asked;
       404 when no such alarm is open and unacknowledged
"""

import json
import logging
import mimetypes
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Meta, Struct

from central import asking, clock
from central.config import Settings, Site
from central.errors import CentralError
from central.subscriber import Died, Inbox
from gateway import contract

log = logging.getLogger(__name__)
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_BODY_MAX: Final = 4096
_TURN_S: Final = 0.2
BEAT_S_MAX: Final = 10.0
"""The thread that takes connections goes round each `_TURN_S`."""
ANSWER_S_MAX: Final = 30.0
"""For an answer once its request is read: a ledger that is busy is waited for 10 s, twice."""
CLOSE_WAIT_S: Final = 5.0


class Acknowledgement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody has seen an alarm."""

    compound: contract.Name
    gate: contract.Name
    alert: contract.Name
    by: Annotated[str, Meta(min_length=1, max_length=40)]
    """A role, never a name."""


def site_json(settings: Settings, site: Site) -> bytes:
    """Tell the wall page where the broker is, and what the places are called."""
    return contract.encode(
        {
            "v": contract.VERSION,
            "broker": settings.broker.websockets_url,
            "root": contract.ROOT,
            "zone": site.zone,
            "names": msgspec.structs.asdict(site.names),
            "cities": [_place(one) for one in site.city],
            "offices": [_place(one) for one in site.office],
            "compounds": [
                _place(one)
                | {
                    "office": one.office,
                    "city": one.city,
                    "gates": [_place(gate) for gate in one.gate],
                }
                for one in site.compound
            ],
        }
    )


def _place(one: Any) -> dict[str, Any]:
    return {"id": one.id, "names": msgspec.structs.asdict(one.names)}


class Pages:
    """The server, on its own threads."""

    def __init__(
        self, settings: Settings, site: Site, health: Callable[[], dict[str, Any]], inbox: Inbox
    ) -> None:
        self._inbox = inbox
        policy = _policy(settings.broker.websockets_url)
        self._answers = answers = _Answers(
            resources.files("central") / "web", site_json(settings, site), health,
            settings.ledger_path,
        )  # fmt: skip

        class Handler(_Handler):
            found = answers
            content_policy = policy
            hosts = frozenset({*_HOSTS, *settings.http.hosts})

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in settings.http.host else socket.AF_INET

        self._server = Server((settings.http.host, settings.http.port), Handler)
        self._server.daemon_threads = True
        self._server.timeout = _TURN_S
        self._stopping = threading.Event()
        self._beat_s = clock.now_s()
        self._thread = threading.Thread(target=self._run, name="pages", daemon=True)

    @property
    def port(self) -> int:
        """The port that was got."""
        return self._server.server_port

    def start(self) -> None:
        """Serve."""
        self._beat_s = clock.now_s()
        self._thread.start()

    def ailing(self, now: float) -> str | None:
        """Say that no page or no answer gets through any more; None when all is well."""
        if not self._thread.is_alive():
            return "the thread pages is dead"
        if now - self._beat_s > BEAT_S_MAX:
            return f"the thread pages has hung for {now - self._beat_s:.0f} s"
        if (since_s := self._answers.oldest_s()) is not None and now - since_s > ANSWER_S_MAX:
            return f"a page's request has not been answered for {now - since_s:.0f} s"
        return None

    def stop(self) -> None:
        """Serve no longer; a server that hangs is not waited for."""
        self._stopping.set()
        self._thread.join(CLOSE_WAIT_S)
        if self._thread.is_alive():
            log.error("The thread pages hangs; it is not waited for.")
        self._server.server_close()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._beat_s = clock.now_s()
                self._server.handle_request()
        except BaseException as error:  # noqa: BLE001 - a thread's entry: report and end.
            self._inbox.put(Died("pages", error))


def _policy(websockets_url: str) -> str:
    parts = urlsplit(websockets_url)
    return (
        f"default-src 'self'; connect-src 'self' {parts.scheme}://{parts.netloc};"
        " img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


class _Answers:
    """What there is to be got."""

    def __init__(
        self, web: Traversable, site: bytes, health: Callable[[], dict[str, Any]], ledger: Path
    ) -> None:
        self._ledger = ledger
        self._web = web
        self._site = site
        self._health = health
        self._in_hand: dict[int, float] = {}
        """Since when each thread has been looking for its answer."""

    def oldest_s(self) -> float | None:
        """Tell since when the oldest answer has been looked for; None: none is."""
        return min(self._in_hand.copy().values(), default=None)

    @contextmanager
    def in_hand(self) -> Iterator[None]:
        """Take note that an answer is looked for; a client that is slow to ask or read is not."""
        thread = threading.get_ident()
        self._in_hand[thread] = clock.now_s()
        try:
            yield
        finally:
            del self._in_hand[thread]

    def to(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Answer a GET: status, type, body."""
        match path:
            case "/site.json":
                return HTTPStatus.OK, "application/json", self._site
            case "/healthz":
                said = self._health()
                well = HTTPStatus.OK if said.get("ok") else HTTPStatus.SERVICE_UNAVAILABLE
                return well, "application/json", json.dumps(said).encode()
            case "/":
                path = "/index.html"
            case _:
                pass
        found = self._file(path)
        if found is None:
            return HTTPStatus.NOT_FOUND, "text/plain", b"There is no such page.\n"
        suffix = path[path.rfind(".") :]
        kind = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
        return HTTPStatus.OK, kind, found

    def take(self, path: str, body: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
        """Answer a POST: status, and what to say."""
        if path != "/acknowledge":
            return HTTPStatus.NOT_FOUND, {"error": "there is no such thing to ask for"}
        try:
            wish = msgspec.json.decode(body, type=Acknowledgement)
        except contract.UNREADABLE as error:
            return HTTPStatus.BAD_REQUEST, {"error": str(error)}
        place = (wish.compound, wish.gate)
        try:
            done = asking.acknowledge(self._ledger, place, wish.alert, wish.by, clock.at_ms())
        except CentralError as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)}
        if done is None:
            return HTTPStatus.NOT_FOUND, {"error": "no such alarm is open and unacknowledged"}
        if done == "done":
            return HTTPStatus.OK, {"done": True}
        return HTTPStatus.ACCEPTED, {"command": done}

    def _file(self, path: str) -> bytes | None:
        at = self._web
        for part in path.strip("/").split("/"):
            if part in {"", ".", ".."} or "\\" in part or "\0" in part:
                return None
            at /= part
        return at.read_bytes() if at.is_file() else None


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    found: _Answers
    content_policy: str
    hosts: frozenset[str]
    server_version = "gatepost"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Answer a request."""
        if not self._is_ours(self.headers.get("Host", "")):
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"Ask for this page by its address.\n")
            return
        with self.found.in_hand():
            answer = self.found.to(unquote(urlsplit(self.path).path))
        self._send(*answer)

    def do_POST(self) -> None:
        """Take a wish."""
        origin = self.headers.get("Origin")
        ours = self._is_ours(self.headers.get("Host", "")) and (
            origin is None or self._is_ours(urlsplit(origin).netloc)
        )
        length = self.headers.get("Content-Length", "")
        if not ours or self.headers.get_content_type() != "application/json":
            status, said = HTTPStatus.FORBIDDEN, {"error": "JSON from a page of ours is wanted"}
        elif not length.isdecimal() or int(length) > _BODY_MAX:
            status, said = HTTPStatus.BAD_REQUEST, {"error": f"at most {_BODY_MAX} bytes"}
        else:
            path, body = unquote(urlsplit(self.path).path), self.rfile.read(int(length))
            with self.found.in_hand():
                status, said = self.found.take(path, body)
        self._send(status, "application/json", json.dumps(said).encode())

    def _is_ours(self, host: str) -> bool:
        name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
        return name in self.hosts

    do_HEAD = do_GET  # noqa: N815 - the library's name.

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        utf8 = "; charset=utf-8" if kind.startswith("text/") or kind.endswith("json") else ""
        self.send_header("Content-Type", kind + utf8)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.content_policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name.
        """Keep the log for what matters."""
