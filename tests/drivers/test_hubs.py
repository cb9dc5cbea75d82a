"""Which ports hang together, by the kernel's own layout and a serial server's address."""

import pytest

from gateway.devices.hubs import Hubs, hub_of


@pytest.fixture
def ttys(tmp_path):
    """Lay out /sys as the kernel does: two converters behind one hub, one beside, one on board."""
    usb = tmp_path / "devices/platform/soc/3f980000.usb/usb1"
    places = {
        "ttyUSB0": usb / "1-1/1-1.2/1-1.2:1.0/ttyUSB0",
        "ttyUSB1": usb / "1-1/1-1.3/1-1.3:1.0/ttyUSB1",
        "ttyUSB2": usb / "1-1/1-1.4/1-1.4.1/1-1.4.1:1.0/ttyUSB2",
        "ttyACM0": usb / "1-2/1-2:1.0",
        "ttyAMA0": tmp_path / "devices/platform/soc/3f201000.serial/tty0",
    }
    ttys = tmp_path / "class/tty"
    for name, place in places.items():
        place.mkdir(parents=True, exist_ok=True)
        (ttys / name).mkdir(parents=True)
        (ttys / name / "device").symlink_to(place)
    return ttys


@pytest.mark.parametrize(
    ("port", "hub"),
    [
        ("/dev/ttyUSB0", "1-1"),
        ("/dev/ttyUSB1", "1-1"),
        ("/dev/ttyUSB2", "1-1.4"),
        ("/dev/ttyACM0", "usb1"),
        ("/dev/ttyAMA0", ""),
        ("/dev/nosuch", ""),
        ("socket://10.0.0.7:4001", "10.0.0.7"),
        ("sim://gy_mcu90614", ""),
        ("gpio://17", ""),
    ],
)
def test_what_a_port_hangs_on(ttys, port, hub):
    assert hub_of(port, ttys) == hub


def test_a_name_by_path_is_followed(ttys, tmp_path):
    (tmp_path / "ttyUSB1").touch()
    (tmp_path / "thermometer").symlink_to("ttyUSB1")
    assert hub_of(str(tmp_path / "thermometer"), ttys) == "1-1"


def lost(ttys, *moments: tuple[str, float], also: tuple[str, ...] = ()) -> dict[str, str]:
    """Open devices, lose some at these moments; give the hub with which each went."""
    hubs = Hubs(ttys)
    for port in (*dict(moments), *also):
        hubs.opened(port, f"/dev/{port}")
    for port, at_s in moments:
        hubs.lost(port, at_s)
    return {port: hubs.gone_with(port) for port in dict(moments)}


def test_all_of_a_hub_at_once_is_the_hub(ttys):
    assert lost(ttys, ("ttyUSB0", 5.0), ("ttyUSB1", 5.2)) == {"ttyUSB0": "1-1", "ttyUSB1": "1-1"}


def test_a_port_that_is_closed_meanwhile_is_not_waited_for(ttys):
    """A relay that does not answer is opened again and again, and misses its hub's going."""
    hubs = Hubs(ttys)
    for port in ("ttyUSB0", "ttyUSB1", "b1"):
        hubs.opened(port, "/dev/ttyUSB1")
    hubs.closed("b1")
    for port in ("ttyUSB0", "ttyUSB1"):
        hubs.lost(port, 5.0)
        hubs.closed(port)
    assert [hubs.gone_with(port) for port in ("ttyUSB0", "ttyUSB1", "b1")] == ["1-1", "1-1", ""]


@pytest.mark.parametrize(
    ("moments", "also"),
    [
        ([("ttyUSB0", 5.0)], ("ttyUSB1",)),
        ([("ttyUSB0", 5.0), ("ttyUSB1", 9.0)], ()),
        ([("ttyUSB0", 5.0)], ()),
        ([("ttyAMA0", 5.0), ("ttyUSB0", 5.0)], ()),
    ],
    ids=["another stays", "one after the other", "the only one", "not behind a hub"],
)
def test_anything_else_is_a_plug(ttys, moments, also):
    assert set(lost(ttys, *moments, also=also).values()) == {""}
