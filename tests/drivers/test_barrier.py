"""The barrier's rules, each a test, on relays that speak real bytes over real pseudo-terminals."""

import time

import msgspec
import pytest

from drivers.barrier import Barrier, Contact, Wiring
from drivers.driver import declared, load
from drivers.errors import PortRefused
from drivers.framing import Refusal, cut
from gateway.core.events import DeviceStateChanged
from gateway.devices import barrier
from gateway.devices.tables import BarrierSettings
from tests.drivers.lines import WAIT_S, Wire
from tests.drivers.running import PULSE_S
from tests.drivers.test_wires import FRAME, states

LCUS = declared("lcus", Barrier)
COIL = declared("modbus_coil", Barrier)


def until(met, told=()) -> None:
    ends_s = time.monotonic() + WAIT_S
    while not met():
        assert time.monotonic() < ends_s, told
        time.sleep(0.01)


class Board:
    """The other end of a relay's line: does what its bytes say, and remembers it."""

    def __init__(self, driver, wire: Wire, *, answers: bool = True, echoes: bool = False) -> None:
        self.told: list[Contact] = []
        self.answers, self.echoes = answers, echoes
        self._driver, self._wire = driver, wire
        self._buffer = bytearray()
        wire.talk(self._serve, 0.005)

    def _serve(self) -> bytes:
        came = self._wire.receive()
        sent = came if self.echoes else b""
        question = self._driver.question
        if question and question in came and self.answers:
            return sent + self._driver.answered
        self._buffer += came
        for piece in cut(self._driver.framing, self._driver.read_frame, self._buffer, quiet=True):
            if not isinstance(piece.found, Refusal):
                self.told.append(piece.found)
                if self._driver.confirms and self.answers:
                    sent += piece.raw
        return sent

    def contacts(self) -> list[tuple[int, bool]]:
        return [(contact.channel, contact.is_closed) for contact in self.told]

    def presses(self) -> list[int]:
        return [channel for channel, is_closed in self.contacts() if is_closed]

    def until(self, met) -> None:
        until(lambda: met(self.contacts()), self.told)


def reached(state: str, reason: str = ""):
    return lambda events: (
        [(e.state, e.reason) for e in events if isinstance(e, DeviceStateChanged)][-1:]
        == [(state, reason)]
    )


@pytest.mark.parametrize("driver", ["lcus", "modbus_coil"])
def test_a_pulse_presses_and_lets_go(driver, heard, relay):
    wire = Wire()
    board = Board(declared(driver, Barrier), wire)
    barriers = relay(driver, wire.path)
    heard.wait(reached("ok"))
    board.until(lambda told: told == [(1, False)])
    barriers.pulse("in1", time.monotonic())
    board.until(lambda told: told == [(1, False), (1, True), (1, False)])
    (health,) = barriers.health()
    assert (health.device, health.kind, health.state) == ("b1", "barrier", "ok")
    wire.unplug()


def test_pulses_are_long_enough_for_a_relays_controller():
    """F32."""
    settings = {"name": "b1", "driver": "lcus", "port": "x", "pulse_s": 0.05}
    with pytest.raises(msgspec.ValidationError, match="pulse_s"):
        msgspec.convert(settings, BarrierSettings)


def test_two_orders_at_once_are_one_pulse_and_two_lanes_are_two(heard, relay):
    wire = Wire()
    board = Board(LCUS, wire)
    barriers = relay("lcus", wire.path, in1=1, out1=2, pulse_s=1.0)
    heard.wait(reached("ok"))
    now = time.monotonic()
    for lane in ("in1", "in1", "out1", "in1"):
        barriers.pulse(lane, now)
    board.until(lambda told: told[2:].count((1, False)) and told[2:].count((2, False)))
    assert sorted(board.presses()) == [1, 2]
    wire.unplug()


def test_a_lane_without_a_barrier_is_opened_by_hand(relay, caplog):
    wire = Wire()
    barriers = relay("lcus", wire.path)
    with caplog.at_level("INFO"):
        barriers.pulse("foot1", time.monotonic())
    assert "Open by hand" in caplog.text
    wire.unplug()


def test_a_pulse_expires(heard, relay, tmp_path, caplog):
    """Whoever it was for is gone: a relay that comes back later opens for nobody."""
    link = tmp_path / "relay"
    barriers = relay("lcus", str(link))
    heard.wait(reached("lost", "missing"))
    barriers.pulse("in1", time.monotonic() - barrier.EXPIRES_S - 0.1)
    wire = Wire()
    board = Board(LCUS, wire)
    link.symlink_to(wire.path)
    heard.wait(reached("ok"))
    board.until(lambda told: told == [(1, False)])
    barriers.pulse("in1", time.monotonic() - barrier.EXPIRES_S - 0.1)
    until(lambda: barriers.health()[0].refusals == {"expired": 2})
    assert board.presses() == []
    wire.unplug()


def test_a_pulse_within_its_time_outlives_a_plug(heard, relay, tmp_path, monkeypatch):
    monkeypatch.setattr(barrier, "EXPIRES_S", WAIT_S)  # The machine may be busy.
    link = tmp_path / "relay"
    barriers = relay("lcus", str(link))
    heard.wait(reached("lost", "missing"))
    wire = Wire()
    board = Board(LCUS, wire)
    barriers.pulse("in1", time.monotonic())
    link.symlink_to(wire.path)
    board.until(lambda told: told[-2:] == [(1, True), (1, False)])
    wire.unplug()


def test_a_press_that_may_have_been_heard_is_not_made_again(heard, relay, tmp_path):
    """The plug goes between a press and its confirmation, and is back within the order's time."""
    link = tmp_path / "relay"
    first, second = Wire(), Wire()
    link.symlink_to(first.path)
    board = Board(COIL, first)
    barriers = relay("modbus_coil", str(link))
    heard.wait(reached("ok"))
    board.answers = False
    barriers.pulse("in1", time.monotonic())
    until(board.presses)
    link.unlink()
    link.symlink_to(second.path)
    again = Board(COIL, second)
    first.unplug()
    heard.wait(reached("lost", "unplugged"))
    heard.wait(reached("ok"))
    assert again.contacts() == [(1, False)]
    second.unplug()


def test_whoever_starts_lets_go_first_and_presses_nothing(heard, relay):
    """A process that died with the contact pressed: the next one lets go and repeats nothing."""
    wire = Wire()
    board = Board(LCUS, wire)
    wire.send(b"")  # the line is there, and nobody has ordered anything
    relay("lcus", wire.path, in1=1, out1=3)
    board.until(lambda told: len(told) == 2)
    heard.wait(reached("ok"))
    assert sorted(board.contacts()) == [(1, False), (3, False)]
    wire.unplug()


def test_stopping_lets_go(heard, relay):
    wire = Wire()
    board = Board(LCUS, wire)
    barriers = relay("lcus", wire.path, pulse_s=3.0)
    heard.wait(reached("ok"))
    barriers.pulse("in1", time.monotonic())
    board.until(lambda told: told[-1:] == [(1, True)])
    barriers.stop()
    board.until(lambda told: told[-1:] == [(1, False)])
    wire.unplug()


def test_a_relay_that_does_not_confirm_is_said_and_found_again(heard, relay):
    """F32."""
    wire = Wire()
    board = Board(COIL, wire)
    barriers = relay("modbus_coil", wire.path)
    heard.wait(reached("ok"))
    board.answers = False
    barriers.pulse("in1", time.monotonic())
    heard.wait(reached("faulty", "no_echo"))
    assert barriers.health()[0].state == "faulty"
    assert board.presses() == [1], "it was told once, and is not told again"
    board.answers = True
    heard.wait(reached("ok"))
    assert board.contacts()[-1] == (1, False)
    assert board.presses() == [1]
    wire.unplug()


def test_our_own_echo_is_no_confirmation(heard, relay):
    """F30: an adapter that hands our bytes back, and no relay behind it."""
    wire = Wire()
    board = Board(COIL, wire, answers=False, echoes=True)
    relay("modbus_coil", wire.path)
    heard.wait(reached("faulty", "no_echo"))
    assert board.presses() == []
    wire.unplug()


def test_a_bus_that_echoes_is_confirmed_by_the_second_copy(heard):
    wire = Wire()
    board = Board(COIL, wire, echoes=True)
    relay = COIL.connect(COIL, Wiring(wire.path, 9600, "8N1", echo=True))
    relay.look()
    relay.press(2)
    relay.release(2)
    relay.close()
    assert board.contacts() == [(2, True), (2, False)]
    wire.unplug()


def test_the_address_on_the_bus_may_be_set():
    board = load("modbus_coil", Barrier, {"unit": "17"})
    assert board.write_frame(Contact(1, is_closed=True)).hex().startswith("11050000ff00")
    assert board.read_frame(board.write_frame(Contact(3, is_closed=True))) == Contact(3, True)


@pytest.mark.parametrize("driver", ["lcus", "modbus_coil"])
def test_nothing_a_relay_is_told_closes_a_barrier(driver):
    """The only two things that can be told: press on *open*, and let go."""
    board = declared(driver, Barrier)
    told = {board.write_frame(Contact(1, is_closed=closed)) for closed in (True, False)}
    relay = board.connect(board, Wiring(f"sim://{driver}", 9600, "8N1"))
    acts = {name for name in dir(relay) if not name.startswith("_")}
    assert acts == {"press", "release", "hear", "look", "close"}
    assert len(told) == 2
    relay.close()


@pytest.mark.parametrize("driver", ["lcus", "modbus_coil"])
def test_f24_another_device_on_a_relays_port_is_said_and_told_nothing(
    driver, heard, relay, caplog, tmp_path
):
    """F24: two CH340 plugs that were swapped; when the relay is back it opens."""
    link = tmp_path / "relay"
    thermometer, wire = Wire(), Wire()
    link.symlink_to(thermometer.path)
    thermometer.talk(lambda: FRAME, 0.02)
    with caplog.at_level("WARNING"):
        barriers = relay(driver, str(link))
        heard.wait(reached("faulty", "other_device"))
    assert [one.GATE_HEARD for one in caplog.records if "swapped" in one.message] == ["gy_mcu90614"]
    barriers.pulse("in1", time.monotonic())
    until(lambda: barriers.health()[0].refusals == {"expired": 1})
    assert thermometer.receive() == b""
    board = Board(declared(driver, Barrier), wire)
    link.unlink()
    link.symlink_to(wire.path)
    thermometer.unplug()
    heard.wait(reached("ok"))
    barriers.pulse("in1", time.monotonic())
    board.until(lambda told: told[-2:] == [(1, True), (1, False)])
    wire.unplug()


def test_another_device_on_a_line_that_never_was_lost_is_told_nothing_more(heard, relay):
    """Behind a serial server a plug is another's without our losing the port."""
    wire = Wire()
    relay("lcus", wire.path)
    heard.wait(reached("ok"))
    wire.receive()
    wire.talk(lambda: FRAME, 0.02)
    heard.wait(reached("faulty", "other_device"))
    assert wire.receive() == b""
    wire.unplug()


def test_some_noise_on_a_relays_line_does_not_keep_a_barrier_shut(heard, relay):
    wire = Wire()
    board = Board(LCUS, wire)
    wire.send(b"\x00\xff\x00")
    barriers = relay("lcus", wire.path)
    heard.wait(reached("ok"))
    wire.send(b"\xff")
    barriers.pulse("in1", time.monotonic())
    board.until(lambda told: told[-2:] == [(1, True), (1, False)])
    assert ("faulty", "other_device") not in states(heard.events, "b1")
    wire.unplug()


def test_an_unplugged_relay_is_said_and_opened_again(heard, relay, tmp_path):
    link = tmp_path / "relay"
    first, second = Wire(), Wire()
    link.symlink_to(first.path)
    Board(LCUS, first)
    relay("lcus", str(link))
    heard.wait(reached("ok"))
    link.unlink()
    first.unplug()
    heard.wait(reached("lost", "unplugged"))
    Board(LCUS, second)
    link.symlink_to(second.path)
    heard.wait(reached("ok"))
    second.unplug()


# --- A GPIO line -----------------------------------------------------------------------------


@pytest.fixture
def pins():
    """gpiozero's own pretended chip."""
    from gpiozero import Device  # noqa: PLC0415
    from gpiozero.pins.mock import MockFactory  # noqa: PLC0415

    Device.pin_factory = MockFactory()
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = None


@pytest.mark.parametrize(("options", "rest"), [({}, 0), ({"active": "low"}, 1)])
def test_a_line_is_pressed_and_let_go(pins, heard, relay, options, rest):
    pin = pins.pin(17)
    barriers = relay("gpio_line", "gpio://17", options=options)
    heard.wait(reached("ok"))
    assert (pin.function, pin.state) == ("output", rest)
    pin.clear_states()
    barriers.pulse("in1", time.monotonic())
    until(lambda: [state.state for state in pin.states] == [rest, 1 - rest, rest])
    assert pin.states[2].timestamp >= PULSE_S - 0.05
    barriers.stop()
    assert pin.function == "input", "the line is given back"


def test_a_line_that_another_holds_is_busy(pins):
    line = declared("gpio_line", Barrier)
    wiring = Wiring("gpio://17", 9600, "8N1")
    first = line.connect(line, wiring)
    with pytest.raises(PortRefused, match="cannot be taken") as refused:
        line.connect(line, wiring)
    assert refused.value.reason == "busy"
    first.close()
    line.connect(line, wiring).close()


@pytest.mark.parametrize("port", ["gpio://", "gpio://J99:99", "/dev/ttyUSB0"])
def test_a_line_that_is_none_is_refused(pins, port):
    line = declared("gpio_line", Barrier)
    with pytest.raises(PortRefused):
        line.connect(line, Wiring(port, 9600, "8N1"))


def test_a_machine_without_lines_says_so(tmp_path, monkeypatch):
    """Here: lgpio is installed and finds no Raspberry Pi."""
    monkeypatch.chdir(tmp_path)
    line = declared("gpio_line", Barrier)
    with pytest.raises(PortRefused, match="gpio://17"):
        line.connect(line, Wiring("gpio://17", 9600, "8N1"))
    assert list(tmp_path.iterdir()) == [], "lgpio's pipe is not laid wherever we stand"
