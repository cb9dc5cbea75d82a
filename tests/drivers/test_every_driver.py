"""What every thermometer's driver must hold; drivers are found, so a new file brings its tests."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import DriverUnknown
from drivers.framing import Refusal, cut
from drivers.thermometer import Decoder, Sample, Thermometer, load, names

DRIVERS = {name: load(name) for name in names()}
every_driver = pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS.keys())
EXAMPLES = [(name, example) for name, driver in DRIVERS.items() for example in driver.examples]


def frames_of(driver: Thermometer, stream: bytes, chunk_bytes: int = 4096) -> list:
    """Cut a stream that comes in chunks of a size; give what the frames say."""
    buffer, found = bytearray(), []
    for at in range(0, len(stream), chunk_bytes):
        buffer += stream[at : at + chunk_bytes]
        found += cut(driver.framing, driver.read_frame, buffer)
    found += cut(driver.framing, driver.read_frame, buffer, quiet=True)
    return [piece.found for piece in found]


def samples_of(driver: Thermometer, stream: bytes, chunk_bytes: int = 4096) -> list[Sample]:
    return [found for found in frames_of(driver, stream, chunk_bytes) if isinstance(found, Sample)]


def believed(driver: Thermometer, stream: bytes) -> list[Sample]:
    """Give what the whole decoder believes: framing, checks and agreement."""
    decoder = Decoder(driver)
    found = [*decoder.feed(stream), *decoder.feed(b"", quiet=True)]
    return [one for one in found if isinstance(one, Sample)]


def accepted(driver: Thermometer) -> list[Sample]:
    return [one.expected for one in driver.examples if isinstance(one.expected, Sample)]


def samples(driver: Thermometer) -> st.SearchStrategy[Sample]:
    """Draw values that the wire can carry and a gate may meet."""
    step = driver.step_centi_c
    whole = st.integers(-2000 // step, 10000 // step).map(lambda n: n * step)
    return st.builds(Sample, whole, whole)


def test_both_drivers_are_found():
    assert set(names()) >= {"gy_mcu90614", "raytek_mi"}


def test_unknown_driver_names_those_there_are():
    with pytest.raises(DriverUnknown, match="gy_mcu90614, raytek_mi"):
        load("gy_mcu90641")


@pytest.mark.parametrize("not_a_thermometer", ["framing", "thermometer", "errors", "../x", ""])
def test_other_files_are_no_drivers(not_a_thermometer):
    with pytest.raises(DriverUnknown):
        load(not_a_thermometer)


@pytest.mark.parametrize(
    ("name", "example"), EXAMPLES, ids=[f"{name}: {example.source}" for name, example in EXAMPLES]
)
def test_example(name, example):
    assert example.source
    assert DRIVERS[name].read_frame(bytes.fromhex(example.hex)) == example.expected


@every_driver
def test_has_accepted_and_refused_examples(driver):
    kinds = {isinstance(one.expected, Sample) for one in driver.examples}
    assert kinds == {True, False}


@every_driver
def test_declaration_is_complete(driver):
    assert driver.model
    assert driver.source
    assert driver.mark in "CSD"
    assert driver.baud > 0
    assert (driver.integrity == "none") == (driver.agreement is not None)
    if driver.agreement:
        assert 2 <= driver.agreement.samples <= driver.agreement.among


@every_driver
@given(data=st.data())
def test_written_is_read_back(driver, data):
    sample = data.draw(samples(driver))
    assert driver.read_frame(driver.write_frame(sample)) == sample


@every_driver
@given(data=st.data(), chunk_bytes=st.sampled_from([1, 2, 3, 7, 16, 4096]))
def test_chunks_do_not_matter(driver, data, chunk_bytes):
    sent = data.draw(st.lists(samples(driver), max_size=12))
    stream = b"".join(map(driver.write_frame, sent))
    assert samples_of(driver, stream, chunk_bytes) == sent


@every_driver
@given(noise=st.binary(max_size=400), data=st.data(), chunk_bytes=st.sampled_from([1, 5, 4096]))
def test_noise_comes_out_the_same_in_any_chunks(driver, noise, data, chunk_bytes):
    """Honest junk: it may hold headers, beginnings and whole frames."""
    frames = data.draw(st.lists(samples(driver).map(driver.write_frame), max_size=4))
    stream = b"".join(itertools.chain.from_iterable((f, noise) for f in frames)) + noise
    assert samples_of(driver, stream, chunk_bytes) == samples_of(driver, stream)


def headers(driver: Thermometer) -> list[bytes]:
    """Make junk of the driver's own beginnings."""
    frame = driver.write_frame(Sample(3650, 2100))
    return [frame[:n] for n in range(1, len(frame))]


@every_driver
@given(data=st.data(), chunk_bytes=st.sampled_from([1, 4096]))
def test_frames_are_found_behind_junk_with_headers(driver, data, chunk_bytes):
    """Junk before a run of frames costs none of them, however much of a frame the junk holds."""
    junk = data.draw(st.lists(st.sampled_from(headers(driver)) | st.binary(max_size=6), max_size=8))
    sent = data.draw(st.lists(samples(driver), min_size=2, max_size=5))
    stream = b"".join([*junk, *map(driver.write_frame, sent)])
    found = samples_of(driver, stream, chunk_bytes)
    assert found[-len(sent) :] == sent


@every_driver
def test_noise_is_bounded_in_memory_and_hardly_ever_believed(driver):
    dice, decoder, wrong = random.Random(7), Decoder(driver), 0
    for _ in range(300):
        found = decoder.feed(dice.randbytes(512))
        wrong += sum(isinstance(one, Sample) for one in found)
        assert len(decoder._buffer) < 64
    assert wrong == 0
    assert decoder.bytes_in == 300 * 512


def spoilt(frame: bytes) -> list[bytes]:
    """Drop, double and change each byte in turn, to every other value."""
    dropped = [frame[:at] + frame[at + 1 :] for at in range(len(frame))]
    doubled = [frame[: at + 1] + frame[at:] for at in range(len(frame))]
    changed = [
        frame[:at] + bytes((frame[at] ^ flip,)) + frame[at + 1 :]
        for at in range(len(frame))
        for flip in range(1, 256)
    ]
    return dropped + doubled + changed


def check_one_fault(driver: Thermometer, sent: list[Sample]) -> None:
    """Spoil the middle frame of a run in each way: at most one is lost, none is wrong."""
    frames = [driver.write_frame(sample) for sample in sent]
    middle = len(sent) // 2
    off_centi_c = driver.agreement.within_centi_c if driver.agreement else 0
    settled = driver.agreement.samples - 1 if driver.agreement else 0
    for bad in spoilt(frames[middle]):
        found = believed(driver, b"".join([*frames[:middle], bad, *frames[middle + 1 :]]))
        assert len(sent) - settled - 1 <= len(found) <= len(sent) - settled, bad.hex()
        for one in found:
            assert any(
                abs(one.object_centi_c - true.object_centi_c) <= off_centi_c
                and abs(one.ambient_centi_c - true.ambient_centi_c) <= off_centi_c
                for true in sent
            ), (bad.hex(), one)


@every_driver
def test_each_byte_dropped_doubled_flipped_loses_one_frame_at_most(driver):
    for sample in accepted(driver):
        check_one_fault(driver, [sample] * 6)


@every_driver
def test_a_run_of_different_values_survives_each_fault_too(driver):
    step, dice = driver.step_centi_c, random.Random(11)
    for _ in range(4):
        first, ambient = dice.randrange(300, 380) * 10, dice.randrange(-100, 350) * 10
        check_one_fault(
            driver, [Sample(first + n * step, ambient + n % 2 * step) for n in range(6)]
        )


def test_dropped_and_doubled_bytes_never_satisfy_the_sum_by_shifting():
    """Once in 256 times a shifted frame has a right sum: the next header's place gives it away."""
    driver, wrong, lost, tried = DRIVERS["gy_mcu90614"], 0, 0, 0
    for object_centi_c in range(2000, 4000, 7):
        true = Sample(object_centi_c, object_centi_c * 31 % 4100 - 500)
        frame = driver.write_frame(true)
        faults = spoilt(frame)[: 2 * len(frame)]
        for bad in faults:
            found = samples_of(driver, frame + bad + frame + frame)
            wrong += sum(one != true for one in found)
            lost += len(found) < 3
            tried += 1
    assert tried > 5000
    assert (wrong, lost) == (0, 0)


def test_three_5a_in_a_row_are_no_fault():
    driver = DRIVERS["gy_mcu90614"]
    stream = bytes.fromhex("5a5a45040c7a07d05a") * 5
    for chunk_bytes in range(1, 20):
        assert samples_of(driver, stream, chunk_bytes) == [Sample(3194, 2000)] * 5


def test_count_byte_is_believed_from_4_to_6_only():
    driver = DRIVERS["gy_mcu90614"]
    for count in range(256):
        tail = bytes(max(0, count - 4))
        body = bytes((0x5A, 0x5A, 0x45, count)) + bytes.fromhex("0e420852") + tail
        frame = body + bytes((sum(body) & 0xFF,))
        assert (samples_of(driver, frame) == [Sample(3650, 2130)]) == (count in (4, 5, 6)), count


def test_a_lone_wrong_line_is_not_believed_without_a_second():
    driver = DRIVERS["raytek_mi"]
    decoder = Decoder(driver)
    values = [3650, 3650, 5650, 3660, 3660, 2100, 2110]
    found = [decoder.feed(driver.write_frame(Sample(value, 2400)))[0] for value in values]
    no = Refusal.DISAGREEMENT
    assert [one if one is no else one.object_centi_c for one in found] == [
        no, 3650, no, 3660, 3660, no, 2110,
    ]  # fmt: skip


def test_own_echo_and_notices_on_the_line_are_passed_over():
    driver = DRIVERS["raytek_mi"]
    line = b"#XI\r\n" + b"?T\r!T0036.5\r\n?I\r!I0024.0\r\n" * 3 + b"*Syntax Error\r\n"
    for chunk_bytes in range(1, 20):
        assert samples_of(driver, line, chunk_bytes) == [Sample(3650, 2400)] * 3


@every_driver
def test_an_hour_of_noise_invents_nothing_that_is_believable(driver):
    """One byte in a hundred is another: F18. What a sum lets through once in 256 is rare.

    Measured: GY-MCU90614 loses 8 to 9 % of frames, none wrong; Raytek MI, without a checksum, 18 %,
    and one value in 2,400 is off, by 0.3 degrees at most.
    """
    dice, frames = random.Random(18), 36_000
    true = Sample(3650, 2130 // driver.step_centi_c * driver.step_centi_c)
    stream = bytearray(driver.write_frame(true) * frames)
    for at in range(len(stream)):
        if dice.random() < 0.01:
            stream[at] = dice.randrange(256)
    decoder, found = Decoder(driver), []
    for at in range(0, len(stream), 512):
        found += decoder.feed(bytes(stream[at : at + 512]))
    found += decoder.feed(b"", quiet=True)
    samples = [one for one in found if isinstance(one, Sample)]
    off_centi_c = driver.agreement.within_centi_c if driver.agreement else 0
    wrong = [one for one in samples if abs(one.object_centi_c - 3650) > off_centi_c]
    assert len(samples) > 0.75 * frames
    assert len(wrong) <= frames / 10_000, len(wrong)
