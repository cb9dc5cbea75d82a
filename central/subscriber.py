"""The centre's side of the broker: one paho client on a thread of its own, and an inbox.

What arrives is put into the inbox and acknowledged to the broker only when the ledger has committed
it (`acknowledge`), and only on the connection it came by: message ids are used again after a
reconnect. Clean start and session expiry 0: the broker is not trusted to remember.

paho's thread dies of an exception in a callback while `is_connected()` stays true; so every
callback is wrapped, and whatever ends the thread is reported in the inbox. paho must have begun the
thread itself (`loop_start`): only then does that thread alone write to the socket (decision 0050).
"""

import logging
import queue
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from central import clock
from central.config import Broker, secret
from central.errors import SettingsRefused
from gateway import contract

log = logging.getLogger(__name__)
CLIENT_ID: Final = "gatepost-central"
"""Fixed: a second centre by mistake takes over the connection, and both say so, rather than split
the gates' entries between two ledgers unseen."""
WORDS: Final = ("entries", "alert", "hello", "status", "health")
_IN_FLIGHT_MAX: Final = 200
"""Messages that the broker may have on their way to us, hence in the inbox."""
_FEEDS: Final = f"{contract.ROOT}/feed/#"
ECHO: Final = contract.feed_topic("total", "now")
"""Published by us at least each `refresh_s`, and heard back as long as the link is what it says."""
ECHO_SLACK_S: Final = 30.0
"""How long what was published may take to come back, through a backlog of gates."""
LOOKUP_S: Final = 180.0
"""Looking a name up asks each server of a dead network in turn, and cannot be given a bound."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message, not yet acknowledged to the broker."""

    topic: str
    payload: bytes
    retained: bool
    mid: int
    turn: int
    """Which connection it came by."""
    came_s: float | None = None
    """When it came, None for just now: what had to wait in hand says nothing new of its gate."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link came or went."""

    connected: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Died:
    """A thread ended that should not have; the process must end, too."""

    thread: str
    error: BaseException


Inbox: TypeAlias = "queue.SimpleQueue[object]"
P = ParamSpec("P")


def _reported(
    callback: Callable[Concatenate["Link", P], None],
) -> Callable[Concatenate["Link", P], None]:
    """Keep an exception out of paho's loop, and report it."""

    def wrapped(self: "Link", /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - around a library's callback: report and end.
            self.inbox.put(Died("mqtt callback", error))

    return wrapped


class _Client(mqtt.Client):
    """paho's client, whose thread says when it ends and of what."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, CLIENT_ID, protocol=mqtt.MQTTv5, manual_ack=True
        )
        self.ended = threading.Event()
        """The thread is over."""
        self.ending = False
        """It is meant to end."""
        self._inbox = inbox

    def loop_forever(
        self, timeout: float = 1.0, retry_first_connection: bool = False
    ) -> MQTTErrorCode:
        """Do what `loop_start` made the thread for."""
        try:
            code = super().loop_forever(timeout, retry_first_connection)
            if not self.ending:
                self._inbox.put(Died("mqtt", RuntimeError("its loop came to an end")))
        except BaseException as error:  # noqa: BLE001 - a thread's entry: report and end.
            self._inbox.put(Died("mqtt", error))
            return MQTTErrorCode.MQTT_ERR_UNKNOWN
        else:
            return code
        finally:
            self.ended.set()


class Link:
    """The connection to the broker."""

    def __init__(
        self, broker: Broker, password: bytes | None, inbox: Inbox, will: contract.Status,
        echo_every_s: float,
    ) -> None:  # fmt: skip
        """`echo_every_s`: what comes back to us is published at least so often."""
        self.inbox = inbox
        self.connected = False
        self._refused = False
        self._turn = 0
        self._broker = broker
        self._echo_s_max = 2 * echo_every_s + ECHO_SLACK_S
        self._away_s_max = LOOKUP_S + broker.reconnect_s_max
        self._sign_s = clock.now_s()
        """When the thread last gave a sign of life: an attempt, its outcome, our own word back."""
        self._client = client = _Client(inbox)
        client.on_pre_connect = client.on_socket_open = self._on_attempt
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.reconnect_delay_set(1, max(1, int(broker.reconnect_s_max)))
        client.max_inflight_messages_set(_IN_FLIGHT_MAX)
        client.will_set(contract.CENTRAL_STATUS, contract.encode(will), qos=1, retain=True)
        if broker.username is not None:
            client.username_pw_set(broker.username, _text(password))
        if broker.tls:
            client.tls_set_context(_tls_context(broker))

    def start(self) -> None:
        """Connect, and go on trying while the broker is not there."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        properties.ReceiveMaximum = _IN_FLIGHT_MAX
        self._client.connect_async(
            self._broker.host, self._broker.port, self._broker.keepalive_s,
            clean_start=True, properties=properties,
        )  # fmt: skip
        self._sign_s = clock.now_s()
        self._client.loop_start()

    def ailing(self, now: float) -> str | None:
        """Say that the thread is dead or hangs, or that the connection is none; None: all well.

        A library that says it is connected is not believed: its socket may be half open.
        """
        if self._client.ended.is_set():
            return "the link's thread is dead"
        connected, quiet_s = self.connected, now - self._sign_s
        if connected and quiet_s > self._echo_s_max:
            return (
                f"the link says it is connected, but for {quiet_s:.0f} s nothing that we publish"
                " has come back"
            )
        if not connected and quiet_s > self._away_s_max:
            return f"the link's thread has hung for {quiet_s:.0f} s, not connected"
        return None

    def stop(self, farewell: contract.Status) -> None:
        """Say farewell, wait a little for the broker to have it, and let go."""
        self._client.ending = True
        if self.connected:
            said = self._client.publish(
                contract.CENTRAL_STATUS, contract.encode(farewell), qos=1, retain=True
            )
            try:
                said.wait_for_publish(2.0)
            except RuntimeError:
                log.warning("The farewell was not taken by the broker.")
        self._client.disconnect()
        self._client.ended.wait(5.0)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send, if there is a connection; whoever is told late asks again."""
        if self.connected:
            self._client.publish(topic, payload, qos=1, retain=retain)

    def acknowledge(self, message: Arrived) -> None:
        """Tell the broker that a message is safely ours."""
        if message.turn == self._turn and self.connected and message.mid:
            self._client.ack(message.mid, 1)

    def stop_listening_to_feeds(self) -> None:
        """Leave the feeds, whose retained topics have come by now."""
        if self.connected:
            self._client.unsubscribe(_FEEDS)

    # --- paho's thread ---

    @_reported
    def _on_attempt(self, *_: Any) -> None:
        self._sign_s = clock.now_s()

    @_reported
    def _on_connect(self, client: mqtt.Client, _: Any, __: Any, code: ReasonCode, ___: Any) -> None:
        self._sign_s = clock.now_s()
        self._refused = code.is_failure
        if self._refused:
            self.inbox.put(LinkChanged(False, f"the broker refuses: {code}"))
            return
        self._turn += 1
        # paho would send again what the former broker had not taken, an alarm closed since among
        # it; what is still wanted the Book publishes anew.
        client.drop_out_messages()
        self.connected = True
        topics = [f"{contract.ROOT}/gate/+/+/{word}" for word in WORDS]
        client.subscribe([(topic, 1) for topic in (*topics, contract.CENTRAL_STATUS, _FEEDS, ECHO)])
        self.inbox.put(LinkChanged(True, "connected"))

    @_reported
    def _on_connect_fail(self, *_: Any) -> None:
        self._sign_s = clock.now_s()
        # paho calls this while it handles the error, and does not pass it on.
        self.inbox.put(LinkChanged(False, str(sys.exception() or "it is not there")))

    @_reported
    def _on_disconnect(self, _: Any, __: Any, ___: Any, code: ReasonCode, ____: Any) -> None:
        self._sign_s = clock.now_s()
        self.connected = False
        if not self._refused:  # Else paho calls it a protocol error, and it is said already.
            self.inbox.put(LinkChanged(False, f"disconnected: {code}"))
        self._refused = False

    @_reported
    def _on_message(self, _: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        mid = message.mid if message.qos else 0
        came_s = clock.now_s()
        retained, body = bool(message.retain), bytes(message.payload)
        if message.topic == ECHO and not retained:
            self._sign_s = came_s
        self.inbox.put(Arrived(message.topic, body, retained, mid, self._turn, came_s))

    @_reported
    def _on_subscribe(self, _: Any, __: Any, ___: Any, codes: list[ReasonCode], *____: Any) -> None:
        for code in codes:
            if code.is_failure:
                log.error(
                    "The broker refuses a subscription; see its ACL.",
                    extra={"CENTRAL_REASON": str(code)},
                )

    @_reported
    def _on_publish(self, _: Any, __: Any, ___: Any, code: ReasonCode, ____: Any) -> None:
        if code.is_failure:
            log.error(
                "The broker refuses what is published; see its ACL.",
                extra={"CENTRAL_REASON": str(code)},
            )


def attempt(broker: Broker) -> None:
    """Read the files that the settings name, as `central check` does; raises SettingsRefused.

    A credential is there only within its unit, and is not asked for.
    """
    if broker.password_file is not None:
        _text(secret(broker.password_file, None, "broker.password_file"))
    if broker.tls:
        _tls_context(broker)


def _text(password: bytes | None) -> str | None:
    if password is None:
        return None
    try:
        return password.decode().strip()
    except UnicodeDecodeError:
        # Not `from error`: the error carries the bytes.
        raise SettingsRefused("broker.password: it is no text; UTF-8 is wanted.") from None


def _tls_context(broker: Broker) -> ssl.SSLContext:
    """Trust the site's authority, or the system's; show our certificate when there is one."""
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.cert_file is not None:
            context.load_cert_chain(broker.cert_file, broker.key_file)
    except OSError as error:
        files = ", ".join(filter(None, (broker.ca_file, broker.cert_file, broker.key_file)))
        raise SettingsRefused(
            f"broker.ca_file, cert_file, key_file: of {files} not all can be read as certificates"
            f" and key ({error})."
        ) from error
    return context
