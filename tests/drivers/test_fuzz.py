"""A slice of `./gatepost fuzz`, and the proof that it finds what is wrong."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from drivers.driver import declared
from drivers.framing import Refusal
from drivers.reader import Reader, Scan
from drivers.thermometer import Sample
from tests.drivers.fuzz import EVERY, Fuzz, allowed, main

SLICE_BYTES = 20_000


@pytest.mark.parametrize("name", EVERY)
def test_hostile_bytes_do_no_harm(name):
    found = Fuzz(name, seed=2020).run(SLICE_BYTES)
    assert not found.faults
    assert found.bytes >= SLICE_BYTES
    assert found.refusals
    assert found.forged
    assert found.mutated


def fuzz_of(name: str, **changes) -> list[str]:
    """Fuzz a driver that is made worse."""
    fuzz = Fuzz(name, seed=3)
    fuzz.driver = replace(fuzz.driver, **changes)
    fuzz._alone = fuzz.driver
    return fuzz.run(200_000).faults


def test_a_driver_that_does_not_look_at_its_sum_is_found_out():
    sound = Fuzz("gy_mcu90614", 1).driver

    def careless(frame: bytes) -> Sample | Refusal:
        return sound.read_frame(frame[:-1] + bytes((sum(frame[:-1]) & 0xFF,)))

    faults = fuzz_of("gy_mcu90614", read_frame=careless)
    assert any("forged frames read" in fault for fault in faults)
    assert any("wrong values" in fault for fault in faults)


def test_a_driver_that_raises_is_found_out():
    def hasty(frame: bytes) -> Sample | Refusal:
        return Sample(frame[4] * 256 + frame[5], int(frame[9:10].hex(), 16))

    with pytest.raises(ValueError, match="base 16"):
        fuzz_of("gy_mcu90614", read_frame=hasty)


def test_a_framing_that_hoards_is_found_out():
    sound = Fuzz("gy_mcu90614", 1).driver.framing

    class Hoarding(type(sound)):
        __slots__ = ()

        def seek(self, buffer):
            return 0

        def measure(self, buffer):
            return None

    faults = fuzz_of("gy_mcu90614", framing=Hoarding(sound.header, sound.counts))
    assert any("bytes, " in fault and "are allowed" in fault for fault in faults)


def test_spoilt_frames_are_held_to_the_odds_of_their_check():
    """Two digits that are spoilt in the same bit cancel out; noise is hardly ever digits at all."""
    driver = declared("rdm6300", Reader)
    frame = bytearray(driver.write_frame(Scan("tag", "62E3086CED")))
    frame[2] ^= 1
    frame[4] ^= 1
    assert driver.read_frame(bytes(frame)) == Scan("tag", "63E2086CED")
    for wrong, faults in ((6, 0), (600, 1)):
        fuzz = Fuzz("rdm6300", 1)
        fuzz.found.mutated, fuzz.found.wrong = 94_790, wrong
        fuzz._judge()
        assert len(fuzz.found.faults) == faults


def test_what_chance_may_find_grows_with_the_tries():
    assert allowed(0, 1 / 256) == 1
    assert allowed(25_600, 1 / 256) == 100 + 60 + 1


def test_the_command_tells_and_judges():
    done = CliRunner().invoke(main, ["--bytes", "5000", "--driver", "gy_mcu90614", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output)["driver"] == "gy_mcu90614"
    again = CliRunner().invoke(main, ["--bytes", "5000", "--driver", "gy_mcu90614", "--json"])
    same = [
        {key: value for key, value in json.loads(one.output).items() if key != "seconds"}
        for one in (done, again)
    ]
    assert same[0] == same[1]
    assert CliRunner().invoke(main, ["--driver", "nosuch"]).exit_code == 2
