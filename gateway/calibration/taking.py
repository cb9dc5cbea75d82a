"""One point, measured through the gate's own line, driver and windows."""

import queue
from dataclasses import dataclass
from statistics import median_low
from time import monotonic  # noqa: TID251 - the shell: it waits for a device.
from typing import Final, Self

from gateway.calibration.fit import Point, shown
from gateway.config import ThermometerSettings
from gateway.core import events
from gateway.core.limits import Limits
from gateway.core.screening import Window
from gateway.core.windows import Meter, take
from gateway.devices.devices import Line, SerialDevices
from gateway.devices.lines import REASONS
from gateway.errors import CalibrationRefused

SAMPLES: Final = 40
"""Of a blackbody: about four seconds."""
SILENT_S: Final = 10.0
SOMEBODY_S: Final = 60.0


@dataclass(slots=True)
class _Sink:
    """Takes what the device's thread says."""

    said: "queue.SimpleQueue[events.Event | BaseException]"

    def put(self, event: events.Event) -> None:
        self.said.put(event)


class Listening:
    """A thermometer that is listened to; use it in a `with`."""

    def __init__(self, thermometer: ThermometerSettings) -> None:
        self.name = thermometer.name
        self._said: queue.SimpleQueue[events.Event | BaseException] = queue.SimpleQueue()
        line = Line(
            name=thermometer.name, driver=thermometer.driver, port=thermometer.port,
            baud=thermometer.baud, options=thermometer.options, line=thermometer.line,
            echo=thermometer.echo,
        )  # fmt: skip
        self._devices = SerialDevices((line,), _Sink(self._said), self._said.put)

    def __enter__(self) -> Self:
        self._devices.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._devices.stop()

    def _next(self, until_s: float) -> events.SampleTaken:
        """Wait for a sample; raises CalibrationRefused with what the line says of itself."""
        why = ""
        while True:
            try:
                said = self._said.get(timeout=max(0.01, until_s - monotonic()))
            except queue.Empty:
                raise CalibrationRefused(
                    f"{self.name} gives no sample. {why or 'Check its power and port.'}"
                ) from None
            if isinstance(said, BaseException):
                raise said
            if isinstance(said, events.SampleTaken):
                return said
            if isinstance(said, events.DeviceStateChanged) and said.state != "ok":
                why = REASONS.get(said.reason, said.reason)
                if said.state == "lost":
                    raise CalibrationRefused(f"{self.name} gives no sample. {why}")

    def _forget(self) -> None:
        """Drop what was said before the installer was ready."""
        while not self._said.empty():
            said = self._said.get()
            if isinstance(said, BaseException):
                raise said

    def blackbody(self, reference_centi_c: int) -> Point:
        """Look at a source until it has been seen often enough."""
        self._forget()
        values: list[int] = []
        while len(values) < SAMPLES:
            values.append(self._next(monotonic() + SILENT_S).object_centi_c)
        half = SAMPLES // 2
        drift = abs(median_low(values[:half]) - median_low(values[half:]))
        inner = sorted(values)[SAMPLES // 10 : -(SAMPLES // 10)]
        return Point(reference_centi_c, median_low(values), max(drift, inner[-1] - inner[0]))

    def forehead(self, reference_centi_c: int, limits: Limits) -> Point:
        """Wait for one person's window, made exactly as at the gate."""
        self._forget()
        window = self._window(limits)
        if window.outcome != "ok" or window.raw_centi_c is None:
            raise CalibrationRefused(
                f"That was {window.outcome}: 3 cm from the forehead, hold still for a second."
            )
        return Point(reference_centi_c, window.raw_centi_c, window.mad_centi_c)

    def _window(self, limits: Limits) -> Window:
        meter, until_s = Meter(self.name), monotonic() + SOMEBODY_S
        while monotonic() < until_s:
            sample = self._next(monotonic() + SILENT_S)
            meter, window = take(meter, sample, sample.taken_s, limits)
            if window is not None:
                return window
        raise CalibrationRefused(f"Nobody came before {self.name} within a minute.")


def told(number: int, point: Point) -> str:
    """Say one point as it came."""
    error = point.raw_centi_c - point.reference_centi_c
    return (
        f"  {number}: reference {shown(point.reference_centi_c)}, thermometer"
        f" {shown(point.raw_centi_c)}, off by {error / 100:+.2f} °C"
    )
