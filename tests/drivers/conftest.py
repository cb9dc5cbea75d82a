"""What the drivers' tests share."""

from tests.drivers.running import heard, listening, relay

__all__ = ["heard", "listening", "relay"]
