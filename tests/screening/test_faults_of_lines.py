"""F14 to F32 and F37 of screening.md: what wires and devices do, by the real part that catches it.

Those that a room of the drivers or devices already holds are named there; the last test sees that
none is missing.
"""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from drivers.decoder import Decoder, Polling
from drivers.driver import Device, declared, names
from drivers.framing import Refusal
from drivers.reader import Reader, Scan
from drivers.thermometer import Sample, Thermometer
from gateway.core import events
from gateway.devices import port_thread
from gateway.devices.devices import Line
from gateway.devices.ears import ReaderEar
from gateway.devices.lines import REASONS
from gateway.devices.tables import BarrierSettings
from tests.core.post import Post, in_lane
from tests.drivers.lines import Wire

ROOT = Path(__file__).parents[2]
GY = declared("gy_mcu90614", Thermometer)
FRAME = GY.write_frame(Sample(3650, 2130))
EACH = [*range(1, 33), 37]


def said(events_, state: str, reason: str) -> bool:
    changes = [one for one in events_ if isinstance(one, events.DeviceStateChanged)]
    return bool(changes) and (changes[-1].state, changes[-1].reason) == (state, reason)


def asked(driver, answer: Callable[[int, int], bytes], rounds: int = 8) -> list:
    """Poll a driver's decoder; `answer` gives the bytes for the nth poll sent, and which it is."""
    decoder, found, now, sent = Decoder(driver), [], 0.0, 0
    polling = Polling(decoder)
    while sent < rounds * len(driver.polls):
        poll = polling.due(now)
        if poll is not None:
            found += decoder.feed(answer(sent, driver.polls.index(poll)))
            found += decoder.feed(b"", quiet=True)
            sent += 1
        now += driver.poll_s / 2
    return found


def believed(found: list) -> list:
    return [one for one in found if not isinstance(one, Refusal)]


@pytest.mark.parametrize(
    "name", [name for name in names(Thermometer) if not declared(name, Thermometer).needed]
)
def test_f14_what_is_below_zero_is_read_as_below_zero(name):
    """655.36 degrees is what an unsigned reader makes of a frosty die."""
    driver = declared(name, Thermometer)
    frost = driver.sample(-250, -1000)
    assert driver.read_frame(driver.write_frame(frost)) == frost
    assert GY.read_frame(bytes.fromhex("5a5a45040cf5ff0603")) == Sample(3317, -250)


def test_f15_an_i2c_sensor_that_is_not_there_is_a_fault_and_not_1037_degrees(heard, listening):
    """All-ones on the bus is 1037.55: the bridge says so, and one that does not is refused."""
    bridge = declared("mcu_bridge", Thermometer)
    for line in (b"$F,nack*B009\r\n", b"$T,103755,103755,*79BA\r\n"):
        assert isinstance(bridge.read_frame(line), Refusal)
    wire = Wire()
    listening(Line("t1", "mcu_bridge", wire.path))
    wire.talk(lambda: b"$T,103755,103755,*79BA\r\n", 0.03)
    heard.wait(lambda e: said(e, "faulty", "no_frames"))
    assert heard.of(events.SampleTaken) == []
    wire.unplug()


def test_f17_a_checksum_that_looks_like_a_header_and_data_that_does_lose_nothing():
    """31.94/20.00 ends in 5A, and 231.30 is 5A 5A: three 5A in a row, and two in the middle."""
    odd = [Sample(3194, 2000), Sample(23130, 2130), Sample(3650, 23130), Sample(3194, 2000)]
    frames = [GY.write_frame(sample) for sample in odd]
    assert frames[0].endswith(b"\x5a")
    assert b"\x5a\x5a" in frames[1][4:6]
    decoder = Decoder(GY)
    found = decoder.feed(b"".join(frames) + FRAME) + decoder.feed(b"", quiet=True)
    accepted = believed(found)
    expected = [one for one in odd if not isinstance(GY.read_frame(GY.write_frame(one)), Refusal)]
    assert accepted == [*expected, Sample(3650, 2130)]
    assert odd[0] in accepted


def test_f21_an_optris_answer_that_is_a_byte_late_is_flushed_and_the_next_is_right():
    driver = declared("optris", Thermometer)
    good = bytes.fromhex("0555"), bytes.fromhex("04d5")
    late = {4: b"\x05", 5: b"\x55\x04", 6: b"\xd5"}
    found = asked(driver, lambda sent, which: late.get(sent, good[which]), 10)
    assert set(believed(found)) == {Sample(3650, 2370)}, "0x5504 would be 2075 degrees"
    assert any(isinstance(one, Refusal) for one in found)
    assert found[-1] == Sample(3650, 2370)


def test_f22_a_code_scanned_while_the_reader_answers_costs_neither():
    driver = declared("gm65", Reader)
    decoder = Decoder(driver)
    reply, code = bytes.fromhex("020000013ee4ac"), b"PASS-0042\r"
    for at in range(2, len(reply)):
        found = decoder.feed(reply[:at] + code + reply[at:]) + decoder.feed(b"", quiet=True)
        texts = [one.text for one in found if isinstance(one, Scan) and one.text]
        assert texts == ["PASS-0042"], at
        assert not [one for one in found if isinstance(one, Refusal)], at


def test_f24_a_role_whose_plug_was_swapped_does_not_start(heard, listening):
    """Roles go by the socket (udev, by path) and by what the device says."""
    rules = (ROOT / "systemd" / "60-gatepost.rules").read_text(encoding="utf-8")
    assert 'SYMLINK+="gate/$env{ID_PATH_TAG}"' in rules
    wire, other = Wire(), declared("gy_53", Device)
    frame = bytes.fromhex("5a5a1503001302e1")
    assert frame == bytes.fromhex(other.examples[0].hex)
    listening(Line("t1", "gy_mcu90614", wire.path))
    wire.talk(lambda: frame, 0.02)
    heard.wait(lambda e: said(e, "faulty", "other_device"))
    assert heard.of(events.SampleTaken) == []
    assert "swapped" in REASONS["other_device"]
    wire.unplug()


def test_f26_modem_managers_at_is_passed_over_and_kept_away(heard, listening):
    wire = Wire()
    listening(Line("t1", "gy_mcu90614", wire.path))
    wire.talk(lambda: b"AT\r" + FRAME + b"AT+GCAP\r" + FRAME, 0.05)
    heard.wait(lambda e: sum(isinstance(one, events.SampleTaken) for one in e) >= 10)
    assert {one.object_centi_c for one in heard.of(events.SampleTaken)} == {3650}
    rules = (ROOT / "systemd" / "60-gatepost.rules").read_text(encoding="utf-8")
    assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in rules
    guide = (ROOT / "docs" / "installing-a-gate.md").read_text(encoding="utf-8")
    assert re.search(r"purge .*modemmanager.*brltty", guide)


def test_f27_a_converter_that_brltty_grabbed_is_said_with_what_to_do(
    heard, listening, tmp_path, monkeypatch
):
    """Its rule unbinds the CH340 from its driver: the port is not there while the plug is in."""
    rule = tmp_path / "85-brltty.rules"
    monkeypatch.setattr(port_thread, "GRABBERS", (rule,))
    listening(Line("t1", "gy_mcu90614", str(tmp_path / "ttyUSB0")))
    heard.wait(lambda e: said(e, "lost", "missing"))
    rule.touch()
    heard.wait(lambda e: said(e, "lost", "grabbed"))
    assert "systemctl mask brltty" in REASONS["grabbed"]
    assert "brltty" in REASONS["busy"]


def test_f30_an_rs485_line_that_hands_back_our_own_bytes_is_understood(heard, listening):
    wire, driver = Wire(), declared("calex_pyrominibus", Thermometer)
    parts = driver.framing.parts(driver.write_frame(driver.sample(3650, 2300)))
    answers = dict(zip(driver.polls, parts, strict=True))

    def answer() -> bytes:
        request = wire.receive()
        return request + answers.get(request, b"")

    listening(Line("t1", "calex_pyrominibus", wire.path, echo=True))
    wire.talk(answer, 0.005)
    heard.wait(lambda e: sum(isinstance(one, events.SampleTaken) for one in e) >= 5)
    assert {one.object_centi_c for one in heard.of(events.SampleTaken)} == {3650}
    wire.unplug()


@pytest.mark.parametrize("row", range(4))
def test_f30_an_array_whose_first_rows_slipped_is_refused_and_the_next_is_right(row):
    """The switch of direction on RS-485 swallows bytes: all that follows stands one byte early."""
    driver = declared("e1_32x32", Thermometer)
    frame = driver.write_frame(driver.sample(3480, 2130))
    slipped = frame[: 2 + row * 64] + frame[3 + row * 64 :]
    found = asked(driver, lambda sent, which: slipped if sent == 2 else frame, 8)
    assert set(believed(found)) == set(believed(asked(driver, lambda sent, which: frame, 8)))
    assert any(isinstance(one, Refusal) for one in found)


def test_f32_a_relay_that_does_not_confirm_is_an_actuator_fault_and_no_pulse_is_too_short(
    heard, relay
):
    wire = Wire()
    relay("modbus_coil", wire.path)
    heard.wait(lambda e: said(e, "faulty", "no_echo"))
    wire.unplug()
    post = Post(in_lane(barrier="b1"))
    for event in heard.of(events.DeviceStateChanged):
        post.do(event)
    assert "actuator_fault" in [alert["what"] for alert in post.screen()["alerts"]]
    with pytest.raises(msgspec.ValidationError, match=r"0\.2"):
        msgspec.convert({"name": "b1", "driver": "lcus", "port": "x", "pulse_s": 0.05},
                        BarrierSettings)  # fmt: skip


@pytest.mark.parametrize("bus", ["calex_pyrominibus", "calex_pyrousb"])
@pytest.mark.parametrize("what", ["exception", "another slave's", "spoilt", "the poll before's"])
def test_f31_an_exception_a_wrong_slave_and_a_late_reply_are_rejected(bus, what):
    driver = declared(bus, Thermometer)
    good = driver.framing.parts(driver.write_frame(driver.sample(3650, 2300)))
    first = good[0]
    wrong = {
        "exception": _with_crc(bytes((first[0], first[1] | 0x80, 2))),
        "another slave's": _with_crc(bytes((first[0] + 1,)) + first[1:-2]),
        "spoilt": first[:-3] + bytes((first[-3] ^ 1,)) + first[-2:],
        "the poll before's": good[-1] if len(good) > 1 else first[1:] + first[:1],
    }[what]
    found = asked(driver, lambda sent, which: wrong if sent == 0 else good[which])
    assert set(believed(found)) == {driver.sample(3650, 2300)}
    assert any(isinstance(one, Refusal) for one in found)


def _with_crc(data: bytes) -> bytes:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return data + crc.to_bytes(2, "little")


def test_f37_a_card_held_on_the_reader_for_ten_seconds_is_one_event():
    ear = ReaderEar("q1", "in1", again_s=3.0)
    scan = next(
        example.expected
        for example in declared("rdm6300", Reader).examples
        if isinstance(example.expected, Scan)
    )
    passes = [one for tenth in range(100) for one in ear.hear(scan, tenth / 10)]
    assert len(passes) == 1
    assert len(ear.hear(scan, 14.0)) == 1, "taken away and held there again"


# --- None is missing ------------------------------------------------------------------------


def test_each_fault_of_the_reference_has_its_test():
    found = {
        int(number)
        for file in (ROOT / "tests").rglob("test_*.py")
        for number in re.findall(
            r"^def test_f(\d\d)_", file.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert [number for number in EACH if number not in found] == []
