"""What the service's tests share: a broker, a centre, a gate; ended whatever happens."""

import pytest

from .site import Broker, Centre, Gate


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path).start()
    yield broker
    broker.kill()


@pytest.fixture
def centre(broker):
    centre = Centre(broker.port)
    yield centre
    centre.close()


@pytest.fixture
def make_gate(tmp_path):
    gates = []

    def make(port, **more):
        gates.append(Gate(tmp_path, port, **more))
        return gates[-1]

    yield make
    for gate in gates:
        gate.kill()
