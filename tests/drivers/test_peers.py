"""Every pretended device through pyserial, on sim:// and on a real pseudo-terminal, with faults."""

import time
from contextlib import suppress

import pytest

from drivers.decoder import Decoder, Polling
from drivers.driver import Driver, declared, names
from drivers.errors import PortLost, PortRefused
from drivers.framing import Refusal
from drivers.ports import open_port
from drivers.ports.peer import FAULTS, Peer
from drivers.ports.terminal import Terminal
from drivers.thermometer import Sample, Thermometer
from tests.drivers.lines import WAIT_S

THERMOMETERS = names(Thermometer)


def listen(url: str, driver: Driver, count: int) -> list:
    """Poll as a gate does until so many values have come; give them, and refusals among them."""
    port, decoder, found = open_port(url, driver.baud, driver.line), Decoder(driver), []
    polling, until_s = Polling(decoder), time.monotonic() + WAIT_S
    while len(values(found)) < count:
        assert time.monotonic() < until_s, found
        if (poll := polling.due(time.monotonic())) is not None:
            port.write(poll)
        chunk = port.read_chunk(0.005)
        found += decoder.feed(chunk, quiet=not chunk)
    port.close()
    return found


def values(found: list) -> list:
    return [one for one in found if not isinstance(one, Refusal)]


@pytest.mark.parametrize("name", THERMOMETERS)
def test_every_thermometer_speaks_through_sim(name):
    driver = declared(name, Thermometer)
    found = listen(f"sim://{name}?object=37.3&ambient=-4&wobble=0&rate_hz=50", driver, 4)
    true = driver.sample(3730, -400)
    assert set(values(found)) == {true}


@pytest.mark.parametrize("name", THERMOMETERS)
def test_every_thermometer_speaks_on_a_pseudo_terminal(name):
    driver = declared(name, Thermometer)
    with Terminal(f"sim://{name}?object=36.5&ambient=21&wobble=0&rate_hz=20") as terminal:
        assert set(values(listen(terminal.path, driver, 4))) == {driver.sample(3650, 2100)}


PEER_S = 9.0


def heard(address: str) -> tuple[list, bytes]:
    """Give what a pretended device says in some seconds, without waiting for them."""
    peer, at_s, stream, found = Peer(address), 0.0, b"", []
    decoder = Decoder(peer.driver)
    polling = Polling(decoder)
    while at_s < PEER_S:
        poll = polling.due(at_s)
        chunk = peer.pushed_by(at_s) + (b"" if poll is None else peer.answer(poll, at_s))
        found += decoder.feed(chunk)
        found += decoder.feed(b"", quiet=True)
        stream += chunk
        at_s += 0.01
    return found, stream


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"torn", "drip", "unplug"}))
@pytest.mark.parametrize("name", THERMOMETERS)
def test_faults_to_order_do_what_they_say(name, fault):
    driver = declared(name, Thermometer)
    plain = f"sim://{name}?object=36.5&ambient=21&wobble=0&rate_hz=10&seed=6"
    clean, stream = heard(plain)
    found, spoilt = heard(f"{plain}&fault={fault}&after_frames=3")
    true = driver.sample(3650, 2100)
    assert set(values(clean)) == {true}
    within = driver.agreement.within if driver.agreement else 0
    if fault == "silent":
        assert len(spoilt) < len(stream) / 5
    elif fault == "stuck":
        assert values(found) == values(clean)
    elif fault == "drift":
        shown = [one.object_centi_c for one in values(found)]
        assert shown == sorted(shown)
        assert shown[-1] > shown[0]
        assert len(set(shown)) > 3 if driver.step_centi_c == 1 else len(set(shown)) > 1
    else:
        assert spoilt != stream
        assert len(values(found)) < len(values(clean)) or fault == "burst"
        wrong = sum(not driver.near(one, true, within) for one in values(found))
        assert wrong <= (len(found) / 20 if driver.integrity == "none" else 0)


def test_a_wobbling_value_stands_still_when_it_is_stuck():
    wobbling, _ = heard("sim://gy_mcu90614?wobble=20")
    stuck, _ = heard("sim://gy_mcu90614?wobble=20&fault=stuck&after_frames=20")
    assert len(set(values(wobbling))) > 20
    assert len(set(values(stuck)[20:])) == 1


@pytest.mark.parametrize("fault", ["torn", "drip"])
def test_a_slow_line_still_makes_frames(fault):
    driver = declared("gy_mcu90614", Thermometer)
    found = listen(f"sim://gy_mcu90614?wobble=0&rate_hz=10&fault={fault}", driver, 3)
    assert values(found)
    assert set(values(found)) == {Sample(3650, 2100)}


def test_a_pretended_device_is_unplugged_after_its_last_byte():
    port, got = open_port("sim://gy_mcu90614?rate_hz=100&fault=unplug&after_frames=3", 9600), b""
    with suppress(PortLost):
        while len(got) < 1000:
            got += port.read_chunk(0.05)
    assert 3 * 9 <= len(got) < 1000


def test_faults_go_together_and_come_again_by_their_seed():
    address = "sim://gy_mcu90614?fault=noise,dropped,doubled,burst&seed=9"
    assert heard(address) == heard(address)
    assert heard(address) != heard(address.replace("seed=9", "seed=8"))


def test_someone_is_measured_now_and_then():
    found, _ = heard("sim://gy_mcu90614?every_s=2&for_s=1&wobble=0&object=36.6&ambient=20")
    assert {one.object_centi_c for one in values(found)} == {3660, 2000}


def test_options_reach_the_pretended_device():
    peer = Peer("sim://optris?option.address=5")
    assert peer.driver.polls == (b"\xb5\x01", b"\xb5\x02")
    assert peer.answer(b"\x01", 0.0) == b""
    assert len(peer.answer(b"\xb5\x01", 0.0)) == 2


def test_a_poll_may_come_in_pieces_and_behind_junk():
    peer = Peer("sim://calex_pyrominibus")
    poll = peer.driver.polls[1]
    assert peer.answer(b"\xff\x00" + poll[:3], 0.0) == b""
    assert len(peer.answer(poll[3:], 0.0)) == 13


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sim://nosuch", "gy_mcu90614"),
        ("sim://gy_mcu90614?objekt=36", "unknown parameter 'objekt'"),
        ("sim://gy_mcu90614?fault=fire", "unknown fault 'fire'"),
        ("sim://gy_mcu90614?object=hot", "no temperature"),
        ("sim://optris?option.address=200", "address = '200'"),
    ],
)
def test_a_wrong_address_is_said_in_words(url, words):
    with pytest.raises(PortRefused, match=words) as refused:
        open_port(url, 9600)
    assert refused.value.reason == "refused"


def test_what_nobody_reads_is_lost_and_counted():
    with Terminal("sim://gy_mcu90640?rate_hz=1000") as terminal:
        until_s = time.monotonic() + WAIT_S
        while not terminal.lost_bytes:
            assert time.monotonic() < until_s
            time.sleep(0.01)
        assert terminal.sent_bytes >= 1544
