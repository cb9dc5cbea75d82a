"""The link to the broker: paho-mqtt 2, MQTT 5, one thread, a fresh client for every connection.

Law: the broker remembers nothing for us and paho keeps nothing for us. Clean start, session
expiry 0; each connection is a new paho client, so that nothing queued before a break is sent
behind our back after it (paho would, some of it twice).

paho's own loop thread is not used: an exception in a callback kills it while `is_connected()`
stays true. This thread drives the socket itself, so whatever goes wrong comes out here.
"""

import contextlib
import logging
import os
import select
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic  # noqa: TID251 - the edge: keepalive and back-off are real time.
from typing import Any, Final, TypeAlias

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.errors import SecretMissing
from gateway.uplink import Out

CONNECT_S: Final = 10.0
"""From the first packet to the answered subscriptions."""
STEP_S: Final = 0.5
BEAT_S_MAX: Final = 20.0
"""The thread that has not gone round for so long hangs."""
BEAT_S_MAX_CONNECTING: Final = 180.0
"""Looking a name up asks each server of a dead network in turn, and cannot be given a bound."""
PUBACK_S_MAX: Final = 30.0
"""A broker that answers pings and acknowledges nothing is as good as away."""
RECONNECT_S: Final = 1.0
STEADY_S: Final = CONNECT_S + 5.0
"""A connection that lasted this long begins the back-off anew when it breaks."""
NO_SUBSCRIBERS: Final = 0x10

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The broker answered and the subscriptions stand."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection is over, or could not be had; `reason` is said to people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A message came."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class PublishRefused:
    """The broker took a message and said that it will not deliver it."""

    topic: str
    reason: str


News: TypeAlias = LinkUp | LinkDown | Heard | PublishRefused


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is, and how we show who we are."""

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    keepalive_s: int = 15
    reconnect_s_max: float = 60.0


class LinkLost(ConnectionError):  # noqa: N818 - read beside PortLost.
    """The connection broke, or the broker refused it; the text says why."""


class Link:
    """Keeps one connection to the broker, and says what happens to it."""

    def __init__(
        self,
        address: Address,
        *,
        subscriptions: Sequence[str],
        will: Out,
        news: Callable[[News], None],
        failed: Callable[[BaseException], None],
        jitter: Callable[[], float],
    ) -> None:
        """`news` is called on the link's thread and must not block; `failed` ends the process."""
        self._address = address
        self._subscriptions = tuple(subscriptions)
        self._will = will
        self._news = news
        self._failed = failed
        self._jitter = jitter
        self._outs: deque[Out] = deque()
        self._topics: dict[int, str] = {}
        """The topics of what is not acknowledged by the broker."""
        self._acknowledged_s = 0.0
        """When the broker last acknowledged something, or was first owed it."""
        self._refused: set[str] = set()
        self._stop = threading.Event()
        self._wake_r, self._wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._last_down = ""
        self.beat_s = monotonic()
        """When the thread was last seen going round."""
        self._connecting = False

    def ailing(self, now: float) -> str | None:
        """Say that the thread is dead or hangs; None when it is well."""
        if not self._thread.is_alive():
            return "the link's thread is dead"
        bound_s = BEAT_S_MAX_CONNECTING if self._connecting else BEAT_S_MAX
        if now - self.beat_s > bound_s:
            return f"the link's thread has hung for {now - self.beat_s:.0f} s"
        return None

    def start(self) -> None:
        """Connect, and go on connecting."""
        self._thread.start()

    def send(self, outs: Sequence[Out]) -> None:
        """Hand messages over; they are dropped when the connection breaks first."""
        if not outs:
            return
        self._outs.extend(outs)
        self._wake()

    def close(self, wait_s: float = 3.0) -> None:
        """Send what was handed over, take leave of the broker, and end the thread."""
        self._stop.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(wait_s)
        if not self._thread.is_alive():
            os.close(self._wake_r)
            os.close(self._wake_w)

    # --- On the thread ----------------------------------------------------------------------

    def _run(self) -> None:
        try:
            pause_s = RECONNECT_S
            while not self._stop.is_set():
                began = monotonic()
                self._connection()
                if monotonic() - began > STEADY_S:
                    pause_s = RECONNECT_S
                self._pause(pause_s * (0.5 + self._jitter()))
                pause_s = min(self._address.reconnect_s_max, pause_s * 2)
        except BaseException as error:  # noqa: BLE001 - the thread's entry: report and end.
            self._failed(error)

    def _connection(self) -> None:
        """Connect once and stay until it breaks; every way out is told as LinkDown."""
        self._outs.clear()
        self._topics.clear()
        up = False
        client = self._client()
        try:
            self._connect(client)
            up = True
            self._last_down = ""
            self._news(LinkUp())
            while not self._stop.is_set():
                self._publish(client)
                self._turn(client, STEP_S)
                self._look_at_pubacks()
            self._leave(client)
        except OSError as error:  # LinkLost, refused, unreachable, TLS: all are OSErrors.
            reason = str(error) or type(error).__name__
            if up or reason != self._last_down:
                self._last_down = reason
                self._news(LinkDown(reason))
        finally:
            self.beat_s, self._connecting = monotonic(), False
            with contextlib.suppress(OSError, ValueError):
                if (sock := client.socket()) is not None:
                    sock.close()

    def _client(self) -> Client:
        address = self._address
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=address.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(65535)  # the window is the uplink's business
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.tls is not None:
            client.tls_set_context(address.tls)
        client.will_set(self._will.topic, self._will.payload, qos=1, retain=self._will.retain)
        return client

    def _connect(self, client: Client) -> None:
        """Connect and subscribe; returns when both are answered."""
        address = self._address
        answers: dict[str, list[ReasonCode]] = {}
        client.on_connect = lambda _c, _u, _f, code, _p: answers.update(connect=[code])
        client.on_subscribe = lambda _c, _u, _mid, codes, _p: answers.update(subscribe=codes)
        client.on_disconnect = _ignore
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        expiry = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        expiry.SessionExpiryInterval = 0
        self._connecting = True
        client.connect(
            address.host, address.port, keepalive=address.keepalive_s, clean_start=True,
            properties=expiry,
        )  # fmt: skip
        self.beat_s = monotonic()
        self._connecting = False
        deadline = monotonic() + CONNECT_S
        self._await(client, answers, "connect", deadline)
        options = SubscribeOptions(qos=1)
        client.subscribe([(topic, options) for topic in self._subscriptions])
        self._await(client, answers, "subscribe", deadline)

    def _await(
        self, client: Client, answers: dict[str, list[ReasonCode]], word: str, deadline: float
    ) -> None:
        while word not in answers:
            if self._stop.is_set():
                raise LinkLost("ended while connecting")
            if monotonic() > deadline:
                raise LinkLost(f"the broker does not answer our {word}")
            self._turn(client, 0.1)
        for code in answers[word]:
            if code.is_failure:
                raise LinkLost(f"the broker refused our {word}: {code}")

    def _turn(self, client: Client, wait_s: float) -> None:
        """Let paho read, write and keep the link alive, once."""
        self.beat_s = monotonic()
        sock: Any = client.socket()
        if sock is None:
            raise LinkLost("the broker closed the connection")
        pending = getattr(sock, "pending", None)
        if pending is not None and pending():
            wait_s = 0.0
        writing = [sock] if client.want_write() else []
        readable, writable, _ = select.select([sock, self._wake_r], writing, [], wait_s)
        if self._wake_r in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_r, 4096)
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        if sock in readable or wait_s == 0.0:
            code = client.loop_read()
        if not code and (writable or client.want_write()):
            code = client.loop_write()
        code = code or client.loop_misc()
        if code:
            raise LinkLost(_reason(code))

    def _publish(self, client: Client) -> None:
        while self._outs:
            out = self._outs.popleft()
            sent = client.publish(out.topic, out.payload, qos=1, retain=out.retain)
            if sent.rc not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_QUEUE_SIZE}:
                raise LinkLost(_reason(sent.rc))
            if not self._topics:
                self._acknowledged_s = monotonic()
            self._topics[sent.mid] = out.topic

    def _look_at_pubacks(self) -> None:
        """Leave a broker that acknowledges nothing; a slow line takes a while for each batch."""
        if self._topics and monotonic() - self._acknowledged_s > PUBACK_S_MAX:
            raise LinkLost("the broker acknowledges nothing that we send")

    def _leave(self, client: Client) -> None:
        """Send the rest, then disconnect, so that the will is not published."""
        self._publish(client)
        deadline = monotonic() + 1.0
        while self._topics and monotonic() < deadline:
            self._turn(client, 0.05)
        client.disconnect()
        with contextlib.suppress(OSError):
            while client.want_write() and monotonic() < deadline:
                self._turn(client, 0.05)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._news(Heard(message.topic, bytes(message.payload)))

    def _on_publish(
        self, _client: Client, _userdata: object, mid: int, code: ReasonCode, _p: Properties
    ) -> None:
        topic = self._topics.pop(mid, "")
        self._acknowledged_s = monotonic()
        # "No matching subscribers" only says that central is away, which the uplink finds out.
        if code.is_failure and topic not in self._refused:
            self._refused.add(topic)
            self._news(PublishRefused(topic, str(code)))

    def _pause(self, wait_s: float) -> None:
        deadline = monotonic() + wait_s
        while not self._stop.is_set() and (left := deadline - monotonic()) > 0:
            self.beat_s = monotonic()
            self._stop.wait(min(left, 1.0))

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_w, b"!")


def _ignore(*_: object) -> None:
    """Leave the end of a connection to the loop, which sees it by itself."""


def _reason(code: MQTTErrorCode) -> str:
    words = {
        MQTTErrorCode.MQTT_ERR_CONN_LOST: "the connection was lost",
        MQTTErrorCode.MQTT_ERR_KEEPALIVE: "the broker has gone quiet",
        MQTTErrorCode.MQTT_ERR_NO_CONN: "there is no connection",
        MQTTErrorCode.MQTT_ERR_CONN_REFUSED: "the broker refused us",
    }
    return words.get(code, f"paho says {MQTTErrorCode(code).name}")


def tls_context(ca_file: str | None, cert_file: str | None, key_file: str | None) -> ssl.SSLContext:
    """Trust the site's authority, or the system's; show our certificate when there is one.

    Raises SecretMissing when a file cannot be read or is no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if cert_file is not None:
            context.load_cert_chain(cert_file, key_file)
    except OSError as error:
        files = ", ".join(name for name in (ca_file, cert_file, key_file) if name)
        raise SecretMissing(
            f"Of {files} not all can be read as certificates and key ({error})."
        ) from error
    return context
