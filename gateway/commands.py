"""What central asks of this gate: obeyed once, and answered by an entry each time it is new.

Central sends a command again until an entry answers it; a gate that has answered keeps quiet. After
a restart it may obey and answer once more, which does no harm: the second time finds nothing to do.
"""

from typing import Final

from gateway import contract
from gateway.contract import Answered, Command
from gateway.core.events import AlertAcknowledged, Record
from gateway.journal.journal import Stamp

KEPT: Final = 100


class Commands:
    """The commands that came lately."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}

    def take(self, command: Command, stamp: Stamp) -> AlertAcknowledged | None:
        """Give what a command asks for; None when it was obeyed before or has expired."""
        late = stamp.clock != "unset" and command.expires_ms < stamp.at_ms
        if late or command.id in self._seen or command.alert is None:
            return None
        self._seen[command.id] = None
        if len(self._seen) > KEPT:
            del self._seen[next(iter(self._seen))]
        return AlertAcknowledged(command.alert, "central")


def answer(command: Command, records: list[Record]) -> Record:
    """Say what became of a command, from what it made the gate write down."""
    done = any(isinstance(record.body, contract.AlertChanged) for record in records)
    return Record(Answered(command=command.id, outcome="done" if done else "nothing"))
