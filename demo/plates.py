"""How many of the plates that came were read, and read right: the journals' seals beside the truth.

Only the demo can do this: it made the vault's key and the desks', and it knows what truly stood on
each plate.
"""

import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import msgspec
import numpy as np
from nacl.public import PrivateKey, SealedBox
from nacl.secret import SecretBox

Lane = tuple[str, str]
"""Compound and lane."""
Status = tuple[str, str, bool]
"""A passage's plate: its status, its text, and whether its picture lies on the gate's desk."""


@dataclass(frozen=True, slots=True)
class Score:
    """Shares in percent of the vehicles whose plate is known to the demo."""

    vehicles: int
    read: int
    """The first reader was sure."""
    right: int
    """And what it said is what stood there."""
    best_right: int
    """The best text was right, sure or not: what the guard finds already filled in."""
    pictured: int
    """A crop of the plate, which opens as a picture, lies on the gate's desk."""

    def as_json(self) -> dict[str, Any]:
        """Give the score for the demo's result."""
        return {
            "vehicles": self.vehicles,
            "read_pct": _share(self.read, self.vehicles),
            "read_right_pct": _share(self.right, self.read),
            "best_text_right_pct": _share(self.best_right, self.vehicles),
            "pictured_pct": _share(self.pictured, self.vehicles),
        }


def score(journals: dict[str, Path], truth: Path, key: Path, desk_key: Path) -> Score:
    """Set the plates of each lane beside the vehicles that truly came, in their order."""
    came = _truth(truth)
    box = SealedBox(PrivateKey(bytes.fromhex(key.read_text())))
    desk_box = SecretBox(bytes.fromhex(desk_key.read_text()))
    pictures = set().union(*(_pictured(path, desk_box) for path in journals.values()))
    vehicles = read = right = best_right = pictured = 0
    for lane, seen in _seen(journals, box, pictures).items():
        if len(seen) != len(came[lane]):
            continue  # The counts differ, which is told elsewhere: no order to go by.
        for (status, text, picture), plates in zip(seen, came[lane], strict=True):
            if not plates:
                continue
            vehicles += 1
            best_right += text in plates
            read += status == "read"
            right += status == "read" and text in plates
            pictured += picture
    return Score(vehicles, read, right, best_right, pictured)


def _truth(path: Path) -> dict[Lane, list[list[str]]]:
    came: dict[Lane, list[list[str]]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        plate = said["plate"] or ""
        came[said["compound"], said["lane"]].append([p for p in plate.split("|") if p])
    return came


def _pictured(journal: Path, box: SecretBox) -> set[str]:
    """Name the passages whose plate's picture lies on the desk beside a journal."""
    found = set()
    desk = journal.with_name("desk.db")
    with closing(sqlite3.connect(f"file:{quote(str(desk))}?mode=ro", uri=True)) as notes:
        for ref, sealed in notes.execute("SELECT ref, box FROM note"):
            crop = msgspec.msgpack.decode(box.decrypt(sealed)).get("crop", b"")
            if crop and cv2.imdecode(np.frombuffer(crop, np.uint8), cv2.IMREAD_COLOR) is not None:
                found.add(ref)
    return found


def _seen(
    journals: dict[str, Path], box: SealedBox[PrivateKey], pictures: set[str]
) -> dict[Lane, list[Status]]:
    found: dict[Lane, list[Status]] = {}
    sql = (
        "SELECT s.stream || '/' || (e.id - s.base), e.kind, e.open, e.sealed FROM entry e "
        "JOIN stream s ON s.no = (SELECT no FROM stream WHERE base < e.id ORDER BY base DESC "
        "LIMIT 1) WHERE e.kind IN ('opened', 'plate') ORDER BY e.id"
    )
    for compound, path in journals.items():
        lanes: dict[str, str] = {}
        plates: dict[str, tuple[str, str]] = {}
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as journal:
            for ref, kind, body, sealed in journal.execute(sql):
                said = json.loads(body)
                if kind == "opened":
                    lanes[ref] = said["lane"]
                else:
                    text = json.loads(box.decrypt(sealed))["text"] if sealed else ""
                    plates[said["passage"]] = (said["status"], text)
        for ref, lane in lanes.items():
            said = plates.get(ref, ("none", ""))
            found.setdefault((compound, lane), []).append((*said, ref in pictures))
    return found


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
