# ruff: noqa: N818 - the trade says what happened; an Error suffix would say nothing more.
"""What can go wrong at the centre, one sentence each; every one is also a standard error."""


class CentralError(Exception):
    """Something at the centre needs somebody to act; the message says what, where and how."""


class SettingsRefused(CentralError, ValueError):
    """A setting is missing, unknown or absurd."""


class LedgerUnreadable(CentralError, OSError):
    """The ledger will not open; nothing is begun in its place."""


class LedgerUnwritable(CentralError, OSError):
    """The ledger's disk takes nothing more; what arrived stays unacknowledged."""


class BackupFailed(CentralError, OSError):
    """A backup could not be made, or what was made does not check out."""


class BrokerRefused(CentralError, ConnectionError):
    """The broker does not let the centre in."""


class PagesRefused(CentralError, OSError):
    """The wall page's address cannot be had now; whoever holds it may let it go."""


class VaultLocked(CentralError, OSError):
    """The vault's key or its database cannot be opened."""
