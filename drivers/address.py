"""The parameters of our own addresses, read strictly: a word nobody reads is a typo."""

from urllib.parse import parse_qsl, unquote, urlsplit


def read_address(url: str, known: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Split `scheme://PLACE?key=value` into place and values, defaults filled in.

    >>> read_address("sim://gy_mcu90614?object=37", {"object": "36.5", "seed": "1"})
    ('gy_mcu90614', {'object': '37', 'seed': '1'})
    """
    parts = urlsplit(url)
    values = dict(known)
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key not in known:
            raise ValueError(
                f"{parts.scheme}: unknown parameter {key!r}; known: {', '.join(known)}"
            )
        values[key] = value
    return unquote(parts.netloc + parts.path), values


def centi(text: str) -> int:
    """Read degrees as hundredths, with no float between.

    >>> centi("36.5"), centi("-2.05"), centi("21")
    (3650, -205, 2100)
    """
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("+-").partition(".")
    if not whole.isdecimal() or (part and not part.isdecimal()) or len(part) > 2:
        raise ValueError(f"{text!r} is no temperature, such as 36.5")
    return sign * (int(whole) * 100 + int(part.ljust(2, "0")))
