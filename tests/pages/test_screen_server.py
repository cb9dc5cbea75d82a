"""The screen's server: who may speak to it, and that no client can hold up the gate."""

import contextlib
import http.client
import json
import logging
import socket
import threading
import urllib.request
from pathlib import Path

import pytest

from gateway.core.events import NextTouched
from gateway.errors import SettingsRefused
from gateway.screen import LIVE_MAX, Screen
from tests.pages.stage import WAIT_S, Stage, wait_until
from tests.pages.views import state

NEXT = json.dumps({"touch": "NextTouched", "lane": "in1"})


@pytest.fixture
def stage():
    with Stage(lanes=["in1"]) as one:
        yield one


def ask(screen, method="GET", path="/", body=None, **headers):
    """Ask as a browser on this machine would, but for the headers given."""
    sent = {"Host": f"127.0.0.1:{screen.port}"} | {
        name.replace("_", "-"): value for name, value in headers.items() if value is not None
    }
    link = http.client.HTTPConnection("127.0.0.1", screen.port, timeout=WAIT_S)
    try:
        link.request(method, path, body, sent)
        answer = link.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        link.close()


def touch(screen, body=NEXT, **headers):
    ours = {"Origin": f"http://127.0.0.1:{screen.port}", "X_Gatepost_Token": screen.token}
    return ask(screen, "POST", "/touch", body, **(ours | headers))


def test_a_touch_is_handed_on(stage):
    status, body, _ = touch(stage.screen)
    assert (status, body) == (204, b"")
    assert stage.wait_touch() == [NextTouched("in1")]


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Host": "evil.example:80"}, "wrong Host"),
        ({"Host": "127.0.0.1"}, "wrong Host"),
        ({"Origin": "http://evil.example"}, "wrong Origin"),
        ({"Origin": "null"}, "wrong Origin"),
        ({"Origin": None}, "wrong Origin"),
        ({"X_Gatepost_Token": None}, "another start"),
        ({"X_Gatepost_Token": "x"}, "another start"),
        ({"X_Gatepost_Token": "\xe9"}, "another start"),
    ],
)
def test_a_touch_from_elsewhere_is_refused(stage, headers, said):
    status, body, _ = touch(stage.screen, **headers)
    assert status == 403
    assert said in json.loads(body)["refused"]
    assert stage.touches == []


@pytest.mark.parametrize("path", ["/", "/live", "/crop/12", "/app.js"])
@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_nothing_is_shown_to_another_sites_page(stage, path, headers):
    assert ask(stage.screen, path=path, **headers)[0] == 403


def test_what_is_no_touch_is_refused_with_a_reason(stage):
    status, body, _ = touch(stage.screen, json.dumps({"touch": "NextTouched", "lane": "in2"}))
    assert (status, json.loads(body)["refused"]) == (
        400,
        "NextTouched: lane 'in2' is none of in1",
    )
    for length in ("4097", "-1", "x", "9" * 5000):
        assert touch(stage.screen, Content_Length=length)[0] == 400
    assert touch(stage.screen, b"\xff")[0] == 400
    assert ask(stage.screen, "PUT", "/touch")[0] == 501
    assert stage.touches == []


def test_the_page_carries_the_token_and_a_strict_policy(stage):
    status, body, headers = ask(stage.screen)
    assert status == 200
    assert f'data-token="{stage.screen.token}"' in body.decode()
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "Python" not in headers["Server"]
    assert headers["Cache-Control"] == "no-store"


def test_two_starts_have_two_tokens():
    with Stage() as one, Stage() as other:
        assert one.screen.token != other.screen.token


def test_only_the_pages_own_files_are_served(stage):
    assert ask(stage.screen, path="/style.css")[2]["Content-Type"].startswith("text/css")
    for path in (
        "/../screen.py",
        "/vendor/VENDOR.toml",
        "/index.html",
        "/%2e%2e/x",
        "//etc/passwd",
    ):
        assert ask(stage.screen, path=path)[0] == 404


def test_a_crop_is_found_by_its_passage(stage):
    status, body, headers = ask(stage.screen, path="/crop/12")
    assert (status, body[:2], headers["Content-Type"]) == (200, b"\xff\xd8", "image/jpeg")
    for path in ("/crop/13", "/crop/", "/crop/-1", "/crop/1%32", "/crop/" + "1" * 13):
        assert ask(stage.screen, path=path)[0] == 404


def test_a_fault_in_a_handler_is_reported_and_the_rest_goes_on(caplog):
    def crop(_):
        raise ZeroDivisionError

    failed = []
    screen = Screen("127.0.0.1", 0, lambda _: None, crop, failed=failed.append)
    screen.start()
    try:
        with caplog.at_level(logging.ERROR), pytest.raises(http.client.HTTPException):
            ask(screen, path="/crop/1")
        wait_until(lambda: "A page's request failed." in caplog.text)
        assert ask(screen)[0] == 200
        assert failed == []
    finally:
        screen.close()


def test_it_listens_on_loopback_only():
    for host in ("0.0.0.0", "", "192.168.1.4", "example.org"):
        with pytest.raises(SettingsRefused, match="loopback"):
            Screen(host, 0, lambda _: None, lambda _: None)


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="no IPv6 on this machine")
def test_it_listens_on_the_other_loopback_too_and_says_so():
    screen = Screen("::1", 0, lambda _: None, lambda _: None)
    screen.start()
    assert screen.url == f"http://[::1]:{screen.port}/"
    with urllib.request.urlopen(screen.url, timeout=WAIT_S) as answer:
        assert answer.status == 200
    screen.close()


def watch(screen):
    """Open a live view that the caller reads or does not read."""
    link = socket.create_connection(("127.0.0.1", screen.port), WAIT_S)
    link.sendall(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{screen.port}\r\n\r\n".encode())
    return link


def read_until(link, wanted):
    found = b""
    while wanted not in found:
        more = link.recv(65536)
        assert more, found[-300:]
        found += more
    return found


def test_the_newest_view_is_sent_and_newlines_cannot_break_it(stage):
    stage.screen.show(b'{"a":\r\n1}')
    with watch(stage.screen) as link:
        found = read_until(link, b"}\n\n")
        assert b"event: boot\ndata: " in found
        assert b'data: {"a":  1}\n\n' in found
        stage.screen.show(b'{"b":2}')
        read_until(link, b'data: {"b":2}\n\n')


@pytest.mark.timeout(60)
def test_a_page_that_does_not_read_never_blocks_show(stage):
    """60 MB are more than its connection holds: a show that waited for it would never end."""
    big = b'"' + b"x" * 200_000 + b'"'
    with watch(stage.screen) as slow, watch(stage.screen) as quick:
        read_until(slow, b"event: boot")
        for _ in range(300):
            stage.screen.show(big)
        stage.screen.show(b'"last"')
        read_until(quick, b'data: "last"')


def test_watching_places_are_few_and_given_back(stage):
    stage.show(state("idle"))
    links = [watch(stage.screen) for _ in range(LIVE_MAX)]
    try:
        for link in links:
            read_until(link, b"data: {")
        assert ask(stage.screen, path="/live")[0] == 503
    finally:
        for link in links:
            link.close()

    def served():
        # Those that hung up may still hold their connections: then this one is hung up on, too.
        with contextlib.suppress(ConnectionError), watch(stage.screen) as link:
            return b"200 OK" in link.recv(100)

    wait_until(served, what="a free place")


def test_all_threads_end_with_the_server():
    before = set(threading.enumerate())
    with Stage() as stage:
        stage.show(state("idle"))
        links = [watch(stage.screen) for _ in range(3)]
        links.append(socket.create_connection(("127.0.0.1", stage.screen.port), WAIT_S))
        for link in links[:3]:
            read_until(link, b"data: {")

    def ended():
        left = set(threading.enumerate()) - before
        return not any(thread.name.startswith("screen") for thread in left)

    wait_until(ended, what="the threads' end")
    for link in links:
        link.close()


def test_an_address_in_use_is_said_at_once():
    with Stage() as stage, pytest.raises(OSError, match="in use"):
        Screen("127.0.0.1", stage.screen.port, lambda _: None, lambda _: None)
