"""What guards corrected, taken along as labelled crops in the folder layout that training reads.

A gate keeps a crop with room around the plate, or the whole vehicle where no plate was seen. What
training reads is the plate alone: it is cut out here, along the corners that our reader finds.
"""

import csv
import hashlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from gateway import config, folder
from gateway.camera.sightings import choose
from gateway.desk import LESSONS, Desk, Note
from gateway.errors import SettingsRefused
from gateway.plates.alphabet import COLOUR_OF
from gateway.plates.errors import LessonsRefused
from gateway.plates.grammar import is_plate, kinds_of
from gateway.plates.look import SIZE, TALL
from gateway.plates.net import SECOND_LOOK, NetReader
from gateway.plates.picture import Picture, as_picture, flattened, is_tall, widened
from gateway.plates.reader import PlateReader

COLUMNS: Final = ("file", "label", "plate_colour", "source")
SOURCE: Final = "guard"
INDEX: Final = "index.csv"
LEFT_OUT: Final = "left_out.csv"
NAME_BYTES: Final = 8

Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Taken:
    """How many lessons were taken along."""

    lessons: int
    left_out: int
    """No plate is found in the crop, or the guard's text is none: whole, in an index of its own."""
    closed: int
    """The desk's key does not open them."""


def export(config_file: Path, out: Path) -> Taken:
    """Write the lessons into a folder, beside those that were taken along before.

    Raises SettingsRefused without a key, and LessonsRefused, which leaves all as it was.
    """
    settings = config.read(config_file)
    if not (settings.desk.key_file or settings.desk.key_credential):
        raise SettingsRefused(
            "desk.key_file: the lessons are encrypted with the desk's key, and this gate draws a"
            " new one at each start; name a key file, and they can be taken along."
        )
    key = folder.desk_key(settings)
    notes, closed = _notes(Path(settings.data_dir) / LESSONS, key)
    rows, others = _rows(out / INDEX), _rows(out / LEFT_OUT)
    if not notes:
        return Taken(0, 0, closed)
    reader = NetReader.open()
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    lessons = 0
    stale: list[Path] = []
    for ref, note in notes:
        # Neither number nor passage: the one would be another lesson's next week, and the other
        # would join a plate to its journal.
        name = hashlib.blake2b(ref.encode(), key=key, digest_size=NAME_BYTES).hexdigest()
        crop = _plate_in(reader, note) if is_plate(note.text) else None
        lessons += crop is not None
        cut, whole = f"{name}.png", f"{name}.jpg"
        if crop is None:
            file, content, index, before, other = whole, note.crop, others, cut, rows
        else:
            file, content, index, before, other = cut, _png(crop), rows, whole, others
        _write(out / file, content)
        index[file] = (file, note.text, _colour(note), SOURCE)
        if other.pop(before, None):
            stale.append(out / before)  # The guard thought again.
    _write_index(out / INDEX, rows)
    _write_index(out / LEFT_OUT, others)
    for picture in stale:
        picture.unlink(missing_ok=True)
    return Taken(lessons, len(notes) - lessons, closed)


def _notes(kept: Path, key: bytes) -> tuple[list[tuple[str, Note]], int]:
    """Open the lessons as they are, and leave them so; give those that the key opens."""
    if not kept.exists():
        return [], 0
    try:
        connection = sqlite3.connect(f"{kept.absolute().as_uri()}?mode=rw", uri=True)
        try:
            (count,) = connection.execute("SELECT count(*) FROM note").fetchone()
            notes = list(Desk(connection, key).notes())
        finally:
            connection.close()
    except sqlite3.Error as fault:
        raise LessonsRefused(
            f"{kept} cannot be read ({fault}): run this as the gate's own user."
        ) from fault
    if count and not notes:
        raise LessonsRefused(
            f"{kept}: the desk's key opens none of its {count} lessons: name the key that the gate"
            " runs with."
        )
    return notes, count - len(notes)


def _rows(index: Path) -> dict[str, Row]:
    """Read what was taken along before, by file."""
    try:
        with index.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise LessonsRefused(f"{index} is another list: name another folder.")
            return {
                row["file"]: (row["file"], row["label"], row["plate_colour"], row["source"])
                for row in rows
            }
    except FileNotFoundError:
        return {}
    except (UnicodeDecodeError, csv.Error) as fault:
        raise LessonsRefused(f"{index} is no list ({fault}): name another folder.") from fault


def _plate_in(reader: PlateReader, note: Note) -> Picture | None:
    """Cut the plate out of a crop, as if seen from before it; None where none is found."""
    try:
        stored = cv2.imdecode(np.frombuffer(note.crop, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    picture = None if stored is None else as_picture(stored)
    plate = None if picture is None else choose(reader.read(picture))
    if picture is None or plate is None:
        return None
    corners = widened(np.array(plate.corners, np.float32), *SECOND_LOOK)
    return flattened(picture, corners, TALL if is_tall(corners) else SIZE)[0]


def _colour(note: Note) -> str:
    """Give the colour that the reader saw, if it fits: the guard typed a text, and no kind."""
    fitting = [COLOUR_OF[kind] for kind in kinds_of(note.text) if kind == note.plate_kind]
    return fitting[0] if fitting else ""


def _png(picture: Picture) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def _write(file: Path, content: bytes) -> None:
    file.touch(mode=0o600)
    file.write_bytes(content)


def _write_index(index: Path, rows: dict[str, Row]) -> None:
    """Write an index, whole or not at all."""
    fresh = index.with_suffix(".part")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    with fresh.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([COLUMNS, *rows.values()])
        lines.flush()
        os.fsync(lines.fileno())
    fresh.replace(index)
