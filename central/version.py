"""Which version of Gatepost this is, as health and status say it."""

from importlib import metadata


def _version() -> str:
    try:
        return metadata.version("gatepost")
    except metadata.PackageNotFoundError:
        return "checkout"


VERSION = _version()
