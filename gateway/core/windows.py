"""Samples become windows: somebody is there, the samples worth having, one raw value.

Law: samples in, at most one window out; no sample is invented, an old one is worth nothing, and a
line that never moves is a fault and not a person. The raw value is the median of the hottest few
samples that agree: neither the single maximum (a spike) nor the mean (a bad aim). Pure.

    absent --present_samples--> open --absent_samples or window_s_max--> over --absence--> absent
"""

from itertools import pairwise
from statistics import median_high, median_low
from typing import Final

from gateway.core.events import SampleTaken
from gateway.core.limits import Limits
from gateway.core.screening import Window
from gateway.core.values import Value

SAMPLES_MAX: Final = 256
"""A window holds at most this many, however fast the device is."""
DIES: Final = 13
"""How many points of the die's temperature are kept over `die_change_s`."""


class Open(Value, frozen=True):
    """A window that is still being filled. Values stay out of the repr: it may be logged."""

    began_s: float
    accepted: tuple[int, ...]
    first_s: float
    last_s: float
    """First and last accepted sample."""
    rejected: int
    distances: tuple[int, int, int] | None
    """Nearest, farthest, latest."""
    flat: bool
    close: bool

    def __repr__(self) -> str:
        return f"Open(began_s={self.began_s}, accepted={len(self.accepted)})"


class Meter(Value, frozen=True):
    """One thermometer's line of samples, as far as the next window needs it."""

    device: str
    since_s: float | None = None
    """First sample since the device came: it is warming for a while."""
    background_centi_c: int | None = None
    idle: tuple[int, ...] = ()
    rising: tuple[SampleTaken, ...] = ()
    open: Open | None = None
    over: bool = False
    """The window ended, but somebody is still there."""
    began_s: float = 0.0
    """Start of the presence that `open` or `over` belongs to."""
    absent: int = 0
    last_s: float = -1e9
    present_s: float = -1e9
    """Last sample of a presence that became a window."""
    last: SampleTaken | None = None
    same: int = 0
    """Identical samples running, while present; once they are too many, until one differs."""
    dies: tuple[tuple[float, int], ...] = ()

    def __repr__(self) -> str:
        return f"Meter(device={self.device!r}, open={self.open!r}, over={self.over})"


def is_stuck(meter: Meter, limits: Limits) -> bool:
    """Say whether the line has not moved for too long while somebody seemed present."""
    return meter.same >= limits.stuck_samples


def is_drifting(meter: Meter, limits: Limits) -> bool:
    """Say whether the die is heating or cooling too fast to trust (sun, brought outside)."""
    if not meter.dies:
        return False
    values = [die for _, die in meter.dies]
    if meter.last is not None:
        values.append(meter.last.ambient_centi_c)
    return max(values) - min(values) > limits.die_change_centi_c


def is_warming(meter: Meter, now: float, limits: Limits) -> bool:
    """Say whether the device was switched on a short while ago."""
    return meter.since_s is not None and now - meter.since_s < limits.warm_up_s


def take(
    meter: Meter, sample: SampleTaken, now: float, limits: Limits
) -> tuple[Meter, Window | None]:
    """Take one sample; a window comes out when it is over."""
    at_s = sample.taken_s
    if now - at_s > limits.sample_age_s_max or at_s < meter.last_s:
        return meter, None
    window = None
    if at_s - meter.last_s > limits.sample_gap_s:
        meter, window = _after_gap(meter, at_s, limits)
    dies = meter.dies
    if not dies or at_s - dies[-1][0] >= limits.die_change_s / (DIES - 1):
        dies = (*dies, (at_s, sample.ambient_centi_c))[-DIES:]
    if _is_present(meter, sample, limits):
        # A stuck line is told at once; an ending window and a stuck line cannot meet.
        after, ended = _take_present(meter, sample, dies, limits)
    else:
        after, ended = _take_absent(meter, sample, dies, limits)
    return after, ended or window


def flush(meter: Meter, limits: Limits) -> tuple[Meter, Window | None]:
    """End an open window now: its device fell silent."""
    if meter.open is None:
        return meter, None
    ended = Meter(
        meter.device, meter.since_s, meter.background_centi_c, meter.idle, (), None, False,
        meter.began_s, 0, meter.last_s, meter.present_s, None, 0, meter.dies,
    )  # fmt: skip
    return ended, _finish(meter, meter.open, limits)


def _after_gap(meter: Meter, at_s: float, limits: Limits) -> tuple[Meter, Window | None]:
    """Begin afresh after a silence: who was there before it may be somebody else now."""
    ended, window = flush(meter, limits)
    oldest_s = at_s - limits.die_change_s
    fresh = Meter(
        meter.device,
        at_s if meter.since_s is None else meter.since_s,
        meter.background_centi_c,
        present_s=ended.present_s,
        dies=tuple(die for die in meter.dies if die[0] >= oldest_s),
    )
    return fresh, window


def _is_present(meter: Meter, sample: SampleTaken, limits: Limits) -> bool:
    if sample.distance_mm is not None:
        return limits.near_mm <= sample.distance_mm <= limits.far_mm
    object_centi_c = sample.object_centi_c
    if object_centi_c < limits.skin_centi_c_min:
        return False
    # Hotter than skin is present too, so that a cup becomes NOT_SKIN and not silence (F11).
    background = meter.background_centi_c
    if background is None:
        background = min(object_centi_c, sample.ambient_centi_c)
    return object_centi_c - background >= limits.contrast_centi_c


def _take_absent(
    meter: Meter, sample: SampleTaken, dies: tuple[tuple[float, int], ...], limits: Limits
) -> tuple[Meter, Window | None]:
    window = None
    current, over, absent = meter.open, meter.over, meter.absent + 1
    if absent >= limits.absent_samples:
        if current is not None:
            window = _finish(meter, current, limits)
            current = None
        over = False
    background, idle = meter.background_centi_c, meter.idle
    if current is None and not over:
        idle = (*idle, sample.object_centi_c)
        if background is None:
            background = min(sample.object_centi_c, sample.ambient_centi_c)
        if len(idle) >= limits.background_samples:
            background, idle = median_low(idle), ()
    # A line that is stuck stays so until it moves, though it has become the background meanwhile.
    same = meter.same + 1 if is_stuck(meter, limits) and _is_same(meter.last, sample) else 0
    after = Meter(
        meter.device, meter.since_s, background, idle, (), current, over, meter.began_s,
        absent, sample.taken_s, meter.present_s, sample, same, dies,
    )  # fmt: skip
    return after, window


def _take_present(
    meter: Meter, sample: SampleTaken, dies: tuple[tuple[float, int], ...], limits: Limits
) -> tuple[Meter, Window | None]:
    last, at_s = meter.last, sample.taken_s
    same = meter.same + 1 if _is_same(last, sample) else 1
    window: Window | None = None
    rising: tuple[SampleTaken, ...] = ()
    current, over = meter.open, meter.over
    began_s, present_s, background = meter.began_s, meter.present_s, meter.background_centi_c
    if current is not None:
        current = _fill(current, last, sample, limits)
        present_s = at_s
        if at_s - began_s >= limits.window_s_max or len(current.accepted) >= SAMPLES_MAX:
            window = _finish(meter, current, limits, present_s)
            current, over = None, True
    elif over:
        present_s = at_s
        if same == limits.stuck_samples:
            window = _stuck(meter.device, began_s, at_s)
        if at_s - began_s > limits.relearn_s and sample.distance_mm is None:
            background, over = sample.object_centi_c, False
    else:
        rising = (*meter.rising, sample)
        if len(rising) >= limits.present_samples:
            began_s = rising[0].taken_s
            current = _begin(rising, began_s - present_s < limits.absence_s, limits)
            present_s, rising = at_s, ()
    after = Meter(
        meter.device, meter.since_s, background, meter.idle, rising, current, over, began_s,
        0, at_s, present_s, sample, same, dies,
    )  # fmt: skip
    return after, window


def _is_same(last: SampleTaken | None, sample: SampleTaken) -> bool:
    return (
        last is not None
        and last.object_centi_c == sample.object_centi_c
        and last.ambient_centi_c == sample.ambient_centi_c
    )


def _begin(samples: tuple[SampleTaken, ...], close: bool, limits: Limits) -> Open:
    """Open a window with the samples that made it sure; nothing comes before the first edge."""
    first = samples[0]
    current = Open(
        first.taken_s, (first.object_centi_c,), first.taken_s, first.taken_s, 0,
        None if first.distance_mm is None else (first.distance_mm,) * 3, True, close,
    )  # fmt: skip
    for before, sample in pairwise(samples):
        current = _fill(current, before, sample, limits)
    return current


def _fill(current: Open, last: SampleTaken | None, sample: SampleTaken, limits: Limits) -> Open:
    """Add a sample to an open window, or count it as rejected."""
    value, distances = sample.object_centi_c, current.distances
    refused = not _is_sound(sample.ambient_centi_c, limits)
    flat = current.flat
    if last is not None:
        step = value - last.object_centi_c
        refused = refused or not -limits.jump_centi_c <= step <= limits.jump_centi_c
        flat = flat and step == 0
    distance = sample.distance_mm
    if distance is not None and distances is not None:
        refused = refused or abs(distance - distances[2]) > limits.distance_jump_mm
        distances = (min(distances[0], distance), max(distances[1], distance), distance)
    if refused:
        return Open(
            current.began_s, current.accepted, current.first_s, current.last_s,
            current.rejected + 1, distances, flat, current.close,
        )  # fmt: skip
    return Open(
        current.began_s, (*current.accepted, value), current.first_s, sample.taken_s,
        current.rejected, distances, flat, current.close,
    )  # fmt: skip


def _is_sound(die_centi_c: int, limits: Limits) -> bool:
    """Say whether a sensor can work at this temperature of its own."""
    return limits.die_centi_c_min <= die_centi_c <= limits.die_centi_c_max


def _stuck(device: str, began_s: float, ended_s: float) -> Window:
    return Window(device, began_s, ended_s, "SENSOR_FAULT", flags=("stuck",))


def _finish(meter: Meter, current: Open, limits: Limits, ended_s: float | None = None) -> Window:
    """Boil a window down to its raw value: section 4, rules 3 to 5."""
    ended = meter.present_s if ended_s is None else ended_s
    flags: tuple[str, ...] = ("close",) if current.close else ()
    drifting = is_drifting(meter, limits)
    if drifting or is_warming(meter, ended, limits):
        flags = (*flags, "warming")
    if drifting:
        flags = (*flags, "drifting")
    accepted, distances = current.accepted, current.distances

    def window(outcome: str, raw: int | None = None, mad: int = 0, agreeing: int = 0) -> Window:
        return Window(
            meter.device, current.began_s, ended, outcome, raw, mad, agreeing,  # type: ignore[arg-type]
            len(accepted), current.rejected, distances[2] if distances else None, flags,
        )  # fmt: skip

    moved_mm = distances[1] - distances[0] if distances else 0
    if meter.same >= limits.stuck_samples or (
        current.flat and moved_mm >= limits.stuck_distance_mm
    ):
        flags = (*flags, "stuck")
        return window("SENSOR_FAULT")
    if meter.last is not None and not _is_sound(meter.last.ambient_centi_c, limits):
        flags = (*flags, "die")
        return window("SENSOR_FAULT")
    span_s = current.last_s - current.first_s
    if len(accepted) < limits.accepted_samples_min or span_s < limits.accepted_span_s_min:
        return window("NO_READING")
    top = plateau(accepted, limits)
    mad = spread(accepted)
    if top is None or mad > limits.unstable_mad_centi_c:
        return window("UNSTABLE", None, mad)
    return window("ok", top[0], mad, top[1])


def plateau(values: tuple[int, ...], limits: Limits) -> tuple[int, int] | None:
    """Find the hottest few values that agree; return their median and how many they are."""
    falling = sorted(values, reverse=True)
    for i in range(len(falling) - limits.plateau_samples_min + 1):
        hottest = falling[i : i + limits.plateau_samples_max]
        agreeing = [one for one in hottest if hottest[0] - one <= limits.plateau_centi_c]
        if len(agreeing) >= limits.plateau_samples_min:
            return median_low(agreeing), len(agreeing)
    return None


def spread(values: tuple[int, ...]) -> int:
    """Take the median absolute deviation; two equal camps are apart, not at one."""
    middle = (median_low(values) + median_high(values)) // 2
    return median_high([abs(value - middle) for value in values])
