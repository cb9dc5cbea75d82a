"""Law 7 for real: a gate, its camera, a broker and a centre; all that is said is searched.

What was read is taken from the journal's seals, so that the search looks for what truly was there.
"""

import base64
import json
import re
import subprocess
import sys
import threading

import msgspec
import pytest
from nacl.public import PrivateKey, SealedBox
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from drivers.reader import Scan
from gateway import contract as c
from gateway import systemd
from gateway.camera.wire import Orders, encode
from gateway.core.events import PassPresented, TemperatureTyped
from gateway.desk import Note
from gateway.plates.reader import Plate
from tests.camera.pictures import Folder
from tests.camera.scenes import draw
from tests.central.real import Central
from tests.house.sources import ROOT

from .site import until

DRAWN, TYPED = "鲁MXK92P", "鲁QHJ7VZ"
"""No four characters of them can stand in a hash."""
NAME, REASON, TYPED_CENTI_C = "张卫国", "居委会担保", 3791
LANE = 'cameras = ["c1"]\nzone = [[0.12, 0.66], [0.88, 0.66], [0.98, 1.0], [0.02, 1.0]]'
PRIVATE = PrivateKey.generate()
PARTS_MIN = 4


class Tap:
    """Everything on the broker, as `mosquitto_sub -v -t '#'` shows it."""

    def __init__(self, port):
        self.said = []
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("#")
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _, __, m: self.said.append((m.topic, m.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(10)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()

    def heard(self, end, what=b""):
        return any(topic.endswith(end) and what in payload for topic, payload in self.said)


@pytest.fixture
def tap(broker):
    tap = Tap(broker.port)
    yield tap
    tap.close()


@pytest.fixture
def central(broker, tmp_path):
    folder = tmp_path / "central"
    folder.mkdir()
    central = Central(folder, broker.port).start()
    yield central
    central.kill()


@pytest.fixture
def gate(broker, tmp_path, make_gate):
    camera = Folder(tmp_path / "camera")
    camera.lay(draw(where="empty"))
    gate = make_gate(
        broker.port, every_s=1.2, for_s=0.8, port_more="&object=38.47", lane=LANE,
        extra=f'[[camera]]\nname = "c1"\nsource = "{camera.url}"\n',
    )  # fmt: skip
    (tmp_path / "seal.pub").write_bytes(bytes(PRIVATE.public_key))
    gate.camera = camera
    return gate


def unsealed(gate):
    """Open what only the vault may: every text and number that is somebody's."""
    box, texts, numbers = SealedBox(PRIVATE), set(), set()
    for entry in gate.entries():
        if entry.sealed is not msgspec.UNSET:
            for _, value in leaves(json.loads(box.decrypt(entry.sealed))):
                if isinstance(value, str):
                    texts.add(value)
                elif value > 1000:  # Uncertainties are nobody's, and True is a 1.
                    numbers.add(value)
    return texts - {""}, numbers


def parts(text):
    """Give all parts of a text from four characters on; Chinese ones from two on."""
    least = 2 if re.fullmatch("[\u4e00-\u9fff]+", text) else PARTS_MIN
    spans = range(least, len(text) + 1)
    return {text[first : first + span] for span in spans for first in range(len(text) - span + 1)}


def leaves(value, key=""):
    """Walk a message: every number and text with the key it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, key)
    else:
        yield key, value


def assert_nothing_of(texts, numbers, said, where):
    told = sorted(part for text in texts for part in parts(text) if part in said)
    assert not told, f"{where}: {told}"
    spelt = {f"{number}" for number in numbers} | {
        f"{number // 100}.{number % 100:02d}"[:count] for number in numbers for count in (4, 5)
    }
    told = spelt & set(re.findall(r"(?<![\w.:-])\d+(?:\.\d+)?(?![\w:-])", said))
    assert not told, f"{where}: {told}"


def assert_sealed_only(texts, numbers, topic, payload):
    for key, value in leaves(json.loads(payload or b"null")):
        assert "centi_c" not in key, topic
        if key == "sealed":
            assert SealedBox(PRIVATE).decrypt(base64.b64decode(value))
        elif isinstance(value, str):
            assert_nothing_of(texts, numbers, value, f"{topic} {key}")
        elif not key.endswith(("_ms", "_mb")):
            assert value not in numbers, f"{topic} {key}"


def test_nothing_personal_leaves_the_seals(tap, central, gate):
    gate.start()
    page = gate.page()
    until(lambda: tap.heard("/health", b'"device":"c1","kind":"camera","state":"ok"'))
    until(lambda: tap.heard("central/status", b"true"))
    gate.camera.lay(draw(DRAWN, 1, "zone"))
    until(lambda: gate.bodies("plate") and gate.bodies("reading"))
    page.touch("PlateTyped", lane="in1", text=TYPED)
    page.touch("TemperatureTyped", lane="in1", person=None, centi_c=TYPED_CENTI_C, site="contact")
    page.touch("OverrideTouched", lane="in1", decision="admit", operator=NAME, reason=REASON)
    until(lambda: any(body.advice for body in gate.bodies("decided")))
    page.touch("NextTouched", lane="in1")
    until(lambda: gate.bodies("closed"))
    until(lambda: tap.heard("feed/total/now", b'"overrides":1'))
    assert gate.stop() == 0
    until(lambda: tap.heard("east/status", b"false"))
    assert central.stop() == 0

    texts, numbers = unsealed(gate)
    assert {DRAWN, TYPED, NAME, REASON} <= texts
    assert TYPED_CENTI_C in numbers
    assert any(abs(number - 3847) < 20 for number in numbers)
    assert_nothing_of(texts, numbers, gate.said(), "the gate's log")
    assert_nothing_of(texts, numbers, central.said(), "the centre's log")
    assert {topic.split("/")[2] for topic, _ in tap.said} == {"gate", "central", "feed"}
    for topic, payload in tap.said:
        assert_sealed_only(texts, numbers, topic, payload)


CRASH = """
import sys
from gateway.core import core
from gateway.cli import main
step = core.step
def spoilt(gate, event, now):
    try:
        if type(event).__name__ == "PlateTyped":
            {"a": 1}[event.text]
    except KeyError as error:
        typed = 2 * 1895 + 1  # The line itself is told.
        raise ValueError(f"{event!r} of {event.text[1:]}, {typed / 100} or {typed}") from error
    return step(gate, event, now)
core.step = spoilt
del sys.argv[1:3]  # -m gateway
main()
"""


def test_a_crash_says_where_and_not_whose(broker, make_gate, tmp_path, monkeypatch):
    (tmp_path / "spoilt").write_text(CRASH)
    started = tmp_path / "start"  # A first line names no interpreter whose path has a space.
    started.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "spoilt"}" "$@"\n')
    started.chmod(0o755)
    gate = make_gate(broker.port)
    monkeypatch.setattr(sys, "executable", str(started))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    gate.start()
    gate.page().touch("PlateTyped", lane="in1", text=TYPED)
    assert gate.process.wait(60) == 1
    said = gate.said()
    assert "The gate's process ends." in said
    assert "ValueError: " in said
    assert "in spoilt" in said
    assert_nothing_of({TYPED}, {TYPED_CENTI_C}, said, "the crash")


def test_the_camera_process_dies_by_the_same_rule():
    done = subprocess.run(
        [sys.executable, "-c", f"""
from gateway.camera import child as camera_child
def watch(*_):
    raise KeyError(" ".join({DRAWN.split("X")!r}))
camera_child.watch = watch
camera_child.main()
"""],
        input=encode(Orders(())), capture_output=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"in watch\n" in done.stderr
    assert done.stderr.endswith(b"KeyError: ...\n")


def test_no_repr_tells_what_is_sealed():
    shown = repr(
        [
            c.SealedPlate(text=TYPED, candidates=(DRAWN,)),
            c.SealedReading(raw_centi_c=TYPED_CENTI_C),
            c.SealedOverride(operator=NAME, reason=REASON),
            c.SealedPass(text=TYPED, name=NAME),
            c.SealedCalibration(by=NAME, reference=REASON),
            PassPresented("in1", "q1", "code", TYPED, NAME),
            Scan("id_card", TYPED, NAME),
            Note(text=TYPED, candidates=(DRAWN,)),
            Plate(TYPED, "blue", 0.9, (), (0, 0, 1, 1), (), ((DRAWN, 0.9),)),
            TemperatureTyped("in1", 1, TYPED_CENTI_C, "contact"),
        ]
    )
    assert_nothing_of({TYPED, DRAWN, NAME, REASON}, {TYPED_CENTI_C}, shown, "a repr")
    assert {kind.__name__ for kind in c.SEALED.values()} <= set(re.findall(r"Sealed\w+", shown))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError(DRAWN), "KeyError: ..."),
        (KeyError(DRAWN[1:]), "KeyError: ..."),
        (ValueError(f"invalid literal for int() with base 10: {DRAWN!r}"),
         "ValueError: invalid literal for int() with base 10: ..."),
        (RuntimeError("37.91 of 3791 of MXK92P"), "RuntimeError: ... of ... of ..."),
        (AssertionError(c.SealedPlate(text=DRAWN)), "AssertionError: SealedPlate(...)"),
        (OSError(28, "No space left on device", "/var/lib/x4711"),
         "OSError: [Errno 28] No space left on device: '/var/lib/x4711'"),
    ],
)  # fmt: skip
def test_of_an_errors_words_only_those_without_values_are_kept(error, words):
    assert systemd.death(error) == words


def test_what_led_to_an_error_is_told_before_it():
    error = RuntimeError("second")
    error.__cause__ = KeyError("first")
    error.__cause__.__context__ = error  # A ring ends.
    assert systemd.death(error) == "KeyError: ...\n-> and then:\nRuntimeError: second"
