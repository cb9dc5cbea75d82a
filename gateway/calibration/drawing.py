"""A calibration as a picture: what the thermometer was off by, and what is left of it."""

from gateway.calibration.fit import RULES
from gateway.calibration.record import Record, day
from gateway.plot import Chart, Point, Series, sheet

BEFORE, AFTER = "#b02a2a", "#1d6b34"


def drawn(record: Record) -> str:
    """Draw each point's error over its reference, before and after the correction."""
    pairs = record.points
    references = [one.reference_centi_c / 100 for one in pairs]
    errors = [(one.raw_centi_c - one.reference_centi_c) / 100 for one in pairs]
    offset = record.offset_centi_c / 100
    left = [error + offset for error in errors]
    most = RULES[record.method].residual_centi_c_max / 100
    far = max(0.6, most, *(abs(one) for one in (*errors, *left))) * 1.15
    wide = (min(references) - 0.2, max(references) + 0.2)
    across = "reference, °C"

    def chart(title: str, values: list[float], colour: str, label: str) -> Chart:
        points: tuple[Point, ...] = tuple(zip(references, values, strict=True))
        return Chart(
            title, across, "thermometer - reference, °C", wide, (-far, far),
            (Series(label, points, colour, line=False),),
            ((most, f"+{most:g}"), (-most, f"-{most:g}")),
        )  # fmt: skip

    return sheet(
        (
            chart(f"{record.name}: as it shows", errors, BEFORE, "raw"),
            chart(f"after {offset:+.2f} °C", left, AFTER, "corrected"),
        ),
        note=f"{record.method}, {len(pairs)} points, slope {record.slope_shown}; made"
        f" {day(record.made_ms)} (UTC) against {record.reference}; holds until"
        f" {day(record.expires_ms)}",
    )
