"""Devices under test, on threads of their own: stopped after the test, and none may have failed."""

from collections.abc import Callable
from contextlib import contextmanager

import pytest

from gateway.devices.barrier import Barriers, Gate
from gateway.devices.devices import SerialDevices
from gateway.devices.hubs import Hubs
from gateway.devices.port_thread import Threads
from gateway.devices.tables import BarrierSettings
from tests.drivers.lines import Heard

PULSE_S = 0.2


@contextmanager
def running():
    """Give what starts devices; `make` is handed where they say that they failed."""
    started: list[Threads] = []
    failures: list[BaseException] = []

    def start(make: Callable[[Callable], Threads]) -> Threads:
        started.append(make(failures.append))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()
    assert not failures


@pytest.fixture
def heard() -> Heard:
    """Give the queue into which the devices speak."""
    return Heard()


@pytest.fixture
def listening(heard):
    """Start devices that say something, each on its line."""
    with running() as start:
        yield lambda *lines: start(lambda fail: SerialDevices(lines, heard, fail))


def barriers(sink, fail, driver: str, port: str, *, pulse_s: float = PULSE_S, **more) -> Barriers:
    """Make one relay, on the lanes that are named with their channels; else on in1's."""
    options, hubs = more.pop("options", {}), more.pop("hubs", None)
    settings = BarrierSettings(
        name="b1", driver=driver, port=port, pulse_s=pulse_s, options=options
    )
    gates = [Gate(lane, "b1", channel) for lane, channel in (more or {"in1": 1}).items()]
    return Barriers([settings], gates, sink, fail, hubs or Hubs())


@pytest.fixture
def relay(heard):
    """Start a relay that opens lanes' barriers."""
    with running() as start:
        yield lambda driver, port, **more: start(
            lambda fail: barriers(heard, fail, driver, port, **more)
        )
