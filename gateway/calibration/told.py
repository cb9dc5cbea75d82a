"""What the core is told of the thermometers: loaded at the start, told again when one expires.

A clock that is not set runs behind, never ahead: an expiry may then be told late, never early.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from gateway import contract
from gateway.calibration.record import Record, newest
from gateway.config import ThermometerSettings
from gateway.contract import Entry
from gateway.core import events
from gateway.core.instrument import Instrument

_LOG: Final = logging.getLogger(__name__)


def fitting(
    data_dir: Path, thermometers: Iterable[ThermometerSettings]
) -> tuple[dict[str, Record], tuple[str, ...]]:
    """Give each thermometer's newest record, and say which were made with another driver."""
    found, others = dict[str, Record](), list[str]()
    records = newest(data_dir)
    for one in thermometers:
        record = records.get(one.name)
        if record is not None and record.driver == one.driver:
            found[one.name] = record
        elif record is not None:
            others.append(
                f"thermometer.{one.name}.driver = {one.driver!r}: the calibration {record.name} was"
                f" made with {record.driver!r} and is not used; calibrate anew."
            )
    return found, tuple(others)


class Instruments:
    """The gate's thermometers, as the core must know them."""

    def __init__(self, data_dir: Path, thermometers: Iterable[ThermometerSettings]) -> None:
        thermometers = tuple(thermometers)
        records, others = fitting(data_dir, thermometers)
        for words in others:
            _LOG.warning("A calibration is another device's.", extra={"GATE_REASON": words})
        self._known = {one.name: (one, records.get(one.name)) for one in thermometers}
        self._told: dict[str, Instrument] = {}

    def first_used(
        self, since: Callable[[int, Sequence[str]], tuple[Entry, ...]]
    ) -> list[events.Record]:
        """Give an entry for each calibration that this journal has not heard of."""
        heard = set()
        for entry in since(0, ("calibrated",)):
            body = contract.decode_body(entry)
            if isinstance(body, contract.Calibrated):
                heard.add(body.name)
        return [
            _entry(record)
            for _, record in self._known.values()
            if record is not None and record.name not in heard
        ]

    def news(self, at_ms: int) -> list[events.Event]:
        """Tell what has changed by a moment: everything at first, later only what expired."""
        said: list[events.Event] = []
        for name, (settings, record) in self._known.items():
            instrument = Instrument(
                None if record is None else record.calibration,
                expired=record is not None and at_ms >= record.expires_ms,
                vendor_compensated=settings.vendor_compensated,
            )
            if self._told.get(name) != instrument:
                self._told[name] = instrument
                said.append(events.InstrumentTold(name, instrument))
        return said


def _entry(record: Record) -> events.Record:
    return events.Record(
        contract.Calibrated(
            device=record.device, name=record.name, method=record.method,
            points=len(record.points), offset_centi_c=record.offset_centi_c,
            made_ms=record.made_ms, expires_ms=record.expires_ms,
        ),
        sealed=contract.SealedCalibration(by=record.by, reference=record.reference),
    )  # fmt: skip
