"""Whether a confidence means what it says: of answers given at 0.8, eight of ten are right.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.plot import Chart, Series, sheet

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of nearly one confidence."""

    confidence: float
    """Their mean."""
    right: float
    """The share that is right."""
    count: int


def bins_of(confidences: Sequence[float], rights: Sequence[bool]) -> tuple[Bin, ...]:
    """Sort answers into ten bins by confidence; empty bins are left out."""
    sure, right = np.array(confidences, float), np.array(rights, float)
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(float(sure[place == n].mean()), float(right[place == n].mean()), int(count))
        for n in range(BINS)
        if (count := np.count_nonzero(place == n))
    )


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Give the expected calibration error: how far off a confidence is, on average.

    >>> calibration_error([Bin(0.9, 0.8, 10), Bin(0.5, 0.5, 10)])
    0.05
    """
    total = sum(each.count for each in bins)
    if not total:
        return None
    off = sum(each.count * abs(each.confidence - each.right) for each in bins)
    return round(off / total, 4)


def curve(named: dict[str, Sequence[Bin]]) -> str:
    """Draw how often answers of a confidence are right, as SVG."""
    honest = Series("honest", ((0.0, 0.0), (1.0, 1.0)), "#9aa4ad", dashed=True)
    charts = []
    for name, bins in named.items():
        points = tuple((each.confidence, each.right) for each in bins)
        title = f"{name}: expected calibration error {calibration_error(bins)}"
        line = Series("answers, by confidence", points, "#1f6feb")
        dots = Series("ten bins", points, "#1f6feb", line=False)
        charts.append(Chart(title, "confidence", "right", (0, 1), (0, 1), (honest, line, dots)))
    return sheet(charts)
