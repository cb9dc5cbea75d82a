"""Pictures over HTTP: a stream of JPEGs (MJPEG), or one picture for each question.

What the camera answers tells which: `multipart/x-mixed-replace` is a stream, a picture is asked
for again. Digest and basic passwords are answered; no proxy is used.
"""

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from drivers.errors import CameraLost

WAIT_S: Final = 3.0
CHUNK: Final = 65_536
BYTES_MAX: Final = 20_000_000
_LENGTH: Final = re.compile(rb"content-length:\s*(\d{1,9})", re.IGNORECASE)
_BEGIN, _END = b"\xff\xd8\xff", b"\xff\xd9"


class HttpSource:
    """Pictures from one address."""

    def __init__(self, url: str, username: str, password: str, every_s: float) -> None:
        self._url = url
        self._every_s = every_s
        self._over = threading.Event()
        self._opener = _opener(url, username, password)

    def pictures(self, wanted: threading.Event) -> Iterator[bytes]:
        """Give picture after picture; raises CameraLost."""
        del wanted  # A JPEG costs nothing until it is decoded.
        try:
            while True:
                with self._opener.open(self._url, timeout=WAIT_S) as response:
                    yield from _pictures(response)
                if self._over.wait(self._every_s):
                    return
        except CameraLost:
            raise
        except HTTPError as error:
            reason = "denied" if error.code in {401, 403} else "unreachable"
            raise CameraLost(reason, f"the camera answers {error.code}") from None
        except TimeoutError:
            raise CameraLost("stale", "the camera sends nothing more") from None
        except URLError as error:
            raise CameraLost("unreachable", f"the camera does not answer: {error.reason}") from None
        except UnicodeError:
            raise CameraLost("unreachable", "no host bears such a name") from None
        except ValueError:
            # urllib's, of a way to ask for a password that it cannot answer.
            raise CameraLost("denied", "the camera asks for a password in another way") from None
        except (OSError, HTTPException) as error:
            raise CameraLost("stale", f"the camera's stream broke: {error}") from None

    def close(self) -> None:
        """Ask for no further picture."""
        self._over.set()


def _pictures(response: HTTPResponse) -> Iterator[bytes]:
    # Said to be text where a camera says nothing; then what comes must tell.
    kind = response.headers.get_content_type() if "content-type" in response.headers else ""
    if kind == "multipart/x-mixed-replace":
        yield from jpegs(response)
        raise CameraLost("stale", "the camera ended its stream")
    if kind.startswith("text/"):
        raise CameraLost("not_a_picture", f"the camera sends {kind}")
    yield response.read(BYTES_MAX)


def jpegs(response: HTTPResponse) -> Iterator[bytes]:
    """Cut a stream into JPEGs: by the length that its part names, else from mark to mark."""
    buffer = bytearray()
    while chunk := response.read1(CHUNK):
        buffer += chunk
        while True:
            begin = buffer.find(_BEGIN)
            if begin < 0:
                break
            named = _LENGTH.search(buffer, 0, begin)
            end = begin + int(named[1]) if named else buffer.find(_END, begin) + len(_END)
            if end < begin + len(_BEGIN) or end > len(buffer):
                break
            yield bytes(buffer[begin:end])
            del buffer[:end]
        if len(buffer) > BYTES_MAX:
            raise CameraLost("not_a_picture", "what the camera streams is no JPEG")


class _Digest(HTTPDigestAuthHandler):
    """Digest with SHA-256 as well (RFC 7616), which Python 3.11 does not know."""

    def http_error_401(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> Any:
        """Answer a question once: cameras shut out who gives a wrong password again and again."""
        if req.has_header(self.auth_header):
            return None
        # Python's own count never goes back once six answers in a row led to nothing.
        self.reset_retry_count()
        return super().http_error_401(req, fp, code, msg, headers)

    def get_authorization(self, req: Request, chal: Mapping[str, str]) -> str | None:
        try:
            return super().get_authorization(req, chal)
        except URLError as error:  # Of a `qop` that it lacks: as of an algorithm.
            raise ValueError(error.reason) from None

    def get_algorithm_impls(self, algorithm: str) -> Any:
        if algorithm.upper() != "SHA-256":
            return super().get_algorithm_impls(algorithm)

        def digest(text: str) -> str:
            return hashlib.sha256(text.encode()).hexdigest()

        return digest, lambda secret, text: digest(f"{secret}:{text}")


def _opener(url: str, username: str, password: str) -> OpenerDirector:
    handlers: list[ProxyHandler | HTTPDigestAuthHandler | HTTPBasicAuthHandler] = [ProxyHandler({})]
    if username:
        known = HTTPPasswordMgrWithDefaultRealm()
        known.add_password(None, url, username, password)
        handlers += [_Digest(known), HTTPBasicAuthHandler(known)]
    return build_opener(*handlers)
