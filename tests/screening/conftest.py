"""What the tests of lines share with those of the drivers."""

from tests.drivers.running import heard, listening, relay

__all__ = ["heard", "listening", "relay"]
