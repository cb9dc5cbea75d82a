"""What was read of one vehicle's plate, look after look: the votes, and the best so far.

Pure. A look that loses the plate takes nothing away.
"""

from dataclasses import dataclass, field
from typing import Final

from gateway.plates.reader import Box, Plate, Status, status_of

TEXTS_MAX: Final = 8
"""Of one vehicle; of more, the one that least speaks for is forgotten."""
DIFFERENT_MIN: Final = 3
"""Characters in which two texts differ before they are two plates and not one misread."""
CANDIDATES_MAX: Final = 5
RANK: Final[dict[Status, int]] = {"none": 0, "unread": 1, "unsure": 2, "read": 3}


@dataclass(slots=True)
class Votes:
    """All looks at one vehicle."""

    looks: int = 0
    weights: dict[str, float] = field(default_factory=dict, repr=False)
    shown: dict[str, tuple[Plate, bytes]] = field(default_factory=dict, repr=False)
    """The look that speaks best for each text, and its crop."""
    best: Plate | None = field(default=None, repr=False)
    """The look that speaks best for the leading text."""
    crop: bytes = field(default=b"", repr=False)
    told: tuple[Status, str, int] | None = field(default=None, repr=False)
    """What was last said of it."""

    def add(self, plate: Plate | None, crop: bytes) -> None:
        """Take a look; None saw no plate."""
        self.looks += 1
        if plate is None:
            self.crop = self.crop or crop
            return
        if plate.text:
            weight = self.weights.get(plate.text, 0.0) + plate.confidence
            self.weights[plate.text] = weight
        before = self.shown.get(plate.text)
        if before is None or plate.confidence >= before[0].confidence:
            self.shown[plate.text] = plate, crop
        if len(self.shown) > TEXTS_MAX:
            least = min(self.shown, key=lambda text: self.weights.get(text, 0.0))
            del self.shown[least]
            self.weights.pop(least, None)
        leading = max(self.weights, key=self.weights.__getitem__, default="")
        self.best, self.crop = self.shown[leading]

    def status(self, accept: float) -> Status:
        """Say what the best is worth."""
        return status_of(self.best, accept)

    def news(self, accept: float) -> tuple[Status, str, int] | None:
        """Give status, text and percent when they are better than what was told, else None."""
        best = self.best
        now = (
            self.status(accept),
            best.text if best else "",
            round(100 * best.confidence) if best and best.text else 0,
        )
        if self.told is None:
            return now
        if RANK[now[0]] < RANK[self.told[0]] or now[:2] == self.told[:2]:
            return None
        return now

    def is_other(self, plate: Plate, accept: float) -> bool:
        """Say whether this is surely the plate of another vehicle."""
        mine = self.best
        if mine is None or status_of(mine, accept) != "read" or status_of(plate, accept) != "read":
            return False
        return apart(mine.text, plate.text) >= DIFFERENT_MIN


def apart(one: str, other: str) -> int:
    """Count the characters in which two texts differ; a length that differs counts too."""
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


def choose(plates: tuple[Plate, ...]) -> Plate | None:
    """Choose a vehicle's own plate among those seen on it: large, and with a text."""

    def weight(plate: Plate) -> float:
        area = plate.box[2] * plate.box[3]
        return area * (0.3 + plate.confidence if plate.text else 0.1)

    return max(plates, key=weight, default=None)


def middle_of(box: Box, wide: int, high: int) -> tuple[float, float]:
    """Give a box's middle, relative to the picture."""
    return (box[0] + box[2] / 2) / wide, (box[1] + box[3] / 2) / high
