"""What the guard's page may say: one touch as JSON, decoded strictly into an event.

Pure: no clock, no disk, no network. A touch that is not understood is refused with a reason that
names the fault; nothing is guessed.
"""

from collections.abc import Collection
from typing import Any, Final

import msgspec

from gateway.core import events

TOUCH_BYTES_MAX: Final = 4096
NAME_CHARACTERS_MAX: Final = 64
REASON_CHARACTERS_MAX: Final = 200
PLATE_CHARACTERS_MAX: Final = 10
"""The longest plate there is has eight; a spare for a double letter such as WJ."""
TYPED_MIN_CENTI_C: Final = 3000
TYPED_MAX_CENTI_C: Final = 4500
"""What a hand thermometer can say of a living person; anything else is a slip of the finger."""

_TOUCHES: Final[dict[str, Any]] = {touch.__name__: touch for touch in events.TOUCHES}


class TouchRefused(ValueError):  # noqa: N818 - read beside PortRefused and SettingsRefused.
    """The page sent something that is no touch; the text says what is wrong with it."""


def decode_touch(payload: bytes, lanes: Collection[str] | None = None) -> events.Event:
    """Decode one touch: `{"touch": "NextTouched", "lane": "in1"}`; raises TouchRefused.

    With `lanes` a touch for any other lane is refused too.
    """
    if len(payload) > TOUCH_BYTES_MAX:
        raise TouchRefused(f"touch: {len(payload)} bytes, at most {TOUCH_BYTES_MAX}")
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise TouchRefused(f"touch: no JSON: {error}") from error
    if not isinstance(found, dict):
        raise TouchRefused("touch: expected an object with the field `touch`")
    event = _event(found)
    fault = _fault(event, lanes)
    if fault is not None:
        raise TouchRefused(f"{type(event).__name__}: {fault}")
    return event


def _event(found: dict[str, Any]) -> events.Event:
    name = found.pop("touch", None)
    kind = _TOUCHES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise TouchRefused(f"touch: {name!r} is none of {', '.join(sorted(_TOUCHES))}")
    # msgspec ignores unknown keys unless a struct is told to refuse them: they are looked for here.
    unknown = found.keys() - set(kind.__struct_fields__)
    if unknown:
        raise TouchRefused(f"{name}: unknown field {min(unknown)!r}")
    try:
        event: events.Event = msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise TouchRefused(f"{name}: {error}") from error
    return event


def _fault(event: events.Event, lanes: Collection[str] | None) -> str | None:
    """Say what no type can: an empty name, a lane that is not here, a temperature of no person."""
    lane = getattr(event, "lane", None)
    if lane is not None and lanes is not None and lane not in lanes:
        return f"lane {lane!r} is none of {', '.join(sorted(lanes))}"
    person = getattr(event, "person", None)
    if person is not None and not 1 <= person <= 99:
        return f"person {person} is not 1 to 99"
    match event:
        case events.OverrideTouched():
            return _override_fault(event)
        case events.TemperatureTyped(centi_c=typed):
            in_range = TYPED_MIN_CENTI_C <= typed <= TYPED_MAX_CENTI_C
            return (
                None if in_range else f"{typed} is not {TYPED_MIN_CENTI_C} to {TYPED_MAX_CENTI_C}"
            )
        case events.PlateTyped():
            return _plate_fault(event.text)
        case events.AlertAcknowledged():
            return None if event.by == "guard" else "only the guard acknowledges here"
        case _:
            return None


def _plate_fault(text: str) -> str | None:
    if len(text) > PLATE_CHARACTERS_MAX:
        return f"a plate has at most {PLATE_CHARACTERS_MAX} characters"
    if text and not text.isalnum():
        return "a plate has letters and digits only"
    return None


def _override_fault(event: events.OverrideTouched) -> str | None:
    if not event.operator.strip():
        return "a name is needed"
    if not event.reason.strip():
        return "a reason is needed"
    if len(event.operator) > NAME_CHARACTERS_MAX:
        return f"the name has more than {NAME_CHARACTERS_MAX} characters"
    if len(event.reason) > REASON_CHARACTERS_MAX:
        return f"the reason has more than {REASON_CHARACTERS_MAX} characters"
    if not (event.operator + event.reason).isprintable():
        return "name and reason are printable text"
    return None
