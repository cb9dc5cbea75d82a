"""What may go wrong at a port or with a name, one sentence each; the message says what to do."""


class DriverError(Exception):
    """Any operating error of the drivers."""


class DriverUnknown(DriverError, LookupError):  # noqa: N818 - named by what happened.
    """No driver file bears this name."""


class PortRefused(DriverError, OSError):  # noqa: N818 - named by what happened.
    """The port cannot be opened; `reason` is `missing`, `busy`, `denied` or `refused`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PortLost(DriverError, ConnectionError):  # noqa: N818 - named by what happened.
    """An open port is gone: unplugged, or its other end closed."""


class SourceRefused(DriverError, ValueError):  # noqa: N818 - named by what happened.
    """A camera's address is not one that Gatepost can open."""
