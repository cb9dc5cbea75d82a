"""What a pass reader's driver declares.

Law: what stands on a pass is a person's. It is in no repr, and no driver keeps more of it than
`Scan` holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Literal, TypeAlias

from drivers.driver import Dice, Driver, Example
from drivers.framing import Refusal

__all__ = ["Example", "Medium", "Reader", "Refusal", "Scan"]

Medium: TypeAlias = Literal["code", "tag", "id_card"]
"""A printed code, a radio tag or card, a resident's identity card."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What one frame says: a pass, or, with an empty text, that none is there."""

    medium: Medium
    text: str = field(default="", repr=False)
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader(Driver[Scan]):
    """A pass reader's declaration."""

    kind = "reader"
    parameters: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"text": "", "name": "", "every_s": "0", "for_s": "0"}
    )
    """What is held to the reader, for `for_s` in each `every_s`; without them always."""
    medium: Medium
    speaks_unasked: bool
    """Whether it says anything while no pass is there: else its silence means nothing."""
    drawn: Callable[[Dice], Scan]
    """Any pass that the wire can carry."""
    answer_s: float = 0.0
    """How long an answer may take: no poll is sent before it came, or before this has passed."""

    def near(self, one: Scan, other: Scan, within: int) -> bool:
        """Compare: a pass is the same or it is not."""
        del within
        return one == other

    def draw(self, dice: Dice) -> Scan:
        """Draw any pass that the wire can carry."""
        return self.drawn(dice)

    def pretend(
        self, values: Mapping[str, str], at_s: float, dice: Dice, drift: int = 0
    ) -> Scan | None:
        """Hold a pass to the reader, or none."""
        del dice, drift
        every_s = float(values["every_s"])
        there = not every_s or at_s % every_s < float(values["for_s"])
        if there and values["text"]:
            return Scan(self.medium, values["text"], values["name"])
        return Scan(self.medium) if self.speaks_unasked else None
