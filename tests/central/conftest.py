"""The real things that several files of this room need."""

import pytest

from tests.central.real import Broker, Central, Client


@pytest.fixture
def broker(tmp_path):
    found = Broker(tmp_path)
    yield found
    found.kill()


@pytest.fixture
def client(broker):
    found = Client(broker.port)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _no_process_left():
    yield
    for central in Central.started:
        if central.process.poll() is None:
            central.kill()
    Central.started.clear()
