"""What may go wrong at a port or with a name, one sentence each; the message says what to do."""


class DriverError(Exception):
    """Any operating error of the drivers."""


class DriverUnknown(DriverError, LookupError):  # noqa: N818 - named by what happened.
    """No driver file bears this name."""


class OptionRefused(DriverError, ValueError):  # noqa: N818 - named by what happened.
    """A driver cannot be set so; the message says which option, why, and what is wanted."""


class PortRefused(DriverError, OSError):  # noqa: N818 - named by what happened.
    """The port cannot be opened; `reason` is `missing`, `busy`, `denied` or `refused`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PortLost(DriverError, ConnectionError):  # noqa: N818 - named by what happened.
    """An open port is gone: unplugged, or its other end closed."""


class RelaySilent(DriverError, TimeoutError):  # noqa: N818 - named by what happened.
    """A relay that confirms what it is told did not."""


class SourceRefused(DriverError, ValueError):  # noqa: N818 - named by what happened.
    """A camera's address is not one that Gatepost can open."""


class CameraLost(DriverError, ConnectionError):  # noqa: N818 - named by what happened.
    """A camera's stream is over or never began; `reason` is a Fault's word."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
