"""The nets' files: found beside this package, checked against their checksums, opened by OpenCV."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from gateway.plates.errors import ModelRefused

FOLDER: Final = Path(__file__).with_name("models")
LIST: Final = "models.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """What was found while training and belongs to these very files."""

    temperature: float
    """Divides the recogniser's logits, so that its probabilities mean what they say."""
    accept: float
    """The confidence at which a text is taken, chosen on training data alone."""
    finder_accept: float
    """How sure the detector must be of a cell."""


def open_nets(folder: Path = FOLDER) -> tuple[Any, Any, Settings]:
    """Open detector and recogniser; raises ModelRefused when a file is not the one on record."""
    try:
        listed = json.loads((folder / LIST).read_text(encoding="utf-8"))
        nets = [_open(folder / name, listed["sha256"][name]) for name in listed["nets"]]
        settings = Settings(**listed["settings"])
    except (OSError, ValueError, KeyError, TypeError) as fault:
        if isinstance(fault, ModelRefused):
            raise
        raise ModelRefused(
            f"plate models in {folder} cannot be read: {fault}; reinstall"
        ) from fault
    finder, recogniser = nets
    return finder, recogniser, settings


def _open(path: Path, sha256: str) -> Any:
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelRefused(
            f"plate model {path.name} has checksum {found[:12]}, not {sha256[:12]}; reinstall"
        )
    try:
        # Read from memory: the bytes that were checked are the bytes that run.
        return cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    except cv2.error as fault:
        raise ModelRefused(f"plate model {path.name} does not open: {fault.err}") from fault
