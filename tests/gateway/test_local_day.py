"""The day that the guard's tally is of begins and ends at the gate's own midnight."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.service import local_day

HOUR_MS = 3_600_000


def at_ms(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("zone", "moment", "begins", "hours"),
    [
        ("Asia/Shanghai", (2020, 2, 11, 15, 59, 59), (2020, 2, 10, 16), 24),
        ("Asia/Shanghai", (2020, 2, 11, 16), (2020, 2, 11, 16), 24),
        ("Asia/Shanghai", (1970, 1, 1), (1969, 12, 31, 16), 24),  # a clock that was never set
        ("Europe/Berlin", (2020, 3, 29, 12), (2020, 3, 28, 23), 23),
        ("Europe/Berlin", (2020, 10, 25, 12), (2020, 10, 24, 22), 25),
    ],
)
def test_a_day_runs_from_local_midnight_to_local_midnight(zone, moment, begins, hours):
    day = local_day(at_ms(*moment), ZoneInfo(zone))
    assert at_ms(*moment) in day
    assert day == range(at_ms(*begins), at_ms(*begins) + hours * HOUR_MS)
    assert local_day(day.stop - 1, ZoneInfo(zone)) == day
    assert local_day(day.stop, ZoneInfo(zone)).start == day.stop
