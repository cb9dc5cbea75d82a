"""What the drivers' tests share."""

import pytest

from drivers import barrier
from tests.drivers.running import heard, listening, relay

__all__ = ["heard", "listening", "relay"]


@pytest.fixture(autouse=True)
def _relays_are_given_time(monkeypatch):
    """A relay of the tests answers from a thread, on a machine that may stall for two seconds."""
    monkeypatch.setattr(barrier, "ANSWER_S", 3.0)
