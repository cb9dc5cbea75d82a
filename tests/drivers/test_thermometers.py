"""What only one thermometer's wire does."""

import io
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

import pytest

from drivers import pictures
from drivers.decoder import Decoder
from drivers.driver import load
from drivers.errors import OptionRefused
from drivers.framing import Refusal
from drivers.thermometer import Sample, Thermometer
from tests.drivers.conversation import alone, said, spoilt, values

GY = load("gy_mcu90614", Thermometer)
MI = load("raytek_mi", Thermometer)
GY614 = load("gy_614v", Thermometer)


def samples_of(driver: Thermometer, stream: bytes, chunk_bytes: int = 4096) -> list:
    return values(said(alone(driver), [(stream,)], chunk_bytes))


def test_dropped_and_doubled_bytes_never_satisfy_the_sum_by_shifting():
    """Once in 256 times a shifted frame has a right sum: the next header's place gives it away."""
    wrong, lost, tried = 0, 0, 0
    for object_centi_c in range(2000, 4000, 7):
        true = Sample(object_centi_c, object_centi_c * 31 % 4100 - 500)
        frame = GY.write_frame(true)
        for bad in (bad for bad in spoilt(frame) if len(bad) != len(frame)):
            found = samples_of(GY, frame + bad + frame + frame)
            wrong += sum(one != true for one in found)
            lost += len(found) < 3
            tried += 1
    assert tried > 5000
    assert (wrong, lost) == (0, 0)


def test_three_5a_in_a_row_are_no_fault():
    stream = bytes.fromhex("5a5a45040c7a07d05a") * 5
    for chunk_bytes in range(1, 20):
        assert samples_of(GY, stream, chunk_bytes) == [Sample(3194, 2000)] * 5


def test_count_byte_is_believed_from_4_to_6_only():
    for count in range(256):
        tail = bytes(max(0, count - 4))
        body = bytes((0x5A, 0x5A, 0x45, count)) + bytes.fromhex("0e420852") + tail
        frame = body + bytes((sum(body) & 0xFF,))
        assert (samples_of(GY, frame) == [Sample(3650, 2130)]) == (count in (4, 5, 6)), count


def test_a_lone_wrong_line_is_not_believed_without_a_second():
    decoder = Decoder(MI)
    shown = [3650, 3650, 5650, 3660, 3660, 2100, 2110]
    found = [decoder.feed(MI.write_frame(Sample(value, 2400)))[0] for value in shown]
    no = Refusal.DISAGREEMENT
    assert [one if one is no else one.object_centi_c for one in found] == [
        no, 3650, no, 3660, 3660, no, 2110,
    ]  # fmt: skip


def test_own_echo_and_notices_on_the_line_are_passed_over():
    line = b"#XI\r\n" + b"?T\r!T0036.5\r\n?I\r!I0024.0\r\n" * 3 + b"*Syntax Error\r\n"
    for chunk_bytes in range(1, 20):
        assert samples_of(MI, line, chunk_bytes) == [Sample(3650, 2400)] * 3


# --- Optris: two bytes and nothing else ----------------------------------------------------------

OPTRIS = load("optris", Thermometer)
TRUE = Sample(3650, 2370)


def test_a_lost_byte_costs_a_round_and_shifts_nothing():
    """F21."""
    high, low = OPTRIS.framing.parts(OPTRIS.write_frame(TRUE))
    for bad in ((high[:1], low), (high, low[1:]), (high + b"\x05", low), (b"", low), (high, b"")):
        found = said(alone(OPTRIS), [(high, low), bad, (high, low), (high, low)])
        assert values(found) == [TRUE] * 3, bad


def test_what_comes_unasked_between_rounds_is_not_an_answer():
    decoder = Decoder(alone(OPTRIS))
    assert decoder.feed(b"\x05\x55", quiet=True) == [Refusal.LENGTH]
    parts = OPTRIS.framing.parts(OPTRIS.write_frame(TRUE))
    found = []
    for number, part in enumerate(parts):
        decoder.ask(number)
        found += [*decoder.feed(part), *decoder.feed(b"", quiet=True)]
    assert found == [TRUE]


def test_an_optris_is_set_by_its_options():
    hs = load("optris", Thermometer, {"scale": "hundredths", "address": "5"})
    assert hs.polls == (b"\xb5\x01", b"\xb5\x02")
    assert hs.read_frame(bytes.fromhex("303e 303e")) == Sample(2350, 2350)
    for options in ({"scale": "degrees"}, {"address": "0"}, {"address": "80"}, {"address": "x"}):
        with pytest.raises(OptionRefused, match=r"wanted$"):
            load("optris", Thermometer, options)


# --- Raytek and Fluke: several heads on one line -------------------------------------------------


def test_a_raytek_head_is_addressed():
    head = load("raytek_mi", Thermometer, {"head": "2", "address": "17"})
    assert head.polls == (b"017?2T\r", b"017?2I\r")
    line = b"017!2T0036.5\r\n017!2I0024.0\r\n"
    assert samples_of(head, line) == [Sample(3650, 2400)]
    assert samples_of(head, b"018!2T0036.5\r\n018!2I0024.0\r\n" + line) == [Sample(3650, 2400)]
    assert samples_of(MI, line) == []
    for options in ({"head": "9"}, {"address": "0"}, {"address": "33"}):
        with pytest.raises(OptionRefused, match="is wanted"):
            load("raytek_mi", Thermometer, options)


# --- Modules whose order or number the installer tells -------------------------------------------


def test_a_cjmcu_is_read_in_the_order_that_was_found():
    frame = bytes.fromhex("666601040c780d197b")
    for first, sample in (("object", Sample(3192, 3353)), ("ambient", Sample(3353, 3192))):
        driver = load("cjmcu_90614", Thermometer, {"first": first})
        assert driver.read_frame(frame) == sample
        assert driver.read_frame(driver.write_frame(sample)) == sample
    with pytest.raises(OptionRefused, match="object or ambient"):
        load("cjmcu_90614", Thermometer, {"first": "left"})


def test_a_gy_614v_has_an_address():
    driver = load("gy_614v", Thermometer, {"address": "5"})
    frame = driver.write_frame(Sample(3650, 2130))
    assert frame[0] == 5
    assert samples_of(driver, GY614.write_frame(Sample(3800, 2130)) + frame) == [Sample(3650, 2130)]
    with pytest.raises(OptionRefused, match="1 to 255"):
        load("gy_614v", Thermometer, {"address": "256"})


def test_an_array_may_be_held_to_its_number():
    driver = load("e1_32x32", Thermometer, {"id": "01020304"})
    assert driver.read_frame(driver.write_frame(Sample(3650, 2130, faces=1))).faces == 1
    other = load("e1_32x32", Thermometer)
    assert driver.read_frame(other.write_frame(Sample(3650, 2130, faces=1))) is Refusal.HEADER
    with pytest.raises(OptionRefused, match="eight hex digits"):
        load("e1_32x32", Thermometer, {"id": "0102"})


# --- Lines of text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{object}", "{ambient} must stand"),
        ("{object} {object} {ambient}", "{object} must stand"),
        ("{object},{ambient},{sky}", "{sky} is none of"),
        ("{}{object} {ambient}", "must stand between"),
        ("{object}{ambient}", "must stand between"),
        ("1{object} {ambient}", "must stand between"),
        ("{object} {ambient}0", "must stand between"),
        ("物{object} {ambient}", "printable ASCII"),
        ("{object} {ambient}" + "x" * 90, "printable ASCII"),
    ],
)
def test_a_template_that_could_mislead_is_refused(text, words):
    with pytest.raises(OptionRefused) as refused:
        load("ascii_line", Thermometer, {"template": text})
    assert words in str(refused.value)


def test_a_template_reads_its_own_lines_and_no_part_of_others():
    driver = load("ascii_line", Thermometer, {"template": "T {object} A {ambient}"})
    line = b"T 36.50 A 21.3\r\n"
    assert samples_of(driver, line * 3) == [Sample(3650, 2130)] * 3
    for bad in (
        b"xT 36.50 A 21.3\r\n",
        b"T 136.5x A 21.3\r\n",
        b"T 36.50 A 21.3 T 1\n",
        b"\n\n\n",
    ):
        assert samples_of(driver, line + bad + line) == [Sample(3650, 2130)] * 2, bad
    for end in (b"\r", b"\n", b"\n\r"):
        assert samples_of(driver, line.replace(b"\r\n", end) * 4)[:3] == [Sample(3650, 2130)] * 3


def test_the_sketch_for_micropython_speaks_what_the_driver_reads():
    """Taken from the page itself, on a bus that answers as the MLX90614's data sheet says."""
    page = Path(__file__, "../../../docs/mcu-bridge.md").resolve().read_text()
    sketch = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    bridge = load("mcu_bridge", Thermometer)
    words = {0x06: 0x397A, 0x07: 0x3C7A}  # 21.09 and 36.41 degrees
    for broken, expected in (
        ("", Sample(words[7] * 2 - 27315, words[6] * 2 - 27315)),
        ("pec", Refusal.STATUS), ("nack", Refusal.STATUS), ("flag", Refusal.STATUS),
    ):  # fmt: skip
        assert bridge.read_frame(said_by(sketch, words, broken)) == expected


def said_by(sketch: str, words: dict[int, int], broken: str) -> bytes:
    """Run the sketch for one line."""

    class Bus:
        def __init__(self, *_, **__):
            pass

        def readfrom_mem(self, address: int, command: int, count: int) -> bytes:
            if broken == "nack":
                raise OSError(5)
            word = (words[command] | 0x8000 * (broken == "flag")).to_bytes(2, "little")
            seen = bytes((address << 1, command, address << 1 | 1)) + word
            return word + bytes((pec(seen) ^ (broken == "pec"),))

    class Over(Exception):  # noqa: N818
        pass

    def sleep_ms(_: int) -> None:
        raise Over

    printed = io.StringIO()
    machine, time = ModuleType("machine"), ModuleType("time")
    machine.I2C, machine.Pin, time.sleep_ms = Bus, int, sleep_ms
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.setitem(sys.modules, "machine", machine)
        patch.setitem(sys.modules, "time", time)
        with pytest.raises(Over):
            exec(compile(sketch, "docs/mcu-bridge.md", "exec"), {})
    return printed.getvalue().encode()


def pec(content: bytes) -> int:
    """CRC-8, polynomial 07, bit by bit: from the data sheet, and not from the sketch."""
    value = int.from_bytes(content + b"\0", "big")
    for at in range(8 * len(content) + 7, 7, -1):
        if value >> at & 1:
            value ^= 0x107 << (at - 8)
    return value


def test_the_data_sheets_own_checksum_is_ours():
    """devices.md: 36.5 degrees is 7A 3C with PEC 92."""
    assert pec(bytes.fromhex("b407b57a3c")) == 0x92


# --- Arrays --------------------------------------------------------------------------------------


def picture(*patches: tuple[int, int, int, int, int], cold: int = 2000) -> list[int]:
    """Draw warm rectangles: row, column, height, width, value."""
    pixels = [cold] * (32 * 24)
    for row, column, height, width, value in patches:
        for line in range(row, row + height):
            pixels[line * 32 + column : line * 32 + column + width] = [value] * width
    return pixels


def test_a_face_is_the_largest_warm_patch_without_its_hottest_pixels():
    seen = pictures.look(picture((5, 5, 8, 6, 3450), (5, 20, 2, 2, 9000)), 32)
    assert seen == (3450, 1)
    hot = picture((5, 5, 8, 6, 3450))
    hot[5 * 32 + 5 : 5 * 32 + 8] = [9000, 8000, 7000]
    assert pictures.look(hot, 32) == (3450, 1)
    assert pictures.look(picture(), 32) == (2000, 0)
    assert pictures.look(picture((5, 5, 3, 3, 3450)), 32).faces == 0
    assert pictures.look(picture((2, 2, 6, 5, 3400), (2, 20, 6, 6, 3500)), 32) == (3500, 2)


@pytest.mark.parametrize("name", ["gy_mcu90640", "e1_32x32"])
def test_what_counts_as_a_face_is_the_sites_to_say(name):
    driver = load(name, Thermometer)
    frame = driver.write_frame(Sample(3480, 2130, faces=1))
    assert driver.read_frame(frame).faces == 1
    for told in ({"warm_centi_c": "900"}, {"pixels_min": "37"}):
        assert load(name, Thermometer, told).read_frame(frame).faces == 0
    nearly = load(name, Thermometer, {"warm_centi_c": "800", "pixels_min": "36"})
    assert nearly.read_frame(frame).faces == 1
    with pytest.raises(OptionRefused, match="pixels_min = '0': a number from 1 to 400"):
        load(name, Thermometer, {"pixels_min": "0"})


def test_which_pixels_of_a_face_count_is_the_sites_to_say():
    hot = picture((5, 5, 8, 6, 3450))
    hot[5 * 32 + 5 : 5 * 32 + 7] = [9000, 8000]
    one = pictures.told({"left_out": "0", "averaged": "1"})
    assert pictures.look(hot, 32, one) == (9000, 1)
    assert pictures.look(
        hot, 32, pictures.told({"left_out": "1", "averaged": "2"})
    ).shown_centi_c == ((8000 + 3450) // 2)
    assert pictures.look(hot, 32, pictures.told({"left_out": "99"})) == (3450, 1)


def test_patches_do_not_reach_round_the_pictures_edge():
    both = picture((4, 0, 8, 1, 3400), (3, 31, 8, 1, 3400))
    assert pictures.look(both, 32).faces == 0


def test_a_cup_in_front_of_an_array_is_as_hot_as_it_is():
    assert pictures.look(picture((5, 5, 8, 6, 6000)), 32) == (6000, 1)


# --- What a sensor that is not there says --------------------------------------------------------


def test_1037_degrees_is_a_refusal_and_655_a_frost():
    """F14 and F15."""
    bridge = load("mcu_bridge", Thermometer)
    assert bridge.read_frame(bridge.write_frame(Sample(103755, 2100))) is Refusal.RANGE
    assert GY.read_frame(bytes.fromhex("5a5a4504 0cf5 ff06 03")) == Sample(3317, -250)
