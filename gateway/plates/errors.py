"""What can stop a plate reader from opening; reading itself never fails."""

from gateway.errors import GateError


class PlateError(GateError):
    """A plate reader cannot be had."""


class ModelRefused(PlateError, OSError):  # noqa: N818 - named by what happened.
    """A model file is missing, or is not the one whose checksum is on record."""


class LessonsRefused(PlateError, OSError):  # noqa: N818 - named by what happened.
    """The lessons of a gate cannot be read, or a folder holds another list."""


class ReaderMissing(PlateError, LookupError):  # noqa: N818 - named by what happened.
    """A reader is not known by that name, or what it needs is not installed."""
