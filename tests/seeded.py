"""What the two seeded simulations, the world and the storm, have in common, and the model."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch


@dataclass(frozen=True, slots=True)
class Bug:
    """One planted bug: a natural mistake in place of a real function."""

    what: str
    room: Any
    name: str
    wrong: Callable[[Any], Any]
    """Makes the wrong function from the right one."""

    def planted(self) -> AbstractContextManager[Any]:
        """Have the bug in place for a while."""
        return patch.object(self.room, self.name, self.wrong(getattr(self.room, self.name)))


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no cycles meanwhile: next to nothing lies in any, and looking takes a tenth."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def show(found: Mapping[str, Any]) -> None:
    """Print a run's figures, a line each; those of a group below its name."""
    for name, value in found.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, count in value.items():
                print(f"  {count:>10}  {key}")
        else:
            print(f"{name}: {value}")
