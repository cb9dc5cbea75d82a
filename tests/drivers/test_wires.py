"""Distance sensors, readers, hubs and buses, as the gate hears them over real lines."""

import socket
import threading
import time

import pytest

from drivers.decoder import Decoder
from drivers.distance import Distance, Range
from drivers.driver import Driver, declared
from drivers.ports import Port, open_port
from drivers.reader import Reader, Scan
from drivers.thermometer import Sample, Thermometer
from gateway.core.events import DeviceStateChanged, PassPresented, PresenceChanged, SampleTaken
from gateway.devices import hubs, port_thread
from gateway.devices.devices import Line, SerialDevices
from gateway.devices.ears import DistanceEar, ReaderEar
from gateway.devices.hearing import recognise, speaking
from gateway.devices.hubs import Hubs
from tests.drivers.lines import WAIT_S, Wire
from tests.drivers.running import barriers, running

GY = declared("gy_mcu90614", Thermometer)
GY_53 = declared("gy_53", Distance)
FRAME = GY.write_frame(Sample(3650, 2130))


def states(events, device: str) -> list[tuple[str, str]]:
    return [
        (e.state, e.reason)
        for e in events
        if isinstance(e, DeviceStateChanged) and e.device == device
    ]


def reached(device: str, state: str, reason: str = ""):
    return lambda events: states(events, device)[-1:] == [(state, reason)]


def distance(port: str, driver: str = "gy_53") -> Line:
    ear = DistanceEar(("in1",), near_mm=1000, far_mm=1500, settle_s=0.1)
    return Line("d1", driver, port, kind=Distance, ear=ear)


def reader(port: str, driver: str, **options: str) -> Line:
    ear = ReaderEar("q1", "in1", again_s=5.0)
    return Line("q1", driver, port, options=options, kind=Reader, ear=ear)


# --- Distance --------------------------------------------------------------------------------


def felt(events) -> list[bool]:
    return [event.present for event in events if isinstance(event, PresenceChanged)]


def test_a_car_before_a_distance_sensor(heard, listening):
    wire, range_mm = Wire(), [2000]
    running = listening(distance(wire.path))
    wire.talk(lambda: GY_53.write_frame(Range(range_mm[0])))
    heard.wait(lambda events: felt(events) == [False])
    range_mm[0] = 700
    heard.wait(lambda events: felt(events) == [False, True])
    range_mm[0] = 2000
    heard.wait(lambda events: felt(events) == [False, True, False])
    assert running.health()[0].kind == "distance"
    wire.unplug()


def test_a_sensor_that_sees_nothing_it_can_measure_is_said_and_says_nothing(heard, listening):
    """Too far is no distance: the lane is neither free nor taken."""
    wire, nothing = Wire(), bytes.fromhex("5a5a15031ffe02eb")
    frame = [GY_53.write_frame(Range(700))]
    running = listening(distance(wire.path))
    wire.talk(lambda: frame[0])
    heard.wait(lambda events: felt(events) == [True])
    frame[0] = nothing
    heard.wait(reached("d1", "faulty", "nothing_seen"))
    frame[0] = GY_53.write_frame(Range(700))
    heard.wait(lambda events: felt(events) == [True, True])
    assert running.health()[0].refusals["range"] > 3
    wire.unplug()


@pytest.mark.parametrize("driver", ["gy_53", "a02yyuw", "us_100", "tfmini"])
def test_every_pretended_sensor_sees_who_comes(driver, heard, listening):
    listening(distance(f"sim://{driver}?every_s=2&for_s=1&rate_hz=50", driver))
    heard.wait(lambda events: len(felt(events)) >= 3)
    assert felt(heard.events)[:3] in ([True, False, True], [False, True, False])


@pytest.mark.parametrize("driver", ["gy_53", "a02yyuw", "tfmini"])
def test_no_distance_that_stays_is_lost_to_a_header_among_its_bytes(driver):
    driver = declared(driver, Distance)
    for range_mm in driver.ranges_mm:
        assert heard_of(driver, *[range_mm] * 4) == [range_mm] * 4


def test_a_jump_behind_a_byte_that_is_a_header_costs_one_frame_at_most():
    """The A02YYUW opens with FF alone, and a distance may end in it."""
    driver, lost = declared("a02yyuw", Distance), set()
    for before in range(0x00FF, 4501, 0x100):
        for after in range(31, 4501, 10):
            found = heard_of(driver, before, after, after)
            assert found in ([before, after, after], [after, after])
            if len(found) == 2:
                lost.add(before - after)
    assert min(lost) >= 769, "no car comes so far nearer in a tenth of a second and stays unseen"


def heard_of(driver: Distance, *ranges_mm: int) -> list[int]:
    decoder = Decoder(driver)
    frames = b"".join(driver.write_frame(Range(range_mm)) for range_mm in ranges_mm)
    found = decoder.feed(frames) + decoder.feed(b"", quiet=True)
    return [one.range_mm for one in found if isinstance(one, Range)]


# --- Readers ---------------------------------------------------------------------------------


def passes(events) -> list[tuple[str, str, str]]:
    return [
        (event.medium, event.text, event.name)
        for event in events
        if isinstance(event, PassPresented)
    ]


def test_a_tag_held_on_is_one_pass_and_silence_is_no_fault(heard, listening, caplog):
    """F37, on a line: the tag is said again and again."""
    wire, tag = Wire(), declared("rdm6300", Reader).write_frame(Scan("tag", "62E3086CED"))
    with caplog.at_level("DEBUG"):
        running = listening(reader(wire.path, "rdm6300"))
        heard.wait(reached("q1", "ok"))
        wire.talk(lambda: tag, 0.02)
        heard.wait(passes)
        began_s = running.health()[0].age_s
        assert began_s is not None
        time.sleep(0.5)  # the holding on is what is tested
        wire.hush()
    assert passes(heard.events) == [("tag", "62E3086CED", "")]
    assert states(heard.events, "q1") == [("ok", "")]
    assert "62E3086CED" not in caplog.text + repr(heard.events)
    wire.unplug()


def test_a_code_reader_is_asked_and_a_code_within_its_answer_is_read(heard, listening):
    """F22."""
    driver, wire = declared("gm65", Reader), Wire()
    answer = driver.write_frame(Scan("code"))

    def answered() -> bytes:
        within = answer[:3] + b"PASS-00017342\r" + answer[3:]
        return within if driver.polls[0] in wire.receive() else b""

    listening(reader(wire.path, "gm65"))
    wire.talk(answered, 0.01)
    heard.wait(passes)
    assert passes(heard.events) == [("code", "PASS-00017342", "")]
    heard.wait(reached("q1", "ok"))
    wire.hush()
    wire.send("临时通行证42\r\n".encode())
    heard.wait(lambda events: len(passes(events)) == 2)
    wire.unplug()


def test_a_reader_that_is_asked_and_does_not_answer_is_silent(heard, listening):
    driver = declared("sdt_id_card", Reader)
    wire = Wire()
    listening(reader(wire.path, "sdt_id_card"))
    heard.wait(reached("q1", "silent", "no_bytes"))
    assert wire.receive().startswith(driver.polls[0])
    wire.unplug()


@pytest.mark.parametrize(("options", "number"), [({}, "002X"), ({"number": "whole"}, None)])
def test_an_identity_card_is_read_step_by_step(heard, listening, options, number):
    driver, wire, asked = declared("sdt_id_card", Reader), Wire(), []
    card = driver.framing.parts(driver.write_frame(Scan("id_card", "002X", "张三")))
    none = driver.framing.parts(driver.write_frame(Scan("id_card")))
    held = [none]

    def answered() -> bytes:
        said = b""
        for step, poll in enumerate(driver.polls):
            if poll in wire.receive_all():
                wire.taken(poll)
                asked.append(step)
                said += held[0][step]
        return said

    inbox = bytearray()
    wire.receive_all = lambda: inbox.extend(wire.receive()) or bytes(inbox)
    wire.taken = lambda poll: inbox.__delitem__(slice(0, inbox.find(poll) + len(poll)))
    running = listening(reader(wire.path, "sdt_id_card", **options))
    wire.talk(answered, 0.01)
    heard.wait(reached("q1", "ok"))
    assert not passes(heard.events)
    held[0] = card
    heard.wait(passes)
    ((medium, text, name),) = passes(heard.events)
    assert (medium, name) == ("id_card", "张三")
    assert text == number or (number is None and len(text) == 18)
    assert asked[:3] == [0, 1, 2], "each step waits for the answer to the one before"
    assert not running._devices[0]._recent, "neither photo nor text outlives its frame"
    wire.unplug()


# --- What speaks in another's place, and buses ------------------------------------------------


def test_two_plugs_that_were_swapped_are_said(heard, listening, caplog):
    """F24: the port is right, and another model speaks on it."""
    wire = Wire()
    listening(Line("t1", "gy_mcu90614", wire.path))
    wire.talk(lambda: GY_53.write_frame(Range(1234)), 0.02)
    with caplog.at_level("WARNING"):
        heard.wait(reached("t1", "faulty", "other_device"))
    (record,) = [one for one in caplog.records if "swapped" in one.message]
    assert record.GATE_HEARD == "gy_53"
    assert not heard.of(SampleTaken)
    wire.unplug()


@pytest.mark.parametrize("driver", ["e1_32x32", "optris", "calex_pyrominibus"])
def test_f24_who_speaks_in_the_place_of_one_that_is_asked_is_asked_nothing(
    driver, heard, listening, caplog
):
    """F24: a poll that sets nothing on its own device may on another; once alone, it is asked."""
    wire = Wire()
    wire.talk(lambda: FRAME, 0.02)
    with caplog.at_level("WARNING"):
        listening(Line("t1", driver, wire.path))
        heard.wait(reached("t1", "faulty", "other_device"))
    assert [one.GATE_HEARD for one in caplog.records] == ["gy_mcu90614"]
    assert wire.receive() == b""
    wire.hush()
    heard.wait(reached("t1", "silent", "no_bytes"))
    assert wire.receive().startswith(declared(driver, Thermometer).polls[0])
    wire.unplug()


def test_a_board_that_greets_whoever_opens_it_is_asked_when_it_has_done(
    heard, listening, monkeypatch
):
    """Opening resets some boards: opened again and again they would greet for ever."""
    poll, emptied = declared("us_100", Distance).polls[0], threading.Event()
    empty = Port.flush_input
    monkeypatch.setattr(Port, "flush_input", lambda port: (empty(port), emptied.set()))
    with socket.create_server(("127.0.0.1", 0)) as door:
        listening(distance(f"socket://127.0.0.1:{door.getsockname()[1]}", "us_100"))
        line, _ = door.accept()
        with line:
            line.settimeout(WAIT_S)
            assert emptied.wait(WAIT_S), "what waits when a port is opened is thrown away"
            line.sendall(b"ready, version 1.2\r\n")
            heard.wait(reached("d1", "faulty", "other_device"))
            assert line.recv(16) == poll


def test_a_pass_that_is_shown_before_its_reader_was_ever_asked_is_read(heard, listening, tmp_path):
    file = tmp_path / "x.capture"
    file.write_text(f"0.6 {b'PASS-00017342'.hex()}0d\n900 00\n")
    listening(reader(f"replay://{file}", "gm65"))
    heard.wait(passes)
    assert passes(heard.events) == [("code", "PASS-00017342", "")]


def test_every_model_that_speaks_by_itself_is_recognised_and_noise_is_nobody():
    import random  # noqa: PLC0415

    for name, driver in speaking().items():
        dice = random.Random(name).randint
        said = b"".join(driver.write_frame(driver.draw(dice)) for _ in range(8))
        assert name in recognise(said, driver.baud)
    assert recognise(random.Random(5).randbytes(4096)) == set()


class Bus:
    """A two-wire bus: what the gate says comes back, and then a device answers."""

    def __init__(self, driver: Driver, value) -> None:
        self.wire = Wire()
        self._parts = driver.framing.parts(driver.write_frame(value))
        self._polls = driver.polls
        self.wire.talk(self._serve, 0.005)

    def _serve(self) -> bytes:
        came = self.wire.receive()
        answers = (self._parts[n] for n, poll in enumerate(self._polls) if poll in came)
        return came + b"".join(answers)


def test_a_bus_that_echoes_is_understood_when_told_and_not_otherwise(heard, listening):
    """F30: a device whose answers nothing marks."""
    driver = declared("us_100", Distance)
    bus = Bus(driver, Range(700))
    listening(distance(bus.wire.path, "us_100"))
    heard.wait(lambda events: any(state == "faulty" for state, _ in states(events, "d1")))
    assert felt(heard.events) == []
    bus.wire.unplug()
    bus = Bus(driver, Range(700))
    line = distance(bus.wire.path, "us_100")
    listening(Line("d2", line.driver, line.port, kind=Distance, ear=line.ear, echo=True))
    heard.wait(lambda events: felt(events) == [True])
    bus.wire.unplug()


def test_an_echo_that_does_not_come_costs_no_answer():
    wire = Wire()
    port = open_port(wire.path, 9600, echo=True)
    port.write(b"?T\r")
    wire.send(b"!T0036.5\r\n")
    assert port.read_chunk(1.0) == b"!T0036.5\r\n"
    port.write(b"?T\r")
    wire.send(b"?T")
    assert port.read_chunk(1.0) == b""
    wire.send(b"\r!T0036.5\r\n?T\r")
    assert port.read_chunk(1.0) == b"!T0036.5\r\n?T\r"
    port.close()
    wire.unplug()


def test_other_line_settings_reach_the_port():
    wire = Wire()
    port = open_port(wire.path, 19200, "8N2")
    assert (port._line.baudrate, port._line.stopbits) == (19200, 2)
    port.close()
    wire.unplug()


# --- A hub -----------------------------------------------------------------------------------


class Server:
    """A serial server: several real TCP ports that are all gone when its power goes."""

    def __init__(self, count: int, silent: int = 0) -> None:
        self._doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        self._silent = self._doors[count - silent :]
        self._lines: list[socket.socket] = []
        self._on = True
        self.ports = [f"socket://127.0.0.1:{door.getsockname()[1]}" for door in self._doors]
        self._threads = [
            threading.Thread(target=self._serve, args=(door,), daemon=True) for door in self._doors
        ]
        for thread in self._threads:
            thread.start()

    def _serve(self, door: socket.socket) -> None:
        try:
            line, _ = door.accept()
            self._lines.append(line)
            while self._on:
                line.sendall(b"" if door in self._silent else FRAME)
                time.sleep(0.05)
        except OSError:
            return

    def cut(self, *which: int) -> None:
        for at in which:
            self._lines[at].shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._on = False
        for one in (*self._lines, *self._doors):
            one.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def _at_leisure(monkeypatch):
    """On a busy machine threads that lose their ports at once find out one after the other."""
    for room in (hubs, port_thread):
        monkeypatch.setattr(room, "TOGETHER_S", 3.0)


@pytest.mark.usefixtures("_at_leisure")
def test_all_ports_of_a_hub_gone_at_once_are_said_as_one(heard, listening):
    """F29, at the edge; that it is one alert then is the core's: tests/core/test_wires.py."""
    server = Server(3)
    names = ["t1", "t2", "t3"]
    listening(*(Line(n, "gy_mcu90614", p) for n, p in zip(names, server.ports, strict=True)))
    heard.wait(lambda events: all(("ok", "") in states(events, name) for name in names))
    server.cut(0, 1, 2)
    heard.wait(lambda events: all(("lost", "hub") in states(events, name) for name in names))
    gone = [e for e in heard.of(DeviceStateChanged) if e.reason == "hub"]
    assert {e.hub for e in gone} == {"127.0.0.1"}
    server.close()


@pytest.mark.usefixtures("_at_leisure")
def test_a_relay_goes_with_its_hub_and_is_no_alert_of_its_own(heard):
    """F29: a relay says nothing, so that only looking at its port tells that it is gone."""
    server, both = Server(2, silent=1), Hubs()
    lines = [Line("t1", "gy_mcu90614", server.ports[0])]
    with running() as start:
        start(lambda fail: SerialDevices(lines, heard, fail, both))
        start(lambda fail: barriers(heard, fail, "lcus", server.ports[1], hubs=both))
        for device in ("t1", "b1"):
            heard.wait(reached(device, "ok"))
        server.cut(0, 1)
        for device in ("t1", "b1"):
            heard.wait(reached(device, "lost", "hub"))
    assert not [e for e in heard.of(DeviceStateChanged) if e.reason == "unplugged"]
    server.close()


def test_one_port_of_a_hub_is_only_itself(heard, listening):
    server = Server(2)
    names = ["t1", "t2"]
    listening(*(Line(n, "gy_mcu90614", p) for n, p in zip(names, server.ports, strict=True)))
    heard.wait(lambda events: all(("ok", "") in states(events, name) for name in names))
    index = 0 if server._lines[0].getsockname()[1] == int(server.ports[0].rpartition(":")[2]) else 1
    server.cut(index)
    heard.wait(lambda events: ("lost", "unplugged") in states(events, "t1"))
    assert ("lost", "hub") not in states(heard.events, "t1")
    server.close()
