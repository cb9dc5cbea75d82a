"""Which strings are plates, by kind: GA 36 and its special series.

Pure. A text is never corrected here: it is a plate of some kinds, or of none.
"""

import re
from typing import Final, Literal, TypeAlias, get_args

PlateKind: TypeAlias = Literal[
    "blue", "yellow", "green", "police", "learner", "trailer", "embassy", "consulate", "border",
    "temporary", "tractor", "emergency", "military", "armed_police",
]  # fmt: skip
"""What a plate is for; `border` is 粤Z of Hong Kong and Macau, `green` both new-energy sizes.

Motorcycles and slow lorries bear the texts and colours of blue and yellow plates, in two lines.
"""

KINDS: Final[tuple[PlateKind, ...]] = get_args(PlateKind)
PROVINCES: Final = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No I and no O: GA 36 leaves them out, since they are 1 and 0."""
DIGITS: Final = "0123456789"
MARKS: Final = "警学挂使领港澳"
RARE_MARKS: Final = "临试超应急"
"""Of temporary plates, and of the fire and rescue service."""
PLACES_MAX: Final = 8
BATTERY: Final = "DABCE"
"""New energy, battery alone; the standard gave D out first."""
OTHER_ENERGY: Final = "FGHJK"
"""New energy, not battery alone; F came first."""

_OFFICE = f"[{PROVINCES}][{LETTERS}O]"
"""Province and issuing office; O stands only here, on old official plates."""
_SERIAL = f"[{LETTERS}{DIGITS}]"
_ENERGY = f"[{BATTERY}{OTHER_ENERGY}]"

_COMMON = re.compile(f"{_OFFICE}(?=.*[0-9]){_SERIAL}{{5}}")
_PATTERNS: Final[dict[PlateKind, re.Pattern[str]]] = {
    "blue": _COMMON,
    "yellow": _COMMON,
    "green": re.compile(f"{_OFFICE}(?:{_ENERGY}{_SERIAL}[0-9]{{4}}|[0-9]{{5}}{_ENERGY})"),
    "police": re.compile(f"{_OFFICE}{_SERIAL}{{4}}警"),
    "learner": re.compile(f"{_OFFICE}{_SERIAL}{{4}}学"),
    "trailer": re.compile(f"{_OFFICE}{_SERIAL}{{4}}挂"),
    "embassy": re.compile("[0-9]{6}使|使[0-9]{6}"),
    "consulate": re.compile(f"[{PROVINCES}][{LETTERS}][0-9]{{4}}领|领[0-9]{{6}}|[0-9]{{6}}领"),
    "border": re.compile(f"粤Z{_SERIAL}{{4}}[港澳]"),
    "temporary": re.compile(f"{_OFFICE}{_SERIAL}{{4,5}}[临试超]"),
    "tractor": re.compile(f"[{PROVINCES}][0-9]{{7}}"),
    "emergency": re.compile(f"[{PROVINCES}][XS][0-9]{{4}}应急"),
    "military": re.compile(f"(?!WJ)[{LETTERS}]{{2}}[0-9]{{5}}"),
    "armed_police": re.compile(f"WJ[{PROVINCES}]?[0-9]{{4}}{_SERIAL}"),
}
"""GA 36; NY 345.1 for tractors; the last three are special series that GA 36 leaves to others."""


def kinds_of(text: str) -> tuple[PlateKind, ...]:
    """Name the kinds of plate that a text may be; none when it is no plate.

    >>> kinds_of("鲁A12345")
    ('blue', 'yellow')
    >>> kinds_of("粤BD12345"), kinds_of("粤Z1234港"), kinds_of("鲁A1234")
    (('green',), ('border',), ())
    """
    return tuple(kind for kind in KINDS if _PATTERNS[kind].fullmatch(text))


def is_plate(text: str) -> bool:
    """Tell whether a text is a plate of any kind."""
    return bool(kinds_of(text))


def without_province(text: str) -> str:
    """Leave out the province, which is what readers get wrong most.

    >>> without_province("鲁A12345")
    'A12345'
    """
    return text[1:] if text[:1] in PROVINCES else text
