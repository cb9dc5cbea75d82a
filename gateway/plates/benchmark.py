"""Measure a reader on labelled pictures: what is read whole, how sure, at what cost.

An index is a CSV file with `file` (relative to it), `label` (a picture's plates, split by `|`) and
any other columns; `sequence` names the pictures of one vehicle, which are voted on. An answer is
the first text, as readers put the best first; it is right when it is one of the labels.
"""

import csv
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.camera.sightings import Votes
from gateway.plates.errors import PlateError
from gateway.plates.grammar import without_province
from gateway.plates.model import FOLDER, Net, open_net
from gateway.plates.reader import Plate, PlateReader, Region
from gateway.plates.reliability import Bin, bins_of, calibration_error

REFERENCE: Final = FOLDER / "reference.onnx"
"""A net of fixed size whose weights mean nothing: its time says how fast the machine is now."""
REFERENCE_RUNS: Final = 9
SEQUENCE_MIN: Final = 3
"""Pictures of one vehicle from which a vote is counted."""


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
    reference_ms: float
    """Of the reference network in the same run, with the same runtime: the least of its runs."""
    rss_mb: float
    """The most that this process ever held."""
    not_pictures: int
    """Files that are missing or no pictures; they count as unread."""
    calibration_error: float | None
    """Expected, of whole texts; None without an answer."""
    calibration_error_characters: float | None
    sequences: int
    """Vehicles with three pictures or more."""
    sequences_right: int
    """Of these, the vote of their pictures is right."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader said of one picture, and what it should have."""

    file: str
    labels: tuple[str, ...]
    plate: Plate | None
    cpu_ms: float | None
    """None for a file that is no picture; the least of the runs."""
    sequence: str = ""

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


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an index."""

    file: str
    labels: tuple[str, ...]
    sequence: str = ""


def load_index(index: Path) -> list[Row]:
    """Read files, labels and sequences; raises IndexRefused."""
    try:
        with index.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if not {"file", "label"} <= set(rows.fieldnames or ()):
                raise IndexRefused(f"{index} has no columns `file` and `label`")
            listed = [
                Row(
                    row["file"] or "",
                    tuple((row["label"] or "").split("|")),
                    row.get("sequence") or "",
                )
                for row in rows
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise IndexRefused(f"{index} is no index: {fault}") from fault
    if not listed:
        raise IndexRefused(f"{index} lists no pictures")
    return listed


def answer_all(
    reader: PlateReader, index: Path, *, repeat: int = 1, region: Region = ()
) -> list[Answer]:
    """Read every picture of an index, on one thread; the time is the least of `repeat` runs."""
    listed = load_index(index)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [_answer(reader, index.parent, row, repeat, region) for row in listed]
    finally:
        cv2.setNumThreads(threads)


def _answer(reader: PlateReader, folder: Path, row: Row, repeat: int, region: Region) -> Answer:
    path = folder / row.file
    picture = load_picture(path)
    if picture is None:
        return Answer(path.name, row.labels, None, None, row.sequence)
    spent_ms, plates = min(
        (_timed(lambda: reader.read(picture, region)) for _ in range(repeat)),
        key=lambda run: run[0],
    )
    best = next((plate for plate in plates if plate.text), None)
    return Answer(path.name, row.labels, best, spent_ms, row.sequence)


def _timed(run: Callable[[], tuple[Plate, ...]]) -> tuple[float, tuple[Plate, ...]]:
    began_ms = _cpu_ms()
    given = run()
    return _cpu_ms() - began_ms, given


def reference_ms(runtime: str) -> float:
    """Run the reference network for a picture of 384 x 288; give its least CPU milliseconds."""
    net: Net = open_net(REFERENCE, "onnxruntime" if runtime == "onnxruntime" else "opencv")
    blob = np.full((1, 3, 288, 384), 0.5, np.float32)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        spent_ms = []
        for _ in range(REFERENCE_RUNS):
            began_ms = _cpu_ms()
            net.run(blob)
            spent_ms.append(_cpu_ms() - began_ms)
    finally:
        cv2.setNumThreads(threads)
    return round(min(spent_ms[1:]), 2)


def voted(answers: list[Answer]) -> tuple[int, int]:
    """Vote over the pictures of each vehicle, as a track does; give vehicles, and those right."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        if answer.sequence:
            groups.setdefault(answer.sequence, []).append(answer)
    counted = right = 0
    for group in groups.values():
        if len(group) < SEQUENCE_MIN:
            continue
        votes = Votes()
        for answer in group:
            votes.add(answer.plate, b"")
        counted += 1
        right += votes.best is not None and votes.best.text in group[0].labels
    return counted, right


def reliability_of(answers: list[Answer]) -> tuple[tuple[Bin, ...], tuple[Bin, ...]]:
    """Sort whole texts, and single characters, by confidence."""
    said = [answer for answer in answers if answer.plate is not None]
    whole = bins_of([answer.confidence for answer in said], [answer.right for answer in said])
    sure: list[float] = []
    right: list[bool] = []
    for answer in said:
        assert answer.plate is not None
        wanted = min(answer.labels, key=lambda label: distance(answer.text, label))
        if len(wanted) == len(answer.text) == len(answer.plate.characters):
            sure += answer.plate.characters
            right += [a == b for a, b in zip(answer.text, wanted, strict=True)]
    return whole, bins_of(sure, right)


def _cpu_ms() -> float:
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return 1000 * sum(use.ru_utime + use.ru_stime for use in uses)


def figures_of(reader: PlateReader, answers: list[Answer]) -> Figures:
    """Sum up answers."""
    accepted = [a for a in answers if a.confidence >= reader.accept]
    cost_ms = [a.cpu_ms for a in answers if a.cpu_ms is not None] or [0.0]
    whole, single = reliability_of(answers)
    sequences, sequences_right = voted(answers)
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
        reference_ms=reference_ms(getattr(reader, "runtime", "opencv")),
        rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        not_pictures=sum(a.cpu_ms is None for a in answers),
        calibration_error=calibration_error(whole),
        calibration_error_characters=calibration_error(single),
        sequences=sequences,
        sequences_right=sequences_right,
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
