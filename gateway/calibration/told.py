"""What the core is told of the thermometers: loaded at the start, told again when one expires.

A clock that is not set runs behind, never ahead: an expiry may then be told late, never early.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gateway import contract
from gateway.calibration.record import Record, newest
from gateway.config import ThermometerSettings
from gateway.contract import Entry
from gateway.core import events
from gateway.core.instrument import Instrument


class Instruments:
    """The gate's thermometers, as the core must know them."""

    def __init__(self, data_dir: Path, thermometers: Iterable[ThermometerSettings]) -> None:
        records = newest(data_dir)
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
