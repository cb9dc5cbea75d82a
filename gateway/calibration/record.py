"""The record of a calibration: one JSON file each, in the gate's folder, never overwritten.

It says who calibrated what against what, when, with which points, and until when it holds. The
gateway loads each thermometer's newest at its start. A file that is not understood is refused,
not skipped: a gate must not run uncalibrated without anybody knowing.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from gateway.calibration.fit import Method
from gateway.contract import Name
from gateway.core.instrument import COLDEST_CENTI_C, HOTTEST_CENTI_C, Calibration
from gateway.errors import SettingsRefused

FOLDER: Final = "calibration"
DAY_MS: Final = 86_400_000
Words = Annotated[str, Meta(min_length=1, max_length=120)]


class Pair(Struct, frozen=True, forbid_unknown_fields=True):
    """One point, in hundredths of a degree Celsius."""

    reference_centi_c: int
    raw_centi_c: int
    spread_centi_c: int = 0


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A calibration as it stands on the disk."""

    device: Name
    driver: str
    method: Method
    made_ms: Annotated[int, Meta(ge=0)]
    expires_ms: Annotated[int, Meta(ge=0)]
    by: Words
    reference: Words
    """Against what: the blackbody's or the clinical thermometer's make and number."""
    points: tuple[Pair, ...]
    offset_centi_c: Annotated[int, Meta(ge=-300, le=300)]
    slope: float
    slope_margin: float = 0.0
    residual_centi_c: int
    ambient_centi_c: int | None = None
    box_ambient_centi_c_min: int = COLDEST_CENTI_C
    box_ambient_centi_c_max: int = HOTTEST_CENTI_C

    def __repr__(self) -> str:
        return f"Record({self.name})"  # Who made it stays out of logs.

    @property
    def name(self) -> str:
        """Name it by its device and moment, UTC."""
        return f"{self.device}-{_moment(self.made_ms):%Y%m%d-%H%M%S}"

    @property
    def slope_shown(self) -> str:
        """Write the slope, with its margin where it has one."""
        margin = f" ± {self.slope_margin:.2f}" if self.slope_margin else ""
        return f"{self.slope:.2f}{margin}"

    @property
    def calibration(self) -> Calibration:
        """Give what the core needs of it."""
        return Calibration(
            self.name, self.offset_centi_c,
            box_ambient_centi_c_min=self.box_ambient_centi_c_min,
            box_ambient_centi_c_max=self.box_ambient_centi_c_max,
        )  # fmt: skip


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def day(at_ms: int) -> str:
    """Write a moment as a day, UTC."""
    return f"{_moment(at_ms):%Y-%m-%d}"


def keep(data_dir: Path, record: Record, drawing: str) -> Path:
    """Write a record and its plot beside the gate's journal; the service's user may read both."""
    folder = data_dir / FOLDER
    folder.mkdir(mode=0o755, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(record), indent=2)
    path = folder / f"{record.name}.json"
    path.with_suffix(".svg").write_text(drawing, encoding="utf-8")
    trial = path.with_suffix(".new")
    trial.write_bytes(text + b"\n")
    with trial.open("rb") as written:
        os.fsync(written.fileno())
    trial.chmod(0o644)
    trial.replace(path)
    return path


def newest(data_dir: Path) -> dict[str, Record]:
    """Load each device's newest record; raises SettingsRefused naming the file that is wrong."""
    found: dict[str, Record] = {}
    for path in sorted((data_dir / FOLDER).glob("*.json")):
        try:
            record = msgspec.json.decode(path.read_bytes(), type=Record)
        except (OSError, msgspec.DecodeError) as error:
            raise SettingsRefused(
                f"The calibration {path} cannot be read ({error}): move it away, or calibrate anew."
            ) from error
        known = found.get(record.device)
        if known is None or record.made_ms >= known.made_ms:
            found[record.device] = record
    return found
