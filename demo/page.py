"""The guard's page as its browser uses it: views come by SSE, touches go by POST.

Nothing is bypassed: the simulated guard knows only what the screen shows, and does only what a
finger on it could do.
"""

import http.client
import json
import re
import sys
import threading
from typing import Any, Final

RETRY_S: Final = 0.3
SILENT_S: Final = 20.0
"""The page sends at least a comment each 15 s."""
_TOKEN: Final = re.compile(r'data-token="([A-Za-z0-9_-]{20,})"')

View = dict[str, Any]


class GuardsPage:
    """One gate's page, watched from a thread; `view` is None while it is not live."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._token = ""
        self._ended = threading.Event()
        self._open: http.client.HTTPConnection | None = None
        self.view: View | None = None
        self.starts = 0
        """How often the page was loaded: once, and once more for each restart of the gateway."""
        self._thread = threading.Thread(target=self._watch, name=f"page-{port}", daemon=True)
        self._thread.start()

    def touch(self, touch: str, **fields: object) -> bool:
        """Touch the screen; False when the gateway did not take it."""
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=3)
        headers = {
            "Content-Type": "application/json",
            "X-Gatepost-Token": self._token,
            "Origin": f"http://127.0.0.1:{self._port}",
        }
        try:
            link.request("POST", "/touch", json.dumps({"touch": touch, **fields}), headers)
            return link.getresponse().status < http.client.BAD_REQUEST
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()

    def lane(self, name: str) -> View | None:
        """Give what the screen shows of a lane; None when it shows nothing."""
        view = self.view
        lanes = view["lanes"] if view is not None else ()
        return next((lane for lane in lanes if lane["lane"] == name), None)

    def close(self) -> None:
        """Stop watching."""
        self._ended.set()
        if self._open is not None and self._open.sock is not None:
            self._open.sock.close()

    def _watch(self) -> None:
        while not self._ended.is_set():
            try:
                self._load()
                self._read_live()
            except (OSError, http.client.HTTPException, AttributeError):
                # The gateway is away, or went while it was read: a browser tries again too.
                pass
            except ValueError as error:
                print(f"the page on port {self._port}: {error}", file=sys.stderr, flush=True)
            self.view = None
            self._ended.wait(RETRY_S)

    def _load(self) -> None:
        link = self._open = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SILENT_S)
        link.request("GET", "/")
        page = link.getresponse().read().decode()
        found = _TOKEN.search(page)
        if found is None:
            raise ValueError("the page carries no token")
        self._token = found[1]
        self.starts += 1
        link.close()

    def _read_live(self) -> None:
        link = self._open = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SILENT_S)
        link.request("GET", "/live")
        answer = link.getresponse()
        if answer.status != http.client.OK:
            raise ValueError(f"/live answered {answer.status}")
        while not self._ended.is_set() and (line := answer.readline()):
            if line.startswith(b"data: {"):
                self.view = json.loads(line[6:])
