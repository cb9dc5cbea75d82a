"""The demo called with what it cannot use: clear words and 2, before anything is started."""

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from demo.__main__ import main
from demo.run import Demo
from demo.settings import site

OTHER = ("--websockets", "ws://h:9001")


@pytest.fixture
def run(monkeypatch):
    """Call the demo; give what was said, and what would have been run."""
    started = []

    def call(*words):
        monkeypatch.setattr(Demo, "run", lambda demo: started.append(demo._wishes) or 0)
        return CliRunner().invoke(main, [str(word) for word in words]), started

    return call


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--broker", "foo", *OTHER), "--broker: mqtt://HOST:PORT is wanted"),
        (("--broker", "mqtts://h:8883", *OTHER), "--broker: mqtt://HOST:PORT is wanted"),
        (("--broker", "mqtt://h:99999", *OTHER), "--broker: a port from 1 to 65535"),
        (("--broker", "mqtt://me:secret/@h", *OTHER), "--broker: a port from 1 to 65535"),
        (("--broker", "mqtt://h:1883/x", *OTHER), "--broker: nothing may follow the port"),
        (("--broker", "mqtt://h:1883"), "both are wanted"),
        (OTHER, "both are wanted"),
        (("--broker", "mqtt://h", "--websockets", "h:9001"), "--websockets: ws://HOST:PORT"),
    ],
)
def test_a_broker_that_cannot_be(run, words, said):
    done, started = run(*words)
    assert (done.exit_code, started) == (2, [])
    assert said in done.output
    assert "secret" not in done.output


@pytest.mark.parametrize(
    ("url", "broker", "username", "password"),
    [
        ("mqtt://h", "mqtt://h", None, None),
        ("mqtt://[::1]:1883/", "mqtt://[::1]:1883", None, None),
        ("mqtt://me:p%40ss@h:1", "mqtt://h:1", "me", "p@ss"),
    ],
)
def test_a_broker_s_address_is_taken_apart(tmp_path, url, broker, username, password):
    made = site(tmp_path, gates=1, broker=url, websockets="ws://h")
    assert (made.broker, made.username, made.password) == (broker, username, password)


def test_pictures_that_are_none_are_named_and_passed_over(run, tmp_path):
    for name, content in (("a.jpg", b"none"), ("b.jpg", b"")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "c.png").mkdir()
    done, started = run("--pictures", tmp_path)
    assert (done.exit_code, started) == (2, [])
    for name in ("a.jpg", "b.jpg", "c.png"):
        assert f"{name} is no picture" in done.output
    cv2.imwrite(str(tmp_path / "d.png"), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "index.csv").write_text("name,plate\nd.png,A\n")
    assert "no columns `file` and `label`" in run("--pictures", tmp_path)[0].output
    (tmp_path / "index.csv").write_text("file,label\nx/d.png,A\na.jpg\n")
    done, (wishes,) = run("--pictures", tmp_path)
    assert done.exit_code == 0
    assert [path.name for path in wishes.pictures] == ["d.png"]
    assert wishes.labels == {"d.png": "A"}
