"""The words of the wire: names, and what may stand in a field. A leaf, as all of the contract."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

Name: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
"""A compound, gate, office, lane or device, as it stands in a topic or a setting."""

Clock: TypeAlias = Literal["ntp", "rtc", "unset"]
Way: TypeAlias = Literal["in", "out", "foot"]
Traveller: TypeAlias = Literal["vehicle", "bicycle", "person", "unknown"]
Decision: TypeAlias = Literal["admit", "recheck", "refer"]
PlateStatus: TypeAlias = Literal["read", "unsure", "unread", "none", "typed"]
"""`none` is a covered or missing plate; `unread` a plate (or a dead camera) that gave no text."""
Result: TypeAlias = Literal[
    "NORMAL", "RECHECK", "SUSPECT_FEVER", "FEVER_CONFIRMED", "CLEARED",
    "NO_READING", "NOT_SKIN", "INVALID_COLD", "INVALID_HOT", "INCONCLUSIVE",
    "UNSTABLE", "SENSOR_FAULT",
]  # fmt: skip
PassMedium: TypeAlias = Literal["code", "tag", "id_card"]
"""A printed code, a radio tag or card, a resident's identity card."""
AlertState: TypeAlias = Literal["unack", "acked", "rtnun", "normal"]
"""ISA-18.2: raised, acknowledged, returned to normal unacknowledged, closed."""
Seq: TypeAlias = Annotated[int, Meta(ge=1)]
StreamId: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
Digest: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Hex32: TypeAlias = Annotated[
    str, Meta(min_length=32, max_length=32, extra_json_schema={"pattern": "^[0-9a-f]{32}$"})
]
Hex64: TypeAlias = Annotated[
    str, Meta(min_length=64, max_length=64, extra_json_schema={"pattern": "^[0-9a-f]{64}$"})
]
"""A stream's id and a digest where `Entry.named` looks at the letters: a pattern is dear."""
Number: TypeAlias = Annotated[int, Meta(ge=-(1 << 53), le=1 << 53)]
"""No honest number is beyond what every JSON reader holds exactly."""
PassageRef: TypeAlias = str
"""A passage's name: `STREAM/SEQ` of its `opened`."""
