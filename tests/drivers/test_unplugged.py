"""The four kinds of exception with which pyserial says that a port is gone, each met for real.

Which one comes depends on the call that is under way: pyserial issues 331, 417 and others. Each is
provoked on a raw pyserial port first, so that it is known to come, and then met by ours.
"""

import os
import termios
import threading

import pytest
import serial

from drivers.errors import PortLost
from drivers.ports import open_port
from tests.drivers.lines import Wire

JOIN_S = 60.0


def read(line) -> None:
    """A blocked or later read: readiness without data."""
    line.timeout = 1.0
    line.read(1)


def ask_how_much(line) -> None:
    """The ioctl itself fails, with EIO."""
    _ = line.in_waiting


def flush(line) -> None:
    """Termios has its own error, which is no OSError."""
    line.reset_input_buffer()


def write(line) -> None:
    line.write(b"?T\r")


@pytest.mark.parametrize(
    ("call", "kind"),
    [(read, serial.SerialException), (ask_how_much, OSError), (flush, termios.error),
     (write, serial.SerialException)],
)  # fmt: skip
def test_each_call_says_it_in_its_own_way(call, kind):
    wire = Wire()
    line = serial.Serial(wire.path, exclusive=True)
    wire.unplug()
    with pytest.raises(kind) as met:
        call(line)
    assert type(met.value) is kind
    line.close()


def test_a_port_closed_in_the_middle_of_a_read_is_a_type_error():
    """Closed by another thread, it reads on from None."""
    wire, met = Wire(), []
    line = serial.Serial(wire.path, timeout=0.2, exclusive=True)
    reads = threading.Event()

    def read_on() -> None:
        try:
            while True:
                reads.set()
                line.read(1)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at.
            met.append(error)

    thread = threading.Thread(target=read_on)
    thread.start()
    assert reads.wait(JOIN_S)
    fd, line.fd = line.fd, None  # what close() leaves behind for a read that is under way
    thread.join(JOIN_S)
    os.close(fd)
    assert isinstance(met[0], TypeError)
    wire.unplug()


@pytest.mark.parametrize("act", ["read_chunk", "write", "flush_input"])
@pytest.mark.parametrize("half", ["unplugged", "closed"])
def test_all_of_them_are_one_to_us(act, half):
    wire = Wire()
    port = open_port(wire.path, 9600)
    if half == "unplugged":
        wire.unplug()
    else:
        os.close(port._line.fd)
        port._line.fd = None
    arguments = {"read_chunk": (0.5,), "write": (b"?T\r",), "flush_input": ()}[act]
    with pytest.raises(PortLost, match="plug it in again"):
        getattr(port, act)(*arguments)
    port.close()
    if half == "closed":
        wire.unplug()


def test_a_port_unplugged_between_its_first_byte_and_the_rest_is_lost():
    """The byte that came is not taken for a chunk: in_waiting meets the hang-up."""
    wire = Wire()
    port = open_port(wire.path, 9600)
    real = port._line.read

    def read_and_lose(size: int = 1) -> bytes:
        first = real(size)
        port._line.read = real
        wire.unplug()
        return first

    port._line.read = read_and_lose
    wire.send(b"a")
    with pytest.raises(PortLost):
        port.read_chunk(1.0)
    port.close()


def test_a_long_read_ends_with_the_plug():
    wire, met = Wire(), []
    port = open_port(wire.path, 9600)

    def read_long() -> None:
        try:
            port.read_chunk(60.0)
        except PortLost as error:
            met.append(error)

    thread = threading.Thread(target=read_long)
    thread.start()
    wire.unplug()
    thread.join(JOIN_S)
    assert len(met) == 1
    port.close()
