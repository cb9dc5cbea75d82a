"""What dies or hangs at the centre or in the vault: found within a bound, said, and ended."""

import json
import queue
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from central import api, clock, config, subscriber
from central.api import Pages
from central.subscriber import Died, Link
from gateway import contract
from gateway.contract import Status
from tests.central import places
from tests.central.real import WAIT_S, Central, Client, free_port, wait_for

BROKEN = """
import sys, threading
from pathlib import Path
from central import api, picture, reading, subscriber, watch
from central.cli import main

def hang(*_, **__):
    threading.Event().wait()

{0}
main()
"""
LYING = """
subscriber.Link.acknowledge = lambda *_: None  # so that the broker's window to us fills for good
subscriber.ECHO_SLACK_S = 2.0
"""
LOST_IN_A_NAME = "subscriber.LOOKUP_S = 1.0; subscriber.mqtt.socket.create_connection = hang"
HANGING = "picture.draw = hang  # a disk that answers no more"
STALLING = """
from central import service
service.STALE_S = 0.5
draw = picture.draw
def stall(*a, **k):
    if Path(sys.argv[-1] + ".stall").exists():
        Path(sys.argv[-1] + ".stalled").touch()
        hang()
    return draw(*a, **k)
picture.draw = stall
"""
BREAKING = "subscriber.Arrived = None"
DEAF = "api.BEAT_S_MAX = 5.0; api.ThreadingHTTPServer.process_request = hang"
LATE = """
import time
api.BEAT_S_MAX = 1.0
def late(*_, came=[time.monotonic()]):
    came.append(time.monotonic())
    if came[-1] - came[-2] > 1.0:  # let go on: the loop comes round first
        time.sleep(0.9)
api.ThreadingHTTPServer.handle_timeout = late
"""
DUMB = "api.ANSWER_S_MAX = 1.0; api.asking.acknowledge = hang"
DEAF_AT_THE_END = "api.CLOSE_WAIT_S = 0.1; api.ThreadingHTTPServer.process_request = hang"
ENDLESS = "watch.END_S = 1.0; subscriber.Link.stop = hang"
BLIND = "reading.open_read_only = hang"


def broken(folder, how, *, broker_port=None, **environment):
    """Start a centre with something broken in it."""
    central = Central(folder, free_port() if broker_port is None else broker_port)
    return central.start(BROKEN.format(how), **environment)


def running(central):
    """Wait until the loop turns."""
    wait_for(lambda: "The broker" in central.said(), what="the loop")
    return central


def ask(central, method="GET", path="/healthz", body=b""):
    """Send a request; give its socket."""
    asking = socket.create_connection(("127.0.0.1", central.http_port), 30)
    head = f"{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    asking.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return asking


@pytest.fixture
def settings(tmp_path):
    return config.read(Central(tmp_path, free_port()).config)


def new_link(settings, inbox):
    will = Status(v=1, online=False, boot="b", at_ms=0, version="1")
    return Link(settings[0].broker, None, inbox, will, 5.0)


# --- The link -------------------------------------------------------------------------------


@pytest.mark.broker
def test_a_link_that_lies_about_being_connected_is_found(tmp_path, broker, client):
    """The broker answers pings, takes all, and gives nothing to the centre any more."""
    for number in range(250):
        client.send((f"c{number:03d}", "east"), "status", b"?", retain=True)
    central = broken(tmp_path, LYING, broker_port=broker.port)
    assert central.ended() == 1
    assert "nothing that we publish has come back" in central.said()


@pytest.mark.broker
def test_nobody_but_the_links_own_thread_writes_to_its_socket(tmp_path, broker, monkeypatch):
    """Two that write at once may send one message into another, or close what was just opened."""
    link = new_link(
        config.read(places.settings(tmp_path, broker_port=broker.port)),
        inbox := queue.SimpleQueue(),
    )
    writers, write = [], link._client.loop_write

    def noted():
        writers.append(threading.current_thread())
        return write()

    monkeypatch.setattr(link._client, "loop_write", noted)
    link.start()
    wait_for(lambda: link.connected, what="the link")
    for number in range(200):
        link.publish(contract.feed_topic("total", "now"), b"%d" % number)
    heard = 0
    while heard < 200:
        came = inbox.get(timeout=WAIT_S)
        if isinstance(came, subscriber.Arrived):
            heard += 1
            link.acknowledge(came)
    assert len(set(writers)) == 1  # Before the end: the thread's own end is no writer's any more.
    assert threading.current_thread() not in writers
    link.stop(Status(v=1, online=False, boot="b", at_ms=0, version="1"))


def test_a_link_that_hangs_while_it_connects_is_found(tmp_path):
    central = broken(tmp_path, LOST_IN_A_NAME)
    assert central.ended() == 1
    assert "the link's thread has hung for" in central.said()


def test_a_broker_that_is_away_is_no_thread_that_hangs(settings, monkeypatch):
    monkeypatch.setattr(subscriber, "LOOKUP_S", 30.0)
    link = new_link(settings, queue.SimpleQueue())
    link.start()
    began_s = link._sign_s
    wait_for(lambda: link._sign_s > began_s + 2.0, what="attempt upon attempt")
    assert link.ailing(link._sign_s + 30.0) is None
    assert "not connected" in link.ailing(link._sign_s + 32.0)
    link.stop(Status(v=1, online=False, boot="b", at_ms=0, version="1"))
    assert link.ailing(clock.now_s()) == "the link's thread is dead"


def test_a_callback_that_fails_is_reported(settings):
    inbox = queue.SimpleQueue()
    new_link(settings, inbox)._on_message(None, None, None)
    found = inbox.get(timeout=WAIT_S)
    assert isinstance(found, Died)
    assert isinstance(found.error, AttributeError)


@pytest.mark.broker
def test_a_callback_that_fails_ends_the_centre_which_says_why(tmp_path, broker, client):
    client.send(("c01", "east"), "status", b"?", retain=True)
    central = broken(tmp_path, BREAKING, broker_port=broker.port)
    assert central.ended() == 1
    assert "the thread 'mqtt callback' ended: TypeError" in central.said()


@pytest.mark.broker
def test_an_alarm_that_the_broker_had_not_taken_is_not_sent_again_behind_the_books_back(
    tmp_path, broker
):
    settings = config.read(places.settings(tmp_path, broker_port=broker.port))
    link = new_link(settings, queue.SimpleQueue())
    link.start()
    wait_for(lambda: link.connected, what="the connection")
    broker.hold()
    alarm = contract.alarm_topic("c01", "east", "t1-lost")
    link.publish(alarm, b"{}", retain=True)
    broker.kill()
    wait_for(lambda: not link.connected, what="its end")
    broker.start()  # The alarm was closed meanwhile: the Book wants nothing of it any more.
    wait_for(lambda: link.connected, what="the connection again")
    last = contract.feed_topic("total", "now")
    link.publish(last, b"{}", retain=True)
    watcher = Client(broker.port)
    wait_for(lambda: last in watcher.retained, what="what came after it")
    assert alarm not in watcher.retained
    watcher.close()
    link.stop(Status(v=1, online=False, boot="b", at_ms=0, version="1"))


# --- The loop, and the end ------------------------------------------------------------------


def test_a_loop_that_hangs_says_where_and_ends_before_systemd_kills_it(tmp_path):
    central = broken(tmp_path, HANGING, WATCHDOG_USEC="8000000")
    assert central.ended() == 1
    assert "Timeout" in central.said()
    assert "in _tick" in central.said()


def health(central):
    try:
        url = f"http://127.0.0.1:{central.http_port}/healthz"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.broker
def test_a_loop_that_hangs_is_not_called_well(tmp_path, broker):
    central = running(broken(tmp_path, STALLING, broker_port=broker.port))
    _, said = wait_for(lambda: (found := health(central))[0] == 200 and found, what="health")
    assert (said["ok"], said["stale"]) == (True, [])
    central.config.with_name(central.config.name + ".stall").touch()
    wait_for(central.config.with_name(central.config.name + ".stalled").exists, what="the hang")
    _, said = wait_for(lambda: (found := health(central))[0] == 503 and found, what="503")
    assert (said["ok"], said["stale"], said["broker"]) == (False, ["loop"], "connected")
    assert said["age_s"] > 0.5
    assert health(central)[1]["at_ms"] == said["at_ms"]


def test_an_end_that_does_not_come_says_where(tmp_path):
    central = running(broken(tmp_path, ENDLESS))
    assert central.stop() == 1
    assert "Timeout" in central.said()
    assert "in hang" in central.said()


# --- The pages ------------------------------------------------------------------------------


def test_a_page_that_nobody_can_load_any_more_ends_the_centre_which_says_why(tmp_path):
    central = running(broken(tmp_path, DEAF))
    with ask(central):
        assert central.ended() == 1
    assert "the thread pages has hung for" in central.said()


def test_pages_that_stood_still_with_all_the_rest_end_nobody(tmp_path):
    central = running(broken(tmp_path, LATE))
    central.process.send_signal(signal.SIGSTOP)
    time.sleep(2.0)  # The fault itself: longer than the bound.
    central.process.send_signal(signal.SIGCONT)
    time.sleep(1.0)  # In which the loop looks, several times.
    assert health(central)[0] == 503, "it runs, and says that there is no broker"
    assert central.stop() == 0


def test_an_answer_that_does_not_come_ends_the_centre_which_says_why(tmp_path):
    central = running(broken(tmp_path, DUMB))
    wish = {"compound": "c01", "gate": "east", "alert": "a", "by": "leader"}
    with ask(central, "POST", "/acknowledge", json.dumps(wish).encode()):
        assert central.ended() == 1
    assert "a page's request has not been answered for" in central.said()


def test_a_client_that_is_slow_to_ask_ails_nobody(settings, monkeypatch):
    monkeypatch.setattr(api, "ANSWER_S_MAX", -1.0)
    began, finished = queue.SimpleQueue(), queue.SimpleQueue()
    setup, finish = api._Handler.setup, api._Handler.finish
    monkeypatch.setattr(api._Handler, "setup", lambda self: (began.put(1), setup(self)))
    monkeypatch.setattr(api._Handler, "finish", lambda self: (finish(self), finished.put(1)))
    pages = Pages(*settings, dict, queue.SimpleQueue())
    pages.start()
    with socket.create_connection(("127.0.0.1", pages.port), 30) as slow:
        slow.sendall(b"GET /healthz HTTP/1.0\r\nHost: loc")
        began.get(timeout=WAIT_S)
        assert pages.ailing(clock.now_s()) is None
        slow.sendall(b"alhost\r\n\r\n")
        finished.get(timeout=WAIT_S)
    assert pages.ailing(clock.now_s()) is None
    with pages._answers.in_hand():
        assert "not been answered" in pages.ailing(clock.now_s())
    pages.stop()
    assert pages.ailing(clock.now_s()) == "the thread pages is dead"


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="no IPv6 on this machine")
def test_the_pages_are_had_at_the_other_loopback_too(tmp_path):
    path = places.settings(tmp_path)
    path.write_text(path.read_text().replace("127.0.0.1:0", "[::1]:0"))
    pages = Pages(*config.read(path), lambda: {"ok": True}, queue.SimpleQueue())
    pages.start()
    with urllib.request.urlopen(f"http://[::1]:{pages.port}/healthz", timeout=30) as answer:
        assert answer.status == 200
    pages.stop()


def test_a_server_that_hangs_does_not_hold_the_end(tmp_path):
    central = running(broken(tmp_path, DEAF_AT_THE_END))
    with ask(central):
        wait_for(lambda: listening(central) == 0, what="the connection in its hands")
        assert central.stop() == 0
    assert "The thread pages hangs; it is not waited for." in central.said()


def listening(central):
    """Count the connections that wait to be accepted on the centre's port."""
    with Path("/proc/net/tcp").open() as table:
        for line in table:
            _, local, _, state, queues, *_ = line.split()
            if state == "0A" and int(local.partition(":")[2], 16) == central.http_port:
                return int(queues.partition(":")[2], 16)
    return None


# --- The vault ------------------------------------------------------------------------------


@pytest.fixture
def notes(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")  # Linux draws an abstract name.
        manager.settimeout(WAIT_S)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + manager.getsockname()[1:].decode())
        yield manager


def vault(folder, how):
    for word in ("private", "table"):
        (folder / f"{word}.key").write_text("6b" * 32)
    central = Central(folder, free_port(), f"""\
[vault]
private_key_file = "{folder}/private.key"
table_key_file = "{folder}/table.key"
database = "{folder}/vault.db"
every_s = 3600
""")  # fmt: skip
    return central.start(BROKEN.format(how), "vault", "run", WATCHDOG_USEC="8000000")


def test_the_vault_tells_the_watchdog_while_it_waits(tmp_path, notes):
    running = vault(tmp_path, "")
    assert [notes.recv(99) for _ in range(4)] == [b"READY=1", *[b"WATCHDOG=1"] * 3]
    assert "The ledger is not there yet." in running.said()
    running.process.send_signal(signal.SIGTERM)
    assert running.ended() == 0


def test_a_vault_that_hangs_at_the_ledger_says_where_and_has_told_nothing(tmp_path, notes):
    hung = vault(tmp_path, BLIND)
    assert hung.ended() == 1
    assert "in follow" in hung.said()
    assert notes.recv(99) == b"READY=1"
    notes.settimeout(0.0)
    with pytest.raises(BlockingIOError):
        notes.recv(99)
