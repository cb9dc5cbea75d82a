"""Measure a reader on labelled pictures: what is read whole, how sure, at what cost.

An index is a CSV file with `file` (relative to it), `label` (a picture's plates, split by `|`) and
any other columns. An answer is the first text, as readers put the best first; it is right when it
is one of the labels.
"""

import csv
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.plates.errors import PlateError
from gateway.plates.grammar import without_province
from gateway.plates.reader import Plate, PlateReader


class IndexRefused(PlateError, ValueError):  # noqa: N818 - named by what happened.
    """An index is missing, is no CSV of `file,label`, or lists nothing."""


class Figures(TypedDict):
    """What was measured; shares in percent."""

    reader: str
    n: int
    exact: float
    exact_without_province: float
    characters: float
    """100 less the edit distance to the nearest label, in percent of its length."""
    unread: float
    accept: float
    answered: float
    """Of all, those at or above the accept line."""
    answered_right: float | None
    """Of those; None when there are none."""
    answered_wrong: int
    cpu_ms_median: float
    """Of this process and its children, for reading alone: the file was loaded before."""
    cpu_ms_p95: float
    rss_mb: float
    """The most that this process ever held."""
    not_pictures: int
    """Files that are missing or no pictures; they count as unread."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader said of one picture, and what it should have."""

    file: str
    labels: tuple[str, ...]
    plate: Plate | None
    cpu_ms: float | None
    """None for a file that is no picture."""

    @property
    def text(self) -> str:
        """The best text, "" when there is none."""
        return self.plate.text if self.plate is not None else ""

    @property
    def confidence(self) -> float:
        """How sure the reader is of it, -1 without a text."""
        return self.plate.confidence if self.plate is not None else -1.0

    @property
    def right(self) -> bool:
        """Tell whether it is one of the picture's plates."""
        return bool(self.text) and self.text in self.labels


def load_picture(path: Path) -> NDArray[np.uint8] | None:
    """Load a file, turned as its camera says; None when it is no picture."""
    try:
        content = np.fromfile(path, np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except (OSError, ValueError, cv2.error):
        return None  # A ValueError: a name that no file can have.
    return None if picture is None else np.asarray(picture, np.uint8)


def load_index(index: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Read files and labels; raises IndexRefused."""
    try:
        with index.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if not {"file", "label"} <= set(rows.fieldnames or ()):
                raise IndexRefused(f"{index} has no columns `file` and `label`")
            listed = [(row["file"] or "", tuple((row["label"] or "").split("|"))) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise IndexRefused(f"{index} is no index: {fault}") from fault
    if not listed:
        raise IndexRefused(f"{index} lists no pictures")
    return listed


def answer_all(reader: PlateReader, index: Path) -> list[Answer]:
    """Read every picture of an index, on one thread."""
    listed = load_index(index)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [_answer(reader, index.parent / file, labels) for file, labels in listed]
    finally:
        cv2.setNumThreads(threads)


def _answer(reader: PlateReader, path: Path, labels: tuple[str, ...]) -> Answer:
    picture = load_picture(path)
    if picture is None:
        return Answer(path.name, labels, None, None)
    began = _cpu_ms()
    plates = reader.read(picture)
    cpu_ms = _cpu_ms() - began
    best = next((plate for plate in plates if plate.text), None)
    return Answer(path.name, labels, best, cpu_ms)


def _cpu_ms() -> float:
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return 1000 * sum(use.ru_utime + use.ru_stime for use in uses)


def figures_of(reader: PlateReader, answers: list[Answer]) -> Figures:
    """Sum up answers."""
    accepted = [a for a in answers if a.confidence >= reader.accept]
    cost_ms = [a.cpu_ms for a in answers if a.cpu_ms is not None] or [0.0]
    return Figures(
        reader=reader.name,
        n=len(answers),
        exact=_percent([a.right for a in answers]),
        exact_without_province=_percent([_right_without_province(a) for a in answers]),
        characters=_percent([_characters(a) for a in answers]),
        unread=_percent([not a.text for a in answers]),
        accept=reader.accept,
        answered=_percent([a.confidence >= reader.accept for a in answers]),
        answered_right=_percent([a.right for a in accepted]) if accepted else None,
        answered_wrong=sum(not a.right for a in accepted),
        cpu_ms_median=round(float(np.median(cost_ms)), 2),
        cpu_ms_p95=round(float(np.percentile(cost_ms, 95)), 2),
        rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        not_pictures=sum(a.cpu_ms is None for a in answers),
    )


def _percent(shares: list[bool] | list[float]) -> float:
    return round(100 * float(np.mean(shares)), 2) if shares else 0.0


def _right_without_province(answer: Answer) -> bool:
    wanted = {without_province(label) for label in answer.labels}
    return bool(answer.text) and without_province(answer.text) in wanted


def _characters(answer: Answer) -> float:
    return max(
        1 - min(1.0, distance(answer.text, each) / max(1, len(each))) for each in answer.labels
    )


def distance(first: str, second: str) -> int:
    """Count the characters to change, put in or leave out between two texts.

    >>> distance("鲁A12345", "鲁A1234"), distance("鲁A12345", "苏A12845")
    (1, 2)
    """
    costs = list(range(len(second) + 1))
    for row, mine in enumerate(first, 1):
        before, costs[0] = costs[0], row
        for column, other in enumerate(second, 1):
            changed = before + (mine != other)
            before = costs[column]
            costs[column] = min(changed, costs[column] + 1, costs[column - 1] + 1)
    return costs[-1]
