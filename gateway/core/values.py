"""What the core's states, events and effects are made of: frozen, and equal by what they hold.

msgspec makes and changes them in C; frozen dataclasses cost ten times as much, and a passage makes
some hundred and fifty. Pure.
"""

from functools import cache
from typing import Annotated, Final, TypeAlias, TypeVar, get_type_hints

from msgspec import Struct

T = TypeVar("T")

_MARK: Final = "personal"
Personal: TypeAlias = Annotated[T, _MARK]
"""The type of what is a person's: a temperature, a plate, a name, a picture."""


class Value(Struct, frozen=True):
    """A value of the core. What is personal stays out of its repr: a repr may be logged."""

    def __repr__(self) -> str:
        held = ", ".join(f"{name}={getattr(self, name)!r}" for name in _shown(type(self)))
        return f"{type(self).__name__}({held})"


@cache
def _shown(kind: type[Value]) -> tuple[str, ...]:
    """Name the fields of a kind of value that are nobody's."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        name for name in kind.__struct_fields__
        if _MARK not in getattr(hints[name], "__metadata__", ())
    )  # fmt: skip
