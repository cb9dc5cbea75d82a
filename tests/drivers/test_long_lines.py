"""A line that is longer than its device can say is refused to its end: its tail is no line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.decoder import Decoder
from drivers.driver import Driver, load
from drivers.framing import Refusal
from drivers.reader import Scan
from drivers.thermometer import Sample
from tests.drivers.conversation import alone, fed, values

GM65 = load("gm65", Driver)
ASCII = load("ascii_line", Driver, {"template": "{object} {ambient}"})
CASES = {
    "a code of 269": (GM65, "A" * 256 + "PASS-00017342", "PASS-1", Scan("code", "PASS-1")),
    "a code of 700": (GM65, "PASS" * 175, "PASS-1", Scan("code", "PASS-1")),
    "a log's line": (ASCII, "a sensor's own words, before its reading 1036.50 21.30", "36.5 21.3",
                     Sample(3650, 2130)),
    "blanks before it": (ASCII, " " * 60 + "36.50 21.30", "36.5 21.3", Sample(3650, 2130)),
}  # fmt: skip


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("chunk_bytes", [1, 7, 4096])
@pytest.mark.parametrize(("driver", "long", "good", "value"), CASES.values(), ids=CASES)
def test_the_tail_of_a_line_is_no_line(driver, long, good, value, chunk_bytes, end):
    decoder = Decoder(alone(driver))
    stream = (good.encode() + end + long.encode() + end) * 2 + good.encode() + end
    found = fed(decoder, stream, chunk_bytes)
    assert values(found) == [value] * 3
    assert set(found) - {value} == {Refusal.LENGTH}
    assert found.count(Refusal.LENGTH) <= 2 * len(long) / (driver.framing.longest // 8)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 700), max_size=8),
    chunk_bytes=st.sampled_from([1, 5, 64, 300, 4096]),
    end=st.sampled_from([b"\r", b"\n", b"\r\n"]),
)
def test_lines_that_are_short_enough_are_read_and_no_others(sizes, chunk_bytes, end):
    lines = [f"{number}" * size for number, size in enumerate(sizes, start=1)]
    decoder, found = Decoder(GM65), []
    stream = b"".join(line.encode() + end for line in lines)
    for at in range(0, len(stream), chunk_bytes):
        found += decoder.feed(stream[at : at + chunk_bytes])
        assert decoder.held <= GM65.framing.longest * 9 // 8
    longest = GM65.framing.longest - 2  # an end, and the rest of the one before
    read = {one.text for one in values(found)}
    assert {line for line in lines if 4 <= len(line) <= longest} <= read <= set(lines)
